//! Training: one step, and the running means of an epoch. Pure: batches in, numbers out; no files, no clocks.

use std::fmt;

use elbo_autograd::{Adam, AdamConfig, EpsilonForm, Params, StepReport, Tape, Var};
use elbo_tensor::{Purpose, Real, Tensor, stream};

use crate::{Model, Noise, Objective, Setting, Settings};

/// The settings of section `[train]`.
pub fn settings() -> Vec<Setting> {
    vec![
        Setting::int("seed", 0, [0, 1 << 53], "seed of everything random"),
        Setting::int("epochs", 20, [1, 1_000_000], "number of epochs"),
        Setting::int("epoch_steps", 0, [0, 1_000_000_000], "steps of an epoch; 0: one pass over the training rows"),
        Setting::int("batch", 100, [1, 1_000_000], "rows of a batch"),
        Setting::choice(
            "shuffle",
            "always",
            &["always", "after-first-pass"],
            "order of the rows: shuffled in every pass, or as they stand in the first one",
        ),
        Setting::positive("lr", 1e-3, 1e3, "step size of Adam"),
        Setting::float("beta1", 0.9, [0.0, 0.999_999], "Adam's decay of the first moment"),
        Setting::float("beta2", 0.999, [0.0, 0.999_999_9], "Adam's decay of the second moment"),
        Setting::positive("epsilon", 1e-8, 1.0, "summand of Adam's denominator"),
        Setting::choice(
            "epsilon_form",
            "corrected",
            &["corrected", "uncorrected"],
            "ε beside the bias-corrected √v (PyTorch) or the raw √v (TensorFlow 1)",
        ),
        Setting::float("clip", 0.0, [0.0, 1e12], "largest norm of the whole gradient; 0: no clipping"),
        Setting::choice(
            "reduction",
            "mean",
            &["mean", "sum"],
            "whether the gradient is of the batch mean or of the sum",
        ),
        Setting::choice(
            "on_divergence",
            "stop",
            &["stop", "rollback"],
            "at a non-finite loss or gradient: stop, or go back to the last checkpoint with half the step size",
        ),
        Setting::int("max_rollbacks", 3, [0, 1000], "rollbacks before giving up"),
    ]
}

/// How the losses of a batch become one number to differentiate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
}

/// Names and values of a loss and its terms, in nats per data point.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Terms {
    /// `loss`, then each term of the objective.
    pub values: Vec<(String, f64)>,
}

impl Terms {
    /// The value of a term or of `loss`.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(n, _)| n == name).map(|(_, value)| *value)
    }
}

/// Sums over data points of the loss and its terms: what an epoch's means are made of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sums {
    /// Names and sums, `loss` first.
    pub sums: Vec<(String, f64)>,
    /// Data points summed over.
    pub count: u64,
}

impl Sums {
    /// Adds what [`totals`] found in a batch of `count` points.
    fn add(&mut self, totals: &[(&'static str, f64)], count: usize) {
        if self.sums.is_empty() {
            self.sums = totals.iter().map(|(name, _)| (name.to_string(), 0.0)).collect();
        }
        for ((_, sum), (_, total)) in self.sums.iter_mut().zip(totals) {
            *sum += total;
        }
        self.count += count as u64;
    }

    /// Means per data point.
    pub fn means(&self) -> Terms {
        Terms { values: self.sums.iter().map(|(name, sum)| (name.clone(), sum / self.count as f64)).collect() }
    }
}

/// Name and sum over the points of a batch of the loss and each term.
fn totals(objective: &Objective<'_>, per_point: &Tensor) -> Vec<(&'static str, f64)> {
    let sum = |values: &Tensor| values.as_slice().iter().map(|&v| f64::from(v)).sum();
    let terms = objective.terms().iter().map(|term| (term.name, sum(&term.value.value())));
    std::iter::once(("loss", sum(per_point))).chain(terms).collect()
}

/// Why a step was refused: the parameters are as they were before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// Number of the step, from 0.
    pub step: u64,
    /// What is not finite.
    pub cause: Cause,
    /// The layer, by a parameter of it, in which values first stopped being finite; `None` if a gradient was the first,
    /// or the data.
    pub layer: Option<String>,
}

/// What was not finite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A term of the loss.
    Term(&'static str),
    /// The gradient of a parameter.
    Gradient(String),
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Term(name) => write!(f, "term `{name}` of the loss is not finite at step {}", self.step)?,
            Cause::Gradient(name) => write!(f, "the gradient of `{name}` is not finite at step {}", self.step)?,
        }
        self.layer.iter().try_for_each(|layer| write!(f, ", first in the layer of `{layer}`"))
    }
}

/// What one step of training saw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepInfo {
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Mean loss of the batch before the step, in nats.
    pub loss: f64,
}

/// A model in training: everything that a checkpoint must hold to continue to the same bits.
pub struct Trainer<'m> {
    model: &'m dyn Model,
    reduction: Reduction,
    seed: u64,
    /// Parameters.
    pub params: Params,
    /// The optimiser with its moments.
    pub adam: Adam,
    /// Steps taken so far; a refused step does not count.
    pub step: u64,
    /// Sums over the epoch so far.
    pub sums: Sums,
}

impl<'m> Trainer<'m> {
    /// A trainer at step 0 with the settings of section `[train]`.
    pub fn new(model: &'m dyn Model, params: Params, train: &Settings) -> Self {
        let config = AdamConfig {
            lr: train.float("lr"),
            beta1: train.float("beta1"),
            beta2: train.float("beta2"),
            epsilon: train.float("epsilon"),
            form: match train.text("epsilon_form") {
                "corrected" => EpsilonForm::Corrected,
                _ => EpsilonForm::Uncorrected,
            },
            clip: train.float("clip"),
        };
        let reduction = if train.text("reduction") == "sum" { Reduction::Sum } else { Reduction::Mean };
        let adam = Adam::new(config, &params);
        let seed = train.int("seed") as u64;
        Self { model, reduction, seed, params, adam, step: 0, sums: Sums::default() }
    }

    /// One step on a batch `x: [b, d]`. Noise is the stream of this step's number. A non-finite term or gradient is
    /// refused: parameters and moments stay as they are.
    pub fn step(&mut self, x: Tensor) -> Result<StepInfo, Divergence> {
        let step = self.step;
        let mut noise = Noise::from(stream(self.seed, Purpose::Noise, step));
        let (grads, totals, count) = {
            let tape = Tape::new(&self.params);
            let objective = self.model.objective(tape.constant(x), &mut noise);
            let per_point = objective.per_point();
            let losses = per_point.value();
            if !losses.is_finite() {
                let layer = tape.first_non_finite().map(|id| self.params.name(id).to_string());
                return Err(Divergence { step, cause: Cause::Term(culprit(&objective)), layer });
            }
            let loss = match self.reduction {
                Reduction::Mean => per_point.mean_all(),
                Reduction::Sum => per_point.sum_all(),
            };
            (tape.backward(loss), totals(&objective, &losses), losses.len())
        };
        match self.adam.step(&mut self.params, &grads) {
            StepReport::Taken { norm } => {
                self.step += 1;
                self.sums.add(&totals, count);
                Ok(StepInfo { gradient_norm: norm, loss: totals[0].1 / count as f64 })
            }
            StepReport::Refused { param } => {
                let cause = Cause::Gradient(self.params.name(param).to_string());
                Err(Divergence { step, cause, layer: None })
            }
        }
    }

    /// Ends an epoch: its means, and the sums start anew.
    pub fn end_epoch(&mut self) -> Terms {
        std::mem::take(&mut self.sums).means()
    }
}

/// The first term that is not finite; `loss` if only the sum overflows.
fn culprit(objective: &Objective<'_>) -> &'static str {
    let bad = objective.terms().iter().find(|term| !term.value.value().is_finite());
    bad.map_or("loss", |term| term.name)
}

/// Loss, terms and cluster probabilities of a batch without training on it.
pub fn evaluate(
    model: &dyn Model,
    params: &Params,
    x: Tensor,
    noise: &mut Noise,
    sums: &mut Sums,
    clusters: &mut Vec<Real>,
) {
    let tape = Tape::new(params);
    let objective = model.objective(tape.constant(x), noise);
    let per_point = objective.per_point().value();
    sums.add(&totals(&objective, &per_point), per_point.len());
    if let Some(probs) = objective.clusters() {
        clusters.extend_from_slice(Var::value(probs).as_slice());
    }
}
