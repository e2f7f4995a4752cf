//! Systems with a batch of lower triangular matrices.

use elbo_tensor::{Real, Tensor};

use super::tril_product::{by_matrix, entries, outer_below};
use crate::{Case, Op, Var};

/// `y = L⁻¹·v` by forward substitution, with arguments as those of [`super::tril_product::TrilProduct`].
#[derive(Debug)]
pub struct TrilSolve;

impl Op<3> for TrilSolve {
    #[track_caller]
    fn forward(&self, args: [&Tensor; 3]) -> Tensor {
        by_matrix(args[0].shape().last(), args, |y, v, diag, lower| {
            for i in 0..v.len() {
                let row = &lower[entries(i)..][..i];
                y[i] = (v[i] - row.iter().zip(&y[..i]).map(|(l, y)| l * y).sum::<Real>()) / diag[i];
            }
        })
    }
    /// `u = L⁻ᵀ·dy`, `−u ⊙ y`, `−uᵢ yⱼ`
    fn vjp(&self, wrt: usize, [_, diag, lower]: [&Tensor; 3], y: &Tensor, dy: &Tensor) -> Tensor {
        let d = y.shape().last();
        let u = by_matrix(d, [dy, diag, lower], |u, dy, diag, lower| {
            for j in (0..d).rev() {
                let below = (j + 1..d).map(|i| lower[entries(i) + j] * u[i]);
                u[j] = (dy[j] - below.sum::<Real>()) / diag[j];
            }
        });
        match wrt {
            0 => u,
            1 => u.update(y, |u, y| -u * y),
            _ => by_matrix(entries(d), [y, &u.map(|u| -u), lower], |out, y, u, _| outer_below(out, u, y)),
        }
    }
    fn cases(&self) -> Vec<[Case; 3]> {
        let of = |shape: &[usize], lower: &[usize]| {
            [Case::of(shape), Case::of(shape).within(0.5, 2.0), Case::of(lower).within(-1.0, 1.0)]
        };
        vec![of(&[3, 2], &[3, 1]), of(&[2, 3, 4], &[2, 3, 6])]
    }
}

impl<'t> Var<'t> {
    /// `L⁻¹·self` for the matrices with this positive diagonal and these entries below it; shapes as in
    /// [`Var::tril_product`].
    #[track_caller]
    pub fn tril_solve(self, diag: Self, lower: Self) -> Self {
        let [diag, lower] = self.triangles(diag, lower);
        self.ternary(TrilSolve, diag, lower)
    }
}
