//! A study ends with the same results however often it was killed, judges its bands, and writes a page of its own.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use crate::support::Sandbox;
use elbo_datasets::{Layout, Mixture, Proportions, Values};

/// 24 runs of about a second, with checkpoints within each.
const LONG: &str = "reproduce beta-sweep --seeds 1 --set train.epochs=1500 --set log.keep_epochs=400 --quiet";

/// Every finished cell with the number of its file, which changes when it is written again.
fn finished(sandbox: &Sandbox, out: &str) -> BTreeMap<PathBuf, u64> {
    let Ok(cells) = fs::read_dir(sandbox.path(out).join("cells")) else { return BTreeMap::new() };
    let status = cells.map(|cell| cell.unwrap().path().join("status.json"));
    status.filter_map(|path| Some((path.clone(), fs::metadata(&path).ok()?.ino()))).collect()
}

#[test]
fn a_study_killed_at_ten_moments_has_the_results_of_one_never_killed() {
    let sandbox = Sandbox::new();
    sandbox.succeed(&format!("{LONG} --out whole"));
    let mut random = 7u64;
    for kill in 0..10 {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let before = finished(&sandbox, "killed");
        let mut command = sandbox.command(&format!("{LONG} --threads {} --out killed", 1 + kill % 2));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(200 + (random >> 33) % 1500));
        child.kill().unwrap();
        child.wait().unwrap();
        let after = finished(&sandbox, "killed");
        assert!(before.iter().all(|cell| after.get(cell.0) == Some(cell.1)), "a finished cell was run again");
    }
    let before = finished(&sandbox, "killed");
    sandbox.succeed(&format!("{LONG} --out killed"));
    let after = finished(&sandbox, "killed");
    assert_eq!(after.len(), 24);
    assert!(before.iter().all(|cell| after.get(cell.0) == Some(cell.1)), "a finished cell was run again");
    let [whole, killed] = ["whole", "killed"].map(|out| fs::read(sandbox.path(out).join("results.csv")).unwrap());
    assert!(whole == killed, "results.csv differs");
    assert!(String::from_utf8(whole).unwrap().starts_with("study,cell,seed,metric,value\n"));
    // A run that wrote checkpoints on its way has its last epoch in them.
    let tables = after.keys().map(|status| status.with_file_name("metrics.csv")).filter(|path| path.exists());
    let epochs: Vec<usize> = tables.map(|path| fs::read_to_string(path).unwrap().lines().count() - 1).collect();
    assert!(epochs.len() == 24 && epochs.iter().all(|&rows| rows == 1500), "{epochs:?}");
}

/// With one seed the median is that seed, and some number lies outside the quartiles of the reference.
#[test]
fn a_band_that_does_not_hold_is_exit_code_8_and_the_report_is_there() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.elbo("reproduce beta-sweep --seeds 1 --out one");
    assert_eq!(outcome.code, Some(8), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("bands do not hold, the first: "), "{}", outcome.stderr);
    let page = fs::read_to_string(sandbox.path("one/report.html")).unwrap();
    assert!(page.len() < 3 << 20);
    for foreign in ["<script", "<link", "src=\"http", "@import", "url(http"] {
        assert!(!page.contains(foreign), "{foreign} in the page");
    }
    let table = fs::read_to_string(sandbox.path("one/table.md")).unwrap();
    let figures: Vec<&str> = table.split("(figures/").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    let figures: Vec<&str> = if figures.is_empty() {
        table.split("src=\"figures/").skip(1).filter_map(|rest| rest.split('"').next()).collect()
    } else {
        figures
    };
    assert!(figures.len() > 20, "{} figures", figures.len());
    for figure in figures {
        assert!(sandbox.path("one/figures").join(figure).is_file(), "{figure} is missing");
    }
}

#[test]
fn a_dry_run_writes_nothing_and_another_plan_is_refused() {
    let sandbox = Sandbox::new();
    let plan = sandbox.succeed("reproduce toy-density --dry-run");
    assert!(plan.contains("density=figure-eight arm=one variance posterior=full z=2"), "{plan}");
    assert!(!sandbox.path("studies").exists());
    sandbox.succeed("reproduce beta-sweep --seeds 2 --quick --out study --quiet");
    let before = sandbox.contents("study");
    let outcome = sandbox.elbo("reproduce beta-sweep --seeds 1 --quick --out study --quiet");
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("48 cells and not 24; choose another --out"), "{}", outcome.stderr);
    assert!(sandbox.contents("study") == before, "the refused plan left something");
}

#[test]
fn a_study_grows_by_seeds_and_keeps_the_runs_that_it_has() {
    let sandbox = Sandbox::new();
    for (seeds, out) in [(1, "grown"), (3, "whole")] {
        sandbox.succeed(&format!("reproduce beta-sweep --seeds {seeds} --quick --out {out} --quiet"));
    }
    let before = finished(&sandbox, "grown");
    sandbox.succeed("reproduce beta-sweep --seeds 3 --quick --out grown --quiet");
    let after = finished(&sandbox, "grown");
    assert!(before.len() == 24 && after.len() == 72);
    assert!(before.iter().all(|(path, inode)| after.get(path) == Some(inode)), "a finished cell was run again");
    let [grown, whole] = ["grown", "whole"].map(|out| fs::read(sandbox.path(out).join("results.csv")).unwrap());
    assert!(grown == whole);
}

/// On glyphs, which need no file.
#[test]
fn the_study_of_a_divergence_reports_what_it_watched() {
    let sandbox = Sandbox::new();
    let glyphs = "--quick --set data.name=glyphs --set data.train_rows=500 --set data.test_rows=200";
    sandbox.succeed(&format!("reproduce modified-m2-nan {glyphs} --out study --quiet"));
    let results = fs::read_to_string(sandbox.path("study/results.csv")).unwrap();
    for metric in ["scale raw", "scale variance", "median gradient norm", "loss"] {
        assert_eq!(results.lines().filter(|line| line.contains(&format!(",{metric},"))).count(), 6, "{metric}");
    }
    // At this step size a variance is 0 after one step, unless it has a floor: divergence is a result, with its
    // numbers.
    sandbox.succeed(&format!("reproduce modified-m2-nan {glyphs} --set train.lr=3 --out wild --quiet"));
    let results = fs::read_to_string(sandbox.path("wild/results.csv")).unwrap();
    let diverged = results.lines().filter(|line| line.ends_with(",diverged,1")).count();
    let of = |arm: &str, end: &str| results.contains(&format!("arm={arm},1,diverged,{end}"));
    assert!(["none", "clip", "clip at a tenth"].iter().all(|arm| of(arm, "1")), "{results}");
    assert!(["floor 1e-4", "floor and clip"].iter().all(|arm| of(arm, "0")), "{results}");
    let table = fs::read_to_string(sandbox.path("wild/table.md")).unwrap();
    assert_eq!(table.matches("| NaN: ").count(), diverged, "{table}");
}

/// On a synthetic linear model, which needs no file; killed once on the way.
#[test]
fn the_study_of_a_mixture_compares_guarded_and_faithful_runs() {
    let sandbox = Sandbox::new();
    let line =
        "reproduce gmm-stability --quick --set data.train_rows=600 --set train.epochs=6 --set log.evaluate_every=2";
    sandbox.succeed(&format!("{line} --out whole --quiet"));
    let mut child = sandbox.command(&format!("{line} --out killed --quiet")).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(700));
    child.kill().unwrap();
    child.wait().unwrap();
    sandbox.succeed(&format!("{line} --out killed --quiet"));
    let [results, again] =
        ["whole", "killed"].map(|out| fs::read_to_string(sandbox.path(out).join("results.csv")).unwrap());
    assert!(results == again, "results.csv differs");
    let count = |arm: &str, metric: &str| {
        let line = |line: &&str| line.contains(&format!(",arm={arm} ")) && line.contains(metric);
        results.lines().filter(line).count()
    };
    assert_eq!((count("guarded", ",diverged,0"), count("faithful", ",diverged,")), (72, 18));
    assert_eq!(count("guarded", ",train nmi at epoch 6,"), 72);
    // Not standardised, at the source's scale, the first steps of Adam take a precision below 0; with the guard none
    // does.
    assert_eq!((count("raw", ",diverged,1"), count("raw guarded", ",diverged,0")), (2, 1));
    let table = fs::read_to_string(sandbox.path("whole/table.md")).unwrap();
    assert!(table.contains("η₂ of component"), "{table}");
}

#[test]
fn errors_of_any_cell_are_found_before_a_run_begins() {
    let sandbox = Sandbox::new();
    for (line, code, needle) in [
        ("reproduce beta-swep", 2, "no study `beta-swep`; there are beta-sweep"),
        ("reproduce beta-sweep --set model.beat=1", 2, "did you mean `model.beta`?"),
        ("reproduce beta-sweep --set data.components=9", 2, "layout axes"),
        (
            "reproduce beta-sweep --set model.beta=1",
            2,
            "--set model.beta=1: makes two runs of the study the same, one is arm=axes",
        ),
        (
            "reproduce beta-sweep --set model.kind=vae",
            2,
            "--set model.kind=vae: the study itself says what model.kind is",
        ),
        ("reproduce gmm-stability --quick --set data.scale=2", 2, "the study itself says what data.scale is"),
        (
            "reproduce toy-density --quick --set data.standardize=true",
            2,
            "the study itself says what data.standardize is",
        ),
        ("reproduce toy-density --quick --set log.every_steps=0", 2, "the study itself says what log.every_steps is"),
        (
            "check-grad vae --set model.kind=gmvae",
            2,
            "--set model.kind=gmvae: the model is the one that was named, vae",
        ),
        ("reproduce mnist-clustering", 3, "no data set `mnist`"),
    ] {
        let outcome = sandbox.elbo(line);
        assert_eq!(outcome.code, Some(code), "{line}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(needle), "{line}: {}", outcome.stderr);
        assert!(!sandbox.path("studies").exists(), "{line} left files");
    }
}

#[test]
fn every_model_passes_check_grad() {
    let sandbox = Sandbox::new();
    let variants = [
        "gmvae",
        "m2",
        "modified-m2",
        "modified-m2 --set model.decoder=deep --set model.scale=signed",
        "modified-m2 --set model.scale=shared --set model.floor=0.01",
        "vae",
        "vae --set model.posterior=full --set model.decoder_var=full --set model.branch=5",
        "vae --set model.posterior=point --set model.likelihood=bernoulli",
        "discrete-vae --set model.likelihood=mse",
    ];
    for variant in variants {
        let table = sandbox.succeed(&format!("check-grad {variant}"));
        assert!(table.contains("precision f"), "{table}");
        assert!(table.lines().count() > 6, "{table}");
    }
    let json = sandbox.succeed("check-grad vae --json --seed 3");
    assert!(json.contains("\"relative_error\""), "{json}");
    assert_eq!(sandbox.elbo("check-grad vea").code, Some(2));
    assert_eq!(sandbox.elbo("check-grad vae --set train.lr=1 --set model.z=0").code, Some(2));
}

#[test]
fn another_layout_takes_the_place_of_both() {
    let plan = Sandbox::new().succeed("reproduce beta-sweep --seeds 2 --set data.layout=grid --dry-run");
    assert!(plan.contains("arm=grid model=discrete beta=0.1") && !plan.contains("arm=axes"), "{plan}");
    let quoted = Sandbox::new().succeed("reproduce beta-sweep --seeds 2 --set data.layout='grid' --dry-run");
    assert_eq!(quoted, plan);
    let json = Sandbox::new().succeed("reproduce beta-sweep --seeds 2 --set data.layout=grid --dry-run --json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json["cells"].as_u64(), json["experiments"].as_array().unwrap().len()), (Some(24), 12));
}

#[test]
fn the_whole_budget_of_toy_density_continues_what_the_default_has_begun() {
    let experiments = |flag: &str| {
        let json = Sandbox::new().succeed(&format!("reproduce toy-density --dry-run --json {flag}"));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        json["experiments"].as_array().unwrap().iter().map(|e| e["experiment"].to_string()).collect::<Vec<_>>()
    };
    let (default, full) = (experiments(""), experiments("--full"));
    assert!(full.len() > default.len() && full.starts_with(&default), "{full:?}");
}

/// What the VAEs of the beta sweep are trained on to the end.
const CONVERGED: &str = r#"
[data]
name = "mixture"
layout = "circle"
proportions = "balanced"
train_rows = 240
valid_rows = 0
test_rows = 0
test = "train"
std = 0.7
separation = 4.0

[model]
hidden = [32]
likelihood = "mse"

[train]
epochs = 600
batch = 64
lr = 5e-3
"#;

/// The metrics after the last epoch of runs of these β and seeds.
fn trained(kind: &str, runs: impl IntoIterator<Item = (f64, u64)>) -> Vec<BTreeMap<String, f64>> {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("recipe.toml"), CONVERGED.replace("[model]", &format!("[model]\nkind = \"{kind}\"")))
        .unwrap();
    let one = |(beta, seed): (f64, u64)| {
        let out = format!("{beta}-{seed}");
        sandbox.succeed(&format!("train recipe.toml --set model.beta={beta} --seed {seed} --quiet --out {out}"));
        let csv = fs::read_to_string(sandbox.path(&format!("{out}/metrics.csv"))).unwrap();
        let (head, last) = (csv.lines().next().unwrap(), csv.lines().last().unwrap());
        let cells = head.split(',').zip(last.split(','));
        cells.filter_map(|(name, cell)| Some((name.to_string(), cell.parse().ok()?))).collect()
    };
    runs.into_iter().map(one).collect()
}

fn column(list: &[BTreeMap<String, f64>], name: &str) -> Vec<f64> {
    list.iter().map(|metrics| metrics[name]).collect()
}

fn assert_ordered(recon: &[f64], kl: &[f64]) {
    assert!(recon.windows(2).all(|pair| pair[0] <= pair[1] + 1e-2), "reconstruction error {recon:?}");
    assert!(kl.windows(2).all(|pair| pair[0] >= pair[1] - 1e-3), "KL {kl:?}");
}

/// Halves of the variance of the rows of [`CONVERGED`] within their components and in all, over both dimensions, and
/// the eigenvalues of their covariance.
fn moments() -> (f64, f64, [f64; 2]) {
    let mixture = Mixture { layout: Layout::Circle, proportions: Proportions::Balanced, ..Mixture::default() };
    let rows = mixture.generate(1).unwrap();
    let labels = &rows.labels().unwrap().values;
    let Values::Reals(values) = rows.values() else { panic!("intensities") };
    let points: Vec<[f64; 2]> = values.chunks_exact(2).map(|p| [f64::from(p[0]), f64::from(p[1])]).collect();
    let covariance = |members: &[[f64; 2]]| {
        let n = members.len() as f64;
        let mean = [0, 1].map(|d| members.iter().map(|p| p[d]).sum::<f64>() / n);
        let of = |a: usize, b: usize| members.iter().map(|p| (p[a] - mean[a]) * (p[b] - mean[b])).sum::<f64>() / n;
        [of(0, 0), of(0, 1), of(1, 1)]
    };
    let within = (0..3).map(|k| {
        let members: Vec<_> = points.iter().zip(labels).filter(|(_, label)| **label == k).map(|(p, _)| *p).collect();
        let [xx, _, yy] = covariance(&members);
        0.5 * (xx + yy) * members.len() as f64 / points.len() as f64
    });
    let [xx, xy, yy] = covariance(&points);
    let (middle, radius) = (0.5 * (xx + yy), (0.25 * (xx - yy).powi(2) + xy * xy).sqrt());
    (within.sum(), middle, [middle + radius, middle - radius])
}

/// A linear encoder and decoder reach `½ Σ (β + β ln(λᵢ/β))` for the eigenvalues λ of the covariance: error `β`, KL
/// `½ Σ ln(λᵢ/β)` (probabilistic PCA). Networks are not worse, and nothing is encoded once `β > λ`.
#[test]
fn a_continuous_latent_is_at_least_as_good_as_a_linear_one_and_collapses_beyond_the_variance() {
    let betas = [0.1, 1.0, 8.0, 10.0];
    let found = trained("vae", betas.map(|beta| (beta, 1)));
    let (loss, recon, kl) = (column(&found, "test_loss"), column(&found, "test_recon"), column(&found, "test_kl_z"));
    let (_, total, eigenvalues) = moments();
    assert!(betas[2] < eigenvalues[1] && eigenvalues[0] < betas[3], "{eigenvalues:?}");
    let information = |beta: f64| eigenvalues.map(|lambda| 0.5 * (lambda / beta).ln()).iter().sum::<f64>();
    for (beta, loss) in betas.into_iter().zip(&loss).take(2) {
        let linear = beta + beta * information(beta);
        assert!(*loss <= linear, "β = {beta}: {loss}, linear {linear}");
    }
    assert!(kl[0] < information(betas[0]), "a network needs less, because the rows lie in clumps: {}", kl[0]);
    assert!(kl[2] > 0.05 && kl[3] < 0.01, "KL at β = 8 and 10: {kl:?}");
    assert!((recon[3] / total - 1.0).abs() < 0.01, "all variance is left: {recon:?}, {total}");
    assert_ordered(&recon, &kl);
}

/// Where a network bends it trades a little error for much divergence, so its error is only nearly `β`. Errors of
/// single seeds scatter by .0105 (standard deviation), medians of 21 by .003: of medians at .107 one in 200 lies above
/// the bar.
#[test]
fn the_error_of_a_continuous_latent_is_nearly_beta() {
    let mut errors = column(&trained("vae", (1..=21).map(|seed| (0.1, seed))), "test_recon");
    errors.sort_by(f64::total_cmp);
    assert!((errors[10] / 0.1 - 1.0).abs() < 0.15, "{errors:?}");
}

/// One code a component costs `ln 3` and leaves the variance within: `min(within + β ln 3, total)`, up to the noise of
/// Adam's last steps, with a KL of at most `ln 3`.
#[test]
fn a_discrete_latent_names_the_component_or_nothing() {
    let betas = [0.1, 1.0, 8.0, 10.0];
    let found = trained("discrete-vae", betas.map(|beta| (beta, 1)));
    let (loss, recon, kl) = (column(&found, "test_loss"), column(&found, "test_recon"), column(&found, "test_kl_y"));
    let (within, total, _) = moments();
    for (beta, loss) in betas.into_iter().zip(&loss) {
        let bound = f64::min(within + beta * 3f64.ln(), total);
        assert!(*loss <= 1.01 * bound, "β = {beta}: {loss}, bound {bound}");
    }
    assert!(kl.iter().all(|&kl| kl <= 3f64.ln() + 1e-5), "{kl:?}");
    assert!(kl[1] > 1.09 && kl[3] < 1e-3, "{kl:?}");
    assert_ordered(&recon, &kl);
}
