//! The checkpoint of a model that is fitted by iterations: the arrays of its state, and how far it is.

use std::collections::BTreeMap;
use std::path::Path;

use elbo_models::Array;

use super::weights::{NamedTensor, StoredTensor, Weights, load_weights, save_weights};
use crate::machine::error::{Error, Result};
use crate::machine::files;

/// Keys of what a checkpoint notes.
const ITERATION: &str = "epoch";
const DONE: &str = "done";

/// What a checkpoint notes beside the state.
pub struct Notes {
    /// Iterations done.
    pub iteration: u64,
    /// Whether nothing is left to do.
    pub done: bool,
}

/// The state in the checkpoint `path`.
///
/// # Errors
/// Exit code 7 if it is missing or damaged.
pub fn load_arrays(path: &Path) -> Result<(Vec<Array>, Notes)> {
    let Weights { tensors, metadata } = load_weights::<f64>(path)?;
    let array = |(name, tensor): (String, StoredTensor<f64>)| Array {
        name: name.into(),
        shape: tensor.shape,
        values: tensor.data,
    };
    let state: Vec<Array> = tensors.into_iter().map(array).collect();
    let noted = |key| metadata.get(key).and_then(|text| text.parse::<u64>().ok());
    let iteration = noted(ITERATION).ok_or_else(|| Error::checkpoint(path, "no epoch is noted in it"))?;
    Ok((state, Notes { iteration, done: noted(DONE) == Some(1) }))
}

/// Writes the state of a model as the checkpoint `path`, for [`load_arrays`].
///
/// # Errors
/// Exit code 5 if the system cannot write.
pub fn save_arrays(path: &Path, state: &[Array], notes: &Notes) -> Result<()> {
    let notes = [(ITERATION, notes.iteration), (DONE, u64::from(notes.done))];
    let notes = notes.map(|(key, value)| (key.to_string(), value.to_string()));
    let tensors = state.iter().map(|Array { name, shape, values }| NamedTensor { name, shape, data: values });
    let tensors: Vec<NamedTensor<'_, f64>> = tensors.collect();
    path.parent().map_or(Ok(()), files::create_dir)?;
    save_weights(path, &tensors, &BTreeMap::from(notes))
}
