//! Log-probability of binary vectors from logits.

use elbo_tensor::{Tensor, math};

use crate::{Case, Op, Var};

/// `Σᵢ xᵢ·lᵢ − softplus(lᵢ) = Σᵢ ln Bernoulli(xᵢ; σ(lᵢ))`: logits `[.., d]` and x of the logits' trailing axes → `[..]`.
#[derive(Debug)]
pub struct BernoulliLogProb;

impl Op<2> for BernoulliLogProb {
    #[track_caller]
    fn forward(&self, [logits, x]: [&Tensor; 2]) -> Tensor {
        // softplus(l) = max(l, 0) + ln(1 + e^{−|l|}), and one logarithm serves many elements: the product of 1 + e is built as
        // its excess over 1, in which small e do not get lost.
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

impl Var<'_> {
    /// `Σᵢ ln Bernoulli(xᵢ; σ(lᵢ))` with these values as logits.
    #[track_caller]
    pub fn bernoulli_log_prob(self, x: Self) -> Self {
        self.binary(BernoulliLogProb, x)
    }
}
