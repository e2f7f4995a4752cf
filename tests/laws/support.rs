//! What the laws share: tolerances, random tensors, parameters by name, and each distribution as the laws see it.
//!
//! `ELBO_TEST_SEED=7 cargo test` runs the property tests and the statistical ones with other seeds than those of every
//! day; a failure prints the value that repeats it.

pub mod dense;
pub mod estimators;
pub mod families;
pub mod seeds;
pub mod subjects;

use elbo::autograd::{ParamId, Params, Var};
use elbo::models::{Model, ModelOptions, Noise, Value, models};
use elbo::tensor::{Purpose, Real, Shape, Stream, Tensor, fill_normal, fill_uniform, stream};
pub use seeds::config;

/// Largest error of two ways to compute one number, relative to it (and to 1 nat where it is smaller).
pub const EXACT: f64 = if cfg!(feature = "f64") { 1e-12 } else { 1e-5 };

/// The random stream of a test.
pub fn rng(seed: u64) -> Stream {
    stream(seed, Purpose::Test, 0)
}

/// Uniform numbers in `[low, high]`.
pub fn uniform(shape: impl Into<Shape>, [low, high]: [f64; 2], rng: &mut Stream) -> Tensor {
    let mut u = Tensor::scratch(shape);
    fill_uniform(rng, u.as_mut_slice());
    u.map(|u| low as Real + u * (high - low) as Real)
}

/// Independent standard normals.
pub fn normal(shape: impl Into<Shape>, rng: &mut Stream) -> Tensor {
    let mut out = Tensor::scratch(shape);
    fill_normal(rng, out.as_mut_slice());
    out
}

/// A tensor of numbers given in f64.
pub fn tensor(shape: impl Into<Shape>, values: &[f64]) -> Tensor {
    Tensor::from_slice(shape, &values.iter().map(|&v| v as Real).collect::<Vec<_>>())
}

/// The nodes of the product of a one-dimensional rule with itself in d dimensions, `[nᵈ, d]`, and their weights.
pub fn product_rule(d: usize, nodes: &[(f64, f64)]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let n = nodes.len();
    let of = |i: usize| (0..d).map(move |axis| nodes[i / n.pow(axis as u32) % n]);
    let all = 0..n.pow(d as u32);
    (
        all.clone().map(|i| of(i).map(|node| node.0).collect()).collect(),
        all.map(|i| of(i).map(|node| node.1).product()).collect(),
    )
}

/// The mean under a standard normal by 3 nodes: exact for polynomials of degree 5.
pub const GAUSS_HERMITE: [(f64, f64); 3] =
    [(-1.732_050_807_568_877_2, 1.0 / 6.0), (0.0, 2.0 / 3.0), (1.732_050_807_568_877_2, 1.0 / 6.0)];

/// The elements in f64.
pub fn f64s(tensor: &Tensor) -> Vec<f64> {
    tensor.as_slice().iter().map(|&v| f64::from(v)).collect()
}

/// Noise that replays one tensor.
pub fn recorded(noise: &Tensor) -> Noise {
    Noise::recorded([noise.clone()])
}

/// A setting's value that is a whole number.
pub fn int(value: usize) -> Value {
    Value::Int(value as u64)
}

/// A setting's value that is a number.
pub fn float(value: f64) -> Value {
    Value::Float(value)
}

/// A setting's value that is a word.
pub fn text(word: &str) -> Value {
    Value::Text(word.into())
}

/// A setting's value that is a list of whole numbers.
pub fn ints(values: &[u64]) -> Value {
    Value::Ints(values.to_vec())
}

/// The parameter of this name.
#[track_caller]
pub fn named(params: &Params, name: &str) -> ParamId {
    params.ids().find(|&id| params.name(id) == name).unwrap_or_else(|| panic!("no parameter `{name}`"))
}

/// The values of the parameter of this name.
#[track_caller]
pub fn values(params: &Params, name: &str) -> Vec<f64> {
    f64s(&params.get(named(params, name)))
}

/// Replaces a parameter's values.
#[track_caller]
pub fn assign(params: &mut Params, name: &str, value: impl Fn(usize) -> f64) {
    let range = params.range(named(params, name));
    params.flat_mut()[range].iter_mut().enumerate().for_each(|(i, v)| *v = value(i) as Real);
}

/// The options of this kind of model at their defaults.
#[track_caller]
pub fn options(kind: &str) -> Box<dyn ModelOptions> {
    models().into_iter().find(|options| options.facts().kind == kind).unwrap_or_else(|| panic!("no model `{kind}`"))
}

/// The log-weights of [`Model::log_evidence`].
#[track_caller]
pub fn log_weights(model: &dyn Model, x: Var<'_>, noise: &mut Noise) -> Vec<f64> {
    f64s(&model.log_evidence(x, noise).expect("a model with an evidence").value())
}

/// `|a − b| / max(|b|, 1)`, the worst over two lists of the same length; NaN counts as infinite.
#[track_caller]
pub fn error(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let errors = a.iter().zip(b).map(|(a, b)| (a - b).abs() / b.abs().max(1.0));
    errors.fold(0.0, |worst, error| if error.is_nan() { f64::INFINITY } else { worst.max(error) })
}

/// `ln mean exp`
pub fn log_mean_exp(values: &[f64]) -> f64 {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    max + (values.iter().map(|v| (v - max).exp()).sum::<f64>() / values.len() as f64).ln()
}

/// `‖a − b‖ / ‖b‖`, 0 for equal lists.
#[track_caller]
pub fn l2_error(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let off: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    let size: f64 = b.iter().map(|b| b * b).sum();
    if off == 0.0 { 0.0 } else { (off / size).sqrt() }
}

/// Fails if two lists differ by more than `tolerance` in the sense of [`error`].
#[track_caller]
pub fn assert_close(what: &str, a: &[f64], b: &[f64], tolerance: f64) {
    let error = error(a, b);
    assert!(error <= tolerance, "{what}: error {error:.2e} exceeds {tolerance:.0e}: {a:?} and {b:?}");
}
