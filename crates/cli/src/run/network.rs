//! A model that is trained by steps, with its parameters.

use elbo_autograd::{Params, Tape};
use elbo_models::{Model, ModelOptions, Noise};
use elbo_tensor::{Purpose, Tensor, stream};

/// A model that is trained by steps, and its parameters.
pub struct Network {
    /// What it was built from.
    pub options: Box<dyn ModelOptions>,
    /// The model.
    pub model: Box<dyn Model>,
    /// Its parameters: those that evaluations use.
    pub params: Params,
}

impl Network {
    /// `count` means of `p(x|·)` under draws from the prior of each cluster, `[k, count, d]`.
    pub fn generate(&self, count: usize, seed: u64) -> Option<Tensor> {
        let tape = Tape::new(&self.params);
        let mut noise = Noise::from(stream(seed, Purpose::Figure, 0));
        self.model.generate(&tape, count, &mut noise).map(|draws| draws.value())
    }
}
