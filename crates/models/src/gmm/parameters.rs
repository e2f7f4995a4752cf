//! The parameters of a mixture of normals, and what follows from them alone.

use elbo_tensor::linalg::Cholesky;
use elbo_tensor::{Real, Stream, Tensor, fill_normal, uniform};

use crate::mixture::{DiagonalComponents, Statistics};
use crate::{Degenerate, Word};

/// Responsibilities that sum to less than this do not move a component.
const LEAST_COUNT: f64 = 10.0 * f64::EPSILON;

/// What the covariance matrices of the components share or lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covariance {
    /// A variance for each dimension of each component.
    Diagonal,
    /// Any covariance matrix for each component.
    Full,
    /// One covariance matrix for all components.
    Tied,
    /// One variance for each component.
    Spherical,
}

impl Word for Covariance {
    const WORDS: &'static [(&'static str, Self)] =
        &[("diagonal", Self::Diagonal), ("full", Self::Full), ("tied", Self::Tied), ("spherical", Self::Spherical)];
}

/// `p(x) = Σⱼ πⱼ N(x; μⱼ, Σⱼ)`
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianMixture {
    /// The form of the covariances.
    pub covariance: Covariance,
    /// `π`, `[k]`.
    pub weights: Vec<f64>,
    /// `μ`, `[k, d]`.
    pub means: Vec<f64>,
    /// Variances, `[k, d]` (diagonal) or `[k]` (spherical), or covariance matrices, `[k, d, d]`
    /// (full) or `[d, d]` (tied).
    pub covariances: Vec<f64>,
}

impl Covariance {
    /// Extents of the covariances of `k` components in `d` dimensions.
    pub fn shape(self, k: usize, d: usize) -> Vec<usize> {
        match self {
            Self::Diagonal => vec![k, d],
            Self::Full => vec![k, d, d],
            Self::Tied => vec![d, d],
            Self::Spherical => vec![k],
        }
    }

    /// Free parameters of the covariances.
    fn parameters(self, k: usize, d: usize) -> usize {
        match self {
            Self::Diagonal => k * d,
            Self::Full => k * d * (d + 1) / 2,
            Self::Tied => d * (d + 1) / 2,
            Self::Spherical => k,
        }
    }

    /// Whether the dimensions are independent within a component.
    pub(super) fn is_diagonal(self) -> bool {
        matches!(self, Self::Diagonal | Self::Spherical)
    }
}

impl GaussianMixture {
    /// Number of components.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether there are no components.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// Number of dimensions.
    pub fn width(&self) -> usize {
        self.means.len() / self.len().max(1)
    }

    /// Number of free parameters: weights that sum to 1, means and covariances.
    pub fn parameters(&self) -> usize {
        self.len() - 1 + self.means.len() + self.covariance.parameters(self.len(), self.width())
    }

    /// Bayes' information criterion `p ln n − 2 ln L` (Schwarz 1978) of `n` rows with this mean log-likelihood in nats.
    pub fn bic(&self, log_likelihood: f64, n: usize) -> f64 {
        self.parameters() as f64 * (n as f64).ln() - 2.0 * log_likelihood * n as f64
    }

    /// Akaike's information criterion `2p − 2 ln L` (Akaike 1974) of `n` rows with this mean log-likelihood in nats.
    pub fn aic(&self, log_likelihood: f64, n: usize) -> f64 {
        2.0 * self.parameters() as f64 - 2.0 * log_likelihood * n as f64
    }

    /// `count` draws, `[count, d]`.
    pub fn sample(&self, count: usize, rng: &mut Stream) -> Tensor {
        let (k, d) = (self.len(), self.width());
        // Only of the components that are drawn: a matrix each is much where they are many.
        let mut factors: Vec<Option<Vec<f64>>> = vec![None; k];
        let mut x = Tensor::scratch([count, d]);
        let mut z: Vec<Real> = vec![0.0; d];
        for x in x.as_mut_slice().chunks_exact_mut(d) {
            let j = self.draw(rng);
            fill_normal(rng, &mut z);
            let mean = &self.means[j * d..][..d];
            if self.covariance.is_diagonal() {
                for (i, x) in x.iter_mut().enumerate() {
                    *x = (mean[i] + self.variance(j, i).sqrt() * f64::from(z[i])) as Real;
                }
                continue;
            }
            let factor = factors[j].get_or_insert_with(|| self.factor(j));
            for (i, x) in x.iter_mut().enumerate() {
                let terms = factor[i * d..][..=i].iter().zip(&z);
                *x = (mean[i] + terms.map(|(l, &z)| l * f64::from(z)).sum::<f64>()) as Real;
            }
        }
        x
    }

    /// A component with the probability of its weight.
    fn draw(&self, rng: &mut Stream) -> usize {
        let mut left = uniform(rng) * self.weights.iter().sum::<f64>();
        let last = self.weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0);
        let passed = self.weights[..last].iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        passed.unwrap_or(last)
    }

    /// A lower triangular `L` with `Σⱼ = L Lᵀ`, `[d, d]`, where matrices are kept; 0 where Σⱼ is not positive definite.
    fn factor(&self, j: usize) -> Vec<f64> {
        let d = self.width();
        Cholesky::new(self.matrix(j).to_vec(), d).map_or(vec![0.0; d * d], |factor| factor.lower().to_vec())
    }

    fn variance(&self, j: usize, i: usize) -> f64 {
        if self.covariance == Covariance::Diagonal {
            self.covariances[j * self.width() + i]
        } else {
            self.covariances[j]
        }
    }

    /// The covariance matrix of component `j`, `[d, d]`, where matrices are kept.
    pub(super) fn matrix(&self, j: usize) -> &[f64] {
        let size = self.width().pow(2);
        if self.covariance == Covariance::Tied { &self.covariances } else { &self.covariances[j * size..][..size] }
    }

    /// The components where the dimensions are independent.
    pub(super) fn diagonal(&self) -> DiagonalComponents {
        let variances = (0..self.means.len()).map(|at| self.variance(at / self.width(), at % self.width()));
        DiagonalComponents {
            log_weights: self.weights.iter().map(|weight| weight.ln()).collect(),
            means: self.means.clone(),
            variances: variances.collect(),
        }
    }

    /// The parameters of most likelihood for statistics of rows, with `reg_covar` added to all variances (Dempster,
    /// Laird & Rubin 1977, §4.3; Celeux & Govaert 1995 for what covariances share), and what happened. A component
    /// without rows keeps its mean and covariance.
    pub(super) fn maximize(&mut self, statistics: &Statistics, reg_covar: f64) -> Result<Vec<String>, Degenerate> {
        let (k, d) = (self.len(), self.width());
        let total: f64 = statistics.counts.iter().sum();
        let offsets: Vec<f64> = (0..k * d).map(|at| statistics.first[at] / statistics.counts[at / d]).collect();
        let mut events = Vec::new();
        for j in 0..k {
            self.weights[j] = statistics.counts[j] / total;
            if statistics.counts[j] < LEAST_COUNT {
                events.push(format!("component {} has no rows left and stays where it is", j + 1));
                continue;
            }
            let offset = &offsets[j * d..][..d];
            let centre = &statistics.centres[j * d..][..d];
            self.means[j * d..][..d].iter_mut().zip(centre.iter().zip(offset)).for_each(|(mean, (a, b))| *mean = a + b);
            if self.covariance != Covariance::Tied {
                self.set_covariance(j, statistics, offset, reg_covar)?;
            }
        }
        if self.covariance == Covariance::Tied {
            self.set_tied(statistics, &offsets, total, reg_covar)?;
        }
        Ok(events)
    }

    fn set_covariance(
        &mut self,
        j: usize,
        statistics: &Statistics,
        offset: &[f64],
        reg_covar: f64,
    ) -> Result<(), Degenerate> {
        let (d, count) = (self.width(), statistics.counts[j]);
        match self.covariance {
            Covariance::Full => {
                let scatter = &statistics.second[j * d * d..][..d * d];
                let own = &mut self.covariances[j * d * d..][..d * d];
                for (at, (c, s)) in own.iter_mut().zip(scatter).enumerate() {
                    *c = s / count - offset[at / d] * offset[at % d] + if at / d == at % d { reg_covar } else { 0.0 };
                }
            }
            kind => {
                let scatter = &statistics.second[j * d..][..d];
                let variance = |i: usize| (scatter[i] / count - offset[i].powi(2)).max(0.0) + reg_covar;
                if let Some(i) = (0..d).find(|&i| variance(i) <= 0.0 && kind == Covariance::Diagonal) {
                    let (j, i) = (j + 1, i + 1);
                    return Err(Degenerate(format!("component {j} has no variance in dimension {i}: raise reg_covar")));
                }
                if kind == Covariance::Diagonal {
                    (0..d).for_each(|i| self.covariances[j * d + i] = variance(i));
                } else {
                    self.covariances[j] = (0..d).map(variance).sum::<f64>() / d as f64;
                    if self.covariances[j] <= 0.0 {
                        return Err(Degenerate(format!("component {} has no variance: raise reg_covar", j + 1)));
                    }
                }
            }
        }
        Ok(())
    }

    /// The scatter of all rows about the means of their components.
    fn set_tied(
        &mut self,
        statistics: &Statistics,
        offsets: &[f64],
        total: f64,
        reg_covar: f64,
    ) -> Result<(), Degenerate> {
        let d = self.width();
        for (at, (c, s)) in self.covariances.iter_mut().zip(&statistics.second).enumerate() {
            let (i, l) = (at / d, at % d);
            let live =
                statistics.counts.iter().zip(offsets.chunks_exact(d)).filter(|(count, _)| **count >= LEAST_COUNT);
            let between: f64 = live.map(|(count, offset)| count * offset[i] * offset[l]).sum();
            *c = (s - between) / total + if i == l { reg_covar } else { 0.0 };
        }
        Ok(())
    }
}
