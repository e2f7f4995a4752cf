//! What a model is, and how recipes know it.

use elbo_autograd::{Activation, Init, Params, Tape, Var};
use elbo_tensor::{Purpose, stream};

use crate::nn::{Builder, Size};
use crate::{Noise, Objective, Setting, Settings};

/// A generative latent-variable model with its inference network. Its parameters live in [`Params`] of their own.
pub trait Model: Send + Sync {
    /// The loss of each data point of a batch `x: [b, d]`, as named terms.
    fn objective<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Objective<'t>;

    /// The logarithm of an unbiased estimate of `p(x)` for each sample of the latent: `[b]`, or `[m, b]` with m samples.
    /// Its mean is a bound on `ln p(x)`, and `ln 1/m Σ exp` the importance-weighted one (Burda et al. 2016, eq. 8).
    fn log_evidence<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Var<'t>;

    /// Means of `p(x|·)` for `count` draws from the prior of each cluster: `[k, count, d]`, k = 1 without clusters.
    fn generate<'t>(&self, tape: &'t Tape<'t>, count: usize, noise: &mut Noise) -> Var<'t>;
}

/// A model as recipes know it: name, settings and how to build it. Declared in the model's own file.
#[derive(Debug, Clone, Copy)]
pub struct ModelSpec {
    /// The word in `model.kind`.
    pub kind: &'static str,
    /// One line for help texts.
    pub about: &'static str,
    /// The model's settings.
    pub settings: fn() -> Vec<Setting>,
    /// Whether the likelihood is of values in [0, 1] (Bernoulli) under these settings, so that other data are refused.
    pub of_intensities: fn(&Settings) -> bool,
    /// Whether [`Model::log_evidence`] is of a density under these settings: a squared error and a point posterior are none.
    pub has_evidence: fn(&Settings) -> bool,
    /// Builds the model for data of the given width; its parameters go to the builder.
    pub build: fn(&Settings, usize, &mut Builder) -> Box<dyn Model>,
}

impl ModelSpec {
    /// The model and its initial parameters for data of `width` dimensions, drawn from the initialisation stream of
    /// `seed`. Layers start by Glorot with ReLU unless the model says otherwise.
    pub fn create(&self, settings: &Settings, width: usize, seed: u64) -> (Box<dyn Model>, Params) {
        let mut builder = Builder::new(Init::Glorot, Activation::Relu, stream(seed, Purpose::Init, 0));
        let model = (self.build)(settings, width, &mut builder);
        (model, builder.finish())
    }

    /// The size of the model's networks, without making them.
    pub fn size(&self, settings: &Settings, width: usize) -> Size {
        let mut builder = Builder::new(Init::Glorot, Activation::Relu, stream(0, Purpose::Init, 0)).measuring();
        (self.build)(settings, width, &mut builder);
        builder.size()
    }
}
