//! Importance-weighted estimates of a log-evidence.

use elbo_tensor::math::LogSumExp;

/// `ln ((1/n) Σ_i exp(values_i))`, shifted by the largest value so that nothing overflows.
///
/// −∞ if all values are −∞, +∞ if one is +∞, NaN for no values or if one is NaN.
pub fn log_mean_exp(values: &[f64]) -> f64 {
    let (total, n) = (LogSumExp::of(values.iter().copied()), values.len() as f64);
    if total.largest.is_finite() {
        return (total.sum / n).ln() + total.largest;
    }
    // Where the largest is infinite the shifted differences would be ∞ − ∞.
    (values.iter().map(|value| value.exp()).sum::<f64>() / n).ln()
}

/// The importance-weighted bound of each point, `ln (1/k) Σ_j w_j` in nats: `[n]`.
///
/// `log_weights` is `[k, n]`, sample-major: row `j` holds `ln w_j = ln p(x, z_j) − ln q(z_j|x)` of every
/// point for its `j`-th sample `z_j ~ q(z|x)`. One sample gives the ELBO's estimate; the expectation rises
/// with `k` towards `ln p(x)`.
///
/// Burda, Grosse & Salakhutdinov 2016, *Importance weighted autoencoders*, <https://arxiv.org/abs/1509.00519>, eq. 8.
///
/// # Panics
/// If `k` is 0 or does not divide the number of weights.
#[track_caller]
pub fn importance_weighted_bound(log_weights: &[f64], k: usize) -> Vec<f64> {
    let count = log_weights.len();
    assert!(k > 0 && count.is_multiple_of(k), "importance_weighted_bound: {count} weights are no {k} samples a point");
    let points = count / k;
    let mut samples = vec![0.0; k];
    (0..points)
        .map(|point| {
            samples.iter_mut().zip(log_weights[point..].iter().step_by(points)).for_each(|(slot, &w)| *slot = w);
            log_mean_exp(&samples)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_values_neither_overflow_nor_vanish() {
        assert_eq!(log_mean_exp(&[1e4, 1e4]), 1e4);
        assert_eq!(log_mean_exp(&[-1e4; 3]), -1e4);
        assert_eq!(log_mean_exp(&[-1e4, f64::NEG_INFINITY]), -1e4 - 2f64.ln());
        assert_eq!(log_mean_exp(&[f64::NEG_INFINITY; 2]), f64::NEG_INFINITY);
        assert_eq!(log_mean_exp(&[f64::INFINITY, f64::NEG_INFINITY]), f64::INFINITY);
        assert!(log_mean_exp(&[]).is_nan());
        assert!(log_mean_exp(&[0.0, f64::NAN]).is_nan());
    }

    #[test]
    fn weights_are_sample_major() {
        let (low, high) = (0.0, 2f64.ln());
        let bound = importance_weighted_bound(&[low, high, low, high, low, low], 2);
        let mean = 1.5f64.ln();
        assert_eq!(bound.len(), 3);
        for (actual, expected) in bound.iter().zip([mean, mean, 0.0]) {
            assert!((actual - expected).abs() < 1e-15, "{actual} is not {expected}");
        }
        assert!(importance_weighted_bound(&[], 5).is_empty());
    }

    #[test]
    #[should_panic(expected = "importance_weighted_bound: 5 weights are no 2 samples a point")]
    fn ragged_weights_are_refused() {
        importance_weighted_bound(&[0.0; 5], 2);
    }
}
