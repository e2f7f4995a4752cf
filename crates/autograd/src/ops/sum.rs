//! Sums over one axis or all.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `Σ x` over `axis`, which disappears, or over everything.
#[derive(Debug)]
pub struct Sum {
    /// The axis to sum over; `None` sums all elements to a scalar.
    pub axis: Option<usize>,
}

impl Op<1> for Sum {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        match self.axis {
            Some(axis) => x.sum_axis(axis),
            None => Tensor::scalar(x.sum_all()),
        }
    }
    /// `dy`, repeated along the axis.
    fn vjp(&self, _wrt: usize, [x]: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        repeat(dy, x, self.axis)
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])], [Case::of(&[2, 3, 4])]]
    }
}

/// `dy` of a reduction over `axis` of `x`, stretched to the shape of `x`.
pub(crate) fn repeat(dy: &Tensor, x: &Tensor, axis: Option<usize>) -> Tensor {
    let Some(axis) = axis else { return Tensor::full(x.shape(), dy.item()) };
    let (outer, extent, inner) = x.shape().around(axis);
    if inner == 1 {
        return dy.clone().reshape([outer, 1]).broadcast_to([outer, extent]).reshape(x.shape());
    }
    dy.clone().reshape([outer, 1, inner]).broadcast_to([outer, extent, inner]).reshape(x.shape())
}

impl Var<'_> {
    /// `Σ x` over `axis`, which disappears.
    #[track_caller]
    pub fn sum(self, axis: usize) -> Self {
        self.unary(Sum { axis: Some(axis) })
    }

    /// `Σ x` over the last axis: `[.., d] → [..]`.
    #[track_caller]
    pub fn sum_last(self) -> Self {
        self.sum(self.shape().len() - 1)
    }

    /// `Σ x` over all elements.
    pub fn sum_all(self) -> Self {
        self.unary(Sum { axis: None })
    }
}
