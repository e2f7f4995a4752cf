//! Sums of products along an axis.

use elbo_tensor::Tensor;

use super::sum::keep_axis;
use crate::{Case, Op, Var};

/// `Σᵢ aᵢ bᵢ` over an axis, which disappears; in the other axes a and b broadcast.
#[derive(Debug)]
pub struct Dot {
    /// The axis to sum over, counted from the last: 0 is the last one.
    pub from_last: usize,
}

impl Op<2> for Dot {
    #[track_caller]
    fn forward(&self, [a, b]: [&Tensor; 2]) -> Tensor {
        let extent = |x: &Tensor| x.shape().iter().rev().nth(self.from_last).copied();
        assert_eq!(extent(a), extent(b), "dot of {:?} and {:?}", a.shape(), b.shape());
        let products = a.zip(b, |a, b| a * b);
        products.sum_axis(products.shape().len() - 1 - self.from_last)
    }
    /// `dy · b`, `dy · a`, with dy repeated along the axis
    fn vjp(&self, wrt: usize, x: [&Tensor; 2], y: &Tensor, dy: &Tensor) -> Tensor {
        keep_axis(dy, y.shape().len() - self.from_last).zip(x[1 - wrt], |dy, x| dy * x)
    }
    fn cases(&self) -> Vec<[Case; 2]> {
        let stretched = if self.from_last == 0 { [2, 1, 4] } else { [2, 3, 1] };
        vec![
            [Case::of(&[3, 4]), Case::of(&[3, 4])],
            [Case::of(&[2, 3, 4]), Case::of(&[3, 4])],
            [Case::of(&[3, 4]), Case::of(&stretched)],
        ]
    }
}

impl Var<'_> {
    /// `Σᵢ selfᵢ · otherᵢ` over the last axis, with broadcasting.
    #[track_caller]
    pub fn dot(self, other: Self) -> Self {
        self.binary(Dot { from_last: 0 }, other)
    }

    /// `Σᵢ selfᵢ · otherᵢ` over the last axis but one, with broadcasting.
    #[track_caller]
    pub fn dot_rows(self, other: Self) -> Self {
        self.binary(Dot { from_last: 1 }, other)
    }
}
