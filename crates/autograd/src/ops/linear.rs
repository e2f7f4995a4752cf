//! A linear layer with its bias and activation in one pass over the product.

use elbo_tensor::{Tensor, gemm};

use super::matmul::product;
use crate::{Case, Op, Var};

/// The nonlinearity after a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `a`
    Identity,
    /// `max(a, 0)`
    Relu,
    /// `tanh a`
    Tanh,
}

impl Activation {
    /// `act(a + b)` with broadcasting, in the memory of `a` if it can be.
    pub(crate) fn of_sum(self, a: Tensor, b: &Tensor) -> Tensor {
        match self {
            Activation::Identity => a.update(b, |a, b| a + b),
            Activation::Relu => a.update(b, |a, b| if a + b < 0.0 { 0.0 } else { a + b }),
            Activation::Tanh => a.update(
                b,
                #[inline(always)]
                |a, b| elbo_tensor::math::tanh(a + b),
            ),
        }
    }

    /// `dy · act′`, from the result y alone.
    pub(crate) fn chain(self, y: &Tensor, dy: Tensor) -> Tensor {
        match self {
            Activation::Identity => dy,
            Activation::Relu => dy.update(y, |dy, y| if y > 0.0 { dy } else { 0.0 }),
            Activation::Tanh => dy.update(y, |dy, y| dy * (1.0 - y * y)),
        }
    }
}

/// `act(x·W + b)` with `x: [.., m]`, `W: [m, n]` and `b` anything that broadcasts to `[.., n]`.
#[derive(Debug)]
pub struct Linear {
    /// The nonlinearity.
    pub activation: Activation,
}

impl Op<3> for Linear {
    #[track_caller]
    fn forward(&self, [x, w, b]: [&Tensor; 3]) -> Tensor {
        let mut y = Tensor::scratch(x.shape().with_last(w.shape().last()));
        gemm(x.as_mat(), w.as_mat(), 0.0, y.as_mut_slice());
        self.activation.of_sum(y, b)
    }
    fn common(&self, y: &Tensor, dy: Tensor) -> Tensor {
        self.activation.chain(y, dy)
    }
    /// `dy·Wᵀ`, `xᵀ·dy`, `dy`
    fn vjp(&self, wrt: usize, [x, w, _]: [&Tensor; 3], _y: &Tensor, dy: &Tensor) -> Tensor {
        match wrt {
            0 => product(dy.as_mat(), w.as_mat().t()).reshape(x.shape()),
            1 => product(x.as_mat().t(), dy.as_mat()),
            _ => dy.clone(),
        }
    }
    fn has_kink(&self) -> bool {
        self.activation == Activation::Relu
    }
    fn cases(&self) -> Vec<[Case; 3]> {
        // The bias keeps the argument of a ReLU away from its kink, on either side.
        let of = |shape: &[usize], bias: &[usize], [low, high]: [_; 2]| {
            [Case::of(shape).within(-1.0, 1.0), Case::of(&[4, 5]).within(-1.0, 1.0), Case::of(bias).within(low, high)]
        };
        match self.activation {
            Activation::Relu => vec![of(&[3, 4], &[5], [4.5, 6.0]), of(&[2, 3, 4], &[2, 1, 5], [-6.0, -4.5])],
            _ => vec![of(&[3, 4], &[5], [-1.0, 1.0]), of(&[2, 3, 4], &[2, 1, 5], [-1.0, 1.0])],
        }
    }
}

impl Var<'_> {
    /// `act(self·W + b)`
    #[track_caller]
    pub fn linear(self, w: Self, b: Self, activation: Activation) -> Self {
        self.ternary(Linear { activation }, w, b)
    }
}
