//! Products of two matrices.

use elbo_tensor::{Mat, Tensor, gemm};

use crate::{Case, Op, Var};

/// `A·B: [.., m] · [m, n] → [.., n]`
#[derive(Debug)]
pub struct Matmul;

/// The product of two views as a new matrix.
pub(crate) fn product(a: Mat<'_>, b: Mat<'_>) -> Tensor {
    let mut out = Tensor::scratch([a.rows(), b.cols()]);
    gemm(a, b, 0.0, out.as_mut_slice());
    out
}

impl Op<2> for Matmul {
    #[track_caller]
    fn forward(&self, [a, b]: [&Tensor; 2]) -> Tensor {
        assert!(b.shape().len() == 2, "matmul of {:?} and {:?}", a.shape(), b.shape());
        product(a.as_mat(), b.as_mat()).reshape(a.shape().with_last(b.shape().last()))
    }
    /// `dY·Bᵀ`, `Aᵀ·dY`
    fn vjp(&self, wrt: usize, [a, b]: [&Tensor; 2], _y: &Tensor, dy: &Tensor) -> Tensor {
        match wrt {
            0 => product(dy.as_mat(), b.as_mat().t()).reshape(a.shape()),
            _ => product(a.as_mat().t(), dy.as_mat()),
        }
    }
    fn cases(&self) -> Vec<[Case; 2]> {
        vec![[Case::of(&[3, 4]), Case::of(&[4, 5])], [Case::of(&[2, 3, 4]), Case::of(&[4, 5])]]
    }
}

impl Var<'_> {
    /// `A·B: [.., m] · [m, n] → [.., n]`
    #[track_caller]
    pub fn matmul(self, other: Self) -> Self {
        self.binary(Matmul, other)
    }
}
