//! `elbo train`: a recipe becomes a run directory.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::use_threads;
use crate::args::Train;
use crate::config::Config;
use crate::data;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::run_dir::RunDir;
use crate::run_training::{Finished, Run, Start};
use crate::{figures, files, output, recipe, setup};

/// Trains by a recipe.
pub fn run(args: &Train) -> Result<()> {
    let schema = recipe::schema();
    let (name, mut config) = recipe::load(&args.recipe)?;
    let seed = args.seed.iter().map(|seed| format!("train.seed={seed}"));
    config.set(&args.set.iter().cloned().chain(seed).collect::<Vec<_>>(), &schema)?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(format!("{name}-{}", config.hash())));
    RunDir::refuse_locked(&out)?;
    let threads = use_threads(&args.common)?;
    let splits = data::load(config.section("data"), args.common.data_dir.as_deref())?;
    let spec = setup::check(&config, &splits)?;
    let binarize = data::binarize(config.section("data"), &splits.train)?;
    let mut env = setup::environment(threads);
    env["recipe"] = json!(name);
    env["data"] = setup::checksums(&config, &splits);
    if let Some(path) = &args.from {
        env["from"] = json!(path.display().to_string());
    }

    let dir = if args.resume {
        let dir = RunDir::resume(&out)?;
        same_run(&dir, &config, &env, args.common.quiet)?;
        dir
    } else {
        RunDir::create(&out, &pretty(&env), &config.to_toml())?
    };
    let interrupt = Interrupt::listen();
    let quiet = args.common.quiet;
    if args.common.verbose {
        output::note(&format!("{}: {} kernels, {threads} threads", out.display(), elbo_tensor::kernel_name()));
    }

    let seed = config.section("train").int("seed") as u64;
    let (model, params) = spec.create(config.section("model"), splits.train.width(), seed);
    let start = match &args.from {
        _ if args.resume => Start::Resume,
        Some(path) => Start::From(path),
        None => Start::New,
    };
    let run = Run::open(&dir, &config, (&splits, binarize), (&*model, params), start)?;
    let progress = Progress::new(run.extent(), quiet);
    let mut finished = run.complete(&interrupt, &progress)?;
    if let Some(divergence) = finished.diverged.take() {
        return Err(divergence);
    }
    let parts = (&*model, &finished.params);
    let drawn = figures::write(&dir, &finished.metrics, parts, &splits.test, finished.clusters.as_ref(), seed)?;
    let summary = summary(&config, &finished, &drawn);
    files::write_atomic(&dir.summary(), pretty(&summary).as_bytes())?;
    let shown = if args.common.json { pretty(&summary) } else { told(&config, &finished, &drawn, &dir) };
    output::data(&shown)
}

/// Refuses to continue under another configuration or on other data.
fn same_run(dir: &RunDir, config: &Config, env: &Value, quiet: bool) -> Result<()> {
    let path = dir.config();
    let text = crate::config::read_recipe(&path)?;
    let theirs = Config::parse(&text, &path.display().to_string(), &recipe::schema())?;
    let list: Vec<String> =
        config.diff(&theirs).iter().map(|d| format!("{} = {} (run: {})", d.key, d.ours, d.theirs)).collect();
    if !list.is_empty() {
        return Err(Error::usage(format_args!("{}: another configuration: {}", path.display(), list.join(", "))));
    }
    let path = dir.env();
    let text = std::fs::read_to_string(&path).map_err(|cause| Error::system("read", &path, &cause))?;
    let before: Value =
        serde_json::from_str(&text).map_err(|cause| Error::usage(format_args!("{}: {cause}", path.display())))?;
    if before["data"] != env["data"] {
        return Err(Error::data(format_args!(
            "{}: the run was started on other data than is found now",
            path.display()
        )));
    }
    if before["kernel"] != env["kernel"] && !quiet {
        output::note(&format!(
            "elbo: the run was started with {} kernels; bits may differ from here on",
            before["kernel"]
        ));
    }
    Ok(())
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn summary(config: &Config, finished: &Finished, figures: &[&str]) -> Value {
    let last: serde_json::Map<String, Value> =
        finished.metrics.last().into_iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
    json!({
        "status": "finished",
        "model": config.kind(),
        "data": config.section("data").text("name"),
        "epochs": config.section("train").int("epochs"),
        "steps": finished.steps,
        "elapsed_s": finished.elapsed,
        "last": last,
        "best": finished.best.map(|(loss, epoch)| json!({"epoch": epoch, "valid_loss": loss})),
        "figures": figures,
    })
}

/// The summary in words.
fn told(config: &Config, finished: &Finished, figures: &[&str], dir: &RunDir) -> String {
    let last = finished.metrics.last();
    let value = |name: &str| last.iter().find(|(column, _)| *column == name).map(|(_, value)| *value);
    let mut text = format!(
        "{} on {}: {} epochs, {} steps, {:.0} s\n",
        config.kind(),
        config.section("data").text("name"),
        config.section("train").int("epochs"),
        finished.steps,
        finished.elapsed
    );
    let mut tell = |name: &str, meaning: &str| {
        if let Some(value) = value(name) {
            text += &format!("  {name:26} {value:>9.4}  {meaning}\n");
        }
    };
    tell("test_loss", "nats per row: minus the bound on ln p(x), lower is better");
    tell("test_recon", "of it, −ln p(x|z)");
    tell("test_kl_y", "of it, KL of q(y|x) from the uniform prior: what the cluster tells");
    tell("test_kl_z", "of it, KL of q(z|·) from its prior: what the latent tells");
    tell("test_majority_accuracy", "rows whose label is the most frequent one in their cluster");
    tell("test_hungarian_accuracy", "the same with each label given to one cluster only");
    tell("test_confident_accuracy", "the same with each cluster named after the row that it is surest of");
    tell("test_nmi", "normalised mutual information of clusters and labels, 0 to 1");
    tell("test_ari", "adjusted Rand index, 0 for chance and 1 for equal partitions");
    tell("test_conditional_entropy", "nats: how undecided q(y|x) is, 0 to ln k");
    tell("test_active_clusters", "clusters that some test row belongs to");
    tell("test_mean_radius", "mean distance of the posterior means from the origin");
    tell("test_active_units", "dimensions of the latent whose posterior mean varies with the data");
    tell("test_probe_accuracy", "held-out rows whose label a linear classifier reads off the latent");
    if let Some((loss, epoch)) = finished.best {
        text += &format!("best validation loss {loss:.4} after epoch {epoch}\n");
    }
    let figures: Vec<String> = figures.iter().map(|name| dir.figure(name).display().to_string()).collect();
    text + &format!("run      {}\nfigures  {}\n", dir.path().display(), figures.join("\n         "))
}
