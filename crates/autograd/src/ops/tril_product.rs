//! Products with a batch of lower triangular matrices.

use elbo_tensor::{Real, Tensor};

use crate::{Case, Op, Var};

/// `y = L·v` for every vector of a batch: `yᵢ = Lᵢᵢ vᵢ + Σⱼ﹤ᵢ Lᵢⱼ vⱼ`. Arguments: v `[.., d]`, the diagonals `[.., d]`
/// and the entries below them row by row, `[.., d(d−1)/2]`.
#[derive(Debug)]
pub struct TrilProduct;

/// Number of entries below the diagonal of a `d × d` matrix.
pub(super) fn entries(d: usize) -> usize {
    d * d.saturating_sub(1) / 2
}

/// Fills each row of a tensor of `width` columns from the rows of the same number of v, diagonal and lower entries.
pub(super) fn by_matrix(
    width: usize,
    [v, diag, lower]: [&Tensor; 3],
    fill: impl Fn(&mut [Real], &[Real], &[Real], &[Real]),
) -> Tensor {
    let d = v.shape().last();
    assert!(d > 1, "a triangle of one dimension has no entries below its diagonal");
    let wanted = v.shape().with_last(entries(d));
    assert!(
        diag.shape() == v.shape() && lower.shape() == wanted,
        "triangles of {:?} for {:?}",
        lower.shape(),
        v.shape()
    );
    let mut out = Tensor::scratch(v.shape().with_last(width));
    let arguments = v.as_slice().chunks_exact(d).zip(diag.as_slice().chunks_exact(d));
    let arguments = arguments.zip(lower.as_slice().chunks_exact(entries(d)));
    for (out, ((v, diag), lower)) in out.as_mut_slice().chunks_exact_mut(width).zip(arguments) {
        fill(out, v, diag, lower);
    }
    out
}

/// `outᵢⱼ = aᵢ bⱼ` below the diagonal.
pub(super) fn outer_below(out: &mut [Real], a: &[Real], b: &[Real]) {
    for i in 1..a.len() {
        for j in 0..i {
            out[entries(i) + j] = a[i] * b[j];
        }
    }
}

impl Op<3> for TrilProduct {
    #[track_caller]
    fn forward(&self, args: [&Tensor; 3]) -> Tensor {
        by_matrix(args[0].shape().last(), args, |y, v, diag, lower| {
            for i in 0..v.len() {
                let row = &lower[entries(i)..][..i];
                y[i] = diag[i] * v[i] + row.iter().zip(v).map(|(l, v)| l * v).sum::<Real>();
            }
        })
    }
    /// `Lᵀ·dy`, `dy ⊙ v`, `dyᵢ vⱼ`
    fn vjp(&self, wrt: usize, [v, diag, lower]: [&Tensor; 3], _y: &Tensor, dy: &Tensor) -> Tensor {
        let d = v.shape().last();
        match wrt {
            0 => by_matrix(d, [dy, diag, lower], |dv, dy, diag, lower| {
                for j in 0..d {
                    let below = (j + 1..d).map(|i| lower[entries(i) + j] * dy[i]);
                    dv[j] = diag[j] * dy[j] + below.sum::<Real>();
                }
            }),
            1 => dy.zip(v, |dy, v| dy * v),
            _ => by_matrix(entries(d), [v, dy, lower], |out, v, dy, _| outer_below(out, dy, v)),
        }
    }
    fn cases(&self) -> Vec<[Case; 3]> {
        let of = |shape: &[usize], lower: &[usize]| [Case::of(shape), Case::of(shape), Case::of(lower)];
        vec![of(&[3, 2], &[3, 1]), of(&[2, 3, 4], &[2, 3, 6])]
    }
}

impl<'t> Var<'t> {
    /// `L·self` for the matrices with this diagonal `[.., d]` and these entries below it, row by row, `[.., d(d−1)/2]`;
    /// both broadcast to the leading axes of `self`.
    #[track_caller]
    pub fn tril_product(self, diag: Self, lower: Self) -> Self {
        let [diag, lower] = self.triangles(diag, lower);
        self.ternary(TrilProduct, diag, lower)
    }

    /// Diagonal and lower entries with the leading axes of this batch of vectors.
    #[track_caller]
    pub(super) fn triangles(self, diag: Self, lower: Self) -> [Self; 2] {
        let shape = self.shape();
        [diag.broadcast_to(shape), lower.broadcast_to(shape.with_last(entries(shape.last())))]
    }
}
