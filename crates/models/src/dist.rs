//! Probability distributions over the last axis, as objects on a tape.
//!
//! Every density returns one value per leading index: an event of shape `[.., d]` gives `[..]`. `scale` is a standard
//! deviation. All logarithms are natural, all information is in nats. A pair of distributions without an implementation
//! of [`Kl`] does not compile.

pub(crate) mod bernoulli;
pub(crate) mod categorical;
pub mod natural;
pub(crate) mod normal;
mod tril_normal;

use elbo_autograd::Var;

use crate::Noise;
pub use bernoulli::Bernoulli;
pub(crate) use categorical::codes;
pub use categorical::{Categorical, UniformCategorical};
pub use normal::{DiagNormal, StandardNormal};
pub use tril_normal::TrilNormal;

/// What every distribution of a batch can do, for code that is generic in the distribution.
///
/// The leading axes of the parameters are those of the batch, and the last axis is that of the event. The priors
/// [`StandardNormal`] and [`UniformCategorical`] have no parameters and therefore no shape: they have a `log_prob` for
/// events of any shape and are no `Distribution`. To sample, use a [`DiagNormal`] with `loc` 0 and `scale` 1.
///
/// ```
/// use elbo_autograd::{Params, Tape};
/// use elbo_models::Noise;
/// use elbo_models::dist::{Bernoulli, DiagNormal, Distribution};
/// use elbo_tensor::{Purpose, Tensor, stream};
///
/// /// Perplexity of each distribution of a batch.
/// fn perplexity<'t>(p: &impl Distribution<'t>) -> Tensor {
///     p.entropy().exp().value()
/// }
///
/// let params = Params::new();
/// let tape = Tape::new(&params);
/// let coins = Bernoulli { logits: tape.constant(Tensor::zeros([2, 3])) };
/// assert!(perplexity(&coins).as_slice().iter().all(|e| (e - 8.0).abs() < 1e-4));
///
/// // Three samples each of a batch of two, in front of the batch.
/// let mut noise = Noise::from(stream(1, Purpose::Test, 0)).with_samples(3);
/// assert_eq!(coins.sample(&mut noise).shape()[..], [3, 2, 3]);
/// ```
pub trait Distribution<'t> {
    /// `ln p(x)` in nats of events `[.., d]` that broadcast against the parameters: `[..]`.
    fn log_prob(&self, x: Var<'t>) -> Var<'t>;

    /// A draw `[.., d]`, or `[samples, .., d]` as `noise` says; differentiable in the parameters where it is
    /// reparameterised, as that of a normal is, and a constant otherwise.
    fn sample(&self, noise: &mut Noise) -> Var<'t>;

    /// `E[x]`, `[.., d]`.
    fn mean(&self) -> Var<'t>;

    /// `H = −E[ln p(x)]` in nats, `[..]`; of a density it may be negative.
    fn entropy(&self) -> Var<'t>;
}

/// The methods of [`Distribution`] as methods of the types, so that a formula that knows its distribution needs no
/// import.
macro_rules! with_own_methods {
    ($($distribution:ident),*) => {$(
        impl<'t> $distribution<'t> {
            /// [`Distribution::log_prob`]
            #[track_caller]
            pub fn log_prob(&self, x: Var<'t>) -> Var<'t> {
                Distribution::log_prob(self, x)
            }

            /// [`Distribution::sample`]
            #[track_caller]
            pub fn sample(&self, noise: &mut Noise) -> Var<'t> {
                Distribution::sample(self, noise)
            }

            /// [`Distribution::mean`]
            #[track_caller]
            pub fn mean(&self) -> Var<'t> {
                Distribution::mean(self)
            }

            /// [`Distribution::entropy`]
            #[track_caller]
            pub fn entropy(&self) -> Var<'t> {
                Distribution::entropy(self)
            }
        }
    )*};
}

with_own_methods!(Bernoulli, Categorical, DiagNormal, TrilNormal);

/// The Kullback–Leibler divergence in closed form.
pub trait Kl<'t, P> {
    /// `KL(self ‖ p) = E_self[ln self − ln p] ≥ 0`, in nats, `[..]`.
    fn kl(&self, p: &P) -> Var<'t>;
}
