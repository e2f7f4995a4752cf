//! The logarithm of a sum of exponentials.

use elbo_tensor::{Real, Tensor, math};

use crate::{Case, Op, Var};

/// `ln Σᵢ exp xᵢ` over the last axis: `[.., k] → [..]`, shifted by the largest entry so that nothing overflows.
#[derive(Debug)]
pub struct LogSumExp;

/// Largest entry of each row; 0 for a row of −∞ only, so that subtracting it is defined.
fn row_max(x: &Tensor) -> Tensor {
    let mut out = Tensor::scratch(x.shape().without_last());
    for (top, row) in out.as_mut_slice().iter_mut().zip(x.as_slice().chunks_exact(x.shape().last())) {
        // A NaN is passed over: the sum of exponentials shows it.
        let largest = row.iter().copied().fold(Real::NEG_INFINITY, |a, b| if b > a { b } else { a });
        *top = if largest == Real::NEG_INFINITY { 0.0 } else { largest };
    }
    out
}

/// `ln Σ exp x` with a last axis of extent 1 in place of the summed one.
pub(crate) fn log_sum_exp(x: &Tensor) -> Tensor {
    let column = x.shape().with_last(1);
    let top = row_max(x).reshape(column);
    let shifted = x.zip(
        &top,
        #[inline(always)]
        |x, m| math::exp(x - m),
    );
    let sum = shifted.sum_last().reshape(column);
    sum.update(
        &top,
        #[inline(always)]
        |sum, m| math::ln(sum) + m,
    )
}

impl Op<1> for LogSumExp {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        log_sum_exp(x).reshape(x.shape().without_last())
    }
    /// `dy · softmax(x)`
    fn vjp(&self, _wrt: usize, [x]: [&Tensor; 1], y: &Tensor, dy: &Tensor) -> Tensor {
        let column = x.shape().with_last(1);
        let softmax = x.zip(&y.clone().reshape(column), |x, y| x - y).exp();
        softmax.update(&dy.clone().reshape(column), |p, dy| p * dy)
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])], [Case::of(&[2, 3, 5]).within(400.0, 404.0)]]
    }
}

impl Var<'_> {
    /// `ln Σᵢ exp xᵢ` over the last axis: `[.., k] → [..]`.
    pub fn log_sum_exp(self) -> Self {
        self.unary(LogSumExp)
    }
}
