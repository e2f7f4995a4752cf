//! Logarithms of probabilities from logits.

use elbo_tensor::{Tensor, math};

use super::log_sum_exp::log_sum_exp;
use crate::{Case, Op, Var};

/// `xᵢ − ln Σⱼ exp xⱼ` over the last axis: `[.., k] → [.., k]`.
#[derive(Debug)]
pub struct LogSoftmax;

impl Op<1> for LogSoftmax {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.zip(&log_sum_exp(x), |x, total| x - total)
    }
    /// `dy − softmax(x) · Σ dy`
    fn vjp(&self, _wrt: usize, _x: [&Tensor; 1], y: &Tensor, dy: &Tensor) -> Tensor {
        let total = dy.sum_last().reshape(dy.shape().with_last(1));
        let share = y.zip(
            &total,
            #[inline(always)]
            |y, total| math::exp(y) * total,
        );
        share.update(dy, |share, dy| dy - share)
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])], [Case::of(&[2, 3, 5]).within(400.0, 404.0)]]
    }
}

impl Var<'_> {
    /// `xᵢ − ln Σⱼ exp xⱼ` over the last axis.
    pub fn log_softmax(self) -> Self {
        self.unary(LogSoftmax)
    }
}
