//! `x²`, elementwise.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `x²`
#[derive(Debug)]
pub struct Square;

impl Op<1> for Square {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.map(|x| x * x)
    }
    /// `dy · 2x`
    fn vjp(&self, _wrt: usize, [x]: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        dy.zip(x, |dy, x| dy * 2.0 * x)
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])], [Case::of(&[2, 3, 2])]]
    }
}

impl Var<'_> {
    /// `x²`
    pub fn square(self) -> Self {
        self.unary(Square)
    }
}
