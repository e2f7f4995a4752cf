//! What the commands print and write when all is well, and what training does when it diverges.

use std::fs;
use std::path::Path;

use crate::support::Sandbox;
use elbo_tensor::Real;
use safetensors::SafeTensors;

/// A GMVAE on glyphs that trains in a moment.
const GMVAE: &str = "train glyphs-gmvae --set data.train_rows=200 --set data.valid_rows=50 --set data.test_rows=100
    --set model.k=5 --set model.z=4 --set model.hidden=[16] --set train.epochs=3 --set train.batch=20";

/// A VAE on the mixture that trains in a moment.
const VAE: &str = "train mixture-vae --set train.epochs=3";

/// Name and text of each cell in the last row of `metrics.csv`.
fn last_row(sandbox: &Sandbox, run: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(sandbox.path(run).join("metrics.csv")).unwrap();
    let [header, last] = [text.lines().next(), text.lines().last()].map(|line| line.unwrap().split(','));
    header.zip(last).map(|(name, cell)| (name.into(), cell.into())).collect()
}

fn header(sandbox: &Sandbox, run: &str) -> String {
    last_row(sandbox, run).into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(",")
}

/// The run directories that were named by their configuration.
fn runs(sandbox: &Sandbox) -> Vec<String> {
    let names = fs::read_dir(sandbox.path("runs")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_printed_recipe_is_the_same_configuration() {
    let sandbox = Sandbox::new();
    let list = sandbox.succeed("recipes");
    let names: Vec<&str> = list.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    let built_in = ["discrete-vae", "factor-analysis", "glyphs-gmm", "glyphs-gmvae", "glyphs-k-sweep", "gmm"];
    assert_eq!(names[..6], built_in);
    assert!(names.is_sorted() && names.len() > 10, "{names:?}");
    assert!(list.lines().all(|line| line.split_whitespace().count() > 5), "{list}");

    sandbox.succeed("train mixture-vae");
    let [run] = &runs(&sandbox)[..] else { panic!("one run") };
    let hash = run.strip_prefix("mixture-vae-").expect(run);
    assert!(hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{run}");
    let config = fs::read_to_string(sandbox.path("runs").join(run).join("config.toml")).unwrap();

    // As it was printed, and as it was resolved.
    fs::write(sandbox.path("printed.toml"), sandbox.succeed("recipes mixture-vae")).unwrap();
    fs::write(sandbox.path("resolved.toml"), &config).unwrap();
    for name in ["printed", "resolved"] {
        sandbox.succeed(&format!("train {name}.toml"));
        let again = sandbox.path("runs").join(format!("{name}-{hash}"));
        assert_eq!(fs::read_to_string(again.join("config.toml")).unwrap(), config);
    }
    // Another seed is another configuration.
    sandbox.succeed("train mixture-vae --seed 1");
    assert_eq!(runs(&sandbox).len(), 4);
}

#[test]
fn every_key_of_a_configuration_is_a_documented_setting() {
    let sandbox = Sandbox::new();
    sandbox.succeed(&format!("{GMVAE} --out gmvae"));
    sandbox.succeed(&format!("{VAE} --out vae"));
    let all = sandbox.succeed("settings");
    for kind in ["gmvae", "vae"] {
        let of_kind = sandbox.succeed(&format!("settings {kind}"));
        let config = fs::read_to_string(sandbox.path(kind).join("config.toml")).unwrap();
        let mut section = "";
        for line in config.lines().filter(|line| !line.is_empty() && !line.starts_with("description")) {
            match line.strip_prefix('[') {
                Some(name) => section = name.trim_end_matches(']'),
                None => {
                    let key = format!("  {section}.{} = ", line.split(' ').next().unwrap());
                    let documented = |text: &str| text.contains(&key) || key == "  model.kind = ";
                    assert!(documented(&all) && documented(&of_kind), "{key}");
                }
            }
        }
        assert!(of_kind.contains(&format!("kind = \"{kind}\"")) && of_kind.len() < all.len());
    }
}

#[test]
fn help_states_the_exit_codes() {
    let sandbox = Sandbox::new();
    for line in ["--help", "train --help", "eval --help"] {
        let help = sandbox.succeed(line);
        let codes = help.split_once("Exit codes:").expect(line).1;
        let codes: Vec<&str> = codes.lines().filter_map(|line| line.split_whitespace().next()).collect();
        for code in ["0", "2", "3", "4", "5", "6", "7", "8", "130,"] {
            assert!(codes.contains(&code), "{line}: {code} in {codes:?}");
        }
    }
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let sandbox = Sandbox::new();
    for line in ["recipes", "recipes mnist-gmvae", "settings", "data ls", "--help", &format!("{VAE} --quiet --out run")]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = sandbox.command(line).stdout(writer).output().unwrap();
        assert!(output.status.success(), "{line}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = sandbox.command(&format!("{VAE} --verbose --out told")).stderr(writer).output().unwrap();
    assert!(output.status.success());
    assert!(sandbox.path("told/summary.json").exists());
}

#[test]
fn a_run_directory_holds_what_is_promised() {
    let sandbox = Sandbox::new();
    let told = sandbox.succeed(&format!("{GMVAE} --out run --set log.every_steps=10"));
    let files: Vec<_> = sandbox.contents("run").into_iter().filter_map(|(path, bytes)| bytes.map(|_| path)).collect();
    let expected = [
        "checkpoints/best.safetensors",
        "checkpoints/last.safetensors",
        "checkpoints/last.state",
        "config.toml",
        "elbo.lock",
        "env.json",
        "figures/confusion.svg",
        "figures/curves.svg",
        "figures/samples.svg",
        "metrics.csv",
        "steps.csv",
        "summary.json",
    ];
    assert_eq!(files, expected.map(Path::new));
    let splits = ["train", "valid", "test"];
    let terms = splits.map(|split| format!("{split}_loss,{split}_recon,{split}_kl_y,{split}_kl_z")).join(",");
    let clustering = "test_majority_accuracy,test_hungarian_accuracy,test_confident_accuracy,test_nmi,test_ari,\
                      test_conditional_entropy,test_active_clusters";
    assert_eq!(header(&sandbox, "run"), format!("epoch,step,elapsed_s,{terms},{clustering}"));
    // Every column but those that count is explained.
    for column in header(&sandbox, "run").split(',').skip(3) {
        let name = column.split_once('_').expect("a split and a name").1;
        let line = told.lines().find(|line| line.split_whitespace().next() == Some(name)).expect(name);
        assert!(line.contains(": "), "{line}");
    }
    assert!(told.contains("run      run"), "{told}");

    let row = last_row(&sandbox, "run");
    let value = |name: &str| -> f64 { row.iter().find(|(n, _)| n == name).expect(name).1.parse().expect("a number") };
    for split in splits {
        let sum: f64 = ["recon", "kl_y", "kl_z"].map(|term| value(&format!("{split}_{term}"))).iter().sum();
        let loss = value(&format!("{split}_loss"));
        assert!((sum - loss).abs() <= 1e-5 * loss, "{split}: {sum} and {loss}");
    }
    assert_eq!((value("epoch"), value("step")), (3.0, 30.0));
    let steps = fs::read_to_string(sandbox.path("run/steps.csv")).unwrap();
    let numbers: Vec<&str> = steps.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(numbers, ["step", "0", "10", "20"]);

    let env = fs::read_to_string(sandbox.path("run/env.json")).unwrap();
    let env: serde_json::Value = serde_json::from_str(&env).expect("JSON");
    for key in ["version", "commit", "kernel", "threads", "data"] {
        assert!(!env[key].is_null(), "{key} in {env}");
    }
}

#[test]
fn an_evaluation_gives_the_row_of_its_epoch() {
    let sandbox = Sandbox::new();
    for (kind, line) in [("gmvae", GMVAE), ("vae", VAE)] {
        sandbox.succeed(&format!("{line} --out {kind}"));
        let row = last_row(&sandbox, kind);
        let expected: Vec<_> =
            row.into_iter().filter(|(name, _)| name == "epoch" || name.starts_with("test_")).collect();
        let printed = |text: String| -> Vec<(String, String)> {
            let pair = |line: &str| line.split_once(' ').map(|(name, value)| (name.into(), value.trim().into()));
            text.lines().map(|line| pair(line).expect("name and value")).collect()
        };
        assert!(expected.len() >= 4);
        assert_eq!(printed(sandbox.succeed(&format!("eval {kind} --threads 2"))), expected);
        let json: serde_json::Value =
            serde_json::from_str(&sandbox.succeed(&format!("eval {kind} --json"))).expect("JSON");
        assert_eq!(json["metrics"].as_object().unwrap().len() + 1, expected.len());
    }
}

/// At a step size this large the losses of late epochs go up and down, and the best epoch is not the last.
#[test]
fn the_best_checkpoint_is_that_of_the_lowest_validation_loss() {
    let sandbox = Sandbox::new();
    sandbox.succeed(&format!("{VAE} --out run --set train.lr=0.1 --set train.epochs=30"));
    let text = fs::read_to_string(sandbox.path("run/metrics.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let column = |name: &str| rows[0].iter().position(|cell| *cell == name).expect(name);
    let valid = |row: &&Vec<&str>| row[column("valid_loss")].parse::<f64>().unwrap();
    let best = rows[1..].iter().min_by(|a, b| valid(a).total_cmp(&valid(b))).unwrap();
    let (epoch, loss) = (best[column("epoch")], best[column("test_loss")]);
    assert_ne!(epoch, "30", "choose another step size");
    let told = sandbox.succeed("eval run --checkpoint best");
    let lines: Vec<Vec<&str>> = told.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[..2], [["epoch", epoch], ["test_loss", loss]]);
    let summary = fs::read_to_string(sandbox.path("run/summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).expect("JSON");
    assert_eq!(summary["best"]["epoch"].to_string(), epoch);
}

#[test]
fn results_are_json_on_demand_and_quiet_is_silent() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.elbo(&format!("{GMVAE} --json --quiet --out run"));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let summary: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(outcome.stdout, fs::read_to_string(sandbox.path("run/summary.json")).unwrap());
    assert_eq!(
        (&summary["status"], &summary["epochs"], &summary["steps"]),
        (&"finished".into(), &3.into(), &30.into())
    );
    assert!(summary["last"]["test_loss"].as_f64().is_some_and(f64::is_finite), "{summary}");

    let talk = sandbox.elbo(&format!("{GMVAE} --out talk"));
    assert_eq!(talk.stderr.lines().count(), 3, "a line an epoch where stderr is no terminal: {}", talk.stderr);
    // The last line has no time left to tell.
    for (line, left) in talk.stderr.lines().zip([true, true, false]) {
        assert!(line.starts_with("epoch ") && line.ends_with(" left") == left, "{line}");
    }
}

/// An IDX file of bytes with the given dimensions.
fn idx(dims: &[u32]) -> Vec<u8> {
    let head = [0x0800 | dims.len() as u32];
    let mut bytes: Vec<u8> = head.iter().chain(dims).flat_map(|word| word.to_be_bytes()).collect();
    bytes.extend((0..dims.iter().product()).map(|i| ((i * i) % 251) as u8));
    bytes
}

#[test]
fn data_without_labels_train_without_label_metrics() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("data/photos")).unwrap();
    for (name, rows) in [("train-images-idx3-ubyte", 40), ("t10k-images-idx3-ubyte", 20)] {
        fs::write(sandbox.path("data/photos").join(name), idx(&[rows, 6, 5])).unwrap();
    }
    let line = "train mnist-gmvae --data-dir data --out run --set data.name=photos --set data.valid_rows=10
        --set model.k=3 --set model.z=2 --set model.hidden=[8] --set train.epochs=2 --set train.epoch_steps=3
        --set train.batch=10";
    let told = sandbox.succeed(line);
    assert!(!told.contains("accuracy"), "{told}");
    let header = header(&sandbox, "run");
    assert!(header.ends_with("test_kl_z,test_conditional_entropy,test_active_clusters"), "{header}");
    assert!(sandbox.path("run/figures/samples.svg").exists());
    assert!(!sandbox.path("run/figures/confusion.svg").exists());
    assert!(sandbox.succeed("eval run --data-dir data").contains("test_conditional_entropy"));
    sandbox.succeed(&format!("{line} --resume"));
}

#[test]
fn data_sets_are_found_listed_and_described() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("data/photos")).unwrap();
    for (name, dims) in [
        ("train-images-idx3-ubyte", &[40, 6, 5][..]),
        ("train-labels-idx1-ubyte", &[40]),
        ("t10k-images-idx3-ubyte", &[20, 6, 5]),
    ] {
        fs::write(sandbox.path("data/photos").join(name), idx(dims)).unwrap();
    }
    // The folder above, the folder itself, and a cache; a folder is listed once.
    for line in ["data ls --data-dir data", "data ls --data-dir data/photos"] {
        let list = sandbox.succeed(line);
        let lines: Vec<&str> = list.lines().collect();
        let (photos, built_in) = lines.split_last().expect("a list");
        let names: Vec<_> = built_in.iter().filter_map(|line| line.split_whitespace().next()).collect();
        let densities = ["isotropic", "rotated", "figure-eight", "blobs", "three-gaussians"];
        assert_eq!(names, [&["glyphs", "mixture", "factors"][..], &densities].concat(), "{list}");
        assert!(photos.starts_with("photos ") && photos.ends_with("data/photos"), "{list}");
    }
    let described = sandbox.succeed("data describe photos --data-dir data");
    let lines: Vec<&str> = described.lines().collect();
    assert_eq!(lines.len(), 2, "{described}");
    assert!(lines[0].starts_with("train 40 rows of [6, 5] bytes") && lines[0].contains(" classes of "), "{described}");
    assert!(lines[1].starts_with("test  20 rows of [6, 5] bytes") && lines[1].contains("no labels"), "{described}");
    assert_eq!(sandbox.succeed("data describe photos --data-dir data/photos"), described);
    let mut cached = sandbox.command("data describe photos");
    let cached = cached.env("ELBO_DATA_DIR", sandbox.path("data")).output().unwrap();
    assert_eq!(String::from_utf8(cached.stdout).unwrap(), described);

    let glyphs = sandbox.succeed("data describe glyphs");
    assert!(glyphs.starts_with("train 10000 rows of [28, 28] bytes"), "{glyphs}");
    assert!(glyphs.lines().all(|line| line.contains("10 classes")), "{glyphs}");
    assert!(sandbox.succeed("data describe mixture").contains("rows of [2] real values; 3 classes"));
    if !cfg!(feature = "download") {
        let fetch = sandbox.elbo("data fetch mnist");
        assert_eq!(fetch.code, Some(2));
        assert!(fetch.stderr.contains("--features download"), "{}", fetch.stderr);
    }
}

/// Settings under which the first or second step gives infinite losses or gradients, in either precision.
const DIVERGING: &str = "train mixture-vae --set train.lr=1e3 --out run";

/// Every number in the weights of checkpoint `last`.
fn weights(sandbox: &Sandbox) -> Vec<Real> {
    let bytes = fs::read(sandbox.path("run/checkpoints/last.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let data: Vec<&[u8]> = tensors.iter().map(|(_, view)| view.data()).collect();
    assert!(data.len() > 1);
    data.concat().as_chunks().0.iter().map(|bytes| Real::from_le_bytes(*bytes)).collect()
}

#[test]
fn a_diverging_run_stops_with_the_last_good_state() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.elbo(DIVERGING);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(4), ""), "{outcome:?}");
    let message = outcome.stderr.lines().last().unwrap();
    let names_term = message.contains("term `recon` of the loss") || message.contains("term `kl_z` of the loss");
    assert!(names_term || message.contains("the gradient of `"), "{message}");
    assert!(message.contains("is not finite at step ") && message.starts_with("elbo: run: "), "{message}");
    assert!(weights(&sandbox).iter().all(|weight| weight.is_finite()));
    assert!(sandbox.path("run/checkpoints/last.state").exists());
    assert!(!sandbox.path("run/summary.json").exists());
    // The refused step is refused again.
    let again = sandbox.elbo(&format!("{DIVERGING} --resume"));
    assert_eq!((again.code, again.stderr), (outcome.code, outcome.stderr));
}

#[test]
fn a_rollback_halves_the_step_size_and_is_logged() {
    let sandbox = Sandbox::new();
    let line = format!("{DIVERGING} --set train.on_divergence=rollback --set train.epochs=5");
    let events = || fs::read_to_string(sandbox.path("run/events.log")).unwrap();
    let outcome = sandbox.elbo(&format!("{line} --set train.max_rollbacks=3"));
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    assert_eq!(events().lines().count(), 3);
    for (event, size) in events().lines().zip(["500", "250", "125"]) {
        assert!(event.contains(" is not finite at step "), "{event}");
        assert!(event.ends_with(&format!("back to the end of epoch 0 with step size {size}")), "{event}");
    }
    // Each event and the final line were told.
    assert_eq!(outcome.stderr.lines().count(), 4, "{}", outcome.stderr);
    assert!(weights(&sandbox).iter().all(|weight| weight.is_finite()));

    // With enough of them the step size becomes one to train with.
    fs::remove_dir_all(sandbox.path("run")).unwrap();
    sandbox.succeed(&format!("{line} --set train.max_rollbacks=40"));
    assert!((4..=40).contains(&events().lines().count()), "{}", events());
    assert!(weights(&sandbox).iter().all(|weight| weight.is_finite()));
    assert_eq!(last_row(&sandbox, "run")[0].1, "5");
}

/// A run from a kept checkpoint takes the steps that the first run took from there.
#[test]
fn a_run_can_start_at_a_kept_checkpoint_of_another_one() {
    let sandbox = Sandbox::new();
    let small = "train glyphs-gmvae --set data.train_rows=300 --set data.valid_rows=0 --set data.test_rows=100 \
        --set model.k=3 --set model.z=3 --set model.hidden=[16] --set train.batch=50 --quiet";
    sandbox.succeed(&format!("{small} --set train.epochs=6 --set log.keep_epochs=2 --set log.watch_steps=3 --out one"));
    for epoch in [2, 4, 6] {
        assert!(sandbox.path(&format!("one/checkpoints/epoch-{epoch:06}.state")).is_file());
    }
    let from = "one/checkpoints/epoch-000004.state";
    sandbox.succeed(&format!("{small} --set train.epochs=6 --from {from} --out two"));
    let last = |run: &str| {
        let text = fs::read_to_string(sandbox.path(run).join("metrics.csv")).unwrap();
        let row: Vec<String> = text.lines().last().unwrap().split(',').map(String::from).collect();
        (text.lines().count(), [&row[..2], &row[3..]].concat())
    };
    assert_eq!((last("one").0, last("two").0), (7, 3));
    for (set, needle) in [
        ("--set train.epochs=4", "checkpoint is at epoch 4; train.epochs must be larger than 4 (got 4)"),
        ("--set train.epochs=6 --set train.batch=30", "its epochs do not have the 10 steps of this run"),
    ] {
        let outcome = sandbox.elbo(&format!("{small} {set} --from {from} --out three"));
        assert!(outcome.code == Some(2) && outcome.stderr.contains(needle), "{set}: {}", outcome.stderr);
        assert!(!sandbox.path("three").exists(), "{set}");
    }
    assert_eq!(last("one").1, last("two").1);

    let watched = fs::read_to_string(sandbox.path("one/watch.csv")).unwrap();
    for quantity in ["q_z.loc_spread.raw", "q_z.loc_spread.var", "p_z.loc_spread.raw", "largest_gradient"] {
        assert_eq!(watched.lines().filter(|line| line.contains(quantity)).count(), 12, "{quantity}: {watched}");
    }
}

#[test]
fn a_step_that_diverges_is_watched() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.elbo(
        "train mixture-vae --set model.likelihood=gaussian --set train.lr=1000 --set log.watch_steps=1000000 \
         --out run -q",
    );
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    let watched = fs::read_to_string(sandbox.path("run/watch.csv")).unwrap();
    assert!(watched.lines().count() >= 2, "{watched}");
}

#[test]
fn the_importance_weighted_bound_is_not_below_the_bound() {
    let sandbox = Sandbox::new();
    sandbox.succeed("train mixture-vae --set train.epochs=3 --out run --quiet");
    let text = sandbox.succeed("eval run --iwae 50");
    let value = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(name)).expect("the metric");
        line.split_whitespace().last().unwrap().parse().unwrap()
    };
    assert!(value("test_iwae_50") > -value("test_loss"), "{text}");
}

#[test]
fn there_is_no_bound_without_densities() {
    let sandbox = Sandbox::new();
    for (run, set) in
        [("mse", "model.likelihood=mse"), ("sse", "model.likelihood=sse"), ("point", "model.posterior=point")]
    {
        sandbox.succeed(&format!("train mixture-vae --set {set} --set train.epochs=1 --out {run} --quiet"));
        let outcome = sandbox.elbo(&format!("eval {run} --iwae 5"));
        assert_eq!(outcome.code, Some(2), "{run}: {}", outcome.stdout);
        assert!(outcome.stderr.contains("a bound on ln p(x) needs densities"), "{}", outcome.stderr);
    }
}

#[test]
fn the_mixture_has_as_many_dimensions_as_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.succeed(
        "train mixture-vae --set data.dimensions=5 --set data.components=8 --set train.epochs=1 --out run --quiet",
    );
    let env = fs::read_to_string(sandbox.path("run/env.json")).unwrap();
    assert!(env.contains("\"width\": 5"), "{env}");
    let outcome = sandbox.elbo("train mixture-vae --set data.dimensions=1 --out none");
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    let outcome = sandbox.elbo("train mixture-vae --set data.dimensions=4096 --set data.train_rows=1000000 --out none");
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("rows of 4096 numbers; a generated set has at most"), "{}", outcome.stderr);
}
