//! The settings of section `[train]` for models that are trained by steps.

use elbo_autograd::{AdamConfig, EpsilonForm};

use super::Batches;
use crate::{Configured, Visitor, Word};

/// Help of `train.seed`, which every way of training has.
pub(crate) const SEED: &str = "seed of everything random in training";
/// Help of `train.lr` where Adam takes the steps.
pub(crate) const LR: &str = "learning rate of Adam";
/// Help of `train.clip`.
pub(crate) const CLIP: &str = "largest norm of the whole gradient; 0: no clipping";

/// In which order the rows are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shuffle {
    /// Shuffled in every pass.
    Always,
    /// As they stand in the first pass, shuffled in the others.
    AfterFirstPass,
}

impl Word for Shuffle {
    const WORDS: &'static [(&'static str, Self)] =
        &[("always", Self::Always), ("after-first-pass", Self::AfterFirstPass)];
}

/// How the learning rate falls to 0 over all epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LrDecay {
    /// It does not.
    None,
    /// `1 − t`
    Linear,
    /// `½ + ½ cos πt`
    Cosine,
}

impl Word for LrDecay {
    const WORDS: &'static [(&'static str, Self)] =
        &[("none", Self::None), ("linear", Self::Linear), ("cosine", Self::Cosine)];
}

impl LrDecay {
    /// The factor of the learning rate after the share `done` of all steps: `1 − done` or `½ + ½ cos(π·done)`.
    pub(super) fn factor(self, done: f64) -> f64 {
        match self {
            Self::None => 1.0,
            Self::Linear => 1.0 - done,
            Self::Cosine => 0.5 + 0.5 * (std::f64::consts::PI * done).cos(),
        }
    }
}

/// How the losses of a batch become one number to differentiate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
}

impl Word for Reduction {
    const WORDS: &'static [(&'static str, Self)] = &[("mean", Self::Mean), ("sum", Self::Sum)];
}

/// What follows a loss or gradient that is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDivergence {
    /// The run ends.
    Stop,
    /// It goes back to the end of the last epoch with half the learning rate.
    Rollback,
}

impl Word for OnDivergence {
    const WORDS: &'static [(&'static str, Self)] = &[("stop", Self::Stop), ("rollback", Self::Rollback)];
}

/// Where Adam adds its ε.
impl Word for EpsilonForm {
    const WORDS: &'static [(&'static str, Self)] =
        &[("corrected", Self::Corrected), ("uncorrected", Self::Uncorrected)];
}

/// Options of [`Trainer`](super::Trainer).
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// Seed of everything random in training.
    pub seed: u64,
    /// Number of epochs.
    pub epochs: usize,
    /// Steps of an epoch; 0: one pass over the training rows.
    pub epoch_steps: usize,
    /// Batch size.
    pub batch: usize,
    /// Order of the rows.
    pub shuffle: Shuffle,
    /// Samples of the latent for each row and step.
    pub samples: usize,
    /// Learning rate of Adam.
    pub lr: f64,
    /// How the learning rate falls to 0 over all epochs.
    pub lr_decay: LrDecay,
    /// Adam's decay of the first moment.
    pub beta1: f64,
    /// Adam's decay of the second moment.
    pub beta2: f64,
    /// Summand of Adam's denominator.
    pub epsilon: f64,
    /// Where it is added.
    pub epsilon_form: EpsilonForm,
    /// Largest norm of the whole gradient; 0: no clipping.
    pub clip: f64,
    /// Steps over which a factor on all divergences rises to 1.
    pub kl_warmup: usize,
    /// Decay of averaged weights, which evaluation then uses; 0: off.
    pub average: f64,
    /// Whether the gradient is of the batch mean or of the sum.
    pub reduction: Reduction,
    /// What follows a loss or gradient that is not finite, where a run has checkpoints to go back to.
    pub on_divergence: OnDivergence,
    /// Rollbacks before giving up.
    pub max_rollbacks: usize,
}

impl Default for TrainOptions {
    fn default() -> Self {
        let AdamConfig { lr, beta1, beta2, epsilon, form: epsilon_form, clip } = AdamConfig::default();
        Self {
            seed: 0,
            epochs: 20,
            epoch_steps: 0,
            batch: 100,
            shuffle: Shuffle::Always,
            samples: 1,
            lr,
            lr_decay: LrDecay::None,
            beta1,
            beta2,
            epsilon,
            epsilon_form,
            clip,
            kl_warmup: 0,
            average: 0.0,
            reduction: Reduction::Mean,
            on_divergence: OnDivergence::Stop,
            max_rollbacks: 3,
        }
    }
}

impl Configured for TrainOptions {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.seed("train.seed", &mut self.seed, SEED);
        v.int("train.epochs", &mut self.epochs, 1..=1_000_000, "number of epochs");
        v.int("train.epoch_steps", &mut self.epoch_steps, 0..=1_000_000_000, "steps of an epoch; 0: one pass");
        v.int("train.batch", &mut self.batch, 1..=1_000_000, "batch size");
        v.word("train.shuffle", &mut self.shuffle, "rows shuffled in every pass, or from the second one on");
        v.int("train.samples", &mut self.samples, 1..=10_000, "samples of the latent for each row and step");
        v.positive("train.lr", &mut self.lr, 1e3, LR);
        v.word("train.lr_decay", &mut self.lr_decay, "how the learning rate falls to 0 over all epochs");
        v.float("train.beta1", &mut self.beta1, 0.0..=0.999_999, "Adam's decay of the first moment");
        v.float("train.beta2", &mut self.beta2, 0.0..=0.999_999_9, "Adam's decay of the second moment");
        v.float("train.epsilon", &mut self.epsilon, 1e-30..=1.0, "summand of Adam's denominator");
        v.word("train.epsilon_form", &mut self.epsilon_form, "ε beside corrected √v (PyTorch) or the raw one (TF 1)");
        v.float("train.clip", &mut self.clip, 0.0..=1e12, CLIP);
        v.int("train.kl_warmup", &mut self.kl_warmup, 0..=1_000_000_000, "steps over which a factor on KL rises to 1");
        v.float(
            "train.average",
            &mut self.average,
            0.0..=0.999_999,
            "decay of averaged weights, which evaluation then uses: plain mean first, then exponential; 0: off",
        );
        v.word("train.reduction", &mut self.reduction, "whether the gradient is of the batch mean or of the sum");
        v.word("train.on_divergence", &mut self.on_divergence, "stop, or go back an epoch and halve the learning rate");
        v.int("train.max_rollbacks", &mut self.max_rollbacks, 0..=1000, "rollbacks before giving up");
    }
}

impl TrainOptions {
    /// The settings of Adam.
    pub fn adam(&self) -> AdamConfig {
        let Self { lr, beta1, beta2, epsilon, epsilon_form: form, clip, .. } = *self;
        AdamConfig { lr, beta1, beta2, epsilon, form, clip }
    }

    /// The batches of `rows` training rows.
    ///
    /// # Panics
    /// If there are no rows or the batch size is 0.
    #[track_caller]
    pub fn batches(&self, rows: usize) -> Batches {
        let batches = Batches::new(rows, self.batch, self.seed);
        if self.shuffle == Shuffle::AfterFirstPass { batches.first_in_order() } else { batches }
    }

    /// Steps of an epoch over these batches.
    pub fn steps_of_epoch(&self, batches: &Batches) -> u64 {
        if self.epoch_steps == 0 { batches.steps_per_pass() } else { self.epoch_steps as u64 }
    }
}
