//! `tanh x`, elementwise.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `tanh x`
#[derive(Debug)]
pub struct Tanh;

impl Op<1> for Tanh {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.tanh()
    }
    /// `dy · (1 − y²)`
    fn vjp(&self, _wrt: usize, _x: [&Tensor; 1], y: &Tensor, dy: &Tensor) -> Tensor {
        dy.zip(y, |dy, y| dy * (1.0 - y * y))
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])]]
    }
}

impl Var<'_> {
    /// `tanh x`
    pub fn tanh(self) -> Self {
        self.unary(Tanh)
    }
}
