//! `a / b`, elementwise with broadcasting.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `a / b`
#[derive(Debug)]
pub struct Div;

impl Op<2> for Div {
    fn forward(&self, [a, b]: [&Tensor; 2]) -> Tensor {
        a.zip(b, |a, b| a / b)
    }
    /// `dy / b`, `−dy · y / b`
    fn vjp(&self, wrt: usize, [_, b]: [&Tensor; 2], y: &Tensor, dy: &Tensor) -> Tensor {
        match wrt {
            0 => dy.zip(b, |dy, b| dy / b),
            _ => dy.zip(y, |dy, y| -dy * y).zip(b, |v, b| v / b),
        }
    }
    fn cases(&self) -> Vec<[Case; 2]> {
        vec![
            [Case::of(&[3, 4]), Case::of(&[3, 4]).within(0.5, 3.0)],
            [Case::of(&[3, 1]), Case::of(&[4]).within(-3.0, -0.5)],
        ]
    }
}

impl std::ops::Div for Var<'_> {
    type Output = Self;
    #[track_caller]
    fn div(self, other: Self) -> Self {
        self.binary(Div, other)
    }
}
