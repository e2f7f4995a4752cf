//! A run of a model that sees all rows in every iteration: fits, evaluation, checkpoints and interruption.

use std::time::{Duration, Instant};

use elbo_datasets::Splits;
use elbo_models::fit::Terms;
use elbo_models::{Degenerate, Estimator, EstimatorSpec, Settings, Value};
use elbo_tensor::Tensor;

use crate::checkpoint::{Notes, load_arrays, save_arrays};
use crate::config::Config;
use crate::machine::error::{Error, Result};
use crate::machine::interrupt::Interrupt;
use crate::run::dir::RunDir;
use crate::run::evaluation::{Evaluation, summarise};
use crate::run::files::events::Events;
use crate::run::files::metrics_csv::{ELAPSED, Metrics};
use crate::run::progress::Observer;

/// Between two checkpoints at least this much time passes.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);
/// Settings of `[train]` that say how many iterations there are at most.
const LIMITS: [&str; 3] = ["epochs", "iterations", "max_iter"];

/// A fit under way.
pub struct Fitting<'a> {
    dir: &'a RunDir,
    config: &'a Config,
    splits: &'a Splits,
    estimator: Box<dyn Estimator>,
    /// The training rows.
    x: Tensor,
    iteration: u64,
    done: bool,
    metrics: Metrics,
    /// Events of the iterations done.
    events: Events,
    /// Mean of `ln p(x)` over the training rows in nats when they were last evaluated, if the model is a distribution.
    log_likelihood: Option<f64>,
    /// Seconds spent by earlier processes on this run.
    earlier: f64,
    started: Instant,
    saved: Instant,
}

/// What a finished fit shows.
pub struct Fitted {
    /// Rows of `metrics.csv`.
    pub metrics: Metrics,
    /// Its last row with the numbers of the fitted model in place of those of the last iteration.
    pub last: Vec<(String, f64)>,
    /// Whether the model came to its tolerance, if it has one.
    pub converged: Option<bool>,
    /// The model.
    pub estimator: Box<dyn Estimator>,
    /// Clustering, latents and metrics of the test split.
    pub test: Option<Evaluation>,
    /// Iterations.
    pub iterations: u64,
    /// Seconds over all processes.
    pub elapsed: f64,
    /// Why it could not go on, if so.
    pub diverged: Option<Error>,
}

/// Iterations that the settings of `[train]` allow at most: epochs of a model that is trained by steps.
pub fn most_iterations(train: &Settings) -> u64 {
    limit(train).map_or(1, |(_, most)| most)
}

/// Name and value of the setting of `[train]` that says how many iterations there are at most.
pub fn limit(train: &Settings) -> Option<(&str, u64)> {
    train.iter().find_map(|(name, value)| match value {
        Value::Int(most) if LIMITS.contains(&name) => Some((name, *most)),
        _ => None,
    })
}

/// The metrics that the model allows on the rows `x`, by name.
pub fn evaluate(estimator: &dyn Estimator, x: &Tensor) -> Evaluation {
    let found = estimator.infer_chunked(x);
    let mut terms = Terms::default();
    if !found.log_density.is_empty() {
        let mean = found.log_density.iter().sum::<f64>() / found.log_density.len() as f64;
        terms.values.push(("log_likelihood".into(), mean));
    }
    summarise(terms, found.clusters, found.latents, x.shape().rows())
}

impl<'a> Fitting<'a> {
    /// A fit in `dir`; with `resume` from its checkpoint, if there is one.
    pub fn open(
        dir: &'a RunDir,
        config: &'a Config,
        splits: &'a Splits,
        spec: &EstimatorSpec,
        resume: bool,
    ) -> Result<Self> {
        let (model, train) = (config.section("model"), config.section("train"));
        let mut estimator = (spec.build)(model, train, splits.train.width(), train.int("seed") as u64);
        let path = dir.weights("last");
        let (mut iteration, mut done, mut metrics, mut events) = (0, false, Metrics::default(), Events::default());
        if resume && path.exists() {
            let (state, notes) = load_arrays(&path)?;
            estimator.restore(&state).map_err(|reason| Error::checkpoint(&path, reason))?;
            (iteration, done) = (notes.iteration, notes.done);
            if dir.metrics().exists() {
                metrics = Metrics::read(&dir.metrics(), iteration)?;
            }
            events = Events::read(&dir.events(), iteration)?;
        }
        let earlier = metrics.elapsed();
        let now = Instant::now();
        let x = splits.train.tensor();
        let (started, saved, log_likelihood) = (now, now, None);
        Ok(Self {
            dir,
            config,
            splits,
            estimator,
            x,
            iteration,
            done,
            metrics,
            events,
            log_likelihood,
            earlier,
            started,
            saved,
        })
    }

    /// What the model says before it is fitted; nothing once an iteration is done.
    pub fn advice(&mut self) -> Vec<String> {
        if self.iteration == 0 { self.estimator.advice(&self.x) } else { Vec::new() }
    }

    /// Iterations in all, each of one step, and those done; all is what the settings allow at most.
    pub fn extent(&self) -> (u64, u64, u64) {
        (most_iterations(self.config.section("train")), 1, self.iteration)
    }

    /// Iterates until nothing is left to do.
    pub fn complete(mut self, interrupt: &Interrupt, observer: &dyn Observer) -> Result<Fitted> {
        let degenerate = |dir: &RunDir, after: u64, Degenerate(reason): Degenerate| {
            Error::diverged(format_args!("{}: after iteration {after}: {reason}", dir.path().display()))
        };
        let mut diverged = self.look_at_start().err().map(|reason| degenerate(self.dir, 0, reason));
        let (mut test, ended) = (None, self.done);
        while !self.done && diverged.is_none() {
            if let Some(signal) = interrupt.requested() {
                observer.finish();
                self.checkpoint()?;
                let place = format!("after iteration {}; continue with --resume", self.iteration);
                return Err(Error::new(signal, format_args!("{}: stopped {place}", self.dir.path().display())));
            }
            match self.iterate(observer) {
                Ok(evaluation) => test = evaluation,
                Err(reason) => diverged = Some(degenerate(self.dir, self.iteration, reason)),
            }
            if self.done || diverged.is_some() || self.saved.elapsed() >= CHECKPOINT_INTERVAL {
                self.checkpoint()?;
            }
        }
        observer.finish();
        if ended {
            // Continued after its last iteration: evaluations are not stored.
            test = self.evaluation(&mut Vec::new());
        }
        let last = if diverged.is_none() { self.last() } else { self.metrics.last() };
        let (elapsed, iterations, converged) = (self.elapsed(), self.iteration, self.estimator.converged());
        let Self { metrics, estimator, .. } = self;
        Ok(Fitted { metrics, last, converged, estimator, test, iterations, elapsed, diverged })
    }

    /// The last row of the metrics with the numbers of the fitted model, which has been evaluated.
    fn last(&self) -> Vec<(String, f64)> {
        let fitted = self.estimator.fitted(self.log_likelihood, self.splits.train.rows());
        let fitted: Vec<_> = fitted.into_iter().map(|(name, value)| (format!("train_{name}"), value)).collect();
        let mut last = self.metrics.last();
        for (name, value) in &mut last {
            *value = fitted.iter().find(|(known, _)| known == name).map_or(*value, |(_, own)| *own);
        }
        last
    }

    fn elapsed(&self) -> f64 {
        self.earlier + self.started.elapsed().as_secs_f64()
    }

    /// The row of epoch 0, if evaluations are asked for and the model has a start to be looked at.
    fn look_at_start(&mut self) -> std::result::Result<(), Degenerate> {
        if self.iteration == 0 && self.metrics.len() == 0 && self.every() > 0 && self.estimator.start(&self.x)? {
            let mut row = vec![("epoch".to_string(), 0.0), (ELAPSED.to_string(), 0.0)];
            self.evaluation(&mut row);
            row[1].1 = self.elapsed();
            self.metrics.push(&row);
        }
        Ok(())
    }

    /// Iterations between two evaluations; 0 for one at the end only.
    fn every(&self) -> u64 {
        self.config.section("log").int("evaluate_every") as u64
    }

    /// One iteration, and the evaluation of the test split if it is due.
    fn iterate(&mut self, observer: &dyn Observer) -> std::result::Result<Option<Evaluation>, Degenerate> {
        let found = self.estimator.iterate(&self.x)?;
        self.iteration += 1;
        self.done = found.done;
        for event in &found.events {
            observer.say(&format!("elbo: {}", self.events.push(self.iteration, event)));
        }
        let train: Vec<(String, f64)> = found.values.iter().map(|(name, v)| (format!("train_{name}"), *v)).collect();
        let mut row = vec![("epoch".to_string(), self.iteration as f64), (ELAPSED.to_string(), 0.0)];
        row.extend(train);
        let due = self.done || (self.every() > 0 && self.iteration.is_multiple_of(self.every()));
        let test = if due { self.evaluation(&mut row) } else { None };
        row[1].1 = self.elapsed();
        let shown: Vec<(String, f64)> =
            row.iter().filter_map(|(name, value)| Some((name.strip_prefix("test_")?.into(), *value))).collect();
        self.metrics.push(&row);
        let values = found.values.iter().map(|(name, value)| (name.to_string(), *value)).collect();
        observer.step(self.iteration, self.iteration, found.values.first().map_or(f64::NAN, |(_, value)| *value));
        if due {
            observer.epoch(self.iteration, &Terms { values }, &shown);
        }
        Ok(test)
    }

    /// Metrics of the training and the test rows, as columns.
    fn evaluation(&mut self, row: &mut Vec<(String, f64)>) -> Option<Evaluation> {
        let probe = self.config.section("log").bool("probe");
        let mut last = None;
        for (name, set) in [("train", &self.splits.train), ("test", &self.splits.test)] {
            if set.rows() == 0 {
                continue;
            }
            let x = if name == "train" { self.x.clone() } else { set.tensor() };
            let found = evaluate(&*self.estimator, &x);
            if name == "train" {
                self.log_likelihood = found.terms.get("log_likelihood");
            }
            let labels = set.labels().map(|labels| labels.values.as_slice());
            let columns = found.metrics(labels, probe).into_iter().map(|(key, value)| (format!("{name}_{key}"), value));
            let columns: Vec<_> = columns.filter(|(key, _)| row.iter().all(|(known, _)| known != key)).collect();
            row.extend(columns);
            last = Some(found).filter(|_| name == "test");
        }
        last
    }

    /// Makes what was reached so far survive. The state comes last: with it the checkpoint counts.
    fn checkpoint(&mut self) -> Result<()> {
        self.dir.prepare_checkpoints()?;
        if self.metrics.len() > 0 {
            self.metrics.write(&self.dir.metrics())?;
        }
        self.events.write(&self.dir.events())?;
        let notes = Notes { iteration: self.iteration, done: self.done };
        save_arrays(&self.dir.weights("last"), &self.estimator.state(), &notes)?;
        self.saved = Instant::now();
        Ok(())
    }
}
