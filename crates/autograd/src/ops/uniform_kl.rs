//! Divergence of a categorical from the uniform one.

use elbo_tensor::{Real, Tensor, math};

use crate::{Case, Op, Var};

/// `Σᵢ exp lᵢ · (lᵢ + ln k) = KL(Cat(exp l) ‖ Cat(1/k, …, 1/k))`: log-probabilities `[.., k]` → `[..]`.
#[derive(Debug)]
pub struct UniformKl;

/// `ln k`
fn log_classes(l: &Tensor) -> Real {
    (l.shape().last() as f64).ln() as Real
}

impl Op<1> for UniformKl {
    fn forward(&self, [l]: [&Tensor; 1]) -> Tensor {
        let log_k = log_classes(l);
        let terms = l.map(
            #[inline(always)]
            move |l| math::exp(l) * (l + log_k),
        );
        terms.sum_last()
    }
    /// `dy · exp l · (l + ln k + 1)`
    fn vjp(&self, _wrt: usize, [l]: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        let shift = log_classes(l) + 1.0;
        let slope = l.map(
            #[inline(always)]
            move |l| math::exp(l) * (l + shift),
        );
        let column = dy.clone().reshape(l.shape().with_last(1));
        slope.update(&column, |slope, dy| slope * dy)
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])], [Case::of(&[2, 3, 5]).within(-30.0, -0.1)]]
    }
}

impl Var<'_> {
    /// `KL(Cat(exp self) ‖ Cat(1/k, …, 1/k))` over the last axis, of log-probabilities.
    pub fn uniform_kl(self) -> Self {
        self.unary(UniformKl)
    }
}
