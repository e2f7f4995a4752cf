//! `a + b`, elementwise with broadcasting.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `a + b`
#[derive(Debug)]
pub struct Add;

impl Op<2> for Add {
    fn forward(&self, [a, b]: [&Tensor; 2]) -> Tensor {
        a.zip(b, |a, b| a + b)
    }
    /// `dy`, `dy`
    fn vjp(&self, _wrt: usize, _x: [&Tensor; 2], _y: &Tensor, dy: &Tensor) -> Tensor {
        dy.clone()
    }
    fn cases(&self) -> Vec<[Case; 2]> {
        Case::pairs()
    }
}

impl std::ops::Add for Var<'_> {
    type Output = Self;
    #[track_caller]
    fn add(self, other: Self) -> Self {
        self.binary(Add, other)
    }
}
