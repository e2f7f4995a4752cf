//! The sum of two layers' contributions and its activation in one pass.

use elbo_tensor::Tensor;

use crate::{Activation, Case, Op, Var};

/// `act(a + b)` with broadcasting: a layer of two inputs of different batch shapes, each multiplied once.
#[derive(Debug)]
pub struct AddActivate {
    /// The nonlinearity.
    pub activation: Activation,
}

impl Op<2> for AddActivate {
    fn forward(&self, [a, b]: [&Tensor; 2]) -> Tensor {
        self.activation.of_sum(a.clone(), b)
    }
    fn common(&self, y: &Tensor, dy: Tensor) -> Tensor {
        self.activation.chain(y, dy)
    }
    /// `dy`, `dy`
    fn vjp(&self, _wrt: usize, _x: [&Tensor; 2], _y: &Tensor, dy: &Tensor) -> Tensor {
        dy.clone()
    }
    fn has_kink(&self) -> bool {
        self.activation == Activation::Relu
    }
    fn cases(&self) -> Vec<[Case; 2]> {
        let of = |low, high| [Case::of(&[2, 1, 4]).within(low, high), Case::of(&[3, 4]).within(-1.0, 1.0)];
        match self.activation {
            Activation::Relu => vec![of(1.1, 2.0), of(-2.0, -1.1)],
            _ => vec![of(-1.0, 1.0)],
        }
    }
}

impl Var<'_> {
    /// `act(self + other)` with broadcasting.
    #[track_caller]
    pub fn add_activate(self, other: Self, activation: Activation) -> Self {
        self.binary(AddActivate { activation }, other)
    }
}
