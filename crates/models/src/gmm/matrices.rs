//! Posterior and statistics where components have covariance matrices, in f64.
//!
//! `ln N(x; μ, Σ) = −½ (d ln 2π + ln det Σ + ‖L⁻¹(x − μ)‖²)` with `Σ = L Lᵀ`; the moments are about the means, so that
//! nothing cancels.

use std::f64::consts::PI;

use elbo_tensor::linalg::Cholesky;
use elbo_tensor::{Mat, Real, Tensor, dgemm, for_each_slot};

use super::parameters::{Covariance, GaussianMixture};
use crate::Degenerate;
use crate::mixture::{Posterior, Statistics, normalize};

/// Rows of a product.
const BLOCK: usize = 224;
/// Parts that the rows are divided into, each with sums of its own.
const CHUNKS: usize = 8;

/// Components as the passes over blocks want them.
pub(super) struct Matrices<'a> {
    mixture: &'a GaussianMixture,
    /// `L⁻¹`, `[d, d]`: one for each component, or one for all.
    whiteners: Vec<Vec<f64>>,
    /// `ln π − ½ (d ln 2π + ln det Σ)`, `[k]`.
    constants: Vec<f64>,
}

/// Rows that one thread takes at a time.
fn chunk_rows(n: usize) -> usize {
    n.div_ceil(CHUNKS).next_multiple_of(BLOCK)
}

impl<'a> Matrices<'a> {
    /// Refused where a covariance matrix is not positive definite.
    pub fn new(mixture: &'a GaussianMixture) -> Result<Self, Degenerate> {
        let (k, d) = (mixture.len(), mixture.width());
        let tied = mixture.covariance == Covariance::Tied;
        let (mut whiteners, mut log_dets) = (Vec::new(), Vec::new());
        for j in 0..if tied { 1 } else { k } {
            let factor = Cholesky::new(mixture.matrix(j).to_vec(), d).ok_or_else(|| {
                let whose = if tied {
                    "the shared covariance".into()
                } else {
                    format!("the covariance of component {}", j + 1)
                };
                Degenerate(format!("{whose} is not positive definite: raise reg_covar"))
            })?;
            let mut inverse = vec![0.0; d * d];
            for i in 0..d {
                let mut column = vec![0.0; d];
                column[i] = 1.0;
                factor.solve_lower(&mut column);
                column.iter().enumerate().for_each(|(l, value)| inverse[l * d + i] = *value);
            }
            log_dets.push(factor.log_det());
            whiteners.push(inverse);
        }
        let constant = |j: usize| {
            mixture.weights[j].ln() - 0.5 * (d as f64 * (2.0 * PI).ln() + log_dets[if tied { 0 } else { j }])
        };
        Ok(Self { mixture, whiteners, constants: (0..k).map(constant).collect() })
    }

    /// Statistics of all rows `x: [n, d]` about the means; `second` has a matrix for each component, or their sum.
    pub fn statistics(&self, x: &Tensor) -> Statistics {
        let mixture = self.mixture;
        let second = self.whiteners.len() * mixture.width().pow(2);
        over_rows(x, about(mixture.means.clone(), mixture.len(), second), |_, x, sums| {
            let (responsibilities, densities) = self.block(x);
            sums.log_likelihood += densities.iter().sum::<f64>();
            add_products(sums, x, &responsibilities);
        })
    }

    /// Log-density and posterior of the rows `x: [n, d]`.
    pub fn posterior(&self, x: &Tensor) -> Posterior {
        let (n, k) = (x.shape().rows(), self.mixture.len());
        let mut posterior = Posterior { log_density: vec![0.0; n], responsibilities: vec![0.0; n * k] };
        let size = chunk_rows(n);
        let densities = posterior.log_density.chunks_mut(size);
        let mut slots: Vec<_> = densities.zip(posterior.responsibilities.chunks_mut(size * k)).collect();
        for_each_slot(&mut slots, |at, (densities, responsibilities)| {
            let blocks = densities.chunks_mut(BLOCK).zip(responsibilities.chunks_mut(BLOCK * k));
            for (x, (densities, responsibilities)) in part(x, at).chunks(BLOCK * self.mixture.width()).zip(blocks) {
                let (r, ln_p) = self.block(x);
                densities.copy_from_slice(&ln_p);
                let (m, rows) = (ln_p.len(), responsibilities.chunks_exact_mut(k).enumerate());
                rows.for_each(|(i, row)| row.iter_mut().enumerate().for_each(|(j, out)| *out = r[j * m + i] as Real));
            }
        });
        posterior
    }

    /// Posterior, `[k, m]`, and log-density of a block of rows.
    fn block(&self, x: &[Real]) -> (Vec<f64>, Vec<f64>) {
        let d = self.mixture.width();
        let m = x.len() / d;
        let (mut off, mut white) = (vec![0.0; m * d], vec![0.0; m * d]);
        let mut joint = Vec::with_capacity(self.constants.len() * m);
        for (j, constant) in self.constants.iter().enumerate() {
            differences(x, &self.mixture.means[j * d..][..d], &mut off);
            let whitener = &self.whiteners[j.min(self.whiteners.len() - 1)];
            dgemm(Mat::new(&off, m, d), Mat::new(whitener, d, d).t(), 0.0, &mut white);
            joint.extend(white.chunks_exact(d).map(|z| constant - 0.5 * z.iter().map(|z| z * z).sum::<f64>()));
        }
        let mut row = vec![0.0; self.constants.len()];
        let posterior = |i: usize| {
            row.iter_mut().zip(joint[i..].iter().step_by(m)).for_each(|(to, from)| *to = *from);
            let ln_p = normalize(&mut row);
            row.iter().zip(joint[i..].iter_mut().step_by(m)).for_each(|(from, to)| *to = *from);
            ln_p
        };
        let ln_p = (0..m).map(posterior).collect();
        (joint, ln_p)
    }
}

fn differences(x: &[Real], mean: &[f64], out: &mut [f64]) {
    for (x, out) in x.chunks_exact(mean.len()).zip(out.chunks_exact_mut(mean.len())) {
        out.iter_mut().zip(x).zip(mean).for_each(|((out, &x), mean)| *out = f64::from(x) - mean);
    }
}

/// The rows of chunk `at`.
fn part(x: &Tensor, at: usize) -> &[Real] {
    let size = chunk_rows(x.shape().rows()) * x.shape().last();
    &x.as_slice()[at * size..((at + 1) * size).min(x.len())]
}

/// Statistics about `centres: [k, d]` of no rows, with `second` numbers of second order.
pub(super) fn about(centres: Vec<f64>, k: usize, second: usize) -> Statistics {
    let first = vec![0.0; centres.len()];
    Statistics { counts: vec![0.0; k], centres, first, second: vec![0.0; second], log_likelihood: 0.0 }
}

/// Sums over all rows: `add` adds a block, of which it gets the number of the first row. The same bits at
/// any number of threads.
pub(super) fn over_rows(
    x: &Tensor,
    empty: Statistics,
    add: impl Fn(usize, &[Real], &mut Statistics) + Sync,
) -> Statistics {
    let (n, d) = (x.shape().rows(), x.shape().last());
    let mut chunks = vec![empty; n.div_ceil(chunk_rows(n))];
    for_each_slot(&mut chunks, |at, sums| {
        for (block, x) in part(x, at).chunks(BLOCK * d).enumerate() {
            add(at * chunk_rows(n) + block * BLOCK, x, sums);
        }
    });
    let plus = |sum: &mut [f64], terms: &[f64]| sum.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
    let sum = chunks.into_iter().reduce(|mut sum, chunk| {
        plus(&mut sum.counts, &chunk.counts);
        plus(&mut sum.first, &chunk.first);
        plus(&mut sum.second, &chunk.second);
        sum.log_likelihood += chunk.log_likelihood;
        sum
    });
    let mut sum = sum.expect("at least one row");
    sum.log_likelihood /= n as f64;
    sum
}

/// Adds a block of rows with their posterior, `[k, m]`, to statistics of matrices.
pub(super) fn add_products(sums: &mut Statistics, x: &[Real], responsibilities: &[f64]) {
    let k = sums.counts.len();
    let d = sums.centres.len() / k;
    let m = x.len() / d;
    let tied = sums.second.len() == d * d;
    let (mut off, mut weighted) = (vec![0.0; m * d], vec![0.0; m * d]);
    for (j, r) in responsibilities.chunks_exact(m).enumerate() {
        differences(x, &sums.centres[j * d..][..d], &mut off);
        for ((weighted, off), r) in weighted.chunks_exact_mut(d).zip(off.chunks_exact(d)).zip(r) {
            for ((weighted, off), first) in weighted.iter_mut().zip(off).zip(&mut sums.first[j * d..][..d]) {
                *weighted = r * off;
                *first += *weighted;
            }
        }
        sums.counts[j] += r.iter().sum::<f64>();
        let second = &mut sums.second[if tied { 0 } else { j * d * d }..][..d * d];
        dgemm(Mat::new(&weighted, m, d).t(), Mat::new(&off, m, d), 1.0, second);
    }
}
