//! `ln x`, elementwise.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `ln x`
#[derive(Debug)]
pub struct Log;

impl Op<1> for Log {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.ln()
    }
    /// `dy / x`
    fn vjp(&self, _wrt: usize, [x]: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        dy.zip(x, |dy, x| dy / x)
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4]).within(0.1, 5.0)], [Case::of(&[5]).within(1e-3, 1e-2)]]
    }
}

impl Var<'_> {
    /// `ln x`
    pub fn log(self) -> Self {
        self.unary(Log)
    }
}
