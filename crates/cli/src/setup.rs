//! What every command that trains must establish first: that model and data fit together, and on what it runs.

use elbo_datasets::Splits;
use elbo_models::{EstimatorSpec, ModelSpec};
use serde_json::{Value, json};

use crate::config::Config;
use crate::data;
use crate::error::{Error, Result};
use crate::run_dir::RunDir;

/// How a model is trained.
#[derive(Debug, Clone, Copy)]
pub enum Spec {
    /// By steps on batches.
    Steps(&'static ModelSpec),
    /// By iterations over all rows.
    Iterations(&'static EstimatorSpec),
}

/// The model of this kind.
pub fn spec(kind: &str) -> Result<Spec> {
    let steps = elbo_models::all().iter().find(|spec| spec.kind == kind).map(Spec::Steps);
    let iterations = || elbo_models::estimators().iter().find(|spec| spec.kind == kind).map(Spec::Iterations);
    steps.or_else(iterations).ok_or_else(|| Error::usage(format_args!("no model of kind {kind}")))
}

/// What no single setting can know: whether model and data fit together.
pub fn check(config: &Config, splits: &Splits) -> Result<Spec> {
    let rows = splits.train.rows();
    if rows == 0 {
        return Err(Error::data("no training rows are left after the validation rows"));
    }
    let k = config.section("model").iter().find(|(name, _)| *name == "k").map(|(_, value)| value);
    if let Some(elbo_models::Value::Int(k)) = k.filter(|k| matches!(k, elbo_models::Value::Int(k) if *k > rows as u64))
    {
        return Err(Error::usage(format_args!("model.k = {k}: more clusters than the {rows} training rows")));
    }
    let spec = spec(config.kind())?;
    match spec {
        Spec::Steps(spec) => check_steps(config, splits, spec)?,
        Spec::Iterations(spec) if config.section("data").text("binarize") == "dynamic" => {
            let reason = format!("{} sees the same rows in every iteration", spec.kind);
            return Err(Error::usage(format_args!("data.binarize = \"dynamic\": {reason}")));
        }
        Spec::Iterations(spec) => {
            let problem = (spec.check)(config.section("model"), config.section("train"), splits.train.width());
            problem.map_or(Ok(()), |problem| Err(Error::usage(problem)))?;
        }
    }
    Ok(spec)
}

fn check_steps(config: &Config, splits: &Splits, spec: &ModelSpec) -> Result<()> {
    let (rows, batch) = (splits.train.rows(), config.section("train").int("batch"));
    if batch > rows {
        return Err(Error::usage(format_args!("train.batch = {batch}: more than the {rows} training rows")));
    }
    if (spec.of_intensities)(config.section("model")) && !splits.train.is_intensity() {
        let name = splits.train.name();
        return Err(Error::usage(format_args!("a Bernoulli likelihood needs intensities, and {name} has real values")));
    }
    data::binarize(config.section("data"), &splits.train).map(drop)
}

/// Version, machine and precision, for `env.json`.
pub fn environment(threads: usize) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "commit": env!("ELBO_COMMIT"),
        "kernel": elbo_tensor::kernel_name(),
        "threads": threads,
        "precision": if cfg!(feature = "f64") { "f64" } else { "f32" },
    })
}

/// What `env.json` noted when the run in `dir` was started.
///
/// # Errors
/// Exit code 2 if it is damaged; 5 if the system cannot read it.
pub fn noted(dir: &RunDir) -> Result<Value> {
    let path = dir.env();
    let text = std::fs::read_to_string(&path).map_err(|cause| Error::system("read", &path, &cause))?;
    serde_json::from_str(&text).map_err(|cause| Error::usage(format_args!("{}: {cause}", path.display())))
}

/// Refuses to go on with the run in `dir` on data other than those it was started on; `before` and `now` are the notes
/// on them.
///
/// # Errors
/// Exit code 3 if the rows of a split differ.
pub fn same_data(dir: &RunDir, before: &Value, now: &Value) -> Result<()> {
    if ["train", "valid", "test"].iter().any(|split| before[split] != now[split]) {
        let problem = "the run was started on other data than is found now";
        return Err(Error::data(format_args!("{}: {problem}", dir.env().display())));
    }
    Ok(())
}

/// `value` as JSON on many lines.
pub fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
