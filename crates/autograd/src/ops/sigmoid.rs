//! `σ(x) = 1 / (1 + e⁻ˣ)`, elementwise.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `σ(x) = 1 / (1 + e⁻ˣ)`
#[derive(Debug)]
pub struct Sigmoid;

impl Op<1> for Sigmoid {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.sigmoid()
    }
    /// `dy · y · (1 − y)`
    fn vjp(&self, _wrt: usize, _x: [&Tensor; 1], y: &Tensor, dy: &Tensor) -> Tensor {
        dy.zip(y, |dy, y| dy * y * (1.0 - y))
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])], [Case::of(&[5]).within(-30.0, -20.0)]]
    }
}

impl Var<'_> {
    /// `σ(x) = 1 / (1 + e⁻ˣ)`
    pub fn sigmoid(self) -> Self {
        self.unary(Sigmoid)
    }
}
