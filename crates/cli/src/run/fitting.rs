//! Fitting by iterations over all rows: evaluations, and the events of `events.log`.

use std::collections::BTreeMap;

use elbo_models::fit::Terms;
use elbo_models::{Degenerate, Estimator};
use elbo_tensor::Tensor;

use super::advance::{Advance, Halt, Job, Row, Start};
use super::evaluation::{Evaluation, of_estimator};
use super::files::events::Events;
use super::files::metrics_csv::ELAPSED;
use super::progress::{Extent, Observer};
use crate::checkpoint::{Notes, StoredArrays, load_arrays, save_arrays};
use crate::config::Iterations;
use crate::machine::error::{Error, Result};

/// A fit under way.
pub(super) struct Fitting<'a> {
    job: &'a Job<'a>,
    iterations: &'a Iterations,
    estimator: Box<dyn Estimator>,
    /// The training rows.
    x: Tensor,
    resumed: bool,
    iteration: u64,
    done: bool,
    /// Whether the model was evaluated since the last iteration.
    evaluated: bool,
    /// Events of the iterations done.
    events: Events,
    /// Mean of `ln p(x)` over the training rows in nats when they were last evaluated, if the model is a distribution.
    log_likelihood: Option<f64>,
    header: BTreeMap<String, String>,
}

impl<'a> Fitting<'a> {
    /// A fit from the start, or from the checkpoint of its run, if that goes on and there is one.
    pub fn open(job: &'a Job<'a>, iterations: &'a Iterations) -> Result<Self> {
        let mut estimator = iterations.options.build(job.splits.train.width());
        let path = job.dir.weights("last");
        let (mut iteration, mut done, mut events) = (0, false, Events::default());
        let resumed = matches!(job.start, Start::Resume) && path.exists();
        if resumed {
            let StoredArrays { state, notes, .. } = load_arrays(&path)?;
            estimator.restore(&state).map_err(|reason| Error::checkpoint(&path, reason))?;
            (iteration, done) = (notes.iteration, notes.done);
            events = Events::read(&job.dir.events(), iteration)?;
        }
        let (x, header) = (job.splits.train.tensor(), job.header());
        let (evaluated, log_likelihood) = (false, None);
        Ok(Self { job, iterations, estimator, x, resumed, iteration, done, evaluated, events, log_likelihood, header })
    }

    /// The fitted model.
    pub fn into_estimator(self) -> Box<dyn Estimator> {
        self.estimator
    }

    /// A row of metrics with the numbers of the fitted model, which has been evaluated.
    pub fn with_fitted(&self, mut row: Vec<(String, f64)>) -> Vec<(String, f64)> {
        let fitted = self.estimator.fitted(self.log_likelihood, self.job.splits.train.rows());
        let fitted: Vec<_> = fitted.into_iter().map(|(name, value)| (format!("train_{name}"), value)).collect();
        for (name, value) in &mut row {
            *value = fitted.iter().find(|(known, _)| known == name).map_or(*value, |(_, own)| *own);
        }
        row
    }

    /// Iterations between two evaluations; 0 for one at the end only.
    fn every(&self) -> u64 {
        self.iterations.log.evaluate_every as u64
    }

    /// Metrics of the training and the test rows, as columns that `row` does not have yet.
    fn evaluate(&mut self, row: &mut Vec<(String, f64)>) -> Option<Evaluation> {
        self.evaluated = true;
        let mut last = None;
        for (name, set) in [("train", &self.job.splits.train), ("test", &self.job.splits.test)] {
            if set.rows() == 0 {
                continue;
            }
            let found = of_estimator(&*self.estimator, set);
            if name == "train" {
                self.log_likelihood = found.terms.get("log_likelihood");
            }
            let labels = set.labels().map(|labels| labels.values.as_slice());
            let columns = found.metrics(labels, self.iterations.log.probe).into_iter();
            let columns = columns.map(|(key, value)| (format!("{name}_{key}"), value));
            let columns: Vec<_> = columns.filter(|(key, _)| row.iter().all(|(known, _)| known != key)).collect();
            row.extend(columns);
            last = Some(found).filter(|_| name == "test");
        }
        last
    }

    fn halt(&self, Degenerate(reason): Degenerate) -> Halt {
        Halt { reason: format!("after iteration {}: {reason}", self.iteration), advice: None }
    }
}

impl Advance for Fitting<'_> {
    fn extent(&self) -> Extent {
        Extent { rows: self.iterations.options.facts().max_iterations as u64, steps_of_row: 1, done: self.iteration }
    }

    fn resumed(&self) -> bool {
        self.resumed
    }

    fn rows(&self) -> u64 {
        self.iteration
    }

    fn is_done(&self) -> bool {
        self.done
    }

    /// The row of epoch 0, if evaluations are asked for and the model has a start to be looked at.
    fn start(&mut self, observer: &dyn Observer) -> std::result::Result<Option<Row>, Halt> {
        if self.iteration > 0 {
            return Ok(None);
        }
        self.estimator.advice(&self.x).iter().for_each(|line| observer.say(&format!("elbo: {line}")));
        if self.every() == 0 || !self.estimator.start(&self.x).map_err(|reason| self.halt(reason))? {
            return Ok(None);
        }
        let mut columns = vec![("epoch".to_string(), 0.0), (ELAPSED.to_string(), 0.0)];
        let test = self.evaluate(&mut columns);
        Ok(Some(Row { columns, test, shown: None }))
    }

    fn advance(&mut self, observer: &dyn Observer) -> std::result::Result<Option<Row>, Halt> {
        let found = self.estimator.iterate(&self.x).map_err(|reason| self.halt(reason))?;
        self.iteration += 1;
        (self.done, self.evaluated) = (found.done, false);
        for event in &found.events {
            observer.say(&format!("elbo: {}", self.events.push(self.iteration, event)));
        }
        let mut columns = vec![("epoch".to_string(), self.iteration as f64), (ELAPSED.to_string(), 0.0)];
        columns.extend(found.values.iter().map(|(name, value)| (format!("train_{name}"), *value)));
        let due = self.done || (self.every() > 0 && self.iteration.is_multiple_of(self.every()));
        let test = if due { self.evaluate(&mut columns) } else { None };
        observer.step(self.iteration, self.iteration, found.values.first().map_or(f64::NAN, |(_, value)| *value));
        let shown = due.then(|| {
            let test = columns.iter().filter_map(|(name, value)| Some((name.strip_prefix("test_")?.into(), *value)));
            let values = found.values.iter().map(|(name, value)| (name.to_string(), *value)).collect();
            (Terms { values }, test.collect())
        });
        Ok(Some(Row { columns, test, shown }))
    }

    fn save(&mut self) -> Result<()> {
        self.events.write(&self.job.dir.events())?;
        let notes = Notes { iteration: self.iteration, done: self.done };
        save_arrays(&self.job.dir.weights("last"), &*self.estimator, notes, &self.header)
    }

    fn place(&self) -> String {
        format!("after iteration {}", self.iteration)
    }

    fn evaluate_test(&mut self) -> Option<Evaluation> {
        if self.evaluated { None } else { self.evaluate(&mut Vec::new()) }
    }
}
