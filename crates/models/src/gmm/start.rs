//! Where EM begins: the statistics of a posterior that k-means or chance gives.

use elbo_tensor::mixture::add_moments;
use elbo_tensor::{Purpose, Real, Tensor, fill_uniform, stream};

use super::matrices::{about, add_products, over_rows};
use super::options::{GmmInit, GmmOptions};
use super::parameters::{Covariance, GaussianMixture};
use crate::Degenerate;
use crate::kmeans::{Kmeans, KmeansOptions};
use crate::mixture::Statistics;

/// A mixture by one M-step from the first posterior; `run` numbers the starts of one seed.
pub(super) fn start(x: &Tensor, options: &GmmOptions, run: u64) -> Result<GaussianMixture, Degenerate> {
    let GmmOptions { k, covariance, init, reg_covar, seed, .. } = *options;
    let (n, d) = (x.shape().rows(), x.shape().last());
    let posterior: Vec<f64> = match init {
        GmmInit::Kmeans => {
            // k-means takes its numbers from the first stream of its seed.
            let seed = seed.wrapping_add(run.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let labels = Kmeans::new(KmeansOptions { k, seed, ..KmeansOptions::default() }).clustering(x)?.labels;
            (0..n * k).map(|at| f64::from(u8::from(labels[at / k] as usize == at % k))).collect()
        }
        GmmInit::Random => {
            let mut uniform = Tensor::scratch([n, k]);
            fill_uniform(&mut stream(seed, Purpose::Init, run), uniform.as_mut_slice());
            let row = |r: &[Real]| {
                // 1 − u is never 0, so the sum is not.
                let total: f64 = r.iter().map(|&r| 1.0 - f64::from(r)).sum();
                r.iter().map(|&r| (1.0 - f64::from(r)) / total).collect::<Vec<_>>()
            };
            uniform.as_slice().chunks_exact(k).flat_map(row).collect()
        }
    };
    let statistics = of_posterior(x, k, covariance, &posterior);
    let covariances = vec![1.0; covariance.shape(k, d).iter().product()];
    let mut mixture =
        GaussianMixture { covariance, weights: vec![0.0; k], means: statistics.centres.clone(), covariances };
    mixture.maximize(&statistics, reg_covar)?;
    Ok(mixture)
}

/// Statistics of the rows under a given posterior, `[n, k]`, about the components' means.
fn of_posterior(x: &Tensor, k: usize, covariance: Covariance, posterior: &[f64]) -> Statistics {
    let d = x.shape().last();
    let block = |first: usize, m: usize| -> Vec<f64> {
        (0..k * m).map(|at| posterior[(first + at % m) * k + at / m]).collect()
    };
    let ones = vec![1.0; d];
    let diagonal = |first: usize, x: &[Real], sums: &mut Statistics| {
        let m = x.len() / d;
        for (j, r) in block(first, m).chunks_exact(m).enumerate() {
            let weights: Vec<_> = r.iter().map(|&r| r as Real).collect();
            let own = j * d..(j + 1) * d;
            let (first, second) = (&mut sums.first[own.clone()], &mut sums.second[own.clone()]);
            add_moments(x, &weights, &sums.centres[own], &ones, first, second);
            sums.counts[j] += weights.iter().map(|&r| f64::from(r)).sum::<f64>();
        }
    };
    let mut means = over_rows(x, about(vec![0.0; k * d], k, k * d), diagonal);
    let counts = &means.counts;
    means.first.iter_mut().enumerate().for_each(|(at, sum)| *sum /= counts[at / d].max(f64::MIN_POSITIVE));
    if covariance.is_diagonal() {
        return over_rows(x, about(means.first, k, k * d), diagonal);
    }
    let second = if covariance == Covariance::Tied { d * d } else { k * d * d };
    over_rows(x, about(means.first, k, second), |first, x, sums| add_products(sums, x, &block(first, x.len() / d)))
}
