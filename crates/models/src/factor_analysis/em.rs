//! Exact EM for factor analysis (Rubin & Thayer 1982, *EM algorithms for ML factor analysis*), which needs of the rows
//! their mean and covariance only.

use elbo_tensor::linalg::{Cholesky, Moments, dot};
use elbo_tensor::{Mat, Purpose, Real, Stream, Tensor, dgemm, fill_normal, stream};
use rayon::prelude::*;

use super::options::{FactorAnalysisOptions, Rotation};
use super::statistics::{Statistics, advice};
use crate::linear_gaussian::{Projector, product};
use crate::{Array, Degenerate, Estimator, EstimatorOptions, Inferred, Iteration, LinearGaussian};

/// A noise variance is not let below this share of its column's variance, of which it is the difference to what the
/// factors explain; with less it would have too few digits.
const RELATIVE_FLOOR: f64 = 1e-8;
/// Rows of the covariance that are multiplied at a time.
const BLOCK: usize = 112;

/// Factor analysis as an estimator, fitted by exact EM.
pub struct FactorAnalysis {
    options: FactorAnalysisOptions,
    /// Dimensions of the rows; 0 before the first.
    width: usize,
    statistics: Statistics,
    fit: Option<Fit>,
}

/// What has been fitted, and the E-step there, which follows from it.
struct Fit {
    model: LinearGaussian,
    expectation: Option<Expectation>,
    iterations: usize,
    /// Whether the last iteration gained less than `tol`.
    converged: bool,
}

/// What the M-step needs of the posterior `N(B (x − μ), M⁻¹)` with `B = M⁻¹ Wᵀ Ψ⁻¹`, averaged over the rows. The
/// latents are `V z`: there M is diagonal, and a large entry does not take the digits of a small one.
pub(super) struct Expectation {
    /// `V`: the eigenvectors of `Wᵀ Ψ⁻¹ W`, one a row, `[l, l]`.
    pub axes: Vec<f64>,
    /// `E[(x − μ) zᵀ] = C Bᵀ`, `[d, l]`.
    pub cross: Vec<f64>,
    /// `E[z zᵀ] = M⁻¹ + B C Bᵀ`, `[l, l]`.
    pub second: Vec<f64>,
    /// Mean of `ln p(x)` in nats.
    pub log_likelihood: f64,
}

impl FactorAnalysis {
    /// Not fitted yet; `solver` and the options of the gradient are not used.
    pub fn new(options: FactorAnalysisOptions) -> Self {
        Self { options, width: 0, statistics: Statistics::default(), fit: None }
    }

    /// The same for rows of `width` columns.
    pub(super) fn of_width(self, width: usize) -> Self {
        Self { width, ..self }
    }

    /// The model as fitted so far, in the coordinates that `rotate` asks for; `None` before the first iteration.
    pub fn model(&self) -> Option<LinearGaussian> {
        let model = &self.fit.as_ref()?.model;
        Some(if self.options.rotate == Rotation::Canonical { model.canonical() } else { model.clone() })
    }
}

impl Estimator for FactorAnalysis {
    fn options(&self) -> &dyn EstimatorOptions {
        &self.options
    }

    fn advice(&mut self, x: &Tensor) -> Vec<String> {
        advice(self.options.latents, x.shape().last()).into_iter().collect()
    }

    /// One E-step and M-step. The likelihood is that of rows whose columns have at least the variance `floor`.
    fn iterate(&mut self, x: &Tensor) -> Result<Iteration, Degenerate> {
        self.width = x.shape().last();
        let FactorAnalysisOptions { latents, seed, floor, tol, max_iter, .. } = self.options;
        let moments = self.statistics.of(x, floor)?;
        let fit = self.fit.get_or_insert_with(|| Fit {
            model: start(moments, latents, seed),
            expectation: None,
            iterations: 0,
            converged: false,
        });
        let before = match fit.expectation.take() {
            Some(expectation) => expectation,
            None => expectation(&fit.model, moments)?,
        };
        let model = maximization(&before, moments, floor)?;
        let after = expectation(&model, moments)?;
        let gain = after.log_likelihood - before.log_likelihood;
        let variances = moments.covariance.iter().step_by(self.width + 1);
        let floored = model.noise.iter().zip(variances).filter(|(psi, c)| **psi <= least_noise(floor, **c)).count();
        let values = vec![("log_likelihood", after.log_likelihood), ("at_floor", floored as f64)];
        let converged = tol > 0.0 && gain < tol;
        *fit = Fit { model, expectation: Some(after), iterations: fit.iterations + 1, converged };
        let done = converged || fit.iterations >= max_iter;
        let held = done && floored > 0;
        let events = held.then(|| format!("{floored} of {} noise variances are at the floor", self.width));
        Ok(Iteration { values, events: events.into_iter().collect(), done })
    }

    fn converged(&self) -> Option<bool> {
        self.fit.as_ref().filter(|_| self.options.tol > 0.0).map(|fit| fit.converged)
    }

    fn state(&self) -> Vec<Array> {
        let Some(fit) = &self.fit else {
            return Vec::new();
        };
        let mut arrays = fit.model.to_state();
        arrays.push(Array::number("iterations", fit.iterations as f64));
        arrays.push(Array::flag("converged", fit.converged));
        arrays
    }

    fn restore(&mut self, state: &[Array]) -> Result<(), String> {
        self.fit = None;
        if state.is_empty() {
            return Ok(());
        }
        let model = LinearGaussian::read(state, [self.width, self.options.latents])?;
        let converged = Array::find_flag(state, "converged")?.unwrap_or(true);
        self.fit = Some(Fit { model, expectation: None, iterations: Array::count(state, "iterations")?, converged });
        Ok(())
    }

    fn infer(&self, x: &Tensor) -> Inferred {
        self.model().map_or_else(Inferred::default, |model| model.infer(x))
    }

    fn sample(&self, count: usize, rng: &mut Stream) -> Option<Tensor> {
        Some(self.model()?.sample(count, rng))
    }
}

/// Half of each column's variance to the noise, the other half in expectation to loadings drawn at random, so that the
/// fit does not depend on the units of the columns.
fn start(moments: &Moments, latents: usize, seed: u64) -> LinearGaussian {
    let d = moments.mean.len();
    let mut normals = vec![0.0; d * latents];
    fill_normal(&mut stream(seed, Purpose::Init, 0), &mut normals);
    let noise: Vec<f64> = moments.covariance.iter().step_by(d + 1).map(|variance| 0.5 * variance).collect();
    let rows = normals.chunks_exact(latents).zip(&noise);
    let loading = |normal: &Real, half: f64| f64::from(*normal) * (half / latents as f64).sqrt();
    let loadings = rows.flat_map(|(row, &half)| row.iter().map(move |normal| loading(normal, half))).collect();
    LinearGaussian { mean: moments.mean.clone(), loadings, noise }
}

/// The E-step, with the likelihood that it finds on the way:
/// `−½ (d ln 2π + Σ_j ln Ψ_j + ln det M + Σ_j C_jj/Ψ_j − tr M⁻¹ (Wᵀ Ψ⁻¹ C Ψ⁻¹ W))`.
pub(super) fn expectation(model: &LinearGaussian, moments: &Moments) -> Result<Expectation, Degenerate> {
    let (d, l) = (model.width(), model.latents());
    let (rotated, axes) = model.diagonalized();
    let projector = Projector::of(&rotated)
        .ok_or_else(|| Degenerate("the posterior precision of the latents is not positive definite".into()))?;
    let (scaled, inverse) = (Mat::new(&projector.scaled, d, l), Mat::new(&projector.inverse, l, l));

    let mut image = vec![0.0; d * l];
    let blocks = image.par_chunks_mut(BLOCK * l).zip(moments.covariance.par_chunks(BLOCK * d));
    blocks.for_each(|(out, rows)| dgemm(Mat::new(rows, rows.len() / d, d), scaled, 0.0, out));
    let cross = product(Mat::new(&image, d, l), inverse);
    let explained = product(scaled.t(), Mat::new(&image, d, l));
    let mut second = projector.inverse.clone();
    dgemm(inverse, Mat::new(&product(Mat::new(&explained, l, l), inverse), l, l), 1.0, &mut second);

    let variances = moments.covariance.iter().step_by(d + 1);
    let trace: f64 = variances.zip(&model.noise).map(|(c, psi)| c / psi).sum();
    let log_likelihood = projector.log_normalizer() - 0.5 * (trace - dot(&projector.inverse, &explained));
    if !log_likelihood.is_finite() {
        return Err(Degenerate("the likelihood of factor analysis is not finite".into()));
    }
    Ok(Expectation { axes, cross, second, log_likelihood })
}

/// The M-step: `W ← C Bᵀ E[z zᵀ]⁻¹` and `Ψ ← max(diag(C − W B C), floor)`. As W does not depend on Ψ, this is the
/// maximum under the bound, and the likelihood rises in spite of it.
fn maximization(expectation: &Expectation, moments: &Moments, floor: f64) -> Result<LinearGaussian, Degenerate> {
    let d = moments.mean.len();
    let l = expectation.cross.len() / d;
    let second = Cholesky::new(expectation.second.clone(), l)
        .ok_or_else(|| Degenerate("the second moment of the latents is not positive definite".into()))?;
    let inverse = second.inverse();
    let loadings = product(Mat::new(&expectation.cross, d, l), Mat::new(&inverse, l, l));
    let rows = loadings.chunks_exact(l).zip(expectation.cross.chunks_exact(l));
    let variances = moments.covariance.iter().step_by(d + 1);
    let noise = rows.zip(variances).map(|((w, cross), c)| (c - dot(w, cross)).max(least_noise(floor, *c))).collect();
    let loadings = product(Mat::new(&loadings, d, l), Mat::new(&expectation.axes, l, l));
    Ok(LinearGaussian { mean: moments.mean.clone(), loadings, noise })
}

/// The bound of a noise variance in a column of this variance.
fn least_noise(floor: f64, variance: f64) -> f64 {
    floor.max(RELATIVE_FLOOR * variance)
}
