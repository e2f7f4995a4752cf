//! What every command that trains must establish first: that model and data fit together, and on what it runs.

use elbo_datasets::{Dataset, Splits};
use elbo_models::{EstimatorSpec, ModelSpec, Value};
use serde_json::{Value as Json, json};

use crate::config::Config;
use crate::data;
use crate::data::limits;
use crate::machine::error::{Error, Result};
use crate::run::dir::RunDir;

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
    let k = classes(config);
    if k > rows {
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
            limits::assignments(k, rows.max(splits.test.rows()))?;
            let problem = (spec.check)(config.section("model"), config.section("train"), splits.train.width());
            problem.map_or(Ok(()), |problem| Err(Error::usage(problem)))?;
        }
    }
    Ok(spec)
}

/// `model.k`; 1 for a model without.
pub fn classes(config: &Config) -> usize {
    match config.section("model").iter().find(|(name, _)| *name == "k") {
        Some((_, Value::Int(k))) => *k as usize,
        _ => 1,
    }
}

fn check_steps(config: &Config, splits: &Splits, spec: &ModelSpec) -> Result<()> {
    let (rows, train) = (splits.train.rows(), config.section("train"));
    let batch = train.int("batch");
    if batch > rows {
        return Err(Error::usage(format_args!("train.batch = {batch}: more than the {rows} training rows")));
    }
    let size = limits::networks(spec, config.section("model"), splits.train.width())?;
    limits::activations(size.widest, batch, train.int("samples"), classes(config))?;
    [&splits.train, &splits.valid, &splits.test].into_iter().try_for_each(|set| check_values(config, spec, set))
}

/// Whether the model can be given the rows of `set`: neither a Bernoulli likelihood nor binarisation takes reals.
pub fn check_values(config: &Config, spec: &ModelSpec, set: &Dataset) -> Result<()> {
    let needing = [
        ((spec.of_intensities)(config.section("model")), "a Bernoulli likelihood"),
        (data::binarize(config.section("data")), "data.binarize = \"dynamic\""),
    ];
    match needing.into_iter().find(|(needs, _)| *needs && set.rows() > 0 && !set.is_intensity()) {
        Some((_, what)) => {
            Err(Error::usage(format_args!("{what} needs intensities, and {} has real values", set.name())))
        }
        None => Ok(()),
    }
}

/// Version, machine and precision, for `env.json`.
pub fn environment(threads: usize) -> Json {
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
pub fn noted(dir: &RunDir) -> Result<Json> {
    let path = dir.env();
    let text = std::fs::read_to_string(&path).map_err(|cause| Error::system("read", &path, &cause))?;
    let noted: serde_json::Map<String, Json> =
        serde_json::from_str(&text).map_err(|cause| Error::usage(format_args!("{}: {cause}", path.display())))?;
    Ok(noted.into())
}

/// Refuses to go on with the run in `dir` on data other than those it was started on; `before` and `now` are the notes
/// on them.
///
/// # Errors
/// Exit code 3 if the rows of a split differ.
pub fn same_data(dir: &RunDir, before: &Json, now: &Json) -> Result<()> {
    if ["train", "valid", "test"].iter().any(|split| before[split] != now[split]) {
        let problem = "the run was started on other data than is found now";
        return Err(Error::data(format_args!("{}: {problem}", dir.env().display())));
    }
    Ok(())
}

/// `value` as JSON on many lines.
pub fn pretty(value: &Json) -> String {
    format!("{value:#}\n")
}
