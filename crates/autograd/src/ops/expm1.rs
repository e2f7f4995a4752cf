//! `eˣ − 1`, elementwise.

use elbo_tensor::{Tensor, math};

use crate::{Case, Op, Var};

/// `eˣ − 1`
#[derive(Debug)]
pub struct Expm1;

impl Op<1> for Expm1 {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.map(math::expm1)
    }
    /// `dy · (y + 1)`
    fn vjp(&self, _wrt: usize, _x: [&Tensor; 1], y: &Tensor, dy: &Tensor) -> Tensor {
        dy.zip(y, |dy, y| dy * (y + 1.0))
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])], [Case::of(&[5]).within(-1e-3, 1e-3)]]
    }
}

impl Var<'_> {
    /// `eˣ − 1`
    pub fn expm1(self) -> Self {
        self.unary(Expm1)
    }
}
