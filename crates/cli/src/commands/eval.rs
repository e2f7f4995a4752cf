//! `elbo eval`: the metrics of a run, recomputed from a checkpoint.

use elbo_autograd::Params;
use serde_json::json;

use super::use_threads;
use crate::args::{Eval, Which};
use crate::checkpoint::load_weights;
use crate::config::{Config, read_recipe};
use crate::data::{self, Rows};
use crate::error::{Error, Result};
use crate::evaluation::{evaluate, importance_bound};
use crate::run_dir::RunDir;
use crate::run_training::{Split, evaluation_index};
use crate::{output, recipe};

/// Evaluates a checkpoint on the test split.
pub fn run(args: &Eval) -> Result<()> {
    let dir = RunDir::open(&args.run)?;
    let path = dir.config();
    let mut config = Config::parse(&read_recipe(&path)?, &path.display().to_string(), &recipe::schema())?;
    use_threads(&args.common)?;
    let weights = dir.weights(match args.checkpoint {
        Which::Last => "last",
        Which::Best => "best",
    });
    let stored = load_weights(&weights)?;
    if let Some(name) = &args.data {
        config.set(&[format!("data.name={name}")], &recipe::schema())?;
    }
    let splits = data::load(config.section("data"), args.common.data_dir.as_deref())?;
    if splits.test.rows() == 0 {
        return Err(Error::data(format_args!("data set {} has no test rows", config.section("data").text("name"))));
    }
    let spec = elbo_models::all().iter().find(|spec| spec.kind == config.kind());
    let spec = spec.ok_or_else(|| Error::usage(format_args!("no model of kind {}", config.kind())))?;
    let seed = config.section("train").int("seed") as u64;
    let (model, mut params) = spec.create(config.section("model"), splits.test.width(), seed);
    fill(&mut params, &stored).map_err(|reason| match &args.data {
        Some(name) => Error::data(format_args!("data set {name} does not fit {}: {reason}", weights.display())),
        None => Error::checkpoint(&weights, reason),
    })?;
    let epoch = stored.metadata.get("epoch").and_then(|epoch| epoch.parse().ok());
    let epoch: u64 = epoch.ok_or_else(|| Error::checkpoint(&weights, "no epoch is noted in it"))?;

    let binarize = data::binarize(config.section("data"), &splits.test)?;
    let rows = Rows { data: &splits.test, binarize };
    let index = evaluation_index(epoch, Split::Test);
    let result = evaluate((&*model, &params), rows, config.section("train").int("batch"), (seed, index));
    let labels = splits.test.labels().map(|labels| labels.values.as_slice());
    let mut metrics = result.metrics(labels, config.section("log").bool("probe"));
    if let Some(samples) = args.iwae {
        let count = args.iwae_rows.map_or(splits.test.rows(), |rows| rows as usize);
        let bound = importance_bound((&*model, &params), rows, (count, samples as usize), seed);
        metrics.push((format!("iwae_{samples}"), bound));
    }
    if args.common.json {
        let values: serde_json::Map<_, _> =
            metrics.iter().map(|(name, value)| (format!("test_{name}"), json!(value))).collect();
        return output::data(&format!("{:#}\n", json!({"epoch": epoch, "metrics": values})));
    }
    let lines = metrics.iter().map(|(name, value)| format!("{:26} {value}\n", format!("test_{name}")));
    output::data(&(format!("{:26} {epoch}\n", "epoch") + &lines.collect::<String>()))
}

/// Puts stored weights into the parameters of a model built from the same configuration.
fn fill(params: &mut Params, stored: &crate::checkpoint::Weights) -> std::result::Result<(), String> {
    if stored.tensors.len() != params.len() {
        return Err(format!("it holds {} tensors and the model has {}", stored.tensors.len(), params.len()));
    }
    for id in params.ids() {
        let (name, range, shape) = (params.name(id).to_string(), params.range(id), params.get(id).shape());
        let tensor = stored.tensors.get(&name).ok_or_else(|| format!("tensor `{name}` is missing"))?;
        if tensor.shape != shape[..] {
            return Err(format!("tensor `{name}` is {:?} and the model's {shape:?}", tensor.shape));
        }
        params.flat_mut()[range].copy_from_slice(&tensor.data);
    }
    Ok(())
}
