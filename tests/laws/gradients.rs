//! Laws of the gradients: every operation of the lists against central differences, and of the tape itself.

use crate::support::{config, rng};
use elbo::autograd::{Case, Entry, Op, Params, Tape, check, ops};
use elbo::models;
use elbo::tensor::{Real, Tensor};
use proptest::prelude::*;

proptest! {
    #![proptest_config(config(32))]

    /// `d/dx Σ y ⊙ dy` of every operation and argument equals central differences, for random x and dy.
    #[test]
    fn every_operation_has_the_gradient_of_its_value(seed: u64) {
        let mut rng = rng(seed);
        for entry in ops::all().into_iter().chain(models::ops()) {
            for comparison in check::operation(&entry, &mut rng) {
                prop_assert!(comparison.passes(), "{comparison:?}");
            }
        }
    }
}

/// `y = 2x` with the gradient of `y = 2.1x`.
#[derive(Debug)]
struct Wrong;

impl Op<1> for Wrong {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.map(|x| 2.0 * x)
    }
    fn vjp(&self, _wrt: usize, _x: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        dy.map(|dy| 2.1 * dy)
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3])]]
    }
}

#[test]
fn the_checker_finds_an_operation_with_a_wrong_gradient() {
    let comparisons = check::operation(&Entry::of(Wrong), &mut rng(1));
    assert!(comparisons.iter().all(|comparison| (comparison.error - 0.05).abs() < 1e-3), "{comparisons:?}");
}

#[test]
fn the_same_gradient_twice_has_the_same_bits() {
    let mut params = Params::new();
    let mut rng = rng(1);
    let w = params.add("w", Case::of(&[70, 90]).draw(&mut rng));
    let b = params.add("b", Case::of(&[90]).draw(&mut rng));
    let x = Case::of(&[300, 70]).draw(&mut rng);
    let run = || {
        let tape = Tape::new(&params);
        let y = tape.constant(x.clone()).linear(tape.param(w), tape.param(b), elbo::autograd::Activation::Tanh);
        let grads = tape.backward((y.softplus() * y).sum_all());
        (grads.param(w).unwrap().clone(), grads.param(b).unwrap().clone())
    };
    assert!(run() == run());
}

#[test]
fn an_unused_parameter_has_no_gradient() {
    let mut params = Params::new();
    let used = params.add("used", Tensor::scalar(2.0));
    let unused = params.add("unused", Tensor::scalar(2.0));
    let tape = Tape::new(&params);
    let _ = tape.param(unused).square();
    let grads = tape.backward(tape.param(used).square());
    assert_eq!(grads.param(used).unwrap().item(), 4.0);
    assert!(grads.param(unused).is_none());
}

#[test]
fn a_value_used_twice_gets_both_gradients() {
    let reports = check::inputs(&[Tensor::from_slice([3], &[0.3, -0.7, 1.1])], |_, x| {
        let y = x[0].square();
        (y * x[0] + y.exp() - y).sum_all()
    });
    assert!(reports[0].passes(), "{reports:?}");
}

#[test]
fn the_checker_finds_a_wrong_gradient() {
    // |x| written as a constant sign times x: right value, and a gradient that lacks the derivative of the factor.
    let reports = check::inputs(&[Tensor::from_slice([2], &[0.5, 2.0])], |tape, x| {
        let frozen = tape.constant(x[0].value());
        (frozen * x[0]).sum_all()
    });
    assert!(!reports[0].passes(), "{reports:?}");
}

/// What a `Softplus` met, by the parameter before it: a variance's raw value and the variance.
#[test]
fn the_smallest_of_an_operation_are_found_with_their_layers() {
    let mut params = Params::new();
    let w = params.add("first.weight", Tensor::from_slice([1, 2], &[1.0, -2.0]));
    let b = params.add("first.bias", Tensor::from_slice([2], &[0.5, 0.25]));
    let shared = params.add("second.spread", Tensor::from_slice([2], &[3.0, -1.0]));
    let softplus = |x: f64| x.exp().ln_1p() as Real;
    let smallest = |x: [Real; 2]| {
        let tape = Tape::new(&params);
        let data = tape.constant(Tensor::from_slice([2, 1], &x));
        let bias = tape.param(b);
        let h = data.linear(tape.param(w), bias, elbo::autograd::Activation::Identity);
        let _ = (h.softplus() * tape.param(shared).softplus()).exp().sum_all();
        let _ = data.softplus();
        tape.smallest_of("Softplus").iter().map(|s| (params.name(s.layer), s.argument, s.value)).collect::<Vec<_>>()
    };
    // Columns x + 0.5 and 0.25 − 2x.
    let [first, second] = &smallest([1.0, -0.5])[..] else { panic!("two of parameters, none of data alone") };
    assert_eq!((first.0, first.1), ("first.weight", -1.75));
    assert_eq!((second.0, second.1), ("second.spread", -1.0));
    for (found, expected) in [(first.2, softplus(-1.75)), (second.2, softplus(-1.0))] {
        assert!((found - expected).abs() <= 4.0 * Real::EPSILON, "{found} and {expected}");
    }
    let [first, second] = &smallest([1.0, Real::NAN])[..] else { panic!("two") };
    assert!(first.1.is_nan() && first.2.is_nan(), "NaN is the smallest: {first:?}");
    assert_eq!(second.1, -1.0);
}
