//! What distributions can do, and the divergences of pairs of them.

use elbo_autograd::Var;

use crate::Noise;

/// What every distribution of a batch can do, for code that is generic in the distribution.
///
/// The leading axes of the parameters are those of the batch, and the last axis is that of the event. The priors
/// `StandardNormal` and `UniformCategorical` have no parameters and therefore no shape: they have a `log_prob` for
/// events of any shape and are no `Distribution`. To sample, use a `DiagNormal` with `loc` 0 and `scale` 1.
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

/// The Kullback–Leibler divergence in closed form.
pub trait Kl<'t, P> {
    /// `KL(self ‖ p) = E_self[ln self − ln p] ≥ 0`, in nats, `[..]`.
    fn kl(&self, p: &P) -> Var<'t>;
}
