//! Factor analysis: `z ~ N(0, I)`, `x | z ~ N(μ + W z, Ψ)` with a diagonal Ψ, fitted on the covariance matrix.

mod em;
mod gradient;
mod harmonium;

use elbo_tensor::Tensor;
use elbo_tensor::linalg::Moments;

use crate::linear_gaussian::{MOST_COVARIANCES, at_most_columns};
use crate::{Configured, Degenerate, Estimator, EstimatorOptions, Invalid, Visitor, Word, fit};

pub use em::FactorAnalysis;
pub use gradient::GradientFactorAnalysis;
pub use harmonium::Harmonium;

/// How factor analysis is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorSolver {
    /// Exact EM: [`FactorAnalysis`].
    Em,
    /// Steps in natural coordinates: [`GradientFactorAnalysis`].
    Gradient,
}

impl Word for FactorSolver {
    const WORDS: &'static [(&'static str, Self)] = &[("em", Self::Em), ("gradient", Self::Gradient)];
}

/// In which coordinates the latents are given, between which the likelihood does not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Those of [`LinearGaussian::canonical`](crate::LinearGaussian::canonical).
    Canonical,
    /// Those in which the fit ended.
    None,
}

impl Word for Rotation {
    const WORDS: &'static [(&'static str, Self)] = &[("canonical", Self::Canonical), ("none", Self::None)];
}

/// Options of [`FactorAnalysis`] and [`GradientFactorAnalysis`].
#[derive(Debug, Clone, PartialEq)]
pub struct FactorAnalysisOptions {
    /// Number of latents.
    pub latents: usize,
    /// Least variance of a column; with EM also least noise variance.
    pub floor: f64,
    /// Coordinates of the latents.
    pub rotate: Rotation,
    /// Seed of the first loadings.
    pub seed: u64,
    /// EM or steps of a gradient: which estimator [`EstimatorOptions::build`] makes.
    pub solver: FactorSolver,
    /// Number of E-steps at most.
    pub max_iter: usize,
    /// EM ends when it gains less, in nats per row; 0: never.
    pub tol: f64,
    /// Gradient: whether the prior of the latents stays `N(0, I)`.
    pub conjugation: bool,
    /// Gradient: steps after each E-step.
    pub batch_steps: usize,
    /// Gradient: learning rate of AdamW.
    pub lr: f64,
    /// Gradient: decoupled decay of AdamW.
    pub weight_decay: f64,
    /// Gradient: largest norm of the whole gradient; 0: no clipping.
    pub clip: f64,
    /// Gradient: weight of `‖θ‖²` over the natural parameters.
    pub l2_reg: f64,
    /// Gradient: whether AdamW starts again after each E-step.
    pub epoch_reset: bool,
}

impl Default for FactorAnalysisOptions {
    fn default() -> Self {
        Self {
            latents: 50,
            floor: 1e-4,
            rotate: Rotation::Canonical,
            seed: 0,
            solver: FactorSolver::Em,
            max_iter: 600,
            tol: 1e-6,
            conjugation: true,
            batch_steps: 1000,
            lr: 1e-4,
            weight_decay: 1e-4,
            clip: 1.0,
            l2_reg: 1e-4,
            epoch_reset: true,
        }
    }
}

impl Configured for FactorAnalysisOptions {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.int("model.latents", &mut self.latents, 1..=4096, "number of latents");
        v.positive(
            "model.floor",
            &mut self.floor,
            1e300,
            "least variance of a column; with solver = \"em\" also least noise variance",
        );
        v.word("model.rotate", &mut self.rotate, "coordinates of the latents");
        v.seed("train.seed", &mut self.seed, fit::SEED);
        v.word("train.solver", &mut self.solver, "exact EM, or steps in natural coordinates");
        v.int("train.max_iter", &mut self.max_iter, 1..=1_000_000, "number of E-steps at most");
        v.float("train.tol", &mut self.tol, 0.0..=1e12, "EM ends when it gains less, in nats per row; 0: never");
        v.flag("train.conjugation", &mut self.conjugation, "gradient: whether the prior of the latents stays N(0, I)");
        v.int("train.batch_steps", &mut self.batch_steps, 1..=1_000_000, "gradient: steps after each E-step");
        v.positive("train.lr", &mut self.lr, 1e3, "gradient: learning rate of AdamW");
        v.float("train.weight_decay", &mut self.weight_decay, 0.0..=1e3, "gradient: decoupled decay of AdamW");
        v.float("train.clip", &mut self.clip, 0.0..=1e12, fit::CLIP);
        v.float("train.l2_reg", &mut self.l2_reg, 0.0..=1e6, "gradient: weight of ‖θ‖² over the natural parameters");
        v.flag("train.epoch_reset", &mut self.epoch_reset, "gradient: whether AdamW starts again after each E-step");
    }
}

impl EstimatorOptions for FactorAnalysisOptions {
    fn kind(&self) -> &'static str {
        "factor-analysis"
    }
    fn about(&self) -> &'static str {
        "factor analysis: latents of few dimensions and independent noise of each column"
    }
    fn seed(&self) -> u64 {
        self.seed
    }
    fn max_iterations(&self) -> usize {
        self.max_iter
    }
    fn fits(&self, width: usize) -> Result<(), Invalid> {
        at_most_columns(self.latents, width)?;
        let covariances = if self.solver == FactorSolver::Em { width.saturating_mul(width) } else { 0 };
        if covariances > MOST_COVARIANCES {
            let advice = "train.solver = \"gradient\" needs none";
            return Err(Invalid(format!("{width} columns have too many covariances; {advice}")));
        }
        Ok(())
    }
    fn build(&self, width: usize) -> Box<dyn Estimator> {
        match self.solver {
            FactorSolver::Em => Box::new(FactorAnalysis::new(self.clone()).of_width(width)),
            FactorSolver::Gradient => Box::new(GradientFactorAnalysis::new(self.clone()).of_width(width)),
        }
    }
    fn boxed(&self) -> Box<dyn EstimatorOptions> {
        Box::new(self.clone())
    }
}

/// Of more latents than the covariance of the columns determines: `(d − l)² < d + l`.
fn advice(latents: usize, width: usize) -> Option<String> {
    let undetermined = width.saturating_sub(latents).pow(2) < width + latents;
    undetermined.then(|| format!("{latents} latents of {width} columns are more than their covariance determines"))
}

/// The moments of the rows that were last seen: a function of the rows, and therefore no part of a state.
#[derive(Default)]
struct Statistics(Option<(Tensor, Moments)>);

impl Statistics {
    /// The moments of `x` with the variances of columns not below `floor`.
    fn of(&mut self, x: &Tensor, floor: f64) -> Result<&Moments, Degenerate> {
        // The clone shares the memory of `x`, so that no other rows can take its place.
        let same = |seen: &Tensor| seen.shape() == x.shape() && seen.as_slice().as_ptr() == x.as_slice().as_ptr();
        if !self.0.as_ref().is_some_and(|(seen, _)| same(seen)) {
            if x.shape().rows() == 0 {
                return Err(Degenerate("no rows".into()));
            }
            let mut moments = Moments::of(x);
            if !moments.covariance.iter().all(|entry| entry.is_finite()) {
                return Err(Degenerate("the covariance of the rows is not finite".into()));
            }
            let variances = moments.covariance.iter_mut().step_by(x.shape().last() + 1);
            variances.for_each(|variance| *variance = variance.max(floor));
            self.0 = Some((x.clone(), moments));
        }
        Ok(&self.0.as_ref().expect("computed above").1)
    }
}
