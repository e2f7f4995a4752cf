//! Means over one axis or all.

use elbo_tensor::{Real, Tensor};

use super::sum::{Sum, repeat};
use crate::{Case, Op, Var};

/// `1/n Σ x` over `axis`, which disappears, or over everything.
#[derive(Debug)]
pub struct Mean {
    /// The axis to average over; `None` averages all elements to a scalar.
    pub axis: Option<usize>,
}

impl Mean {
    fn weight(&self, x: &Tensor) -> Real {
        1.0 / self.axis.map_or(x.len(), |axis| x.shape()[axis]) as Real
    }
}

impl Op<1> for Mean {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        let weight = self.weight(x);
        Sum { axis: self.axis }.forward([x]).map(|sum| sum * weight)
    }
    /// `dy / n`, repeated along the axis.
    fn vjp(&self, _wrt: usize, [x]: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        let weight = self.weight(x);
        repeat(&dy.map(|dy| dy * weight), x, self.axis)
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])], [Case::of(&[2, 3, 4])]]
    }
}

impl Var<'_> {
    /// `1/n Σ x` over `axis`, which disappears.
    #[track_caller]
    pub fn mean(self, axis: usize) -> Self {
        self.unary(Mean { axis: Some(axis) })
    }

    /// `1/n Σ x` over all elements.
    pub fn mean_all(self) -> Self {
        self.unary(Mean { axis: None })
    }
}
