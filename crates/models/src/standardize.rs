//! Standardisation of each dimension, and its exact inverse for data, parameters and densities.

use elbo_tensor::linalg::{column_means, column_variances};
use elbo_tensor::{Real, Tensor};

/// The least standard deviation that is divided by: a constant dimension becomes 0.
const MIN_STD: f64 = 1e-8;

/// The map `z' = (z − mean)/std` of each dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardization {
    /// `[d]`
    pub mean: Vec<f64>,
    /// `max(standard deviation, 1e-8)` with divisor n, `[d]`.
    pub std: Vec<f64>,
}

impl Standardization {
    /// The map under which the rows of `z`, `[n, d]` with n ≥ 1, have mean 0 and standard deviation
    /// 1 in each dimension.
    ///
    /// # Panics
    /// If there are no rows.
    #[track_caller]
    pub fn of(z: &Tensor) -> Self {
        let mean = column_means(z);
        let std = column_variances(z, &mean).into_iter().map(|var| var.sqrt().max(MIN_STD)).collect();
        Self { mean, std }
    }

    /// `(z − mean)/std` of other rows, `[.., d]`.
    pub fn apply(&self, z: &Tensor) -> Tensor {
        self.each(z, |z, mean, std| (z - mean) / std)
    }

    /// `std · z' + mean` of rows, `[.., d]`: the inverse of [`apply`](Self::apply).
    pub fn invert(&self, z: &Tensor) -> Tensor {
        self.each(z, |z, mean, std| z * std + mean)
    }

    /// Replaces means and variances of normal distributions of z', `[k, d]` each, by those of z:
    /// `μ = std · μ' + mean`, `σ² = std² · σ'²`.
    pub fn invert_normals(&self, means: &mut [f64], vars: &mut [f64]) {
        for (means, vars) in means.chunks_exact_mut(self.std.len()).zip(vars.chunks_exact_mut(self.std.len())) {
            for ((mu, var), (mean, std)) in means.iter_mut().zip(vars).zip(self.mean.iter().zip(&self.std)) {
                *mu = *mu * std + mean;
                *var *= std * std;
            }
        }
    }

    /// `ln p(z) − ln p(z') = −Σ_j ln std_j`, in nats.
    pub fn log_density_shift(&self) -> f64 {
        -self.std.iter().map(|std| std.ln()).sum::<f64>()
    }

    #[track_caller]
    fn each(&self, z: &Tensor, map: impl Fn(f64, f64, f64) -> f64) -> Tensor {
        assert_eq!(z.shape().last(), self.mean.len(), "width of {:?}", z.shape());
        let mut out = z.clone();
        for row in out.as_mut_slice().chunks_exact_mut(self.mean.len()) {
            for (z, (&mean, &std)) in row.iter_mut().zip(self.mean.iter().zip(&self.std)) {
                *z = map(f64::from(*z), mean, std) as Real;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use elbo_tensor::{Purpose, fill_normal, stream};

    fn rows(n: usize) -> Tensor {
        let mut z = Tensor::scratch([n, 3]);
        fill_normal(&mut stream(6, Purpose::Test, 0), z.as_mut_slice());
        z.as_mut_slice().iter_mut().enumerate().for_each(|(i, z)| *z = *z * [60.0, 1e-3, 1.0][i % 3] + 7.0);
        z
    }

    #[test]
    fn standardised_rows_have_mean_0_and_variance_1() {
        let z = rows(2000);
        let other = Standardization::of(&Standardization::of(&z).apply(&z));
        assert!(other.mean.iter().all(|mean| mean.abs() < 1e-4));
        assert!(other.std.iter().all(|std| (std - 1.0).abs() < 1e-3));
    }

    #[test]
    fn the_inverse_gives_the_rows_back() {
        let (z, map) = (rows(50), Standardization::of(&rows(400)));
        let back = map.invert(&map.apply(&z));
        for (z, back) in z.as_slice().iter().zip(back.as_slice()) {
            assert!((z - back).abs() <= 4.0 * Real::EPSILON * z.abs().max(7.0), "{z} and {back}");
        }
    }

    /// `ln N(z; μ, σ²) = ln N(z'; μ', σ'²) − Σ ln std`
    #[test]
    fn a_density_shifts_by_the_log_of_the_scales() {
        let map = Standardization { mean: vec![3.0, -100.0], std: vec![0.25, 60.0] };
        let log_prob = |x: &[f64], mu: &[f64], var: &[f64]| {
            let terms = x.iter().zip(mu).zip(var).map(|((x, mu), var)| (x - mu).powi(2) / var + var.ln());
            -0.5 * terms.sum::<f64>()
        };
        let (standard, mu, var) = ([0.7, -1.3], [0.5, -1.0], [0.01, 2.0]);
        let z: Vec<f64> = (0..2).map(|j| standard[j] * map.std[j] + map.mean[j]).collect();
        let (mut loc, mut scaled) = (mu, var);
        map.invert_normals(&mut loc, &mut scaled);
        let shift = log_prob(&z, &loc, &scaled) - log_prob(&standard, &mu, &var);
        assert!((shift - map.log_density_shift()).abs() < 1e-12);
    }

    #[test]
    fn a_constant_dimension_becomes_0() {
        let map = Standardization::of(&Tensor::full([4, 2], 5.0));
        assert_eq!(map.std, [1e-8; 2]);
        assert_eq!(map.apply(&Tensor::full([1, 2], 5.0)).as_slice(), [0.0; 2]);
    }
}
