//! A range of columns.

use std::ops::Range;

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// Columns `range` of the last axis: `[.., d] → [.., range.len()]`.
#[derive(Debug)]
pub struct Slice {
    /// The columns kept.
    pub range: Range<usize>,
}

impl Op<1> for Slice {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.columns(self.range.clone())
    }
    /// `dy` at these columns, 0 elsewhere.
    fn vjp(&self, _wrt: usize, [x]: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        dy.into_columns(self.range.start, x.shape().last())
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, self.range.end])], [Case::of(&[2, 3, self.range.end + 2])]]
    }
}

impl Var<'_> {
    /// Columns `range` of the last axis.
    #[track_caller]
    pub fn slice(self, range: Range<usize>) -> Self {
        self.unary(Slice { range })
    }
}
