//! Laws of the gradients: every operation of the list against central differences, and of the tape itself.

use crate::support::{config, rng};
use elbo::autograd::{Case, Params, Tape, check, ops};
use elbo::tensor::{Real, Stream, Tensor, fill_uniform};
use proptest::prelude::*;

fn draw(case: &Case, rng: &mut Stream) -> Tensor {
    let mut x = Tensor::scratch(case.shape);
    fill_uniform(rng, x.as_mut_slice());
    let [low, high] = case.range;
    x.map(|u| low + u * (high - low))
}

proptest! {
    #![proptest_config(config(32))]

    /// `d/dx Σ y ⊙ dy` of every operation and argument equals central differences, for random x and dy.
    #[test]
    fn every_operation_has_the_gradient_of_its_value(seed: u64) {
        let mut rng = rng(seed);
        for entry in ops::all() {
            for case in entry.cases() {
                let x: Vec<Tensor> = case.iter().map(|argument| draw(argument, &mut rng)).collect();
                let refs: Vec<&Tensor> = x.iter().collect();
                let y = entry.forward(&refs);
                let dy = draw(&Case::of(&y.shape()).within(-1.0, 1.0), &mut rng);
                let project = |args: &[&Tensor]| -> f64 {
                    let y = entry.forward(args);
                    y.as_slice().iter().zip(dy.as_slice()).map(|(&y, &dy)| f64::from(y) * f64::from(dy)).sum()
                };
                for wrt in 0..x.len() {
                    let gradient = entry.gradient(wrt, &refs, &y, &dy);
                    prop_assert_eq!(gradient.shape(), x[wrt].shape());
                    let (mut off, mut size) = (0.0, 0.0);
                    for i in 0..x[wrt].len() {
                        let at = x[wrt].as_slice()[i];
                        let [low, high] = case[wrt].range;
                        let step = check::STEP as Real;
                        let mut h = step * at.abs().max(1.0).min(high - low);
                        if low > 0.0 || high < 0.0 {
                            // Stay inside a domain that ends at 0.
                            h = h.min(10.0 * step * at.abs());
                        }
                        let moved = |v: Real| {
                            let mut z = x.clone();
                            z[wrt].as_mut_slice()[i] = v;
                            project(&z.iter().collect::<Vec<_>>())
                        };
                        let d = (moved(at + h) - moved(at - h)) / (f64::from(at + h) - f64::from(at - h));
                        let g = f64::from(gradient.as_slice()[i]);
                        off += (g - d) * (g - d);
                        size += d * d;
                    }
                    // Below this size the differences resolve nothing.
                    let floor = if cfg!(feature = "f64") { 1e-9 } else { 0.1 };
                    let error = off.sqrt() / size.sqrt().max(floor);
                    prop_assert!(
                        error <= check::TOLERANCE,
                        "{} argument {wrt} of {case:?}: relative error {error:.2e}", entry.name()
                    );
                }
            }
        }
    }
}

#[test]
fn the_same_gradient_twice_has_the_same_bits() {
    let mut params = Params::new();
    let mut rng = rng(1);
    let w = params.add("w", draw(&Case::of(&[70, 90]), &mut rng));
    let b = params.add("b", draw(&Case::of(&[90]), &mut rng));
    let x = draw(&Case::of(&[300, 70]), &mut rng);
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
