//! Joining along the last axis.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `[a; b]` along the last axis: `[.., m], [.., n] → [.., m + n]`.
#[derive(Debug)]
pub struct Concat;

impl Op<2> for Concat {
    #[track_caller]
    fn forward(&self, [a, b]: [&Tensor; 2]) -> Tensor {
        let (m, n) = (a.shape().last(), b.shape().last());
        assert_eq!(a.shape().without_last(), b.shape().without_last(), "concat of different leading axes");
        let mut out = Tensor::scratch(a.shape().with_last(m + n));
        for (at, row) in out.as_mut_slice().chunks_exact_mut(m + n).enumerate() {
            row[..m].copy_from_slice(&a.as_slice()[at * m..][..m]);
            row[m..].copy_from_slice(&b.as_slice()[at * n..][..n]);
        }
        out
    }
    /// The columns of `dy` that came from the argument.
    fn vjp(&self, wrt: usize, [a, b]: [&Tensor; 2], _y: &Tensor, dy: &Tensor) -> Tensor {
        let (m, n) = (a.shape().last(), b.shape().last());
        dy.columns(if wrt == 0 { 0..m } else { m..m + n })
    }
    fn cases(&self) -> Vec<[Case; 2]> {
        vec![[Case::of(&[3, 4]), Case::of(&[3, 2])], [Case::of(&[2, 3, 1]), Case::of(&[2, 3, 5])]]
    }
}

impl Var<'_> {
    /// `[self; other]` along the last axis.
    #[track_caller]
    pub fn concat(self, other: Self) -> Self {
        self.binary(Concat, other)
    }
}

/// Joins values along the last axis, in order.
///
/// # Panics
/// If there are no parts, or they differ in more than the last axis.
#[track_caller]
pub fn concat<'t>(parts: &[Var<'t>]) -> Var<'t> {
    let (first, rest) = parts.split_first().expect("concat of nothing");
    rest.iter().fold(*first, |joined, part| joined.concat(*part))
}
