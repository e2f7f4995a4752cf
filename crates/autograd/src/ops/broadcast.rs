//! Repetition along axes of extent 1 or missing in front.

use elbo_tensor::{Shape, Tensor};

use crate::{Case, Op, Var};

/// The argument repeated to fill `shape`.
#[derive(Debug)]
pub struct Broadcast {
    /// Shape of the result.
    pub shape: Shape,
}

impl Op<1> for Broadcast {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.broadcast_to(self.shape)
    }
    /// `dy`; the tape sums it back.
    fn vjp(&self, _wrt: usize, _x: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        dy.clone()
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&self.shape)], [Case::of(&[1])]]
    }
}

impl Var<'_> {
    /// The value repeated to fill `shape`.
    #[track_caller]
    pub fn broadcast_to(self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        if self.shape() == shape { self } else { self.unary(Broadcast { shape }) }
    }
}
