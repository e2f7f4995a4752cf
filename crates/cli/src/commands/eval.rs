//! `elbo eval`: the metrics of a run, recomputed from a checkpoint.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::args::Common;
use crate::config::{Config, Method};
use crate::data::Rows;
use crate::machine::error::{Error, Result};
use crate::machine::output;
use crate::run::evaluation::importance_bound;
use crate::run::files::metrics_csv::cell;
use crate::run::stored::{Run, Stored, Wanted, Which};
use crate::run::trained::{Split, Trained};

/// Arguments of `elbo eval`.
#[derive(Debug, clap::Args)]
pub struct Eval {
    /// A run directory
    pub run: PathBuf,
    /// Evaluate on another data set of the same columns: the test split of a named one, or all rows of a table,
    /// which may lack the labels
    #[arg(long, value_name = "NAME|FILE")]
    pub data: Option<String>,
    /// The table's column of labels: its name, its number from 0, or `last` (the key `data.label_column`)
    #[arg(long, value_name = "COLUMN")]
    pub label_column: Option<String>,
    /// Which checkpoint to evaluate
    #[arg(long, value_enum, default_value = "last")]
    pub checkpoint: Which,
    /// Also estimate the test log-likelihood by the importance-weighted bound with K samples of the latent
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub iwae: Option<u32>,
    /// Test rows of that bound [default: all]
    #[arg(long, value_name = "N", requires = "iwae", value_parser = clap::value_parser!(u32).range(1..))]
    pub iwae_rows: Option<u32>,
    /// Where the rest of the arguments are the same for every command
    #[command(flatten)]
    pub common: Common,
}

/// Evaluates a checkpoint on the test split.
pub fn run(args: &Eval) -> Result<()> {
    args.common.use_threads()?;
    let data_dir = args.common.data_dir.as_deref();
    let mut run = Run::open(&args.run)?;
    if args.iwae.is_some() {
        has_bound(&run.config)?;
    }
    let wanted = Wanted { data: args.data.as_deref(), label_column: args.label_column.as_deref(), whole: false };
    let (set, remark) = run.rows(&wanted, data_dir)?;
    output::remark(remark.as_deref(), args.common.quiet);
    let shift = run.log_density_shift(&set);
    let Run { dir, config, .. } = run;
    if set.rows() == 0 {
        return Err(Error::data(format_args!("data set {} has no test rows", config.data.title())));
    }
    let stored = Stored::load(&dir, args.checkpoint, &config, (set.width(), wanted.data))?;
    output::remark(stored.remark.as_deref(), args.common.quiet);
    let result = stored.evaluate(&config, &set, Split::Test)?;
    let labels = set.labels().map(|labels| labels.values.as_slice());
    let mut metrics = result.metrics(labels, config.method.probe());
    if let (Some(samples), Trained::Steps(network)) = (args.iwae, &stored.model) {
        let rows = Rows { data: &set, binarize: config.data.is_binarized() };
        let count = args.iwae_rows.map_or(set.rows(), |rows| rows as usize);
        let bound = importance_bound(network, rows, (count, samples as usize), config.method.seed());
        metrics.push((format!("iwae_{samples}"), bound));
    }
    let epoch = stored.epoch;
    let metrics = metrics.into_iter().map(|(name, value)| (format!("test_{name}"), value));
    let json = || {
        let values: Map<String, Value> = metrics.clone().map(|(name, value)| (name, json!(value))).collect();
        json!({"epoch": epoch, "metrics": values, "log_density_shift": shift})
    };
    let text = || {
        let shift = shift.filter(|shift| *shift != 0.0).map(|shift| ("log_density_shift".to_string(), shift));
        let lines = metrics.clone().chain(shift).map(|(name, value)| format!("{name:26} {}\n", cell(value)));
        format!("{:26} {epoch}\n", "epoch") + &lines.collect::<String>()
    };
    output::result(args.common.json, json, text)
}

/// Refuses the models whose `ln p(x)` needs no bound or has none.
fn has_bound(config: &Config) -> Result<()> {
    let problem = match &config.method {
        Method::Iterations(_) => format!("the likelihood of {} is exact", config.kind()),
        Method::Steps(_) if !config.is_bound() => {
            "a bound on ln p(x) needs densities; a squared error and a point posterior are not densities".into()
        }
        Method::Steps(_) => return Ok(()),
    };
    Err(Error::usage(format_args!("--iwae: {problem}")))
}
