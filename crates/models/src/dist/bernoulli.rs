//! Independent binary variables given by their logits.

use elbo_autograd::{Case, Op, Var};
use elbo_tensor::{Tensor, math};

use super::distribution::{Distribution, Kl};
use crate::Noise;

/// `Πᵢ Bernoulli(σ(logitsᵢ))` over the last axis.
#[derive(Debug, Clone, Copy)]
pub struct Bernoulli<'t> {
    /// Log-odds of a one, `[.., d]`.
    pub logits: Var<'t>,
}

impl<'t> Distribution<'t> for Bernoulli<'t> {
    /// `Σᵢ xᵢ·lᵢ − softplus(lᵢ)`; x and the logits broadcast.
    #[track_caller]
    fn log_prob(&self, x: Var<'t>) -> Var<'t> {
        let shape = self.logits.shape().broadcast(&x.shape()).expect("data and logits broadcast");
        self.logits.broadcast_to(shape).binary(BernoulliLogProb, x)
    }

    /// 1 where `u < σ(l)` with `u ~ U(0, 1)`, 0 elsewhere: a constant.
    fn sample(&self, noise: &mut Noise) -> Var<'t> {
        let probs = self.logits.value().sigmoid();
        let u = noise.uniform(noise.sampled(probs.shape()));
        self.logits.tape().constant(u.zip(&probs, |u, p| if u < p { 1.0 } else { 0.0 }))
    }

    /// Probability of a one: `σ(logits)`.
    fn mean(&self) -> Var<'t> {
        self.logits.sigmoid()
    }

    /// `Σᵢ softplus(lᵢ) − lᵢ σ(lᵢ)`
    fn entropy(&self) -> Var<'t> {
        (self.logits.softplus() - self.logits * self.logits.sigmoid()).sum_last()
    }
}

/// `Σᵢ σ(lᵢ)(lᵢ − mᵢ) − softplus(lᵢ) + softplus(mᵢ)` for q with logits l and p with logits m
impl<'t> Kl<'t, Bernoulli<'t>> for Bernoulli<'t> {
    fn kl(&self, p: &Bernoulli<'t>) -> Var<'t> {
        (self.mean() * (self.logits - p.logits) - self.logits.softplus() + p.logits.softplus()).sum_last()
    }
}

/// `Σᵢ xᵢ·lᵢ − softplus(lᵢ) = Σᵢ ln Bernoulli(xᵢ; σ(lᵢ))`: logits `[.., d]` and x of the logits'
/// trailing axes → `[..]`.
#[derive(Debug)]
pub(crate) struct BernoulliLogProb;

impl Op<2> for BernoulliLogProb {
    #[track_caller]
    fn forward(&self, [logits, x]: [&Tensor; 2]) -> Tensor {
        // softplus(l) = max(l, 0) + ln(1 + e^{−|l|}), and one logarithm serves many elements: the product of 1 + e is
        // built as its excess over 1, in which small e do not get lost.
        logits.zip_fold_last(
            x,
            #[inline(always)]
            |[sum, excess], l, x| {
                let e = math::exp(-l.abs());
                [sum + (x * l - if l > 0.0 { l } else { 0.0 }), excess.mul_add(e, excess + e)]
            },
            #[inline(always)]
            |[sum, excess]| sum - math::ln_1p(excess),
        )
    }
    /// `dy · (x − σ(l))`, `dy · l`
    fn vjp(&self, wrt: usize, [logits, x]: [&Tensor; 2], _y: &Tensor, dy: &Tensor) -> Tensor {
        match wrt {
            0 => logits.zip_scaled(
                x,
                dy,
                #[inline(always)]
                |l, x| x - math::sigmoid(l),
            ),
            _ => logits.zip_scaled(logits, dy, |l, _| l),
        }
    }
    fn cases(&self) -> Vec<[Case; 2]> {
        vec![
            [Case::of(&[3, 4]), Case::of(&[3, 4]).within(0.0, 1.0)],
            [Case::of(&[2, 3, 40]).within(-20.0, 20.0), Case::of(&[3, 40]).within(0.0, 1.0)],
        ]
    }
}
