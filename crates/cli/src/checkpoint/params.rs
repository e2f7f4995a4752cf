//! The parameters of a network in a file of weights.

use std::collections::BTreeMap;
use std::path::Path;

use elbo_autograd::Params;
use elbo_tensor::Real;

use super::{NamedTensor, Weights, load_weights, save_weights};
use crate::machine::error::{Error, Result};

/// Writes `params` to `path` as safetensors, atomically, with `header` beside them: for any model, one of your own too.
///
/// # Errors
/// Exit code 5 if the system cannot write.
pub fn save_params(path: impl AsRef<Path>, params: &Params, header: &BTreeMap<String, String>) -> Result<()> {
    save_values(path.as_ref(), params, params.flat(), header)
}

/// The same with other values in place of those of the parameters.
pub fn save_values(path: &Path, params: &Params, values: &[Real], header: &BTreeMap<String, String>) -> Result<()> {
    let shapes: Vec<_> = params.ids().map(|id| params.get(id).shape()).collect();
    let named = params.ids().zip(&shapes);
    let tensors: Vec<NamedTensor<'_>> = named
        .map(|(id, shape)| NamedTensor { name: params.name(id), shape, data: &values[params.range(id)] })
        .collect();
    save_weights(path, &tensors, header)
}

/// Reads what [`save_params`] wrote into the parameters of the same model; what was noted beside them.
///
/// # Errors
/// Exit code 7 if the file is missing, damaged or of another model; 5 if the system cannot read.
pub fn load_params(path: impl AsRef<Path>, params: &mut Params) -> Result<BTreeMap<String, String>> {
    let path = path.as_ref();
    let stored = load_weights(path)?;
    fill(params, &stored).map_err(|reason| Error::checkpoint(path, reason))?;
    Ok(stored.metadata)
}

/// Puts stored weights into the parameters of a model built from the same configuration; what does not
/// fit, if it does not.
pub fn fill(params: &mut Params, stored: &Weights) -> std::result::Result<(), String> {
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
