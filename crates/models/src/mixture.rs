//! Mixtures of normals with diagonal covariance: posterior over components and sufficient statistics of all rows.
//!
//! `ln p(x, j) = ln πⱼ − ½ Σ_d [ln 2πv_jd + (x_d − μ_jd)² / v_jd]`, the posterior `r_j = p(x, j) / Σ p(x, ·)`, and the
//! statistics `Σ r`, `Σ r (x − a)`, `Σ r (x − a)²` from which an M-step and the natural parameters' gradient follow
//! (Dempster, Laird & Rubin 1977, §4.3).

mod e_step;
mod plan;

pub use e_step::EStep;

use elbo_tensor::{Real, math::softmax};

/// The parameters of `k` components with diagonal covariance in `d` dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct DiagonalComponents {
    /// `ln π`, `[k]`; −∞ for a component that is out of use.
    pub log_weights: Vec<f64>,
    /// Means, `[k, d]`, finite.
    pub means: Vec<f64>,
    /// Variances, `[k, d]`, positive and finite.
    pub variances: Vec<f64>,
}

impl DiagonalComponents {
    /// Number of components.
    pub fn len(&self) -> usize {
        self.log_weights.len()
    }

    /// Whether there are no components.
    pub fn is_empty(&self) -> bool {
        self.log_weights.is_empty()
    }

    /// Number of dimensions.
    pub fn width(&self) -> usize {
        self.means.len() / self.len().max(1)
    }
}

/// What the E-step knows of the rows: for each component sums over all rows, weighted by the posterior `r`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statistics {
    /// `Σ r`, `[k]`.
    pub counts: Vec<f64>,
    /// The points `a` that the moments are about, `[k, d]`: near enough to keep their digits.
    pub centres: Vec<f64>,
    /// `Σ r (x − a)`, `[k, d]`.
    pub first: Vec<f64>,
    /// `Σ r (x − a)²`, `[k, d]`.
    pub second: Vec<f64>,
    /// Mean of `ln p(x)` over the rows, in nats.
    pub log_likelihood: f64,
}

impl Statistics {
    /// Mean and variance of the rows of component `j`, `[d]` each; its count must not be 0.
    pub fn moments(&self, j: usize) -> (Vec<f64>, Vec<f64>) {
        let (count, d) = (self.counts[j], self.centres.len() / self.counts.len());
        let of = |values: &[f64], at: usize| values[j * d + at];
        let offset = |at: usize| of(&self.first, at) / count;
        let mean = (0..d).map(|at| of(&self.centres, at) + offset(at)).collect();
        // Rounding may leave a negative number where there is no spread.
        let variance = (0..d).map(|at| (of(&self.second, at) / count - offset(at).powi(2)).max(0.0)).collect();
        (mean, variance)
    }

    /// `Σ r x` and `Σ r x²`, `[k, d]` each: the sums about 0.
    pub fn sums(&self) -> (Vec<f64>, Vec<f64>) {
        let d = self.centres.len() / self.counts.len().max(1);
        let terms = || self.centres.iter().zip(&self.first).enumerate().map(|(i, (a, first))| (i, *a, *first));
        let first = terms().map(|(i, a, first)| first + self.counts[i / d] * a).collect();
        let second = terms().map(|(i, a, first)| self.second[i] + a * (2.0 * first + self.counts[i / d] * a)).collect();
        (first, second)
    }
}

/// What the components say of each row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Posterior {
    /// `ln p(x)` in nats, `[n]`.
    pub log_density: Vec<f64>,
    /// Posterior over components, `[n, k]`.
    pub responsibilities: Vec<Real>,
}

/// Turns `ln p(x, j)` of all components into the posterior over them and returns `ln p(x)`. Where no component has a
/// density in the range of f64 all are alike and the log-density is −∞.
pub(crate) fn normalize(joint: &mut [f64]) -> f64 {
    let total = softmax(joint);
    if total.largest == f64::NEG_INFINITY {
        joint.fill(1.0 / joint.len() as f64);
        return total.largest;
    }
    total.value()
}
