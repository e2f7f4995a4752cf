//! How a model uses its latent space.

use elbo_tensor::Real;

use crate::rows;

/// The mean latent radius `(1/n) Σ_i ‖μ(x_i)‖₂` of the posterior means `[n, width]`, in units of the latent space.
///
/// 0 for a collapsed posterior. NaN for no rows.
///
/// # Panics
/// If `width` is 0 or does not divide the number of values.
#[track_caller]
pub fn mean_radius(means: &[Real], width: usize) -> f64 {
    let rows = rows("mean_radius", means, width);
    let count = rows.len() as f64;
    let norm = |row: &[Real]| row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    rows.map(norm).sum::<f64>() / count
}

/// The number of latent dimensions `u` with `Var_x(E_{q(z|x)}[z_u]) > threshold`, from the posterior means
/// `[n, width]`; the variance is that of the n points (divisor n). 0 for no rows.
///
/// Burda, Grosse & Salakhutdinov 2016, *Importance weighted autoencoders*, <https://arxiv.org/abs/1509.00519>,
/// section 5.2, whose threshold is 0.01.
///
/// # Panics
/// If `width` is 0 or does not divide the number of values.
#[track_caller]
pub fn active_units(means: &[Real], width: usize, threshold: f64) -> usize {
    let rows = rows("active_units", means, width);
    let count = rows.len() as f64;
    let variance = |unit: usize| {
        let values = || rows.clone().map(move |row| f64::from(row[unit]));
        let mean = values().sum::<f64>() / count;
        values().map(|value| (value - mean).powi(2)).sum::<f64>() / count
    };
    (0..width).filter(|&unit| variance(unit) > threshold).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_radius_is_the_mean_of_norms_and_not_the_norm_of_the_mean() {
        assert_eq!(mean_radius(&[3.0, 4.0, -3.0, -4.0, 0.0, 2.0], 2), 4.0);
        assert!(mean_radius(&[], 2).is_nan());
    }

    #[test]
    fn a_unit_is_active_by_the_variance_of_its_mean_wherever_it_lies() {
        // Variances 0 at 1000, 0.01 at 500, 4 at 0.
        let means = [1000.0, 499.9, 2.0, 1000.0, 500.1, -2.0];
        assert_eq!(active_units(&means, 3, 0.005), 2);
        assert_eq!(active_units(&means, 3, 0.02), 1);
        assert_eq!(active_units(&means, 3, 4.0), 0);
        assert_eq!(active_units(&[], 3, 0.01), 0);
    }

    #[test]
    #[should_panic(expected = "mean_radius: 5 values are no rows of width 2")]
    fn ragged_rows_are_refused() {
        mean_radius(&[0.0; 5], 2);
    }
}
