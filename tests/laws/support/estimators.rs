//! Rows to fit estimators to, and numbers of a fit by name.

use elbo::models::Iteration;
use elbo::tensor::{Stream, Tensor};

use super::dense::{Matrix, dot};
use super::{f64s, normal, tensor};

/// The value of this name.
#[track_caller]
pub fn value(Iteration { values, .. }: &Iteration, name: &str) -> f64 {
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
