//! The model of `data.project`, fitted or found in the cache: the same bits either way.

use std::path::PathBuf;
use std::time::{Duration, Instant, UNIX_EPOCH};

use elbo_datasets::Dataset;
use elbo_models::{Array, Estimator, EstimatorSpec, Settings, Value};
use sha2::{Digest, Sha256};

use crate::checkpoint::{Notes, load_arrays, save_arrays};
use crate::machine::cache_dir::cache_dir;
use crate::machine::error::{Error, Result};

/// Fits that take less are not worth a file.
const WORTH_KEEPING: Duration = Duration::from_secs(1);
/// Folder in the cache.
const FOLDER: &str = "projections";

/// A model of this kind with its default settings, fitted to `train`.
///
/// # Errors
/// Exit code 2 if there is no such model, 4 if it cannot be fitted.
pub fn fitted(kind: &str, latents: usize, train: &Dataset) -> Result<Box<dyn Estimator>> {
    let (spec, settings) = chosen(kind, latents)?;
    if let Some(problem) = (spec.check)(&settings[0], &settings[1], train.width()) {
        return Err(Error::usage(format_args!("data.project = {kind:?}: {problem}")));
    }
    let file = file(spec, &settings, train);
    let found = file.as_ref().filter(|path| path.exists()).and_then(|path| load_arrays(path).ok());
    if let Some((state, Notes { done: true, .. })) = found {
        let mut estimator = unfitted(spec, &settings, train.width());
        if estimator.restore(&state).is_ok() {
            return Ok(estimator);
        }
    }
    let started = Instant::now();
    let (mut estimator, x, mut iteration) = (unfitted(spec, &settings, train.width()), train.tensor(), 0);
    loop {
        iteration += 1;
        match estimator.iterate(&x) {
            Ok(found) if found.done => break,
            Ok(_) => {}
            Err(reason) => return Err(Error::diverged(format_args!("data.project = {kind:?}: {}", reason.0))),
        }
    }
    if let Some(path) = file.filter(|_| started.elapsed() >= WORTH_KEEPING) {
        // A cache that cannot be written costs the next process some seconds and this one nothing.
        let _ = save_arrays(&path, &estimator.state(), &Notes { iteration, done: true });
    }
    Ok(estimator)
}

/// The model of this kind that was fitted to rows of `width` columns and left this state.
///
/// # Errors
/// What of the state is not that of such a model.
pub fn restored(
    kind: &str,
    latents: usize,
    width: usize,
    state: &[Array],
) -> std::result::Result<Box<dyn Estimator>, String> {
    let (spec, settings) = chosen(kind, latents).map_err(|error| error.to_string())?;
    let mut estimator = unfitted(spec, &settings, width);
    estimator.restore(state).map(|()| estimator)
}

/// The model of this kind and its settings, those of the model and those of its fit.
fn chosen(kind: &str, latents: usize) -> Result<(&'static EstimatorSpec, [Settings; 2])> {
    let spec = elbo_models::estimators().iter().find(|spec| spec.kind == kind);
    let spec = spec.ok_or_else(|| Error::usage(format_args!("data.project = {kind:?}: no such model")))?;
    let mut model = Settings::defaults(&(spec.model)());
    model.set("latents", Value::Int(latents as u64));
    Ok((spec, [model, Settings::defaults(&(spec.train)())]))
}

fn unfitted(spec: &EstimatorSpec, [model, train]: &[Settings; 2], width: usize) -> Box<dyn Estimator> {
    (spec.build)(model, train, width, 0)
}

/// Where the fit is kept: its name is a hash of all that the bits of the fit depend on, of the program too.
fn file(spec: &EstimatorSpec, settings: &[Settings; 2], train: &Dataset) -> Option<PathBuf> {
    let program = std::env::current_exe().and_then(std::fs::metadata).ok()?;
    let built = program.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let mut hash = Sha256::new();
    hash.update(format!("{} {} {} {settings:?}", built.as_nanos(), program.len(), spec.kind));
    hash.update(format!("{} {:016x}", elbo_tensor::kernel_name(), train.checksum()));
    let name: String = hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    // Not where the user's data sets are.
    let folder = cache_dir(|variable| if variable == "ELBO_DATA_DIR" { None } else { std::env::var_os(variable) })?;
    Some(folder.join(FOLDER).join(format!("{name}.safetensors")))
}
