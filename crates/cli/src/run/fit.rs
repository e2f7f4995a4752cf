//! The loop of every run: signals, checkpoints, rows of `metrics.csv`, evaluation, divergence and its end. What a step
//! or an iteration does is [`Advance`]'s business.

use std::time::{Duration, Instant};

use super::advance::{Advance, Halt, Job, Row};
use super::evaluation::{Clusters, Evaluation};
use super::files::metrics_csv::{ELAPSED, Metrics};
use super::fitting::Fitting;
use super::network::Network;
use super::progress::Observer;
use super::trained::Trained;
use super::training::Training;
use crate::config::Method;
use crate::machine::error::{Error, Result};
use crate::machine::interrupt::Interrupt;

/// Between two checkpoints at least this much time passes, so that tiny models are not slowed by disks.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);

/// What a finished run shows.
pub struct Finished {
    /// Rows of `metrics.csv`.
    pub metrics: Metrics,
    /// Its last row; of an estimator with the numbers of the model that was kept in place of those
    /// of the last iteration.
    pub last: Vec<(String, f64)>,
    /// The fitted model.
    pub trained: Trained,
    /// The test split at the end.
    pub test: Option<Evaluation>,
    /// Loss on the validation split and epoch of the best checkpoint.
    pub best: Option<(f64, u64)>,
    /// Whether an estimator came to its tolerance, if it has one.
    pub converged: Option<bool>,
    /// Steps or iterations.
    pub steps: u64,
    /// Seconds over all processes.
    pub elapsed: f64,
    /// Why it ended early, if a number was not finite. Its last good state is saved.
    pub diverged: Option<Error>,
}

impl Finished {
    /// Clustering of the test split at the end.
    pub fn clusters(&self) -> Option<&Clusters> {
        self.test.as_ref()?.clusters.as_ref()
    }
}

impl Job<'_> {
    /// Fits to the end, or until a divergence that no rollback cures.
    ///
    /// # Errors
    /// Exit code 130 or 143 after a signal, when a checkpoint is written; 7 if a checkpoint is damaged; 2 if a start
    /// does not fit the configuration; 5 if the system cannot read or write.
    pub fn run(&self, interrupt: &Interrupt, observer: &dyn Observer) -> Result<Finished> {
        let width = self.splits.train.width();
        match &self.config.method {
            Method::Steps(steps) => {
                let (model, params) = steps.model.create(width, steps.train.seed).map_err(Error::usage)?;
                let mut training = Training::open(self, steps, &*model, params)?;
                let end = self.drive(&mut training, interrupt, observer)?;
                let (best, steps_taken, params) = (training.best(), training.extent().done, training.into_params());
                Ok(Finished {
                    last: end.metrics.last(),
                    metrics: end.metrics,
                    trained: Trained::Steps(Network { options: steps.model.boxed(), model, params }),
                    test: end.test,
                    best,
                    converged: None,
                    steps: steps_taken,
                    elapsed: end.elapsed,
                    diverged: end.diverged,
                })
            }
            Method::Iterations(iterations) => {
                let mut fitting = Fitting::open(self, iterations)?;
                let end = self.drive(&mut fitting, interrupt, observer)?;
                let last = end.metrics.last();
                let last = if end.diverged.is_none() { fitting.with_fitted(last) } else { last };
                let (steps, estimator) = (fitting.rows(), fitting.into_estimator());
                Ok(Finished {
                    last,
                    metrics: end.metrics,
                    test: end.test,
                    best: None,
                    converged: estimator.converged(),
                    trained: Trained::Iterations(estimator),
                    steps,
                    elapsed: end.elapsed,
                    diverged: end.diverged,
                })
            }
        }
    }

    fn drive(&self, fit: &mut dyn Advance, interrupt: &Interrupt, observer: &dyn Observer) -> Result<End> {
        let mut run = Driver::open(self, fit)?;
        observer.begin(fit.extent());
        let mut diverged = None;
        let mut next = fit.start(observer);
        loop {
            match next {
                Ok(None) => {}
                Ok(Some(row)) => run.take(row, fit, observer)?,
                Err(halt) => match fit.recover(&halt)? {
                    Some(event) => {
                        observer.say(&format!("elbo: {event}"));
                        self.dir.log_event(&event)?;
                        run.checkpoint(fit)?;
                    }
                    None => {
                        run.checkpoint(fit)?;
                        diverged = Some(self.diverged(&halt));
                    }
                },
            }
            if fit.is_done() || diverged.is_some() {
                break;
            }
            if let Some(signal) = interrupt.requested() {
                observer.finish();
                run.checkpoint(fit)?;
                let place = format!("{}; continue with --resume", fit.place());
                return Err(Error::new(signal, format_args!("{}: stopped {place}", self.dir.path().display())));
            }
            next = fit.advance(observer);
        }
        observer.finish();
        fit.flush()?;
        if run.test.is_none() && diverged.is_none() {
            // Continued after its last row: evaluations are not stored.
            run.test = fit.evaluate_test();
        }
        Ok(End { elapsed: run.elapsed(), metrics: run.metrics, test: run.test, diverged })
    }

    fn diverged(&self, halt: &Halt) -> Error {
        let advice = halt.advice.map(|advice| format!("; {advice}")).unwrap_or_default();
        Error::diverged(format_args!("{}: {}{advice}", self.dir.path().display(), halt.reason))
    }
}

/// What the loop hands out at its end.
struct End {
    metrics: Metrics,
    test: Option<Evaluation>,
    elapsed: f64,
    diverged: Option<Error>,
}

/// What the loop keeps.
struct Driver<'a> {
    job: &'a Job<'a>,
    metrics: Metrics,
    test: Option<Evaluation>,
    /// Seconds spent by earlier processes on this run.
    earlier: f64,
    started: Instant,
    saved: Instant,
}

impl<'a> Driver<'a> {
    /// With the rows of an earlier part of the run, up to where `fit` goes on.
    fn open(job: &'a Job<'a>, fit: &dyn Advance) -> Result<Self> {
        let path = job.dir.metrics();
        let continues = fit.resumed() && path.exists();
        let metrics = if continues { Metrics::read(&path, fit.rows())? } else { Metrics::default() };
        let now = Instant::now();
        Ok(Self { job, earlier: metrics.elapsed(), metrics, test: None, started: now, saved: now })
    }

    fn elapsed(&self) -> f64 {
        self.earlier + self.started.elapsed().as_secs_f64()
    }

    /// Takes over a row, and writes a checkpoint if it is time to.
    fn take(&mut self, mut row: Row, fit: &mut dyn Advance, observer: &dyn Observer) -> Result<()> {
        let elapsed = self.elapsed();
        row.columns.iter_mut().filter(|(name, _)| name == ELAPSED).for_each(|(_, seconds)| *seconds = elapsed);
        self.metrics.push(&row.columns);
        self.test = row.test;
        if let Some((train, test)) = &row.shown {
            observer.epoch(fit.rows(), train, test);
        }
        // Before the checkpoint: a run that goes on from there has kept what it had to.
        let kept = fit.keep()?;
        let has_files = || self.job.dir.state("last").exists() || self.job.dir.metrics().exists();
        let over = fit.is_done() && (!self.job.brief || has_files());
        if kept || over || self.saved.elapsed() >= CHECKPOINT_INTERVAL {
            self.checkpoint(fit)?;
        }
        Ok(())
    }

    fn checkpoint(&mut self, fit: &mut dyn Advance) -> Result<()> {
        self.job.dir.prepare_checkpoints()?;
        if !self.metrics.is_empty() {
            self.metrics.write(&self.job.dir.metrics())?;
        }
        fit.save()?;
        self.saved = Instant::now();
        Ok(())
    }
}
