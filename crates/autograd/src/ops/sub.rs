//! `a − b`, elementwise with broadcasting.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `a − b`
#[derive(Debug)]
pub struct Sub;

impl Op<2> for Sub {
    fn forward(&self, [a, b]: [&Tensor; 2]) -> Tensor {
        a.zip(b, |a, b| a - b)
    }
    /// `dy`, `−dy`
    fn vjp(&self, wrt: usize, _x: [&Tensor; 2], _y: &Tensor, dy: &Tensor) -> Tensor {
        match wrt {
            0 => dy.clone(),
            _ => dy.map(|dy| -dy),
        }
    }
    fn cases(&self) -> Vec<[Case; 2]> {
        Case::pairs()
    }
}

impl std::ops::Sub for Var<'_> {
    type Output = Self;
    #[track_caller]
    fn sub(self, other: Self) -> Self {
        self.binary(Sub, other)
    }
}
