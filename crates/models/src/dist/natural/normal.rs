//! The normal with diagonal covariance: `s(z) = (z, z²)`, base measure `(2π)^{−d/2} dz`.

use std::f64::consts::PI;

use elbo_tensor::{Real, Stream, fill_normal};

use super::dot;

/// The second natural parameter of a diagonal normal, `η₂ = −1/(2σ²)` of each dimension: every entry is negative,
/// finite, and has a finite variance. There is no other way to make one than through its checks.
#[derive(Debug, Clone, PartialEq)]
pub struct Eta2(Vec<f64>);

/// Natural parameters `θ = (μ/σ², −1/(2σ²))`.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalNatural {
    eta1: Vec<f64>,
    eta2: Eta2,
}

/// Mean parameters `η = (E z, E z²) = (μ, μ² + σ²)`.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalMean {
    first: Vec<f64>,
    second: Vec<f64>,
}

/// Source parameters: means and variances.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalSource {
    mean: Vec<f64>,
    var: Vec<f64>,
}

impl Eta2 {
    /// `η₂`, or `None` if an entry is not below 0 or its variance not finite.
    pub fn new(values: Vec<f64>) -> Option<Self> {
        let inside = |&h: &f64| h < 0.0 && h.is_finite() && (0.5 / h).is_finite();
        values.iter().all(inside).then_some(Self(values))
    }

    /// The entries, all below 0.
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }

    /// Precisions `Λ = −2η₂ = 1/σ²`.
    pub fn precisions(&self) -> impl Iterator<Item = f64> {
        self.0.iter().map(|h| -2.0 * h)
    }
}

impl NormalNatural {
    /// `θ = (eta1, eta2)`, or `None` if `eta1` is not finite.
    ///
    /// # Panics
    /// If the two differ in their dimensions.
    #[track_caller]
    pub fn new(eta1: Vec<f64>, eta2: Eta2) -> Option<Self> {
        assert_eq!(eta1.len(), eta2.0.len(), "both natural parameters have one entry a dimension");
        eta1.iter().all(|n| n.is_finite()).then_some(Self { eta1, eta2 })
    }

    /// `μ/σ²`, `[d]`.
    pub fn eta1(&self) -> &[f64] {
        &self.eta1
    }

    /// `−1/(2σ²)`, `[d]`.
    pub fn eta2(&self) -> &Eta2 {
        &self.eta2
    }

    /// `[η₁ | η₂]`, `[2d]`.
    pub fn flatten(&self) -> Vec<f64> {
        [&self.eta1[..], &self.eta2.0].concat()
    }

    /// `μ = η₁/Λ`, `σ² = 1/Λ`
    pub fn to_source(&self) -> NormalSource {
        let mean = self.eta1.iter().zip(self.eta2.precisions()).map(|(n, precision)| n / precision).collect();
        NormalSource { mean, var: self.eta2.precisions().map(f64::recip).collect() }
    }

    /// `η = ∇ψ(θ) = (μ, μ² + σ²)`
    pub fn to_mean(&self) -> NormalMean {
        self.to_source().to_mean()
    }

    /// `ψ(θ) = ½ Σ (η₁²/Λ − ln Λ)`
    pub fn log_partition(&self) -> f64 {
        let terms = self.eta1.iter().zip(self.eta2.precisions());
        0.5 * terms.map(|(n, precision)| n * (n / precision) - precision.ln()).sum::<f64>()
    }

    /// `ln p(z)`, in the centred form `½ Σ (ln(Λ/2π) − Λ(z − μ)²)`, which keeps its digits where |μ| ≫ σ.
    pub fn log_density(&self, z: &[f64]) -> f64 {
        let terms = self.eta1.iter().zip(self.eta2.precisions()).zip(z);
        0.5 * terms
            .map(|((n, precision), z)| (precision / (2.0 * PI)).ln() - precision * (z - n / precision).powi(2))
            .sum::<f64>()
    }

    /// `H = −∫ p ln p dz = −ψ*(η) + (d/2) ln 2π`
    pub fn entropy(&self) -> f64 {
        0.5 * self.eta2.precisions().map(|precision| (2.0 * PI / precision).ln() + 1.0).sum::<f64>()
    }

    /// `KL(self‖q) = ψ(θ_q) − ψ(θ) − (θ_q − θ)·η`, the Bregman divergence of ψ.
    pub fn kl(&self, q: &Self) -> f64 {
        let difference: Vec<f64> = q.flatten().iter().zip(self.flatten()).map(|(q, p)| q - p).collect();
        q.log_partition() - self.log_partition() - dot(&difference, &self.to_mean().flatten())
    }

    /// One draw, `[d]`.
    pub fn sample(&self, rng: &mut Stream) -> Vec<f64> {
        let NormalSource { mean, var } = self.to_source();
        let mut noise = vec![Real::default(); mean.len()];
        fill_normal(rng, &mut noise);
        mean.iter().zip(var).zip(noise).map(|((mean, var), noise)| mean + var.sqrt() * f64::from(noise)).collect()
    }
}

impl NormalMean {
    /// `η = (first, second)`, or `None` if an entry is not finite or a variance `second − first²` not positive.
    #[track_caller]
    pub fn new(first: Vec<f64>, second: Vec<f64>) -> Option<Self> {
        let mean = Self { first, second };
        mean.to_source().map(|_| mean)
    }

    /// `E z`, `[d]`.
    pub fn first(&self) -> &[f64] {
        &self.first
    }

    /// `E z²`, `[d]`.
    pub fn second(&self) -> &[f64] {
        &self.second
    }

    /// `[E z | E z²]`, `[2d]`.
    pub fn flatten(&self) -> Vec<f64> {
        [&self.first[..], &self.second].concat()
    }

    /// `μ = E z`, `σ² = E z² − μ²`; `None` where rounding leaves no positive variance. The variance has lost about
    /// 2·log₁₀(|μ|/σ) digits.
    pub fn to_source(&self) -> Option<NormalSource> {
        let var = self.first.iter().zip(&self.second).map(|(first, second)| second - first * first).collect();
        NormalSource::new(self.first.clone(), var)
    }

    /// `θ = ∇ψ*(η)`; `None` as for [`NormalMean::to_source`].
    pub fn to_natural(&self) -> Option<NormalNatural> {
        self.to_source().map(|source| source.to_natural())
    }

    /// `ψ*(η) = −½ Σ (1 + ln σ²)`: the negative entropy with respect to `(2π)^{−d/2} dz`; `None` as for
    /// [`NormalMean::to_source`].
    pub fn dual(&self) -> Option<f64> {
        self.to_source().map(|source| -0.5 * source.var.iter().map(|var| 1.0 + var.ln()).sum::<f64>())
    }
}

impl NormalSource {
    /// Means and variances, or `None` if a mean is not finite or a variance not positive with a finite precision.
    ///
    /// # Panics
    /// If the two differ in their dimensions.
    #[track_caller]
    pub fn new(mean: Vec<f64>, var: Vec<f64>) -> Option<Self> {
        assert_eq!(mean.len(), var.len(), "one mean and one variance a dimension");
        let inside = |&v: &f64| v > 0.0 && v.is_finite() && v.recip().is_finite();
        (mean.iter().all(|m| m.is_finite()) && var.iter().all(inside)).then_some(Self { mean, var })
    }

    /// μ, `[d]`.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// σ², `[d]`.
    pub fn var(&self) -> &[f64] {
        &self.var
    }

    /// `θ = (μ/σ², −1/(2σ²))`
    pub fn to_natural(&self) -> NormalNatural {
        let eta1 = self.mean.iter().zip(&self.var).map(|(mean, var)| mean / var).collect();
        NormalNatural { eta1, eta2: Eta2(self.var.iter().map(|var| -0.5 / var).collect()) }
    }

    /// `η = (μ, μ² + σ²)`
    pub fn to_mean(&self) -> NormalMean {
        let second = self.mean.iter().zip(&self.var).map(|(mean, var)| mean * mean + var).collect();
        NormalMean { first: self.mean.clone(), second }
    }
}
