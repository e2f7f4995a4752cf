//! Principal component analysis, with the density of its probabilistic reading (Tipping & Bishop 1999,
//! *Probabilistic principal component analysis*, section 3.2): `x ~ N(μ, U (Λ − σ²) Uᵀ + σ² I)`, whose maximum is
//! known in closed form.

use std::f64::consts::TAU;

use elbo_tensor::linalg::{Eigen, Moments, column_means, dot, symmetric_eigen};
use elbo_tensor::{Mat, Real, Stream, Tensor, dgemm};
use rayon::prelude::*;

use crate::linear_gaussian::{MOST_COVARIANCES, at_most_columns, product};
use crate::{
    Array, Configured, Degenerate, Estimator, EstimatorFacts, EstimatorOptions, Inferred, Invalid, Iteration,
    LinearGaussian, Visitor, fit,
};

/// A variance below this share of the largest is rounding.
const RELATIVE_RANK: f64 = 1e-14;
/// With a component of less than this share of the largest variance the matrix of the rows' products, whose
/// eigenvectors are divided by standard deviations, does not give orthogonal ones to ten digits.
const RELATIVE_PRODUCTS: f64 = 1e-6;
/// Rows that are projected at a time.
const BLOCK: usize = 256;

/// Options of [`Pca`].
#[derive(Debug, Clone, PartialEq)]
pub struct PcaOptions {
    /// Number of components.
    pub latents: usize,
    /// Whether the latents are scaled to variance 1.
    pub whiten: bool,
    /// Seed of samples from the model; the fit has nothing random.
    pub seed: u64,
}

impl Default for PcaOptions {
    fn default() -> Self {
        Self { latents: 50, whiten: false, seed: 0 }
    }
}

impl Configured for PcaOptions {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.int("model.latents", &mut self.latents, 1..=4096, "number of components");
        v.flag("model.whiten", &mut self.whiten, "whether the latents are scaled to variance 1");
        v.seed("train.seed", &mut self.seed, fit::SEED);
    }
}

impl EstimatorOptions for PcaOptions {
    fn facts(&self) -> EstimatorFacts {
        EstimatorFacts { kind: "pca", seed: self.seed, max_iterations: 1, clusters: 1, shows_collapse: false }
    }
    fn fits(&self, width: usize) -> Result<(), Invalid> {
        at_most_columns(self.latents, width)
    }
    fn build(&self, width: usize) -> Box<dyn Estimator> {
        Box::new(Pca { width, ..Pca::new(self.clone()) })
    }
}

/// PCA as an estimator; one iteration is the whole fit.
#[derive(Debug)]
pub struct Pca {
    options: PcaOptions,
    /// Dimensions of the rows; 0 before the first.
    width: usize,
    fit: Option<Fit>,
}

/// The closed form, with divisor n.
#[derive(Debug)]
struct Fit {
    /// `μ`, `[d]`.
    mean: Vec<f64>,
    /// `Uᵀ`: a component a row, `[l, d]`.
    components: Vec<f64>,
    /// `Λ`: the variance along each component, `[l]`.
    explained: Vec<f64>,
    /// `σ²`: the mean of the remaining eigenvalues; 0 if they are rounding, and then there is no density.
    noise: f64,
}

impl Pca {
    /// Not fitted yet.
    pub fn new(options: PcaOptions) -> Self {
        Self { options, width: 0, fit: None }
    }

    /// What a score is divided by; infinite for a component without variance.
    fn divisors(&self, fit: &Fit) -> Vec<f64> {
        let rounding = fit.explained[0] * RELATIVE_RANK;
        let whitened = |&variance: &f64| if variance > rounding { variance.sqrt() } else { f64::INFINITY };
        fit.explained.iter().map(|variance| if self.options.whiten { whitened(variance) } else { 1.0 }).collect()
    }
}

impl Estimator for Pca {
    fn options(&self) -> &dyn EstimatorOptions {
        &self.options
    }

    fn iterate(&mut self, x: &Tensor) -> Result<Iteration, Degenerate> {
        self.width = x.shape().last();
        let (d, l) = (self.width, self.options.latents);
        if x.shape().rows() == 0 {
            return Err(Degenerate("no rows".into()));
        }
        if l > d {
            return Err(Degenerate(format!("{d} columns have no {l} components")));
        }
        let (mean, mut eigen) = match of_products(x, l)? {
            Some(found) => found,
            None => of_covariance(x)?,
        };
        eigen.values.iter_mut().for_each(|value| *value = value.max(0.0));
        eigen.vectors.truncate(l * d);
        let total: f64 = eigen.values.iter().sum();
        let remaining = eigen.values.split_off(l);
        let noise = remaining.iter().sum::<f64>() / (d - l).max(1) as f64;
        let noise = if noise > eigen.values[0] * RELATIVE_RANK { noise } else { 0.0 };
        let fit = Fit { mean, components: eigen.vectors, explained: eigen.values, noise };

        let held: f64 = fit.explained.iter().sum();
        let mut values = vec![("explained", if total > 0.0 { held / total } else { 1.0 }), ("noise_var", noise)];
        let mut events = Vec::new();
        if noise > 0.0 {
            // At the optimum the mean of (x − μ)ᵀ Σ⁻¹ (x − μ) is d.
            values.insert(0, ("log_likelihood", fit.log_normalizer() - 0.5 * d as f64));
        } else {
            events.push("the components hold all of the variance: there is no density".into());
        }
        self.fit = Some(fit);
        Ok(Iteration { values, events, done: true })
    }

    fn state(&self) -> Vec<Array> {
        let Some(fit) = &self.fit else {
            return Vec::new();
        };
        vec![
            Array::of("mean", &[self.width], &fit.mean),
            Array::of("components", &[self.options.latents, self.width], &fit.components),
            Array::of("explained_variance", &[self.options.latents], &fit.explained),
            Array::number("noise_variance", fit.noise),
        ]
    }

    fn restore(&mut self, state: &[Array]) -> Result<(), String> {
        self.fit = None;
        if state.is_empty() {
            return Ok(());
        }
        let (d, l) = (self.width, self.options.latents);
        let list = |name, shape: &[usize]| Array::expect(state, name, shape).map(<[f64]>::to_vec);
        self.fit = Some(Fit {
            mean: list("mean", &[d])?,
            components: list("components", &[l, d])?,
            explained: list("explained_variance", &[l])?,
            noise: list("noise_variance", &[])?[0],
        });
        Ok(())
    }

    /// The latents are the scores `Uᵀ (x − μ)`, with `whiten` divided by the standard deviation along each component.
    fn infer(&self, x: &Tensor) -> Inferred {
        let Some(fit) = &self.fit else {
            return Inferred::default();
        };
        let divisors = self.divisors(fit);
        let blocks: Vec<(Vec<f64>, Vec<Real>)> = x
            .as_slice()
            .par_chunks(BLOCK * self.width)
            .map(|rows| {
                let (scores, residuals) = fit.project(rows);
                let latents =
                    scores.iter().zip(divisors.iter().cycle()).map(|(score, divisor)| (score / divisor) as Real);
                (fit.log_density(&scores, &residuals), latents.collect())
            })
            .collect();
        let (log_density, latents): (Vec<_>, Vec<_>) = blocks.into_iter().unzip();
        Inferred { log_density: log_density.concat(), latents: latents.concat(), ..Inferred::default() }
    }

    fn sample(&self, count: usize, rng: &mut Stream) -> Option<Tensor> {
        let fit = self.fit.as_ref().filter(|fit| fit.noise > 0.0)?;
        Some(fit.model().sample(count, rng))
    }
}

/// Mean, eigenvalues and eigenvectors of the covariance of the rows.
fn of_covariance(x: &Tensor) -> Result<(Vec<f64>, Eigen), Degenerate> {
    let width = x.shape().last();
    if width * width > MOST_COVARIANCES {
        return Err(Degenerate(format!(
            "{width} columns have too many covariances; fewer latents than rows need none"
        )));
    }
    let Moments { mean, covariance } = Moments::of(x);
    if !covariance.iter().all(|entry| entry.is_finite()) {
        return Err(Degenerate("the covariance of the rows is not finite".into()));
    }
    let d = mean.len();
    Ok((mean, symmetric_eigen(covariance, d)))
}

/// The same of `n < d` rows, with `l` eigenvectors only, from the products of the centred rows: where
/// `C Cᵀ/n = U Λ Uᵀ`, `[n, n]`, the covariance has the eigenvalues Λ, beside zeros that are left out, and the
/// eigenvectors `Cᵀ U (nΛ)^−½`. `None` where that is no gain or has too few digits.
fn of_products(x: &Tensor, l: usize) -> Result<Option<(Vec<f64>, Eigen)>, Degenerate> {
    let (n, d) = (x.shape().rows(), x.shape().last());
    if n >= d || l >= n {
        return Ok(None);
    }
    let mean = column_means(x);
    let centred = x.as_slice().iter().zip(mean.iter().cycle()).map(|(&x, mean)| f64::from(x) - mean);
    let centred: Vec<f64> = centred.collect();
    let rows = Mat::new(&centred, n, d);
    let mut products = product(rows, rows.t());
    products.iter_mut().for_each(|entry| *entry /= n as f64);
    if !products.iter().all(|entry| entry.is_finite()) {
        return Err(Degenerate("the covariance of the rows is not finite".into()));
    }
    let Eigen { values, vectors } = symmetric_eigen(products, n);
    if values[l - 1] <= values[0] * RELATIVE_PRODUCTS {
        return Ok(None);
    }
    let mut vectors = product(Mat::new(&vectors[..l * n], l, n), rows);
    for (vector, value) in vectors.chunks_exact_mut(d).zip(&values) {
        let largest = vector.iter().fold(0.0f64, |best, &entry| if entry.abs() > best.abs() { entry } else { best });
        let scale = (n as f64 * value).sqrt().copysign(largest);
        vector.iter_mut().for_each(|entry| *entry /= scale);
    }
    Ok(Some((mean, Eigen { values, vectors })))
}

impl Fit {
    /// The model with loadings `U (Λ − σ²)^½`.
    fn model(&self) -> LinearGaussian {
        let (d, l) = (self.mean.len(), self.explained.len());
        let scales: Vec<f64> = self.explained.iter().map(|variance| (variance - self.noise).max(0.0).sqrt()).collect();
        let loading = |i: usize| self.components[i % l * d + i / l] * scales[i % l];
        let loadings = (0..d * l).map(loading).collect();
        LinearGaussian { mean: self.mean.clone(), loadings, noise: vec![self.noise; d] }
    }

    /// `−½ (d ln 2π + Σ_k ln Λ_k + (d − l) ln σ²)`
    fn log_normalizer(&self) -> f64 {
        let (d, l) = (self.mean.len(), self.explained.len());
        let log_det = self.explained.iter().map(|variance| variance.ln()).sum::<f64>();
        -0.5 * (d as f64 * TAU.ln() + log_det + (d - l) as f64 * self.noise.ln())
    }

    /// Scores `Uᵀ (x − μ)`, `[b, l]`, and `‖x − μ − U Uᵀ (x − μ)‖²`, `[b]`.
    fn project(&self, rows: &[Real]) -> (Vec<f64>, Vec<f64>) {
        let (d, l) = (self.mean.len(), self.explained.len());
        let b = rows.len() / d;
        let mut centred: Vec<f64> =
            rows.iter().zip(self.mean.iter().cycle()).map(|(&x, mu)| f64::from(x) - mu).collect();
        let components = Mat::new(&self.components, l, d);
        let scores = product(Mat::new(&centred, b, d), components.t());
        dgemm(Mat::new(&scores, b, l), components, -1.0, &mut centred);
        (scores, centred.chunks_exact(d).map(|row| dot(row, row)).collect())
    }

    /// `ln p(x)` of projected rows, `[b]`; empty without noise.
    fn log_density(&self, scores: &[f64], residuals: &[f64]) -> Vec<f64> {
        if self.noise == 0.0 {
            return Vec::new();
        }
        let offset = self.log_normalizer();
        let inside = |row: &[f64]| row.iter().zip(&self.explained).map(|(s, variance)| s * s / variance).sum::<f64>();
        let rows = scores.chunks_exact(self.explained.len()).zip(residuals);
        rows.map(|(row, outside)| offset - 0.5 * (inside(row) + outside / self.noise)).collect()
    }
}
