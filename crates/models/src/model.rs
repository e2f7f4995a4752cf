//! What a model is, and how recipes know it.

use std::fmt;

use elbo_autograd::{Activation, Init, Params, Tape, Var};
use elbo_tensor::{Purpose, stream};

use crate::nn::{Builder, Size};
use crate::{Configured, Invalid, Noise, Objective};

/// A generative latent-variable model with its inference network. Its parameters live in [`Params`] of their own.
///
/// A model that is only trained writes [`Model::objective`].
pub trait Model: Send + Sync {
    /// The loss of each data point of a batch `x: [b, d]`, as named terms.
    fn objective<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Objective<'t>;

    /// The logarithm of an unbiased estimate of `p(x)` for each sample of the latent: `[b]`, or `[m, b]`
    /// with m samples. Its mean is a bound on `ln p(x)`, and `ln 1/m Σ exp` the importance-weighted one
    /// (Burda et al. 2016, eq. 8).
    fn log_evidence<'t>(&self, _x: Var<'t>, _noise: &mut Noise) -> Option<Var<'t>> {
        None
    }

    /// Means of `p(x|·)` for `count` draws from the prior of each cluster: `[k, count, d]`, k = 1 without clusters.
    fn generate<'t>(&self, _tape: &'t Tape<'t>, _count: usize, _noise: &mut Noise) -> Option<Var<'t>> {
        None
    }
}

/// Copies options of which only the trait is known; whatever can be cloned has it.
pub trait BoxedModel {
    /// A copy.
    fn boxed(&self) -> Box<dyn ModelOptions>;
}

impl<T: ModelOptions + Clone + 'static> BoxedModel for T {
    fn boxed(&self) -> Box<dyn ModelOptions> {
        Box::new(self.clone())
    }
}

/// What is known of a model before it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelFacts {
    /// The word in `model.kind`.
    pub kind: &'static str,
    /// Number of classes k; 1 for a model without.
    pub classes: usize,
    /// Whether the likelihood is of values in [0, 1] (Bernoulli), so that other data are refused.
    pub of_intensities: bool,
    /// Whether the loss is minus a bound on a log-density: with a squared error or a point posterior it is not.
    pub is_bound: bool,
}

/// The options of a model, by which recipes know it and which build it.
pub trait ModelOptions: BoxedModel + Configured + fmt::Debug + Send + Sync {
    /// What is known of the model before it is built.
    fn facts(&self) -> ModelFacts;

    /// Builds the model for data of `width` dimensions; its parameters go to the builder.
    fn build(&self, width: usize, b: &mut Builder) -> Box<dyn Model>;

    /// The model and its initial parameters for data of `width` dimensions, drawn from the initialisation stream of
    /// `seed`. Layers start by Glorot with ReLU unless the options say otherwise.
    ///
    /// # Errors
    /// If an option is outside its domain.
    fn create(&self, width: usize, seed: u64) -> Result<(Box<dyn Model>, Params), Invalid> {
        self.boxed().check()?;
        let mut builder = Builder::new(Init::Glorot, Activation::Relu, stream(seed, Purpose::Init, 0));
        let model = self.build(width, &mut builder);
        Ok((model, builder.finish()))
    }

    /// The size of the model's networks, without making them.
    fn size(&self, width: usize) -> Size {
        let mut builder = Builder::new(Init::Glorot, Activation::Relu, stream(0, Purpose::Init, 0)).measuring();
        self.build(width, &mut builder);
        builder.size()
    }
}
