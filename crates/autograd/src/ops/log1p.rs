//! `ln(1 + x)`, elementwise.

use elbo_tensor::{Tensor, math};

use crate::{Case, Op, Var};

/// `ln(1 + x)`
#[derive(Debug)]
pub struct Log1p;

impl Op<1> for Log1p {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.map(math::ln_1p)
    }
    /// `dy / (1 + x)`
    fn vjp(&self, _wrt: usize, [x]: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        dy.zip(x, |dy, x| dy / (1.0 + x))
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4]).within(-0.9, 5.0)], [Case::of(&[5]).within(-1e-3, 1e-3)]]
    }
}

impl Var<'_> {
    /// `ln(1 + x)`
    pub fn log1p(self) -> Self {
        self.unary(Log1p)
    }
}
