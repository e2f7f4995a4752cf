//! The options of the trainer.

use crate::{Configured, Visitor, Word, fit};

/// What keeps a fit inside the domain of its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarding {
    /// Nothing becomes NaN.
    Guarded,
    /// As published: the anchor by differences, divided before it is bounded.
    Faithful,
}

impl Word for Guarding {
    const WORDS: &'static [(&'static str, Self)] = &[("guarded", Self::Guarded), ("faithful", Self::Faithful)];
}

/// How the gradient of an M-step is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MStepGradient {
    /// By the formula.
    ClosedForm,
    /// Through the tape.
    Autodiff,
}

impl Word for MStepGradient {
    const WORDS: &'static [(&'static str, Self)] = &[("closed-form", Self::ClosedForm), ("autodiff", Self::Autodiff)];
}

/// How an M-step is solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MStepSolver {
    /// By steps of Adam.
    Adam,
    /// Exactly.
    ClosedForm,
}

impl Word for MStepSolver {
    const WORDS: &'static [(&'static str, Self)] = &[("adam", Self::Adam), ("closed-form", Self::ClosedForm)];
}

/// The variance that all components share at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartVariance {
    /// Within the clusters of k-means.
    Within,
    /// Of all rows.
    Total,
}

impl Word for StartVariance {
    const WORDS: &'static [(&'static str, Self)] = &[("within", Self::Within), ("total", Self::Total)];
}

/// Options of [`NaturalGmm`](crate::NaturalGmm); the defaults are the source's shipped
/// configuration, but for the guard.
#[derive(Debug, Clone, PartialEq)]
pub struct NaturalGmmOptions {
    /// Number of components.
    pub k: usize,
    /// Seed of the start and of the batches.
    pub seed: u64,
    /// Epochs, each of which sees every row once.
    pub max_iter: usize,
    /// Batch size, each batch with one E-step; 0: all rows.
    pub batch: usize,
    /// Steps of an M-step.
    pub batch_steps: usize,
    /// Learning rate of Adam.
    pub lr: f64,
    /// Largest norm of the whole gradient; 0: no clipping.
    pub clip: f64,
    /// Whether Adam starts again with each epoch.
    pub epoch_reset: bool,
    /// Least probability of a component in the bounds of an M-step's target.
    pub min_prob: f64,
    /// Least variance in these bounds.
    pub lat_min_var: f64,
    /// Variance added in these bounds.
    pub lat_jitter_var: f64,
    /// Weight of `tr Λ`.
    pub upr_prs_reg: f64,
    /// Weight of `−ln|Λ|`.
    pub lwr_prs_reg: f64,
    /// Weight of `‖θ‖²` over the anchored coordinates.
    pub l2_reg: f64,
    /// Shared variance at the start.
    pub init_var: StartVariance,
    /// Least variance at the start.
    pub init_var_floor: f64,
    /// Whether anything may become NaN.
    pub mode: Guarding,
    /// How the gradient of an M-step is computed.
    pub gradient: MStepGradient,
    /// How an M-step is solved.
    pub solver: MStepSolver,
}

impl Default for NaturalGmmOptions {
    fn default() -> Self {
        Self {
            k: 20,
            seed: 0,
            max_iter: 500,
            batch: 0,
            batch_steps: 1000,
            lr: 1e-4,
            clip: 1.0,
            epoch_reset: true,
            min_prob: 1e-5,
            lat_min_var: 0.01,
            lat_jitter_var: 0.0,
            upr_prs_reg: 0.0,
            lwr_prs_reg: 1e-5,
            l2_reg: 0.0,
            init_var: StartVariance::Within,
            init_var_floor: 1e-3,
            mode: Guarding::Guarded,
            gradient: MStepGradient::ClosedForm,
            solver: MStepSolver::Adam,
        }
    }
}

impl NaturalGmmOptions {
    pub(super) fn guarded(&self) -> bool {
        self.mode == Guarding::Guarded
    }

    pub(super) fn exact(&self) -> bool {
        self.solver == MStepSolver::ClosedForm
    }
}

impl Configured for NaturalGmmOptions {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.int("model.k", &mut self.k, 1..=4096, "components of the mixture");
        v.seed("train.seed", &mut self.seed, fit::SEED);
        v.int("train.max_iter", &mut self.max_iter, 1..=1_000_000, "number of epochs");
        v.int("train.batch", &mut self.batch, 0..=1 << 53, "batch size, each batch with one E-step; 0: all rows");
        v.int("train.batch_steps", &mut self.batch_steps, 1..=1_000_000, "steps of an M-step");
        v.positive("train.lr", &mut self.lr, 1e3, fit::LR);
        v.float("train.clip", &mut self.clip, 0.0..=1e12, fit::CLIP);
        v.flag("train.epoch_reset", &mut self.epoch_reset, "whether Adam starts again with each epoch");
        v.float("train.min_prob", &mut self.min_prob, 0.0..=0.5, "least probability in the target's bounds");
        v.float("train.lat_min_var", &mut self.lat_min_var, 0.0..=1e12, "least variance in the target's bounds");
        v.float("train.lat_jitter_var", &mut self.lat_jitter_var, 0.0..=1e12, "added to variances in the bounds");
        v.float("train.upr_prs_reg", &mut self.upr_prs_reg, 0.0..=1e6, "weight of tr Λ: penalises large precisions");
        v.float("train.lwr_prs_reg", &mut self.lwr_prs_reg, 0.0..=1e6, "weight of −ln|Λ|: penalises large variances");
        v.float("train.l2_reg", &mut self.l2_reg, 0.0..=1e6, "weight of ‖θ‖² over the anchored coordinates");
        v.word("train.init_var", &mut self.init_var, "variance at the start: in k-means' clusters, or of all rows");
        v.positive("train.init_var_floor", &mut self.init_var_floor, 1e12, "least variance at the start");
        v.word("train.mode", &mut self.mode, "guarded: never a NaN; faithful: the anchor by differences, as published");
        v.word("train.gradient", &mut self.gradient, "how an M-step's gradient is computed");
        v.word("train.solver", &mut self.solver, "how an M-step is solved: by steps or exactly");
    }
}
