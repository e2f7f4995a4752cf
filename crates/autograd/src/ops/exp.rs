//! `eˣ`, elementwise.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `eˣ`
#[derive(Debug)]
pub struct Exp;

impl Op<1> for Exp {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.exp()
    }
    /// `dy · y`
    fn vjp(&self, _wrt: usize, _x: [&Tensor; 1], y: &Tensor, dy: &Tensor) -> Tensor {
        dy.zip(y, |dy, y| dy * y)
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])], [Case::of(&[5]).within(-30.0, -20.0)]]
    }
}

impl Var<'_> {
    /// `eˣ`
    pub fn exp(self) -> Self {
        self.unary(Exp)
    }
}
