//! `elbo train`: a recipe becomes a run directory.

use std::path::PathBuf;

use clap::ArgAction;
use serde_json::{Value, json};

use super::args::Common;
use crate::config::{Config, read_recipe, recipe};
use crate::data::{self, Loaded, Source};
use crate::machine::error::{Error, Result};
use crate::machine::interrupt::Interrupt;
use crate::machine::{files, output};
use crate::run::advance::{Job, Start};
use crate::run::dir::RunDir;
use crate::run::files::summary::Summary;
use crate::run::fit::Finished;
use crate::run::progress::Progress;
use crate::run::training::check_start;
use crate::run::{figures, setup};

/// Arguments of `elbo train`.
#[derive(Debug, clap::Args)]
pub struct Train {
    /// A built-in recipe (see `elbo recipes`) or a TOML file
    pub recipe: String,
    /// Train on another data set: a name (see `elbo data ls`) or the file of a table
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
    let quiet = args.common.quiet;
    let (name, mut config) = recipe::load(&args.recipe)?;
    let data = args.data.iter().flat_map(|name| data::chosen(name));
    let label_column = args.label_column.iter().map(|column| format!("data.label_column={column}"));
    let seed = args.seed.iter().map(|seed| format!("train.seed={seed}"));
    let set = args.set.iter().cloned();
    config.set(&data.chain(label_column).chain(set).chain(seed).collect::<Vec<_>>())?;
    config.remarks().iter().for_each(|line| output::remark(Some(line), quiet));
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(format!("{name}-{}", config.hash())));
    RunDir::refuse_locked(&out)?;
    let threads = args.common.use_threads()?;
    let source = Source::of(&config.data, args.common.data_dir.as_deref(), None)?;
    let mut env = setup::environment(threads);
    env["recipe"] = json!(name);
    env["data"] = source.note(&config.data);
    let mut resumed = None;
    if args.resume {
        let dir = RunDir::resume(&out)?;
        same_run(&dir, &config, &env, quiet)?;
        resumed = Some(dir);
    }
    // Of a run that was killed early it is not there yet.
    let stored = resumed.as_ref().map(RunDir::preparation).filter(|path| path.exists());
    let Loaded { splits, preparation, columns, remark, .. } = source.prepared(&config.data, stored.as_deref())?;
    setup::check(&config, &splits)?;
    if let Some(path) = &args.from {
        check_start(path, &config, &splits)?;
        env["from"] = json!(path.display().to_string());
    }
    let dir = match resumed {
        Some(dir) => dir,
        None => RunDir::create(&out, &output::pretty(&env), &config.to_toml())?,
    };
    if stored.is_none() {
        preparation.store(&dir.preparation())?;
    }
    output::remark(remark.as_deref(), quiet);
    let interrupt = Interrupt::listen();
    if args.common.verbose {
        output::note(&format!("{}: {} kernels, {threads} threads", out.display(), elbo_tensor::kernel_name()));
    }

    let start = match &args.from {
        _ if args.resume => Start::Resume,
        Some(path) => Start::From(path),
        None => Start::New,
    };
    let job = Job { dir: &dir, config: &config, splits: &splits, columns: &columns, start, brief: false };
    let finished = job.run(&interrupt, &Progress::new(quiet))?;
    if let Some(divergence) = finished.diverged {
        return Err(divergence);
    }
    converged(&config, &finished, quiet);
    let figures = figures::write(&job, &finished)?;
    let log_density_shift = preparation.log_density_shift(splits.train.width());
    let summary = Summary { config: &config, finished: &finished, log_density_shift, figures: &figures };
    files::write_atomic(&dir.summary(), output::pretty(&summary.json()))?;
    output::result(args.common.json, || summary.json(), || summary.text(&dir))
}

/// Says so if an estimator did not come to its tolerance.
fn converged(config: &Config, finished: &Finished, quiet: bool) {
    if finished.converged == Some(false) && !quiet {
        let most = config.method.extent();
        output::note(&format!("elbo: not converged after {most} iterations; raise train.max_iter"));
    }
}

/// Refuses to continue under another configuration or on other data.
fn same_run(dir: &RunDir, config: &Config, env: &Value, quiet: bool) -> Result<()> {
    let path = dir.config();
    let theirs = Config::parse(&read_recipe(&path)?, &path.display().to_string())?;
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
