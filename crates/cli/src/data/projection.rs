//! The model of `data.project`, fitted or found in the cache: the same bits either way.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, UNIX_EPOCH};

use data_encoding::HEXLOWER;
use elbo_datasets::Dataset;
use elbo_models::{Estimator, EstimatorOptions, FactorAnalysisOptions, PcaOptions};
use sha2::{Digest, Sha256};

use super::options::Project;
use crate::checkpoint::{Notes, load_arrays, save_arrays};
use crate::machine::cache_dir::cache_dir;
use crate::machine::error::{Error, Result};

/// Fits that take less are not worth a file.
const WORTH_KEEPING: Duration = Duration::from_secs(1);
/// Folder in the cache.
const FOLDER: &str = "projections";

/// The options of the model that gives the latents.
pub fn options(project: Project, latents: usize) -> Option<Box<dyn EstimatorOptions>> {
    match project {
        Project::None => None,
        Project::FactorAnalysis => Some(Box::new(FactorAnalysisOptions { latents, ..Default::default() })),
        Project::Pca => Some(Box::new(PcaOptions { latents, ..Default::default() })),
    }
}

/// The model fitted to `train`.
///
/// # Errors
/// Exit code 2 if the options do not fit the rows, 4 if the model cannot be fitted.
pub fn fitted(options: &dyn EstimatorOptions, train: &Dataset) -> Result<Box<dyn Estimator>> {
    let kind = options.facts().kind;
    let problem = |reason: &dyn std::fmt::Display| format!("data.project = {kind:?}: {reason}");
    options.check_for(train.width()).map_err(|reason| Error::usage(problem(&reason)))?;
    let file = file(options, train);
    let found = file.as_ref().filter(|path| path.exists()).and_then(|path| load_arrays(path).ok());
    let mut estimator = options.build(train.width());
    if let Some(found) = found.filter(|found| found.notes.done)
        && estimator.restore(&found.state).is_ok()
    {
        return Ok(estimator);
    }
    let started = Instant::now();
    let mut estimator = options.build(train.width());
    let iteration = estimator.iterate_to_end(&train.tensor()).map_err(|reason| Error::diverged(problem(&reason)))?;
    if let Some(path) = file.filter(|_| started.elapsed() >= WORTH_KEEPING) {
        // A cache that cannot be written costs the next process some seconds and this one nothing.
        let _ = save_arrays(&path, &*estimator, Notes { iteration, done: true }, &BTreeMap::new());
    }
    Ok(estimator)
}

/// Where the fit is kept: its name is a hash of all that the bits of the fit depend on, of the program too.
fn file(options: &dyn EstimatorOptions, train: &Dataset) -> Option<PathBuf> {
    let program = std::env::current_exe().and_then(std::fs::metadata).ok()?;
    let built = program.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let settings = options.boxed().settings();
    let mut hash = Sha256::new();
    hash.update(format!("{} {} {} {settings:?}", built.as_nanos(), program.len(), options.facts().kind));
    hash.update(format!("{} {:016x}", elbo_tensor::kernel_name(), train.checksum()));
    let name = HEXLOWER.encode(&hash.finalize()[..12]);
    // Not where the user's data sets are.
    let folder = cache_dir(|variable| if variable == "ELBO_DATA_DIR" { None } else { std::env::var_os(variable) })?;
    Some(folder.join(FOLDER).join(format!("{name}.safetensors")))
}
