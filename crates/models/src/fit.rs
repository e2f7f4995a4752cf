//! Training: one step, and the running means of an epoch. Pure: batches in, numbers out; no files, no clocks.

mod batches;
mod options;

use std::fmt;

use elbo_autograd::{Adam, Grads, Params, StepReport, Tape};
use elbo_tensor::{Purpose, Real, Tensor, stream};

use crate::{Model, Noise, Objective};
pub use batches::Batches;
pub(crate) use options::{CLIP, LR, SEED};
pub use options::{LrDecay, OnDivergence, Reduction, Shuffle, TrainOptions};

/// Names and values of a loss and its terms, per data point: nats, or squared units where the
/// likelihood is a squared error.
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
    /// The gradient of this parameter, which is finite but not its square.
    Square(String),
}

impl std::error::Error for Divergence {}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Term(name) => write!(f, "term `{name}` of the loss is not finite at step {}", self.step)?,
            Cause::Gradient(name) => write!(f, "the gradient of `{name}` is not finite at step {}", self.step)?,
            Cause::Square(name) => {
                write!(f, "the gradient of `{name}` is too large to be squared at step {}", self.step)?
            }
        }
        self.layer.iter().try_for_each(|layer| write!(f, ", first in the layer of `{layer}`"))
    }
}

/// What one step of training saw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepInfo {
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Mean loss of the batch before the step: nats, or squared units where the likelihood is a squared error.
    pub loss: f64,
}

/// A model in training: everything that a checkpoint must hold to continue to the same bits.
pub struct Trainer<'m> {
    model: &'m dyn Model,
    options: TrainOptions,
    total_steps: u64,
    /// Parameters.
    pub params: Params,
    /// Averages of the parameters; empty unless `average` is on.
    pub average: Vec<Real>,
    /// The optimiser with its moments. Its step size is that before decay.
    pub adam: Adam,
    /// Steps taken so far; a refused step does not count.
    pub step: u64,
    /// Sums over the epoch so far.
    pub sums: Sums,
    /// Whether steps fill [`Trainer::watched`].
    pub watch: bool,
    /// What the last step saw where values must stay positive, and its largest gradient: name and value.
    pub watched: Vec<(String, f64)>,
}

impl<'m> Trainer<'m> {
    /// A trainer at step 0.
    pub fn new(model: &'m dyn Model, params: Params, options: &TrainOptions) -> Self {
        Self {
            model,
            options: options.clone(),
            total_steps: u64::MAX,
            average: if options.average > 0.0 { params.flat().to_vec() } else { Vec::new() },
            adam: Adam::new(options.adam(), &params),
            params,
            step: 0,
            sums: Sums::default(),
            watch: false,
            watched: Vec::new(),
        }
    }

    /// Trains over the rows `x: [n, d]` for `options.epochs` epochs; the means of the last one.
    ///
    /// # Errors
    /// At the first step whose loss or gradient is not finite: parameters and step count are those before it.
    ///
    /// # Panics
    /// If there are no rows or the batch size is 0.
    #[track_caller]
    pub fn fit(&mut self, x: &Tensor) -> Result<Terms, Divergence> {
        let mut batches = self.options.batches(x.shape().rows());
        let epoch_steps = self.options.steps_of_epoch(&batches);
        self.total_steps = self.options.epochs as u64 * epoch_steps;
        let width = x.shape().last();
        let mut last = Terms::default();
        for epoch in self.step / epoch_steps..self.options.epochs as u64 {
            while self.step < (epoch + 1) * epoch_steps {
                let rows = batches.indices(self.step);
                let mut batch = Tensor::scratch([rows.len(), width]);
                for (to, &row) in batch.as_mut_slice().chunks_exact_mut(width).zip(rows) {
                    to.copy_from_slice(&x.as_slice()[row as usize * width..][..width]);
                }
                self.step(batch)?;
            }
            last = self.end_epoch();
        }
        Ok(last)
    }

    /// The same trainer with the step size falling to 0 over `total_steps` if `lr_decay` says so.
    pub fn over(self, total_steps: u64) -> Self {
        Self { total_steps, ..self }
    }

    /// One step on a batch `x: [b, d]`. Noise is the stream of this step's number. A non-finite term or gradient is
    /// refused: parameters and moments stay as they are.
    ///
    /// # Errors
    /// What was not finite, and where.
    pub fn step(&mut self, x: Tensor) -> Result<StepInfo, Divergence> {
        let step = self.step;
        let mut noise = Noise::from(stream(self.options.seed, Purpose::Noise, step)).with_samples(self.options.samples);
        self.watched.clear();
        let (grads, totals, count) = {
            let tape = Tape::new(&self.params);
            let mut objective = self.model.objective(tape.constant(x), &mut noise);
            let warmup = self.options.kl_warmup as u64;
            if step < warmup {
                objective = objective.with_divergences_times(((step + 1) as f64 / warmup as f64) as Real);
            }
            let per_point = objective.per_point();
            let losses = per_point.value();
            if self.watch {
                watch_softplus(&tape, &self.params, &mut self.watched);
            }
            if !losses.is_finite() {
                let layer = tape.first_non_finite().map(|id| self.params.name(id).to_string());
                return Err(Divergence { step, cause: Cause::Term(culprit(&objective)), layer });
            }
            let loss = match self.options.reduction {
                Reduction::Mean => per_point.mean_all(),
                Reduction::Sum => per_point.sum_all(),
            };
            (tape.backward(loss), totals(&objective, &losses), losses.len())
        };
        if self.watch {
            watch_gradient(&grads, &self.params, &mut self.watched);
        }
        let lr = self.adam.config.lr;
        self.adam.config.lr = lr * self.options.lr_decay.factor(step as f64 / self.total_steps as f64);
        let report = self.adam.step(&mut self.params, &grads);
        self.adam.config.lr = lr;
        match report {
            StepReport::Taken { norm } => {
                self.step += 1;
                self.sums.add(&totals, count);
                self.update_average();
                Ok(StepInfo { gradient_norm: norm, loss: totals[0].1 / count as f64 })
            }
            StepReport::Refused { param } => {
                let cause = Cause::Gradient(self.params.name(param).to_string());
                Err(Divergence { step, cause, layer: None })
            }
            StepReport::TooLarge { param } => {
                let cause = Cause::Square(self.params.name(param).to_string());
                Err(Divergence { step, cause, layer: None })
            }
        }
    }

    /// `a ← a + max(1 − decay, 1/t)·(θ − a)` after step t (Polyak and Juditsky 1992 until `t = 1/(1 − decay)`).
    fn update_average(&mut self) {
        if !self.average.is_empty() {
            let rate = (1.0 - self.options.average).max(1.0 / self.step as f64) as Real;
            self.average.iter_mut().zip(self.params.flat()).for_each(|(a, &p)| *a += rate * (p - *a));
        }
    }

    /// What evaluation uses: the averaged parameters if `average` is on, else the parameters.
    pub fn evaluated(&self) -> Params {
        let mut params = self.params.clone();
        if !self.average.is_empty() {
            params.flat_mut().copy_from_slice(&self.average);
        }
        params
    }

    /// Ends an epoch: its means, and the sums start again.
    pub fn end_epoch(&mut self) -> Terms {
        std::mem::take(&mut self.sums).means()
    }
}

/// Smallest argument and value of each softplus: the raw spreads and the variances that are made of them.
fn watch_softplus(tape: &Tape<'_>, params: &Params, watched: &mut Vec<(String, f64)>) {
    for least in ["Softplus", "DirectSoftplus"].into_iter().flat_map(|op| tape.smallest_of(op)) {
        let layer = params.name(least.layer).rsplit_once('.').map_or("", |(layer, _)| layer);
        watched.push((format!("{layer}.raw"), f64::from(least.argument)));
        watched.push((format!("{layer}.var"), f64::from(least.value)));
    }
}

/// The largest entry of the gradient; NaN if there is one.
fn watch_gradient(grads: &Grads, params: &Params, watched: &mut Vec<(String, f64)>) {
    let entries = params.ids().filter_map(|id| grads.param(id)).flat_map(Tensor::as_slice);
    let largest = entries.fold(0.0, |a: Real, g| if g.abs() > a || g.is_nan() { g.abs() } else { a });
    watched.push(("largest_gradient".into(), f64::from(largest)));
}

/// The first term that is not finite; `loss` if only the sum overflows.
fn culprit(objective: &Objective<'_>) -> &'static str {
    let bad = objective.terms().iter().find(|term| !term.value.value().is_finite());
    bad.map_or("loss", |term| term.name)
}

/// What an evaluation collects over batches.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluated {
    /// Sums of the loss and its terms.
    pub sums: Sums,
    /// Posterior over clusters of every row, `[n, k]`; empty if the model has none.
    pub clusters: Vec<Real>,
    /// Posterior means of every row, `[n, d]`; empty if the model has none.
    pub latents: Vec<Real>,
}

impl Evaluated {
    /// Adds loss, terms and posteriors of a batch.
    pub fn add(&mut self, model: &dyn Model, params: &Params, x: Tensor, noise: &mut Noise) {
        let tape = Tape::new(params);
        let objective = model.objective(tape.constant(x), noise);
        let per_point = objective.per_point().value();
        self.sums.add(&totals(&objective, &per_point), per_point.len());
        let collect = |list: &mut Vec<Real>, reported: Option<elbo_autograd::Var<'_>>| {
            list.extend(reported.iter().flat_map(|var| var.value().as_slice().to_vec()));
        };
        collect(&mut self.clusters, objective.clusters());
        collect(&mut self.latents, objective.latent());
    }
}
