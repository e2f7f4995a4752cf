//! The state of an estimator: its arrays in a file of weights, with the iteration they are of.

use std::collections::BTreeMap;
use std::path::Path;

use elbo_models::{Array, Estimator};

use super::{NamedTensor, StoredTensor, Weights, load_weights, save_weights};
use crate::machine::error::{Error, Result};
use crate::machine::files;

/// Keys of what is noted beside the arrays.
const ITERATION: &str = "epoch";
const DONE: &str = "done";

/// What a checkpoint notes beside the state.
#[derive(Debug, Clone, Copy)]
pub struct Notes {
    /// Iterations done.
    pub iteration: u64,
    /// Whether nothing is left to do.
    pub done: bool,
}

/// A state that was loaded.
#[derive(Debug)]
pub struct StoredArrays {
    /// The arrays, for [`Estimator::restore`].
    pub state: Vec<Array>,
    /// What is noted beside them.
    pub notes: Notes,
    /// [`Weights::format`] of their file.
    pub format: u32,
}

/// The state in the checkpoint `path`.
///
/// # Errors
/// Exit code 7 if it is missing or damaged.
pub fn load_arrays(path: &Path) -> Result<StoredArrays> {
    let weights = load_weights::<f64>(path)?;
    let format = weights.format();
    let Weights { tensors, metadata } = weights;
    let array = |(name, tensor): (String, StoredTensor<f64>)| Array {
        name: name.into(),
        shape: tensor.shape,
        values: tensor.data,
    };
    let state: Vec<Array> = tensors.into_iter().map(array).collect();
    let noted = |key| metadata.get(key).and_then(|text| text.parse::<u64>().ok());
    let iteration = noted(ITERATION).ok_or_else(|| Error::checkpoint(path, "no epoch is noted in it"))?;
    Ok(StoredArrays { state, notes: Notes { iteration, done: noted(DONE) == Some(1) }, format })
}

/// Writes the state of an estimator as the checkpoint `path`, for [`load_arrays`]; `header` is noted beside it.
///
/// # Errors
/// Exit code 5 if the system cannot write.
pub fn save_arrays(
    path: &Path,
    estimator: &dyn Estimator,
    notes: Notes,
    header: &BTreeMap<String, String>,
) -> Result<()> {
    let notes = [(ITERATION, notes.iteration), (DONE, u64::from(notes.done))];
    let mut header = header.clone();
    header.extend(notes.map(|(key, value)| (key.to_string(), value.to_string())));
    let state = estimator.state();
    let tensors = state.iter().map(|Array { name, shape, values }| NamedTensor { name, shape, data: values });
    let tensors: Vec<NamedTensor<'_, f64>> = tensors.collect();
    path.parent().map_or(Ok(()), files::create_dir)?;
    save_weights(path, &tensors, &header)
}
