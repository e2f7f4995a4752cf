//! Models that are fitted by iterations, through the command: recipes, resuming, evaluation, export.
#![cfg(unix)]

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use crate::support::Sandbox;

/// The smallest run of each kind.
const KINDS: [(&str, &str); 5] = [
    ("kmeans", "train.n_init=2"),
    ("glyphs-gmm", "data.project_to=5"),
    ("factor-analysis", "train.iterations=20"),
    ("pca", "model.latents=5"),
    ("natural-gmm", "train.batch_steps=20"),
];
const ROWS: &str =
    "--set data.train_rows=300 --set data.valid_rows=0 --set data.test_rows=200 --set data.test=held-out --quiet";

/// The cells of `column` in the metrics of a run.
fn column(sandbox: &Sandbox, run: &str, column: &str) -> Vec<String> {
    let text = fs::read_to_string(sandbox.path(run).join("metrics.csv")).unwrap();
    let at = text.lines().next().unwrap().split(',').position(|name| name == column);
    let at = at.unwrap_or_else(|| panic!("no column {column} in {text}"));
    text.lines().skip(1).map(|line| line.split(',').nth(at).unwrap().to_string()).collect()
}

/// `metrics.csv` without the seconds.
fn metrics(sandbox: &Sandbox, run: &str) -> String {
    let text = fs::read_to_string(sandbox.path(run).join("metrics.csv")).unwrap();
    assert!(text.starts_with("epoch,elapsed_s,"), "{text}");
    let line =
        |line: &str| line.split(',').enumerate().filter(|(i, _)| *i != 1).map(|(_, c)| c).collect::<Vec<_>>().join(",");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn state(sandbox: &Sandbox, run: &str) -> Vec<u8> {
    fs::read(sandbox.path(run).join("checkpoints/last.safetensors")).unwrap()
}

#[test]
fn every_kind_is_trained_evaluated_and_exported() {
    let sandbox = Sandbox::new();
    for (recipe, set) in KINDS {
        let summary = sandbox.succeed(&format!("train {recipe} --set {set} {ROWS} --out {recipe} --json"));
        assert!(summary.contains("\"status\": \"finished\""), "{summary}");
        let evaluated = sandbox.succeed(&format!("eval {recipe}"));
        for line in evaluated.lines().filter(|line| line.starts_with("test_")) {
            let (name, value) = line.split_once(' ').unwrap();
            let last = column(&sandbox, recipe, name).pop().unwrap();
            assert_eq!(value.trim(), last, "{recipe}: {name}");
        }
        sandbox.succeed(&format!("export latents {recipe} -o {recipe}.csv"));
        let table = fs::read_to_string(sandbox.path(&format!("{recipe}.csv"))).unwrap();
        assert_eq!(table.lines().count(), 201, "{recipe}");
        assert!(table.lines().next().unwrap().ends_with("label"), "{recipe}");
    }
}

/// Rows of three clumps for five clusters, so that fits from random starts end differently.
const STARTS: &str = "--set data.name=mixture --set data.project=none --set data.train_rows=240 --set data.valid_rows=0
    --set data.test_rows=100 --set model.k=5 --set train.init=random --seed 1";

fn summary(sandbox: &Sandbox, run: &str) -> serde_json::Value {
    serde_json::from_slice(&fs::read(sandbox.path(run).join("summary.json")).unwrap()).unwrap()
}

/// `metrics.csv` is the trace of all fits; the summary is of the model that was kept.
#[test]
fn a_summary_is_of_the_best_of_many_fits() {
    let sandbox = Sandbox::new();
    let trace = |run: &str, name: &str| -> Vec<f64> {
        column(&sandbox, run, name).iter().map(|cell| cell.parse().unwrap()).collect()
    };
    sandbox.succeed(&format!("train kmeans {STARTS} --set train.n_init=5 --quiet --out kmeans"));
    let (inertia, found) = (trace("kmeans", "train_inertia"), summary(&sandbox, "kmeans"));
    let least = inertia.iter().copied().fold(f64::INFINITY, f64::min);
    let kept = found["last"]["train_inertia"].as_f64().unwrap();
    assert!((kept / least - 1.0).abs() < 1e-9, "{kept} and {least}");
    assert!(*inertia.last().unwrap() > 1.01 * least, "the last fit is the best one, and nothing is seen");

    // The likelihood is that after the last M-step, which no row of the trace has.
    for starts in [1, 3] {
        let (run, limit) = (format!("gmm-{starts}"), "--set train.max_iter=20 --set train.tol=1e-9");
        let fit = format!("train glyphs-gmm {STARTS} {limit} --set train.n_init={starts}");
        let outcome = sandbox.elbo(&format!("{fit} --out {run}"));
        assert!(outcome.stderr.contains("not converged after 20 iterations; raise train.max_iter"), "{outcome:?}");
        assert!(["log_likelihood", "bic", "aic"].iter().all(|name| outcome.stdout.contains(name)));
        let (trace, found) = (trace(&run, "train_log_likelihood"), summary(&sandbox, &run));
        assert_eq!(found["converged"], false);
        let of = |name: &str| found["last"][name].as_f64().unwrap();
        let likelihood = of("train_log_likelihood");
        assert!(likelihood > trace.into_iter().fold(f64::NEG_INFINITY, f64::max), "{likelihood}");
        // 4 free weights, 10 means and 10 variances.
        assert!((of("train_bic") - (24.0 * 240f64.ln() - 480.0 * likelihood)).abs() < 1e-9);
        assert!((of("train_aic") - (48.0 - 480.0 * likelihood)).abs() < 1e-9);
        // Continued after its end, it shows the same.
        fs::remove_file(sandbox.path(&run).join("summary.json")).unwrap();
        sandbox.succeed(&format!("{fit} --out {run} --resume --quiet"));
        assert_eq!(summary(&sandbox, &run)["last"], found["last"]);
    }
}

#[test]
fn a_summary_says_whether_a_fit_converged() {
    let sandbox = Sandbox::new();
    for (recipe, set, converged) in [
        ("kmeans", "train.max_iter=2", Some(false)),
        ("kmeans", "train.max_iter=300", Some(true)),
        ("glyphs-gmm", "train.tol=1", Some(true)),
        ("factor-analysis", "train.iterations=3", Some(false)),
        ("factor-analysis", "train.tol=1000", Some(true)),
        ("factor-analysis", "train.tol=0 --set train.iterations=3", None),
        ("pca", "model.latents=5", None),
    ] {
        let line = format!("train {recipe} --set {set} {ROWS} --out run").replace("--quiet", "");
        let outcome = sandbox.elbo(&line);
        assert_eq!(summary(&sandbox, "run")["converged"].as_bool(), converged, "{recipe}, {set}: {outcome:?}");
        assert_eq!(outcome.stderr.contains("not converged after"), converged == Some(false), "{recipe}: {outcome:?}");
        fs::remove_dir_all(sandbox.path("run")).unwrap();
    }
}

#[test]
fn an_interrupted_fit_ends_with_the_bytes_of_an_unbroken_one() {
    let sandbox = Sandbox::new();
    // At this rate the guard acts in every epoch.
    let fit = format!("train natural-gmm --set train.epochs=3000 --set train.batch_steps=4000 --set train.lr=2 {ROWS}");
    let events = |run: &str| fs::read_to_string(sandbox.path(run).join("events.log")).unwrap();
    sandbox.succeed(&format!("{fit} --out whole --threads 1"));
    let start = |resume: &str| {
        let mut command = sandbox.command(&format!("{fit} --out broken --threads 2 {resume}"));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut child = start("");
    for wait in [1400, 700, 1900] {
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
        child = start("--resume");
    }
    assert!(child.wait().unwrap().success());
    assert!(events("whole").lines().count() > 1500, "the guard acts");
    assert_eq!(events("broken"), events("whole"));
    assert_eq!(metrics(&sandbox, "broken"), metrics(&sandbox, "whole"));
    assert!(state(&sandbox, "broken") == state(&sandbox, "whole"), "the checkpoints differ");
    // Continued after its end it only shows what it found.
    sandbox.succeed(&format!("{fit} --out broken --resume"));
    assert_eq!(metrics(&sandbox, "broken"), metrics(&sandbox, "whole"));
}

#[test]
fn exported_latents_are_data_of_the_next_model() {
    let sandbox = Sandbox::new();
    sandbox.succeed(&format!("train factor-analysis --set model.latents=3 {ROWS} --out factors"));
    sandbox.succeed("export latents factors -o z.npz");
    let fit = "train kmeans --data z.npz --set data.valid_rows=0 --set data.test_rows=0 --quiet --out clusters";
    sandbox.succeed(fit);
    assert_eq!(column(&sandbox, "clusters", "train_active_clusters").pop().unwrap(), "10");
    // In the order of the file, whatever the split was.
    sandbox.succeed("export latents clusters -o all.csv");
    sandbox.succeed("export latents factors -o z.csv");
    let labels = |name: &str| {
        let text = fs::read_to_string(sandbox.path(name)).unwrap();
        text.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(labels("all.csv"), labels("z.csv"));
}

#[test]
fn a_sweep_over_clusters_runs_every_one() {
    let sandbox = Sandbox::new();
    let recipe = "[data]\nname = \"mixture\"\ntrain_rows = 200\nvalid_rows = 0\ntest_rows = 100\n\
        [model]\nkind = \"kmeans\"\n[sweep]\n\"model.k\" = [2, 3]\nseeds = 2\n";
    fs::write(sandbox.path("clusters.toml"), recipe).unwrap();
    sandbox.succeed("sweep run clusters.toml --quiet");
    let results = fs::read_to_string(sandbox.path("sweeps/clusters/results.csv")).unwrap();
    assert_eq!(results.lines().filter(|line| line.contains(",test_nmi,")).count(), 4, "{results}");
}

/// What the guard did is in the run directory, however quiet the run, and in that of a cell.
#[test]
fn a_guard_leaves_its_events_and_counts() {
    let sandbox = Sandbox::new();
    let set = "--set train.batch_size=1 --set train.batch_steps=5 --set train.epochs=2";
    sandbox.succeed(&format!("train natural-gmm {set} {ROWS} --out run"));
    let recipe = "[data]\nname = \"mixture\"\ntrain_rows = 300\nvalid_rows = 0\ntest_rows = 200\nlayout = \"circle\"\n\
        [model]\nkind = \"natural-gmm\"\nk = 3\n[train]\nbatch_size = 1\nbatch_steps = 5\nepochs = 2\n\
        [sweep]\nseeds = 1\n";
    fs::write(sandbox.path("guard.toml"), recipe).unwrap();
    sandbox.succeed("sweep run guard.toml --quiet");
    let cell = fs::read_dir(sandbox.path("sweeps/guard/cells")).unwrap().next().unwrap().unwrap().path();
    for dir in [sandbox.path("run"), cell] {
        let text = fs::read_to_string(dir.join("events.log")).unwrap();
        let starts: Vec<&str> = text.lines().map(|line| line.split_once(':').unwrap().0).collect();
        assert_eq!(starts, ["iteration 1", "iteration 2"], "{text}");
    }
    for name in ["train_kept", "train_refitted", "train_shortened"] {
        // Epoch 0, which shows the start, has none.
        assert!(column(&sandbox, "run", name)[1..].iter().all(|count| count.parse::<u32>().is_ok()), "{name}");
    }
}

/// A run on standardised rows scales other rows by its own training rows, not by theirs.
#[test]
fn other_rows_are_prepared_as_those_of_the_training() {
    let sandbox = Sandbox::new();
    sandbox.succeed(&format!("train pca --set model.latents=3 {ROWS} --out factors"));
    sandbox.succeed("export latents factors -o all.csv");
    let fit = "train kmeans --data all.csv --label-column label --set data.standardize=true";
    sandbox.succeed(&format!("{fit} --set data.valid_rows=0 --set data.test_rows=50 --quiet --out clusters"));
    sandbox.succeed("export latents clusters -o clusters.csv");
    let first = |name: &str| -> String {
        fs::read_to_string(sandbox.path(name)).unwrap().split_inclusive('\n').take(11).collect()
    };
    fs::write(sandbox.path("few.csv"), first("all.csv")).unwrap();
    sandbox.succeed("export latents clusters --data few.csv -o few-clusters.csv");
    let columns =
        |text: &str| -> Vec<String> { text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_string()).collect() };
    assert_eq!(columns(&first("few-clusters.csv")), columns(&first("clusters.csv")));
}

/// What was fitted to the training rows is part of the run: their file may go, but it may not change in secret.
#[test]
fn a_run_is_applied_to_other_rows_without_its_training_file_and_never_to_another_one() {
    let sandbox = Sandbox::new();
    sandbox.succeed(&format!("train pca --set model.latents=6 {ROWS} --out factors"));
    sandbox.succeed("export latents factors -o all.csv");
    fs::copy(sandbox.path("all.csv"), sandbox.path("new.csv")).unwrap();
    let text = fs::read_to_string(sandbox.path("all.csv")).unwrap();
    let fewer: String = text.split_inclusive('\n').take(200).collect();
    let scaled = |line: &str| -> String {
        let (values, label) = line.rsplit_once(',').unwrap();
        values.split(',').map(|value| format!("{value}e3,")).collect::<String>() + label + "\n"
    };
    let scaled: String = fewer.lines().take(1).map(|line| format!("{line}\n")).collect::<String>()
        + &fewer.lines().skip(1).map(scaled).collect::<String>();
    let fit =
        "train kmeans --data all.csv --label-column label --set data.valid_rows=0 --set data.test_rows=50 --quiet";
    for (run, set) in [
        ("plain", ""),
        ("standardised", "--set data.standardize=true"),
        ("projected", "--set data.project=pca --set data.project_to=3"),
        ("both", "--set data.project=factor-analysis --set data.project_to=3 --set data.standardize=true"),
    ] {
        fs::write(sandbox.path("all.csv"), &text).unwrap();
        sandbox.succeed(&format!("{fit} {set} --out {run}"));
        let own = sandbox.succeed(&format!("eval {run}"));
        let other = sandbox.succeed(&format!("eval {run} --data new.csv"));
        sandbox.succeed(&format!("export latents {run} -o {run}.csv"));
        for changed in [Some(&fewer), Some(&scaled), None] {
            match changed {
                Some(text) => fs::write(sandbox.path("all.csv"), text).unwrap(),
                None => fs::remove_file(sandbox.path("all.csv")).unwrap(),
            }
            for line in [format!("eval {run}"), format!("export latents {run} -o none.csv")] {
                let outcome = sandbox.elbo(&line);
                assert_eq!(outcome.code, Some(3), "{line}: {outcome:?}");
                assert!(outcome.stderr.contains(if changed.is_some() { "other data" } else { "not found" }));
            }
            assert_eq!(sandbox.succeed(&format!("eval {run} --data new.csv")), other);
            sandbox.succeed(&format!("export latents {run} --data new.csv -o new-{run}.csv"));
            assert_eq!(
                fs::read(sandbox.path(&format!("new-{run}.csv"))).unwrap(),
                fs::read(sandbox.path(&format!("{run}.csv"))).unwrap()
            );
        }
        fs::write(sandbox.path("all.csv"), &text).unwrap();
        assert_eq!(sandbox.succeed(&format!("eval {run}")), own);
    }
    let stored = sandbox.path("both/preparation.safetensors");
    let mut bytes = fs::read(&stored).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&stored, bytes).unwrap();
    assert_eq!(sandbox.elbo("eval both --data new.csv").code, Some(7));
    fs::write(sandbox.path("narrow.csv"), "a,b,label\n1,2,0\n3,4,1\n").unwrap();
    let outcome = sandbox.elbo("eval standardised --data narrow.csv");
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.stderr.contains("data set narrow.csv does not fit"), "{outcome:?}");
}

#[test]
fn epoch_0_shows_the_start() {
    let sandbox = Sandbox::new();
    sandbox.succeed(&format!("train natural-gmm --set log.evaluate_every=25 {ROWS} --out run"));
    assert_eq!(column(&sandbox, "run", "epoch").len(), 51);
    let nmi = column(&sandbox, "run", "test_nmi");
    let evaluated: Vec<usize> = (0..51).filter(|epoch| !nmi[*epoch].is_empty()).collect();
    assert_eq!(evaluated, [0, 25, 50]);
}

/// Every model on every kind of rows that breaks a careless one: a defined result, or one line and code 4.
#[test]
fn hostile_rows_end_in_a_result_or_one_line() {
    let sandbox = Sandbox::new();
    let wave = |i: usize, d: usize| ((i * (3 * d + 7)) as f64 * 0.37).sin() + (i % 3) as f64;
    let rows = |row: &dyn Fn(usize) -> [f64; 3], count: usize| -> String {
        (0..count).map(|i| row(i).map(|v| format!("{v:e}")).join(",") + "\n").collect()
    };
    let plain = |i: usize| [wave(i, 0), wave(i, 1), wave(i, 2)];
    let sets = [
        ("three distinct rows", rows(&|i| plain(i % 3), 60)),
        ("a constant column", rows(&|i| [5.0, wave(i, 1), wave(i, 2)], 60)),
        ("one far outlier", rows(&|i| if i == 7 { [1e15; 3] } else { plain(i) }, 60)),
        ("tiny", rows(&|i| plain(i).map(|v| 1e-30 * v), 60)),
        ("huge", rows(&|i| plain(i).map(|v| 1e30 * v), 60)),
        ("one row", rows(&plain, 1)),
        ("all equal", rows(&|_| [1.0, 2.0, 3.0], 60)),
    ];
    let models = [
        "kmeans --set model.k=",
        "glyphs-gmm --set data.project=none --set model.k=",
        "glyphs-gmm --set data.project=none --set model.covariance=full --set model.k=",
        "glyphs-gmm --set data.project=none --set model.covariance=tied --set model.k=",
        "glyphs-gmm --set data.project=none --set model.covariance=spherical --set model.k=",
        "natural-gmm --set model.k=",
        "factor-analysis --set model.latents=2",
        "pca --set model.latents=2",
    ];
    for (name, text) in &sets {
        fs::write(sandbox.path("rows.csv"), text).unwrap();
        for model in models {
            let k = if *name == "one row" { "1" } else { "10" };
            let model = if model.ends_with('=') { format!("{model}{k}") } else { model.to_string() };
            let held_out = "--data rows.csv --set data.label_column= --set data.valid_rows=0 --set data.test_rows=0";
            let outcome = sandbox.elbo(&format!("train {model} {held_out} --quiet --out run"));
            match outcome.code {
                Some(0) => {
                    let metrics = fs::read_to_string(sandbox.path("run/metrics.csv")).unwrap();
                    assert!(!metrics.contains("inf") && !metrics.contains("NaN"), "{name}, {model}: {metrics}");
                }
                Some(4) => assert_eq!(outcome.stderr.trim_end().lines().count(), 1, "{name}, {model}: {outcome:?}"),
                _ => panic!("{name}, {model}: {outcome:?}"),
            }
            let _ = fs::remove_dir_all(sandbox.path("run"));
        }
    }
}

#[test]
fn a_run_without_a_fit_is_told_so() {
    let sandbox = Sandbox::new();
    // Their squares are out of range.
    let e = if cfg!(feature = "f64") { 160 } else { 30 };
    let rows: String = (0..60).map(|i| format!("{i}e{e},{}e{e}\n", (i * i) % 17)).collect();
    fs::write(sandbox.path("rows.csv"), rows).unwrap();
    let train = "train natural-gmm --data rows.csv --set data.standardize=false --set log.evaluate_every=0";
    assert_eq!(sandbox.elbo(&format!("{train} --quiet --out run")).code, Some(4));
    for line in ["eval run", "eval run --data rows.csv", "export latents run -o z.csv"] {
        let outcome = sandbox.elbo(line);
        assert_eq!((outcome.code, &*outcome.stderr), (Some(4), "elbo: run: this run has no fit yet\n"), "{line}");
    }
    assert!(!sandbox.path("z.csv").exists());
}

/// A projection that takes seconds is kept for the next process, which finds the same; a damaged file is fitted again.
#[test]
fn a_long_projection_is_kept_and_never_changes_a_result() {
    let sandbox = Sandbox::new();
    let fit =
        "train kmeans --set data.project=factor-analysis --set data.project_to=100 --set data.train_rows=3000 --quiet";
    let inertia = |run: &str| {
        sandbox.succeed(&format!("{fit} --out {run}"));
        column(&sandbox, run, "train_inertia")
    };
    let first = inertia("first");
    let cache = sandbox.path("home/.cache/elbo/projections");
    let kept: Vec<_> = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [kept] = &kept[..] else { panic!("one projection is kept, not {kept:?}") };
    let written = fs::metadata(kept).unwrap().modified().unwrap();
    assert_eq!(inertia("again"), first);
    assert_eq!(fs::metadata(kept).unwrap().modified().unwrap(), written, "a kept projection was fitted again");
    fs::write(kept, "no weights").unwrap();
    assert_eq!(inertia("damaged"), first);
    assert!(fs::metadata(kept).unwrap().len() > 1000);
}

/// A factor on the rows is undone by standardising them.
#[test]
fn rows_are_scaled_before_they_are_standardised() {
    let sandbox = Sandbox::new();
    let fit = "train kmeans --set data.name=factors --set data.train_rows=300 --set data.valid_rows=0
        --set data.test_rows=50 --set model.k=3 --quiet";
    let inertia = |run: &str, set: &str| -> f64 {
        sandbox.succeed(&format!("{fit} {set} --out {run}"));
        column(&sandbox, run, "train_inertia").last().unwrap().parse().unwrap()
    };
    let plain = inertia("plain", "");
    assert!((inertia("scaled", "--set data.scale=4") / plain - 16.0).abs() < 1e-4);
    let standardised = inertia("standardised", "--set data.standardize=true");
    assert!((inertia("both", "--set data.scale=4 --set data.standardize=true") / standardised - 1.0).abs() < 1e-5);
}

#[test]
fn what_does_not_fit_is_one_line_and_a_code() {
    let sandbox = Sandbox::new();
    sandbox.succeed(&format!("train pca --set model.latents=3 {ROWS} --out run"));
    let before = sandbox.contents("run");
    for (line, code, needle) in [
        ("train glyphs-gmm --set model.k=400", 2, "model.k = 400: more clusters than the 300 training rows"),
        ("train glyphs-gmm --set data.project_to=785", 2, "data.project_to = 785: more latents than the 784 columns"),
        ("train kmeans --set train.lr=1", 2, "`train.lr` is a setting of"),
        ("train kmeans --set data.binarize=dynamic", 2, "kmeans sees the same rows in every iteration"),
        ("train pca --set model.latents=785", 2, "model.latents = 785: more than the 784 columns"),
        ("train factor-analysis --set model.latents=785", 2, "model.latents = 785: more than the 784 columns"),
        (
            "train natural-gmm --set train.solver=closed-form --set train.l2_reg=0.1",
            2,
            "train.l2_reg = 0.1: train.solver = \"closed-form\" needs 0",
        ),
        ("train kmeans --from run/checkpoints/last.safetensors", 2, "kmeans has no steps to begin at"),
        ("eval run --checkpoint best", 2, "pca keeps its last state only"),
        ("eval run --iwae 5", 2, "the likelihood of pca is exact"),
        ("eval run --data mixture", 3, "data set mixture does not fit"),
        ("export latents run -o z.parquet", 2, "a name that ends in .csv, .npy or .npz"),
        ("export latents nowhere -o z.npz", 2, "not a run directory"),
    ] {
        let line = if line.starts_with("train") { format!("{line} {ROWS} --out {}", "new") } else { line.into() };
        let outcome = sandbox.elbo(&line);
        assert_eq!(outcome.code, Some(code), "{line}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(needle), "{line}: {}", outcome.stderr);
        assert_eq!(outcome.stderr.trim_end().lines().count(), 1, "{line}: {}", outcome.stderr);
        assert!(!sandbox.path("z.parquet").exists() && !sandbox.path("z.npz").exists());
        assert!(!sandbox.path("new").exists(), "{line}: a run directory is left");
    }
    assert!(sandbox.contents("run") == before, "a refused command changed the run");
    let path = sandbox.path("run/checkpoints/last.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(sandbox.elbo("eval run").code, Some(7));
    assert_eq!(sandbox.elbo("export latents run -o z.npz").code, Some(7));
}

/// A normal with full covariance is the same in any units, so its log-densities differ by what is told.
#[test]
fn densities_of_standardised_rows_come_with_what_makes_them_those_of_the_rows() {
    let sandbox = Sandbox::new();
    let fit = format!(
        "train glyphs-gmm --set data.name=factors --set data.project=none --set data.standardize=false \
                       --set model.covariance=full --set model.k=1 {ROWS}"
    );
    let eval = |more: &str| {
        sandbox.succeed(&format!("{fit} {more} --out run"));
        let found: serde_json::Value = serde_json::from_str(&sandbox.succeed("eval run --json")).unwrap();
        fs::remove_dir_all(sandbox.path("run")).unwrap();
        (found["metrics"]["test_log_likelihood"].as_f64().unwrap(), found["log_density_shift"].as_f64())
    };
    let (plain, none) = eval("");
    assert_eq!(none, Some(0.0));
    for more in ["--set data.standardize=true", "--set data.scale=3", "--set data.scale=3 --set data.standardize=true"]
    {
        let (value, shift) = eval(more);
        let shift = shift.unwrap();
        assert!(
            shift.abs() > 1.0 && (value + shift - plain).abs() < 1e-3 * plain.abs(),
            "{more}: {value} {shift} {plain}"
        );
    }
    assert_eq!(eval("--set data.project=pca --set data.project_to=5").1, None);
}

/// What a continued run does to its rows is what is stored, and not fitted anew.
#[test]
fn a_continued_run_needs_its_preparation_whole() {
    let sandbox = Sandbox::new();
    let fit = format!("train kmeans --set data.standardize=true {ROWS} --out run");
    sandbox.succeed(&fit);
    let path = sandbox.path("run/preparation.safetensors");
    let whole = fs::read(&path).unwrap();
    sandbox.succeed(&format!("{fit} --resume"));
    assert_eq!(fs::read(&path).unwrap(), whole);
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let outcome = sandbox.elbo(&format!("{fit} --resume"));
    assert!(outcome.code == Some(7) && outcome.stderr.contains("preparation.safetensors"), "{outcome:?}");
}
