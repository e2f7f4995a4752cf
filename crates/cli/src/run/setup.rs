//! What every command that trains must establish first: that model and data fit together, and on what it runs.

use elbo_datasets::{Dataset, Splits};
use serde_json::{Value as Json, json};

use super::dir::RunDir;
use crate::config::{Config, Iterations, Method, Steps};
use crate::data::limits;
use crate::machine::error::{Error, Result};
use crate::machine::files;

/// What no single setting can know: whether model and data fit together.
///
/// # Errors
/// Exit code 2 with the key that does not fit; 3 if there are no training rows.
pub fn check(config: &Config, splits: &Splits) -> Result<()> {
    let (rows, width) = (splits.train.rows(), splits.train.width());
    if rows == 0 {
        return Err(Error::data("no training rows are left after the validation rows"));
    }
    let k = config.method.classes();
    if k > rows {
        return Err(Error::usage(format_args!("model.k = {k}: more clusters than the {rows} training rows")));
    }
    match &config.method {
        Method::Steps(steps) => check_steps(config, splits, steps),
        Method::Iterations(Iterations { options, .. }) if config.data.is_binarized() => {
            let reason = format!("{} sees the same rows in every iteration", options.facts().kind);
            Err(Error::usage(format_args!("data.binarize = \"dynamic\": {reason}")))
        }
        Method::Iterations(Iterations { options, .. }) => {
            limits::assignments(k, rows.max(splits.test.rows()))?;
            options.check_for(width).map_err(Error::usage)
        }
    }
}

fn check_steps(config: &Config, splits: &Splits, Steps { model, train, .. }: &Steps) -> Result<()> {
    let rows = splits.train.rows();
    if train.batch > rows {
        return Err(Error::usage(format_args!("train.batch = {}: more than the {rows} training rows", train.batch)));
    }
    let size = limits::networks(&**model, splits.train.width())?;
    limits::activations(size.widest, train.batch, train.samples, model.facts().classes)?;
    [&splits.train, &splits.valid, &splits.test].into_iter().try_for_each(|set| check_values(config, set))
}

/// Whether the model can be given the rows of `set`: neither a Bernoulli likelihood nor binarisation takes reals.
///
/// # Errors
/// Exit code 2 if not.
pub fn check_values(config: &Config, set: &Dataset) -> Result<()> {
    let bernoulli = matches!(&config.method, Method::Steps(steps) if steps.model.facts().of_intensities);
    let needing = [(bernoulli, "a Bernoulli likelihood"), (config.data.is_binarized(), "data.binarize = \"dynamic\"")];
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
    let text = files::read_text(&path)?;
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
