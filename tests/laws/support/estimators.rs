//! Estimators by name, and rows to fit them to.

use elbo::models::{Estimator, Settings, Value};
use elbo::tensor::{Stream, Tensor};

use super::dense::{Matrix, dot};
use super::{f64s, normal, tensor};

/// The estimator of this kind, with these settings of `[model]` and `[train]`.
#[track_caller]
pub fn estimator(
    kind: &str,
    model: &[(&str, Value)],
    train: &[(&str, Value)],
    width: usize,
    seed: u64,
) -> Box<dyn Estimator> {
    let spec = elbo::models::estimators().iter().find(|spec| spec.kind == kind).expect("an estimator of the list");
    let [mut own, mut fit] = [(spec.model)(), (spec.train)()].map(|declared| Settings::defaults(&declared));
    model.iter().for_each(|(name, value)| own.set(name, value.clone()));
    train.iter().for_each(|(name, value)| fit.set(name, value.clone()));
    (spec.build)(&own, &fit, width, seed)
}

/// Iterates until the estimator is done: the values of the last iteration by name.
#[track_caller]
pub fn fit(estimator: &mut dyn Estimator, x: &Tensor) -> Vec<(&'static str, f64)> {
    loop {
        let iteration = estimator.iterate(x).expect("rows that can be fitted");
        if iteration.done {
            return iteration.values;
        }
    }
}

/// The value of this name.
#[track_caller]
pub fn value(values: &[(&'static str, f64)], name: &str) -> f64 {
    values.iter().find(|(other, _)| *other == name).unwrap_or_else(|| panic!("no value `{name}` in {values:?}")).1
}

/// Rows `W z + ε + 1` with `l` standard normal factors, loadings drawn once and noise of standard deviation ½, `[n,
/// d]`.
pub fn factor_rows(n: usize, d: usize, l: usize, rng: &mut Stream) -> Tensor {
    let mut matrix = |rows: usize, columns: usize| super::dense::matrix(&f64s(&normal([rows, columns], rng)), columns);
    let (loadings, z, noise): (Matrix, Matrix, Matrix) = (matrix(d, l), matrix(n, l), matrix(n, d));
    let value = |i: usize, j: usize| dot(&loadings[j], &z[i]) + 0.5 * noise[i][j] + 1.0;
    tensor([n, d], &(0..n * d).map(|at| value(at / d, at % d)).collect::<Vec<_>>())
}

/// The columns' means and the covariance with divisor n.
pub fn sample_moments(x: &Tensor) -> (Vec<f64>, Matrix) {
    let rows = super::dense::matrix(&f64s(x), x.shape().last());
    let n = rows.len() as f64;
    let width = x.shape().last();
    let mean: Vec<f64> = (0..width).map(|j| rows.iter().map(|row| row[j]).sum::<f64>() / n).collect();
    let cross = |a: usize, b: usize| rows.iter().map(|row| (row[a] - mean[a]) * (row[b] - mean[b])).sum::<f64>() / n;
    let covariance = (0..width).map(|a| (0..width).map(|b| cross(a, b)).collect()).collect();
    (mean, covariance)
}
