//! What every command that trains must establish first: that model and data fit together, and on what it runs.

use elbo_datasets::{Dataset, Splits};
use elbo_models::ModelSpec;
use serde_json::{Value, json};

use crate::config::Config;
use crate::error::{Error, Result};

/// What no single setting can know: whether model and data fit together.
pub fn check(config: &Config, splits: &Splits) -> Result<&'static ModelSpec> {
    let spec = elbo_models::all().iter().find(|spec| spec.kind == config.kind());
    let spec = spec.ok_or_else(|| Error::usage(format_args!("no model of kind {}", config.kind())))?;
    let rows = splits.train.rows();
    if rows == 0 {
        return Err(Error::data("no training rows are left after the validation rows"));
    }
    let k = config.section("model").iter().find(|(name, _)| *name == "k").map(|(_, value)| value);
    if let Some(elbo_models::Value::Int(k)) = k.filter(|k| matches!(k, elbo_models::Value::Int(k) if *k > rows as u64))
    {
        return Err(Error::usage(format_args!("model.k = {k}: more clusters than the {rows} training rows")));
    }
    let batch = config.section("train").int("batch");
    if batch > rows {
        return Err(Error::usage(format_args!("train.batch = {batch}: more than the {rows} training rows")));
    }
    if (spec.of_intensities)(config.section("model")) && !splits.train.is_intensity() {
        let name = splits.train.name();
        return Err(Error::usage(format_args!("a Bernoulli likelihood needs intensities, and {name} has real values")));
    }
    Ok(spec)
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

/// Rows and checksum of each split, for `env.json`.
pub fn checksums(config: &Config, splits: &Splits) -> Value {
    let split = |set: &Dataset| json!({"rows": set.rows(), "checksum": format!("{:016x}", set.checksum())});
    json!({
        "name": config.section("data").text("name"),
        "train": split(&splits.train),
        "valid": split(&splits.valid),
        "test": split(&splits.test),
    })
}
