//! `softplus(x) = ln(1 + eˣ)`, elementwise.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `softplus(x) = ln(1 + eˣ)`
#[derive(Debug)]
pub struct Softplus;

impl Op<1> for Softplus {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.softplus()
    }
    /// `dy · σ(x)`
    fn vjp(&self, _wrt: usize, [x]: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        dy.zip(
            x,
            #[inline(always)]
            |dy, x| dy * elbo_tensor::math::sigmoid(x),
        )
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])], [Case::of(&[5]).within(-30.0, -20.0)], [Case::of(&[5]).within(20.0, 30.0)]]
    }
}

impl Var<'_> {
    /// `softplus(x) = ln(1 + eˣ)`
    pub fn softplus(self) -> Self {
        self.unary(Softplus)
    }
}
