//! An operation of your own: its value, its gradient, and the check of that gradient against finite differences.
//!
//! `cargo run --release --example custom_op`

#![allow(clippy::print_stdout)] // a program of its own

use elbo::autograd::{Case, Entry, Op, Params, Tape, Var, check};
use elbo::tensor::{Purpose, Tensor, math::sigmoid, stream};

/// `swish(x) = x·σ(x)`, elementwise (Ramachandran, Zoph & Le 2017, arXiv:1710.05941).
#[derive(Debug)]
struct Swish;

impl Op<1> for Swish {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.map(
            #[inline(always)]
            |x| x * sigmoid(x),
        )
    }
    /// `dy · σ(x) (1 + x σ(−x))`
    fn vjp(&self, _wrt: usize, [x]: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        dy.zip(
            x,
            #[inline(always)]
            |dy, x| dy * sigmoid(x) * (1.0 + x * sigmoid(-x)),
        )
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])], [Case::of(&[5]).within(-30.0, -20.0)], [Case::of(&[5]).within(20.0, 30.0)]]
    }
}

fn swish(x: Var<'_>) -> Var<'_> {
    x.unary(Swish)
}

fn main() {
    for comparison in check::operation(&Entry::of(Swish), &mut stream(1, Purpose::Test, 0)) {
        println!("relative error {:.1e}, {}", comparison.error, comparison.name);
        assert!(comparison.passes(), "the gradient is not that of the value");
    }

    // It is used like the engine's own: here swish(2x), differentiated with respect to x.
    let params = Params::new();
    let tape = Tape::new(&params);
    let x = tape.variable(Tensor::from_slice([3], &[-1.0, 0.0, 1.0]));
    let y = swish(2.0 * x);
    let gradients = tape.backward(y.sum_all());
    println!("swish(2x) = {:?}, its slope {:?}", y.value(), gradients.of(x).expect("y depends on x"));
}
