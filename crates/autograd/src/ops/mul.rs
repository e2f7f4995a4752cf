//! `a · b`, elementwise with broadcasting.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `a · b`
#[derive(Debug)]
pub struct Mul;

impl Op<2> for Mul {
    fn forward(&self, [a, b]: [&Tensor; 2]) -> Tensor {
        a.zip(b, |a, b| a * b)
    }
    /// `dy · b`, `dy · a`
    fn vjp(&self, wrt: usize, [a, b]: [&Tensor; 2], _y: &Tensor, dy: &Tensor) -> Tensor {
        match wrt {
            0 => dy.zip(b, |dy, b| dy * b),
            _ => dy.zip(a, |dy, a| dy * a),
        }
    }
    fn cases(&self) -> Vec<[Case; 2]> {
        Case::pairs()
    }
}

impl std::ops::Mul for Var<'_> {
    type Output = Self;
    #[track_caller]
    fn mul(self, other: Self) -> Self {
        self.binary(Mul, other)
    }
}
