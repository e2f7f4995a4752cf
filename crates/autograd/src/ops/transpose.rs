//! Transposes of matrices.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `xᵀ: [.., m, n] → [.., n, m]`
#[derive(Debug)]
pub struct Transpose;

impl Op<1> for Transpose {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.transpose()
    }
    /// `dyᵀ`
    fn vjp(&self, _wrt: usize, _x: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        dy.transpose()
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])], [Case::of(&[2, 3, 4])]]
    }
}

impl Var<'_> {
    /// `xᵀ: [.., m, n] → [.., n, m]`
    #[track_caller]
    pub fn transpose(self) -> Self {
        self.unary(Transpose)
    }
}
