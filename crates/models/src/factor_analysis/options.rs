//! The options of factor analysis.

use crate::{Configured, Visitor, Word, fit};

/// How factor analysis is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorSolver {
    /// Exact EM: [`FactorAnalysis`](crate::FactorAnalysis).
    Em,
    /// Steps in natural coordinates: [`GradientFactorAnalysis`](crate::GradientFactorAnalysis).
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

/// Options of [`FactorAnalysis`](crate::FactorAnalysis) and [`GradientFactorAnalysis`](crate::GradientFactorAnalysis).
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
    /// EM or steps of a gradient: which estimator [`EstimatorOptions::build`](crate::EstimatorOptions::build) makes.
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
        v.positive("model.floor", &mut self.floor, 1e300, "least variance of a column; of EM also least noise");
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
