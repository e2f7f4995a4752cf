//! Another shape for the same elements.

use elbo_tensor::{Shape, Tensor};

use crate::{Case, Op, Var};

/// The same elements in row-major order under `shape`.
#[derive(Debug)]
pub struct Reshape {
    /// Shape of the result.
    pub shape: Shape,
}

impl Op<1> for Reshape {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.clone().reshape(self.shape)
    }
    /// `dy` in the argument's shape.
    fn vjp(&self, _wrt: usize, [x]: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        dy.clone().reshape(x.shape())
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[self.shape.size()])]]
    }
}

impl Var<'_> {
    /// The same elements under another shape.
    #[track_caller]
    pub fn reshape(self, shape: impl Into<Shape>) -> Self {
        self.unary(Reshape { shape: shape.into() })
    }
}
