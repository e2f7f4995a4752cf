//! Products of two matrices, either one transposed.

use elbo_tensor::{Mat, Tensor, gemm};

use crate::{Case, Op, Var};

/// `op(A)·op(B)`, where `op` transposes or not; an A that is not transposed may have leading axes `[.., m]`.
#[derive(Debug)]
pub struct Matmul {
    /// Whether A and B are transposed.
    pub transposed: [bool; 2],
}

fn view(x: &Tensor, transposed: bool) -> Mat<'_> {
    if transposed { x.as_mat().t() } else { x.as_mat() }
}

/// The product of two views as a new matrix.
pub(crate) fn product(a: Mat<'_>, b: Mat<'_>) -> Tensor {
    let mut out = Tensor::scratch([a.rows(), b.cols()]);
    gemm(a, b, 0.0, out.as_mut_slice());
    out
}

impl Op<2> for Matmul {
    #[track_caller]
    fn forward(&self, [a, b]: [&Tensor; 2]) -> Tensor {
        let [ta, tb] = self.transposed;
        assert!(b.shape().len() == 2 && !(ta && a.shape().len() > 2), "matmul of {:?} and {:?}", a.shape(), b.shape());
        let y = product(view(a, ta), view(b, tb));
        // Leading axes of A are rows of the product.
        if ta {
            y
        } else {
            let n = y.shape().last();
            y.reshape(a.shape().with_last(n))
        }
    }
    /// `dA = dY·op(B)ᵀ`, `dB = op(A)ᵀ·dY`; transposed where the argument was.
    fn vjp(&self, wrt: usize, [a, b]: [&Tensor; 2], _y: &Tensor, dy: &Tensor) -> Tensor {
        let [ta, tb] = self.transposed;
        match (wrt, ta, tb) {
            (0, false, _) => product(dy.as_mat(), view(b, !tb)).reshape(a.shape()),
            (0, true, _) => product(view(b, tb), dy.as_mat().t()),
            (_, _, false) => product(view(a, !ta), dy.as_mat()),
            (_, _, true) => product(dy.as_mat().t(), view(a, ta)),
        }
    }
    fn cases(&self) -> Vec<[Case; 2]> {
        let case = |shape: [usize; 2], transposed| {
            let [m, n] = shape;
            Case::of(&if transposed { [n, m] } else { [m, n] })
        };
        let b = case([4, 5], self.transposed[1]);
        let mut list = vec![[case([3, 4], self.transposed[0]), b.clone()]];
        if !self.transposed[0] {
            list.push([Case::of(&[2, 3, 4]), b]);
        }
        list
    }
}

impl Var<'_> {
    /// `A·B`
    #[track_caller]
    pub fn matmul(self, other: Self) -> Self {
        self.binary(Matmul { transposed: [false, false] }, other)
    }

    /// `Aᵀ·B`
    #[track_caller]
    pub fn matmul_tn(self, other: Self) -> Self {
        self.binary(Matmul { transposed: [true, false] }, other)
    }

    /// `A·Bᵀ`
    #[track_caller]
    pub fn matmul_nt(self, other: Self) -> Self {
        self.binary(Matmul { transposed: [false, true] }, other)
    }
}
