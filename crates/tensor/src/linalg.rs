//! Linear algebra of small dense matrices in f64, row-major.

mod cholesky;
mod eigen;

pub use cholesky::Cholesky;
pub use eigen::{Eigen, symmetric_eigen};
mod moments;
pub use moments::{Moments, column_means, column_variances};

/// Terms that are summed side by side: a multiple of the widest vector of f64.
const LANES: usize = 8;

/// `Σ_i a_i b_i`, in lanes and then over the lanes, so that the loop runs on vectors.
#[inline(always)]
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for l in 0..LANES {
            lanes[l] += a[l] * b[l];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole chunks, a rest, and neither; whole numbers, so that every order of summation is exact.
    #[test]
    fn every_term_of_a_dot_product_counts_once() {
        for len in [0, 1, 7, 8, 9, 16, 31] {
            let a: Vec<f64> = (0..len).map(|i| i as f64 - 3.0).collect();
            let b: Vec<f64> = (0..len).map(|i| (i * i) as f64 + 1.0).collect();
            assert_eq!(dot(&a, &b), (0..len).map(|i| a[i] * b[i]).sum::<f64>());
        }
    }
}
