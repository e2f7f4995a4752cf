//! A Gaussian in the plane: the law of an affine image of standard normals, with or without round noise.

use std::f64::consts::TAU;

use elbo_tensor::Stream;
use rand::RngExt;
use rand_distr::StandardNormal;

/// `N(mean, factor · factorᵀ + noise · I)`: the law of `mean + factor z + ε`, `z ~ N(0, I)`, `ε ~ N(0, noise · I)`.
pub struct Gaussian {
    pub mean: [f64; 2],
    factor: [[f64; 2]; 2],
    pub cov: [[f64; 2]; 2],
    det: f64,
}

impl Gaussian {
    /// `noise` is a variance, and may be 0.
    pub fn new(mean: [f64; 2], factor: [[f64; 2]; 2], noise: f64) -> Self {
        let product = |i: usize, j: usize| factor[i][0] * factor[j][0] + factor[i][1] * factor[j][1];
        let cov = [[product(0, 0) + noise, product(0, 1)], [product(1, 0), product(1, 1) + noise]];
        Self { mean, factor, cov, det: cov[0][0] * cov[1][1] - cov[0][1] * cov[1][0] }
    }

    /// Draws `mean + factor z`, still without the noise.
    pub fn sample_noiseless(&self, rng: &mut Stream) -> [f64; 2] {
        let z: [f64; 2] = [rng.sample(StandardNormal), rng.sample(StandardNormal)];
        [0, 1].map(|i| self.mean[i] + self.factor[i][0] * z[0] + self.factor[i][1] * z[1])
    }

    /// `ln N(x; mean, cov)`.
    pub fn log_density(&self, x: [f64; 2]) -> f64 {
        let [dx, dy] = [x[0] - self.mean[0], x[1] - self.mean[1]];
        let [[xx, xy], [_, yy]] = self.cov;
        let mahalanobis = (yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy) / self.det;
        -0.5 * mahalanobis - (TAU * self.det.sqrt()).ln()
    }
}

/// `R(angle) · diag(scales)`.
pub fn rotated(angle: f64, scales: [f64; 2]) -> [[f64; 2]; 2] {
    let (sin, cos) = angle.sin_cos();
    [[cos * scales[0], -sin * scales[1]], [sin * scales[0], cos * scales[1]]]
}
