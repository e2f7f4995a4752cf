//! `√x`, elementwise.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `√x`
#[derive(Debug)]
pub struct Sqrt;

impl Op<1> for Sqrt {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.map(|x| x.sqrt())
    }
    /// `dy / 2y`
    fn vjp(&self, _wrt: usize, _x: [&Tensor; 1], y: &Tensor, dy: &Tensor) -> Tensor {
        dy.zip(y, |dy, y| 0.5 * dy / y)
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4]).within(0.1, 5.0)], [Case::of(&[5]).within(1e-3, 1e-2)]]
    }
}

impl Var<'_> {
    /// `√x`
    pub fn sqrt(self) -> Self {
        self.unary(Sqrt)
    }
}
