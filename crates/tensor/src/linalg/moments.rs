//! Mean and covariance of rows, in f64.

use rayon::prelude::*;

use crate::{Mat, Real, Tensor, dgemm};

/// Rows that are centred and multiplied at a time; sums of blocks are added in order.
const BLOCK: usize = 512;
/// Columns of a panel. The covariance is computed by pairs of panels, each pair once and on one thread.
const PANEL: usize = 112;

/// Mean and covariance of `n` rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// `x̄ = (1/n) Σ_i x_i`, `[d]`.
    pub mean: Vec<f64>,
    /// `(1/n) Σ_i (x_i − x̄)(x_i − x̄)ᵀ`, `[d, d]`, symmetric to the bit.
    pub covariance: Vec<f64>,
}

impl Moments {
    /// The moments of the rows of `x`, `[n, d]` with n ≥ 1, which are passed over twice. Needs `2 d²`
    /// numbers beside them.
    ///
    /// # Panics
    /// If there are no rows.
    #[track_caller]
    pub fn of(x: &Tensor) -> Self {
        let (n, d) = (x.shape().rows(), x.shape().last());
        let mean = column_means(x);
        let panels: Vec<_> = (0..d).step_by(PANEL).map(|start| start..(start + PANEL).min(d)).collect();
        let indices = 0..panels.len();
        let mut products: Vec<(usize, usize, Vec<f64>)> = indices
            .flat_map(|i| (0..=i).map(move |j| (i, j)))
            .map(|(i, j)| (i, j, vec![0.0; panels[i].len() * panels[j].len()]))
            .collect();
        let mut centred: Vec<Vec<f64>> = panels.iter().map(|panel| Vec::with_capacity(BLOCK * panel.len())).collect();
        for rows in x.as_slice().chunks(BLOCK * d.max(1)) {
            centred.par_iter_mut().zip(&panels).for_each(|(out, panel)| {
                out.clear();
                let mean = &mean[panel.clone()];
                for row in rows.chunks_exact(d) {
                    out.extend(row[panel.clone()].iter().zip(mean).map(|(&x, mean)| f64::from(x) - mean));
                }
            });
            let count = rows.len() / d;
            let panel = |index: usize| Mat::new(&centred[index][..], count, panels[index].len());
            products.par_iter_mut().for_each(|(i, j, product)| dgemm(panel(*i).t(), panel(*j), 1.0, product));
        }
        let mut covariance = vec![0.0; d * d];
        for (i, j, product) in &products {
            let (rows, columns) = (panels[*i].clone(), panels[*j].clone());
            for (a, values) in rows.zip(product.chunks_exact(columns.len())) {
                for (b, value) in columns.clone().zip(values).filter(|(b, _)| *b <= a) {
                    covariance[a * d + b] = value / n as f64;
                    covariance[b * d + a] = value / n as f64;
                }
            }
        }
        Self { mean, covariance }
    }
}

/// `(1/n) Σ_i x_i` of the rows of `x`, `[n, d]` with n ≥ 1: `[d]`.
///
/// # Panics
/// If there are no rows.
#[track_caller]
pub fn column_means(x: &Tensor) -> Vec<f64> {
    column_averages(x, |_, x| x)
}

/// `(1/n) Σ_i (x_i − mean)²` of the rows of `x`, `[n, d]` with n ≥ 1: `[d]`.
///
/// # Panics
/// If there are no rows.
#[track_caller]
pub fn column_variances(x: &Tensor, mean: &[f64]) -> Vec<f64> {
    column_averages(x, |column, x| (x - mean[column]).powi(2))
}

/// `(1/n) Σ_i term(column, x_i)`, over blocks of rows whose sums are added in order.
#[track_caller]
fn column_averages(x: &Tensor, term: impl Fn(usize, f64) -> f64 + Sync) -> Vec<f64> {
    let (n, d) = (x.shape().rows(), x.shape().last());
    assert!(n > 0 && d > 0, "moments of no rows: {:?}", x.shape());
    let add = |rows: &[Real]| {
        let mut sums = vec![0.0; d];
        for row in rows.chunks_exact(d) {
            sums.iter_mut().zip(row).enumerate().for_each(|(column, (sum, &x))| *sum += term(column, f64::from(x)));
        }
        sums
    };
    let blocks: Vec<Vec<f64>> = x.as_slice().par_chunks(BLOCK * d).map(add).collect();
    let mut total = vec![0.0; d];
    for block in &blocks {
        total.iter_mut().zip(block).for_each(|(total, sum)| *total += sum);
    }
    total.iter_mut().for_each(|total| *total /= n as f64);
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Purpose, fill_normal, stream};

    fn rows(n: usize, d: usize) -> Tensor {
        let mut x = Tensor::scratch([n, d]);
        fill_normal(&mut stream(5, Purpose::Test, 0), x.as_mut_slice());
        x.as_mut_slice().iter_mut().enumerate().for_each(|(i, x)| *x = *x * (1 + i % d) as Real + 100.0);
        x
    }

    /// One block and several, one panel and several, whole and cut, against the definition.
    #[test]
    fn moments_are_those_of_the_definition() {
        for (n, d) in [(1, 3), (7, 1), (1024, 5), (2500, 9), (40, 230)] {
            let x = rows(n, d);
            let moments = Moments::of(&x);
            let value = |i: usize, j: usize| f64::from(x.as_slice()[i * d + j]);
            let mean: Vec<f64> = (0..d).map(|j| (0..n).map(|i| value(i, j)).sum::<f64>() / n as f64).collect();
            assert!(moments.mean.iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-11));
            for a in 0..d {
                for b in 0..d {
                    let terms = (0..n).map(|i| (value(i, a) - mean[a]) * (value(i, b) - mean[b]));
                    let exact = terms.sum::<f64>() / n as f64;
                    let found = moments.covariance[a * d + b];
                    assert!((found - exact).abs() < 1e-12 * ((1 + a) * (1 + b)) as f64, "{found} and {exact}");
                    assert_eq!(found, moments.covariance[b * d + a]);
                }
            }
            let variances = column_variances(&x, &moments.mean);
            let diagonal = moments.covariance.iter().step_by(d + 1);
            assert!(variances.iter().zip(diagonal).all(|(a, b)| (a - b).abs() <= 1e-12 * b));
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let x = rows(3000, 250);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Moments::of(&x))
        };
        assert!(run(1) == run(3));
    }
}
