//! `elbo train`: a recipe becomes a run directory.

use std::path::PathBuf;

use clap::ArgAction;
use elbo_datasets::Splits;
use elbo_models::{EstimatorSpec, ModelSpec};
use elbo_tensor::{Purpose, stream};
use serde_json::{Value, json};

use super::args::Common;
use crate::config::{Config, recipe};
use crate::data::{self, Loaded, Source};
use crate::machine::error::{Error, Result};
use crate::machine::interrupt::Interrupt;
use crate::machine::{files, output};
use crate::run::dir::RunDir;
use crate::run::files::summary::Ended;
use crate::run::fitting::{Fitted, Fitting, limit};
use crate::run::progress::Progress;
use crate::run::setup::Spec;
use crate::run::training::{Finished, Run, Start, check_start};
use crate::run::{figures, setup};

/// Arguments of `elbo train`.
#[derive(Debug, clap::Args)]
pub struct Train {
    /// A built-in recipe (see `elbo recipes`) or a TOML file
    pub recipe: String,
    /// Train on another data set: a name (see `elbo data ls`) or a table, a file .csv, .npy or .npz
    #[arg(long, value_name = "NAME|FILE")]
    pub data: Option<String>,
    /// The table's column of labels: its name, its number from 0, or `last` (the key `data.label_column`)
    #[arg(long, value_name = "COLUMN")]
    pub label_column: Option<String>,
    /// Set a key of the recipe, e.g. `model.k=20` or `train.lr=3e-4`; repeatable
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append)]
    pub set: Vec<String>,
    /// Seed of everything random in training (the key `train.seed`)
    #[arg(long, allow_negative_numbers = true)]
    pub seed: Option<String>,
    /// Run directory [default: runs/RECIPE-HASH, with the hash of the configuration]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Continue the run in the run directory
    #[arg(long)]
    pub resume: bool,
    /// Start a new run at a checkpoint (.state) of another run of the same model, with its optimiser and step count
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub from: Option<PathBuf>,
    /// Where the rest of the arguments are the same for every command
    #[command(flatten)]
    pub common: Common,
}

/// Trains by a recipe.
pub fn run(args: &Train) -> Result<()> {
    let schema = recipe::schema();
    let (name, mut config) = recipe::load(&args.recipe)?;
    let data = args.data.iter().flat_map(|name| data::chosen(name));
    let label_column = args.label_column.iter().map(|column| format!("data.label_column={column}"));
    let seed = args.seed.iter().map(|seed| format!("train.seed={seed}"));
    let set = args.set.iter().cloned();
    config.set(&data.chain(label_column).chain(set).chain(seed).collect::<Vec<_>>(), &schema)?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(format!("{name}-{}", config.hash())));
    RunDir::refuse_locked(&out)?;
    let threads = args.common.use_threads()?;
    let data = config.section("data");
    let source = Source::of(data, args.common.data_dir.as_deref(), None)?;
    let mut env = setup::environment(threads);
    env["recipe"] = json!(name);
    env["data"] = source.note(data);
    let mut resumed = None;
    if args.resume {
        let dir = RunDir::resume(&out)?;
        same_run(&dir, &config, &env, args.common.quiet)?;
        resumed = Some(dir);
    }
    // Of a run that was killed early it is not there yet.
    let stored = resumed.as_ref().map(RunDir::preparation).filter(|path| path.exists());
    let Loaded { splits, preparation, remark, .. } = source.prepared(data, stored.as_deref())?;
    let spec = setup::check(&config, &splits)?;
    match (spec, &args.from) {
        (Spec::Iterations(spec), Some(path)) => {
            let reason = format!("{} has no steps to begin at", spec.kind);
            return Err(Error::usage(format_args!("--from {}: {reason}", path.display())));
        }
        (Spec::Steps(spec), Some(path)) => {
            check_start(path, &config, &splits, spec)?;
            env["from"] = json!(path.display().to_string());
        }
        (_, None) => {}
    }
    let dir = match resumed {
        Some(dir) => dir,
        None => RunDir::create(&out, &setup::pretty(&env), &config.to_toml())?,
    };
    if stored.is_none() {
        preparation.store(&dir.preparation())?;
    }
    output::remark(remark.as_deref(), args.common.quiet);
    let interrupt = Interrupt::listen();
    if args.common.verbose {
        output::note(&format!("{}: {} kernels, {threads} threads", out.display(), elbo_tensor::kernel_name()));
    }

    let mut ended = match spec {
        Spec::Steps(spec) => by_steps(args, &config, &dir, (&splits, spec), &interrupt)?,
        Spec::Iterations(spec) => by_iterations(args, &config, &dir, (&splits, spec), &interrupt)?,
    };
    ended.log_density_shift = preparation.log_density_shift(splits.train.width());
    let summary = setup::pretty(&ended.summary(&config));
    files::write_atomic(&dir.summary(), summary.as_bytes())?;
    let bound = !matches!(spec, Spec::Steps(spec) if !is_bound(&config, spec));
    let shown = if args.common.json { summary } else { told(&config, &ended, bound, &dir) };
    output::data(&shown)
}

fn by_steps(
    args: &Train,
    config: &Config,
    dir: &RunDir,
    (splits, spec): (&Splits, &ModelSpec),
    interrupt: &Interrupt,
) -> Result<Ended> {
    let binarize = data::binarize(config.section("data"));
    let seed = config.section("train").int("seed") as u64;
    let (model, params) = spec.create(config.section("model"), splits.train.width(), seed);
    let start = match &args.from {
        _ if args.resume => Start::Resume,
        Some(path) => Start::From(path),
        None => Start::New,
    };
    let run = Run::open(dir, config, (splits, binarize), (&*model, params), start)?;
    let progress = Progress::new(run.extent(), args.common.quiet);
    let Finished { metrics, params, clusters, best, steps, elapsed, diverged } = run.complete(interrupt, &progress)?;
    if let Some(divergence) = diverged {
        return Err(divergence);
    }
    let generate = |count| Some(figures::generated((&*model, &params), count, seed));
    let unit_of_loss = if is_bound(config, spec) { "nats" } else { "per row" };
    let figures = figures::write(
        dir,
        (&metrics, unit_of_loss),
        ("means of p(x | ·), draws from the prior", generate),
        &splits.test,
        clusters.as_ref(),
    )?;
    Ok(Ended { last: metrics.last(), converged: None, best, steps, elapsed, log_density_shift: None, figures })
}

fn by_iterations(
    args: &Train,
    config: &Config,
    dir: &RunDir,
    (splits, spec): (&Splits, &EstimatorSpec),
    interrupt: &Interrupt,
) -> Result<Ended> {
    let train = config.section("train");
    let mut fitting = Fitting::open(dir, config, splits, spec, args.resume)?;
    if !args.common.quiet {
        fitting.advice().iter().for_each(|line| output::note(&format!("elbo: {line}")));
    }
    let progress = Progress::new(fitting.extent(), args.common.quiet);
    let Fitted { metrics, last, converged, estimator, test, iterations, elapsed, diverged } =
        fitting.complete(interrupt, &progress)?;
    if let Some(divergence) = diverged {
        return Err(divergence);
    }
    if let (Some(false), Some((name, most)), false) = (converged, limit(train), args.common.quiet) {
        output::note(&format!("elbo: not converged after {most} iterations; raise train.{name}"));
    }
    let seed = train.int("seed") as u64;
    let generate = |count| {
        let samples = estimator.sample(count, &mut stream(seed, Purpose::Figure, 0))?;
        Some(samples.reshape([1, count, splits.train.width()]))
    };
    let clusters = test.and_then(|test| test.clusters);
    let figures =
        figures::write(dir, (&metrics, "nats"), ("draws from the model", generate), &splits.test, clusters.as_ref())?;
    Ok(Ended { last, converged, best: None, steps: iterations, elapsed, log_density_shift: None, figures })
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
    let before = setup::noted(dir)?;
    setup::same_data(dir, &before["data"], &env["data"])?;
    if before["kernel"] != env["kernel"] && !quiet {
        output::note(&format!(
            "elbo: the run was started with {} kernels; bits may differ from here on",
            before["kernel"]
        ));
    }
    Ok(())
}

/// Whether the loss is minus a bound on `ln p(x)`, in nats.
fn is_bound(config: &Config, spec: &ModelSpec) -> bool {
    (spec.has_evidence)(config.section("model"))
}

/// The summary in words; `bound`: whether a loss in it is minus a bound on `ln p(x)`.
fn told(config: &Config, ended: &Ended, bound: bool, dir: &RunDir) -> String {
    let value = |name: &str| ended.last.iter().find(|(column, _)| column == name).map(|(_, value)| *value);
    let mut text = format!(
        "{} on {}: {} epochs, {} steps, {:.0} s\n",
        config.kind(),
        data::title(config.section("data")),
        ended.epochs(),
        ended.steps,
        ended.elapsed
    );
    let mut tell = |name: &str, meaning: &str| {
        if let Some(value) = value(name) {
            text += &format!("  {name:26} {value:>9.4}  {meaning}\n");
        }
    };
    tell("train_inertia", "sum of the squared distances of the training rows from their centres");
    tell("train_explained", "share of the training rows' variance that the components hold, 0 to 1");
    tell("train_log_likelihood", "nats per training row: ln p(x), higher is better");
    tell("train_bic", "Bayes' information criterion on the training rows, lower is better");
    tell("train_aic", "Akaike's information criterion on them, lower is better");
    tell("test_log_likelihood", "nats per row: ln p(x), higher is better");
    let (loss, recon) = if bound {
        ("nats per row: minus the bound on ln p(x), lower is better", "of it, −ln p(x|z)")
    } else {
        ("per row: what is minimised, lower is better", "of it, the error of the reconstruction")
    };
    tell("test_loss", loss);
    tell("test_recon", recon);
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
    text += &match (
        ["train_log_likelihood", "test_log_likelihood", "test_loss"].into_iter().find_map(value),
        ended.log_density_shift,
    ) {
        (None, _) | (_, Some(0.0)) => String::new(),
        (_, Some(shift)) => format!("  x are the prepared rows: {shift:+.4} nats for ln p of the rows as they are\n"),
        (_, None) => "  x are the latents that stand for the rows\n".into(),
    };
    if let Some((loss, epoch)) = ended.best {
        text += &format!("best validation loss {loss:.4} after epoch {epoch}\n");
    }
    let figures: Vec<String> = ended.figures.iter().map(|name| dir.figure(name).display().to_string()).collect();
    text + &format!("run      {}\nfigures  {}\n", dir.path().display(), figures.join("\n         "))
}
