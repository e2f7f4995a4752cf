//! `max(x, 0)`, elementwise.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `max(x, 0)`
#[derive(Debug)]
pub struct Relu;

impl Op<1> for Relu {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.map(|x| if x < 0.0 { 0.0 } else { x })
    }
    /// `dy · 1[y > 0]`
    fn vjp(&self, _wrt: usize, _x: [&Tensor; 1], y: &Tensor, dy: &Tensor) -> Tensor {
        dy.zip(y, |dy, y| if y > 0.0 { dy } else { 0.0 })
    }
    fn has_kink(&self) -> bool {
        true
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4]).within(0.1, 2.0)], [Case::of(&[5]).within(-2.0, -0.1)]]
    }
}

impl Var<'_> {
    /// `max(x, 0)`
    pub fn relu(self) -> Self {
        self.unary(Relu)
    }
}
