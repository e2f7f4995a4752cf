//! Accuracy of the elementwise functions against the standard library in f64, over the whole range of f32.
#![cfg(not(feature = "f64"))]
#![allow(clippy::print_stdout)] // measured accuracies, shown with --nocapture

use elbo_tensor::{Tensor, math};

/// Checks `f` on every 997th bit pattern of f32 (4.3 million values) and around the points given.
#[track_caller]
fn check(name: &str, f: impl Fn(&Tensor) -> Tensor, exact: impl Fn(f64) -> f64, extra: &[f32]) {
    let mut xs: Vec<f32> = (0..u32::MAX / 997).map(|i| f32::from_bits(i * 997)).collect();
    xs.extend((-200_000..200_000).map(|i| i as f32 * 5e-4));
    xs.extend((-200_000..200_000).map(|i| i as f32 * 5e-6));
    xs.extend([0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN, 1.0, -1.0, 1e-45, -1e-45]);
    for &x in extra {
        xs.extend((-500..500).map(|i| f32::from_bits((x.to_bits() as i32 + i) as u32)));
    }
    let ys = f(&Tensor::from_slice([xs.len()], &xs));
    let mut worst = (0.0, 0.0);
    for (&x, &y) in xs.iter().zip(ys.as_slice()) {
        let want = exact(f64::from(x));
        if want.is_nan() {
            assert!(y.is_nan(), "{name}({x}) = {y}, not NaN");
        } else if f64::from(want as f32) == 0.0 || (want as f32).is_infinite() {
            let near = (want as f32 - y).abs() <= 1e-45 || (y - f32::MAX.copysign(y)).abs() == 0.0;
            assert!(y == want as f32 || (want.is_finite() && near), "{name}({x:e}) = {y:e}, not {want:e}");
        } else if (want as f32).is_subnormal() || y.is_subnormal() {
            assert!((f64::from(y) - want).abs() <= 1.5 * 2f64.powi(-149), "{name}({x:e}) = {y:e}, not {want:e}");
        } else {
            let error = ((f64::from(y) - want) / want).abs();
            if error > worst.1 || error.is_nan() {
                worst = (x, error);
            }
        }
    }
    println!("{name}: largest relative error {:.2e} at {:e}", worst.1, worst.0);
    assert!(worst.1 <= 5e-7, "{name}({:e}): relative error {:.2e}", worst.0, worst.1);
}

#[test]
fn exp_is_accurate_everywhere() {
    check("exp", Tensor::exp, f64::exp, &[88.7, -87.3, -103.9]);
}

#[test]
fn ln_is_accurate_everywhere() {
    check("ln", Tensor::ln, f64::ln, &[1.0, 0.707, 1.414, 1.17e-38]);
}

#[test]
fn ln_1p_is_accurate_everywhere() {
    check("ln_1p", |x| x.map(math::ln_1p), f64::ln_1p, &[1e-7, -0.999_99, -0.3, 0.414]);
}

#[test]
fn expm1_is_accurate_everywhere() {
    check("expm1", |x| x.map(math::expm1), f64::exp_m1, &[88.7, 80.0, -0.3466, 0.3466, -17.0]);
}

#[test]
fn tanh_is_accurate_everywhere() {
    check("tanh", Tensor::tanh, f64::tanh, &[0.173, 9.0, 20.0]);
}

#[test]
fn sigmoid_is_accurate_in_both_tails() {
    check(
        "sigmoid",
        Tensor::sigmoid,
        |x| if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) },
        &[-87.3, -103.0],
    );
}

#[test]
fn softplus_is_accurate_in_both_tails() {
    check(
        "softplus",
        Tensor::softplus,
        |x| x.max(0.0) + (-x.abs()).exp().ln_1p() + if x.is_nan() { x } else { 0.0 },
        &[-87.3, -103.0, 16.6],
    );
}
