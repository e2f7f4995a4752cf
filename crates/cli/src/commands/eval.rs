//! `elbo eval`: the metrics of a run, recomputed from a checkpoint.

use serde_json::json;

use super::use_threads;
use crate::args::Eval;
use crate::data::{self, Rows};
use crate::error::{Error, Result};
use crate::evaluation::importance_bound;
use crate::metrics_csv::cell;
use crate::run_training::Split;
use crate::trained::{self, Stored, Trained};
use crate::{output, recipe};

/// Evaluates a checkpoint on the test split.
pub fn run(args: &Eval) -> Result<()> {
    use_threads(&args.common)?;
    let data_dir = args.common.data_dir.as_deref();
    let (dir, mut config, preparation) = trained::open(&args.run, data_dir)?;
    if let Some(name) = &args.data {
        config.set(&data::chosen(name), &recipe::schema())?;
        if data::is_table(name) {
            // All rows of the table are test rows.
            let all = ["data.valid_rows=0", "data.test_rows=0", "data.test=train"];
            config.set(&all, &recipe::schema())?;
        }
    }
    if let Some(column) = &args.label_column {
        config.set(&[format!("data.label_column={column}")], &recipe::schema())?;
    }
    let splits = data::load_prepared(config.section("data"), data_dir, &preparation)?;
    if splits.test.rows() == 0 {
        return Err(Error::data(format_args!("data set {} has no test rows", data::title(config.section("data")))));
    }
    let shape = (splits.test.width(), args.data.as_deref());
    let stored = Stored::load(&dir, args.checkpoint, &config, shape)?;
    let result = stored.evaluate(&config, &splits.test, Split::Test)?;
    let labels = splits.test.labels().map(|labels| labels.values.as_slice());
    let mut metrics = result.metrics(labels, config.section("log").bool("probe"));
    if let Some(samples) = args.iwae {
        let Trained::Steps(model, params) = &stored.model else {
            return Err(Error::usage(format_args!("--iwae: the likelihood of {} is exact", config.kind())));
        };
        let rows = Rows { data: &splits.test, binarize: data::binarize(config.section("data"), &splits.test)? };
        let count = args.iwae_rows.map_or(splits.test.rows(), |rows| rows as usize);
        let seed = config.section("train").int("seed") as u64;
        let bound = importance_bound((&**model, params), rows, (count, samples as usize), seed);
        metrics.push((format!("iwae_{samples}"), bound));
    }
    let epoch = stored.epoch;
    if args.common.json {
        let values: serde_json::Map<_, _> =
            metrics.iter().map(|(name, value)| (format!("test_{name}"), json!(value))).collect();
        return output::data(&format!("{:#}\n", json!({"epoch": epoch, "metrics": values})));
    }
    let lines = metrics.iter().map(|(name, value)| format!("{:26} {}\n", format!("test_{name}"), cell(*value)));
    output::data(&(format!("{:26} {epoch}\n", "epoch") + &lines.collect::<String>()))
}
