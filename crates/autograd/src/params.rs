//! Named parameters in one flat block.

use std::ops::Range;

use elbo_tensor::{Real, Shape, Tensor};

/// Handle of a parameter within its [`Params`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ParamId(pub(crate) usize);

/// The parameters of a model: names, shapes and one flat block of values that an optimiser walks in a single pass.
#[derive(Debug, Clone)]
pub struct Params {
    entries: Vec<(String, Range<usize>, Shape)>,
    values: Tensor,
}

impl Default for Params {
    fn default() -> Self {
        Self::new()
    }
}

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self { entries: Vec::new(), values: Tensor::zeros([0]) }
    }

    /// Adds a parameter under a name of its own, such as `q_z.hidden.0.weight`.
    ///
    /// # Panics
    /// If a parameter has this name already.
    #[track_caller]
    pub fn add(&mut self, name: impl Into<String>, value: Tensor) -> ParamId {
        let name = name.into();
        assert!(self.entries.iter().all(|(other, ..)| *other != name), "parameter `{name}` exists already");
        let start = self.values.len();
        let mut values = Tensor::scratch([start + value.len()]);
        values.as_mut_slice()[..start].copy_from_slice(self.values.as_slice());
        values.as_mut_slice()[start..].copy_from_slice(value.as_slice());
        self.values = values;
        self.entries.push((name, start..start + value.len(), value.shape()));
        ParamId(self.entries.len() - 1)
    }

    /// The value of a parameter, sharing the block's memory.
    pub fn get(&self, id: ParamId) -> Tensor {
        let (_, range, shape) = &self.entries[id.0];
        self.values.window(range.clone(), *shape)
    }

    /// Name of a parameter.
    pub fn name(&self, id: ParamId) -> &str {
        &self.entries[id.0].0
    }

    /// Place of a parameter in the flat block.
    pub fn range(&self, id: ParamId) -> Range<usize> {
        self.entries[id.0].1.clone()
    }

    /// All parameters in the order in which they were added.
    pub fn ids(&self) -> impl Iterator<Item = ParamId> + use<> {
        (0..self.entries.len()).map(ParamId)
    }

    /// Number of parameters (tensors).
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All values, one parameter after the other.
    pub fn flat(&self) -> &[Real] {
        self.values.as_slice()
    }

    /// All values for writing.
    pub fn flat_mut(&mut self) -> &mut [Real] {
        self.values.as_mut_slice()
    }
}
