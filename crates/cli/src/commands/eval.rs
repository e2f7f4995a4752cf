//! `elbo eval`: the metrics of a run, recomputed from a checkpoint.

use serde_json::json;

use super::use_threads;
use crate::args::Eval;
use crate::config::Config;
use crate::data::{self, Rows};
use crate::error::{Error, Result};
use crate::evaluation::importance_bound;
use crate::metrics_csv::cell;
use crate::output;
use crate::run_training::Split;
use crate::setup::{self, Spec};
use crate::trained::{Opened, Stored, Trained, Wanted};

/// Evaluates a checkpoint on the test split.
pub fn run(args: &Eval) -> Result<()> {
    use_threads(&args.common)?;
    let data_dir = args.common.data_dir.as_deref();
    let mut run = Opened::new(&args.run)?;
    if args.iwae.is_some() {
        has_bound(&run.config)?;
    }
    let wanted = Wanted { data: args.data.as_deref(), label_column: args.label_column.as_deref(), whole: false };
    let (set, remark) = run.rows(&wanted, data_dir)?;
    output::remark(remark.as_deref(), args.common.quiet);
    let shift = run.log_density_shift(&set);
    let Opened { dir, config, .. } = run;
    if set.rows() == 0 {
        return Err(Error::data(format_args!("data set {} has no test rows", data::title(config.section("data")))));
    }
    let stored = Stored::load(&dir, args.checkpoint, &config, (set.width(), wanted.data))?;
    let result = stored.evaluate(&config, &set, Split::Test)?;
    let labels = set.labels().map(|labels| labels.values.as_slice());
    let mut metrics = result.metrics(labels, config.section("log").bool("probe"));
    if let (Some(samples), Trained::Steps(_, model, params)) = (args.iwae, &stored.model) {
        let rows = Rows { data: &set, binarize: data::binarize(config.section("data")) };
        let count = args.iwae_rows.map_or(set.rows(), |rows| rows as usize);
        let seed = config.section("train").int("seed") as u64;
        let bound =
            importance_bound((&**model, params, setup::classes(&config)), rows, (count, samples as usize), seed);
        metrics.push((format!("iwae_{samples}"), bound));
    }
    let epoch = stored.epoch;
    if args.common.json {
        let values: serde_json::Map<_, _> =
            metrics.iter().map(|(name, value)| (format!("test_{name}"), json!(value))).collect();
        return output::data(&format!(
            "{:#}\n",
            json!({"epoch": epoch, "metrics": values, "log_density_shift": shift})
        ));
    }
    let lines = metrics.iter().map(|(name, value)| format!("{:26} {}\n", format!("test_{name}"), cell(*value)));
    let shift = shift.filter(|shift| *shift != 0.0);
    let shift = shift.map(|shift| format!("{:26} {}\n", "log_density_shift", cell(shift)));
    output::data(&(format!("{:26} {epoch}\n", "epoch") + &lines.collect::<String>() + &shift.unwrap_or_default()))
}

/// Refuses the models whose `ln p(x)` needs no bound or has none.
fn has_bound(config: &Config) -> Result<()> {
    let problem = match setup::spec(config.kind())? {
        Spec::Iterations(spec) => format!("the likelihood of {} is exact", spec.kind),
        Spec::Steps(spec) if !(spec.has_evidence)(config.section("model")) => {
            "a bound on ln p(x) needs densities, and a squared error or a point posterior is none".into()
        }
        Spec::Steps(_) => return Ok(()),
    };
    Err(Error::usage(format_args!("--iwae: {problem}")))
}
