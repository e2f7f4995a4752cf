//! A run from its first step to its summary: epochs, evaluation, checkpoints, divergence and interruption.

use std::time::{Duration, Instant};

use elbo_autograd::Params;
use elbo_datasets::{Batches, Dataset, Splits};
use elbo_models::fit::{Divergence, Trainer};
use elbo_models::{Model, Settings};
use elbo_tensor::{Purpose, Real, stream};

use crate::checkpoint::load_weights;
use crate::config::Config;
use crate::data::Rows;
use crate::error::{Error, Result};
use crate::evaluation::{Clusters, evaluate};
use crate::interrupt::Interrupt;
use crate::metrics_csv::{ELAPSED, Metrics};
use crate::progress::Progress;
use crate::run_dir::RunDir;
use crate::run_state::{RunState, write_weights};
use crate::steps_csv::Steps;

/// Between two checkpoints at epoch ends at least this much time passes, so that tiny models are not slowed by disks.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);

/// A run under way.
pub struct Run<'a> {
    dir: &'a RunDir,
    train: &'a Settings,
    splits: &'a Splits,
    binarize: bool,
    model: &'a dyn Model,
    trainer: Trainer<'a>,
    batches: Batches,
    epoch_steps: u64,
    epoch: u64,
    rollbacks: u64,
    best: Option<(f64, u64)>,
    /// Weights of a new best epoch that no checkpoint holds yet.
    unsaved_best: Option<Vec<Real>>,
    /// State at the last end of an epoch: where a rollback returns to.
    last_good: Option<RunState>,
    metrics: Metrics,
    steps: Steps,
    clusters: Option<Clusters>,
    /// Seconds spent by earlier processes on this run.
    earlier: f64,
    started: Instant,
    saved: Instant,
}

/// What a finished run shows.
pub struct Finished {
    /// Rows of `metrics.csv`.
    pub metrics: Metrics,
    /// Trained parameters.
    pub params: Params,
    /// Clustering of the test split at the end.
    pub clusters: Option<Clusters>,
    /// Loss on the validation split and epoch of the best checkpoint.
    pub best: Option<(f64, u64)>,
    /// Steps taken.
    pub steps: u64,
    /// Seconds over all processes.
    pub elapsed: f64,
}

/// Which evaluation of an epoch draws which numbers.
#[derive(Clone, Copy)]
pub enum Split {
    /// The validation split.
    Valid,
    /// The test split.
    Test,
}

/// Number of the evaluation stream for a split after an epoch.
pub fn evaluation_index(epoch: u64, split: Split) -> u64 {
    2 * epoch + split as u64
}

impl<'a> Run<'a> {
    /// A run in `dir`, from the start or, with `resume`, from its newest checkpoint.
    pub fn open(
        dir: &'a RunDir,
        config: &'a Config,
        (splits, binarize): (&'a Splits, bool),
        (model, params): (&'a dyn Model, Params),
        resume: bool,
    ) -> Result<Self> {
        let train = config.section("train");
        let mut trainer = Trainer::new(model, params, train);
        let mut batches = Batches::new(splits.train.rows(), train.int("batch"), train.int("seed") as u64);
        if train.text("shuffle") == "after-first-pass" {
            batches = batches.first_in_order();
        }
        let epoch_steps = match train.int("epoch_steps") as u64 {
            0 => batches.steps_per_pass(),
            steps => steps,
        };
        // A run that was killed before its first checkpoint starts again.
        let state = if resume && dir.state("last").exists() { Some(RunState::load(dir, &mut trainer)?) } else { None };
        if let Some(state) = &state {
            // The state is enough to continue, but a run that goes on has no damaged file.
            load_weights(&dir.weights("last"))?;
            state.best.map(|_| load_weights(&dir.weights("best"))).transpose()?;
        }
        let (epoch, rollbacks, best) = state.as_ref().map_or((0, 0, None), |s| (s.epoch, s.rollbacks, s.best));
        let metrics = if epoch > 0 { Metrics::read(&dir.metrics(), epoch)? } else { Metrics::default() };
        let steps = Steps::open(&dir.steps(), config.section("log").int("every_steps") as u64, trainer.step)?;
        let rolls_back = train.text("on_divergence") == "rollback";
        let last_good = rolls_back.then(|| state.unwrap_or_else(|| RunState::of(&trainer, 0, 0, None)));
        let earlier = metrics.elapsed();
        let now = Instant::now();
        Ok(Self {
            dir,
            train,
            splits,
            binarize,
            model,
            trainer,
            batches,
            epoch_steps,
            epoch,
            rollbacks,
            best,
            unsaved_best: None,
            last_good,
            metrics,
            steps,
            clusters: None,
            earlier,
            started: now,
            saved: now,
        })
    }

    /// Trains to the last epoch.
    pub fn complete(mut self, interrupt: &Interrupt, quiet: bool) -> Result<Finished> {
        let epochs = self.train.int("epochs") as u64;
        let progress = Progress::new(epochs, self.epoch_steps, self.trainer.step, quiet);
        while self.epoch < epochs {
            if let Err(divergence) = self.train_epoch(interrupt, &progress)? {
                self.diverged(&divergence, &progress)?;
                continue;
            }
            self.end_epoch(&progress);
            if self.epoch == epochs || self.saved.elapsed() >= CHECKPOINT_INTERVAL {
                self.checkpoint()?;
            }
        }
        progress.finish();
        if self.clusters.is_none() {
            // Continued after its last epoch: the clustering is not stored.
            self.clusters = self.evaluate(Split::Test).clusters;
        }
        Ok(Finished {
            elapsed: self.elapsed(),
            metrics: self.metrics,
            clusters: self.clusters,
            best: self.best,
            steps: self.trainer.step,
            params: self.trainer.params,
        })
    }

    fn rows(&self, data: &'a Dataset) -> Rows<'a> {
        Rows { data, binarize: self.binarize }
    }

    fn elapsed(&self) -> f64 {
        self.earlier + self.started.elapsed().as_secs_f64()
    }

    fn train_epoch(
        &mut self,
        interrupt: &Interrupt,
        progress: &Progress,
    ) -> Result<std::result::Result<(), Divergence>> {
        let seed = self.train.int("seed") as u64;
        let rows = self.rows(&self.splits.train);
        while self.trainer.step < (self.epoch + 1) * self.epoch_steps {
            if let Some(signal) = interrupt.requested() {
                progress.finish();
                self.checkpoint()?;
                let (epoch, step) = (self.epoch, self.trainer.step);
                let place = format!("after {epoch} epochs, at step {step}; continue with --resume");
                return Err(Error::new(signal, format_args!("{}: stopped {place}", self.dir.path().display())));
            }
            let step = self.trainer.step;
            let mut pixels = stream(seed, Purpose::Binarize, step);
            let x = rows.batch(self.batches.indices(step), &mut pixels);
            match self.trainer.step(x) {
                Err(divergence) => return Ok(Err(divergence)),
                Ok(info) => {
                    self.steps.push(step, &info);
                    progress.step(step + 1, self.epoch + 1, info.loss);
                }
            }
        }
        Ok(Ok(()))
    }

    fn evaluate(&self, split: Split) -> crate::evaluation::Evaluation {
        let data = match split {
            Split::Valid => &self.splits.valid,
            Split::Test => &self.splits.test,
        };
        let seed = self.train.int("seed") as u64;
        let parts = (self.model, &self.trainer.params);
        evaluate(parts, self.rows(data), self.train.int("batch"), (seed, evaluation_index(self.epoch, split)))
    }

    fn end_epoch(&mut self, progress: &Progress) {
        let train = self.trainer.end_epoch();
        self.epoch += 1;
        let mut row = vec![
            ("epoch".to_string(), self.epoch as f64),
            ("step".to_string(), self.trainer.step as f64),
            (ELAPSED.to_string(), 0.0),
        ];
        let mut add = |split: &str, list: &[(String, f64)]| {
            row.extend(list.iter().map(|(name, value)| (format!("{split}_{name}"), *value)));
        };
        add("train", &train.values);
        if self.splits.valid.rows() > 0 {
            let valid = self.evaluate(Split::Valid).terms;
            add("valid", &valid.values);
            let loss = valid.get("loss").unwrap_or(f64::NAN);
            // A loss that is not a number must not become the best: nothing is below it.
            if loss.is_finite() && self.best.is_none_or(|(best, _)| loss < best) {
                self.best = Some((loss, self.epoch));
                self.unsaved_best = Some(self.trainer.params.flat().to_vec());
            }
        }
        let mut shown = Vec::new();
        if self.splits.test.rows() > 0 {
            let test = self.evaluate(Split::Test);
            let labels = self.splits.test.labels().map(|labels| labels.values.as_slice());
            shown = test.metrics(labels);
            add("test", &shown);
            self.clusters = test.clusters;
        }
        row[2].1 = self.elapsed();
        self.metrics.push(&row);
        progress.epoch(self.epoch, &train, &shown);
        if self.last_good.is_some() {
            self.last_good = Some(self.state());
        }
    }

    fn state(&self) -> RunState {
        RunState::of(&self.trainer, self.epoch, self.rollbacks, self.best)
    }

    /// Makes what was reached so far survive. The state comes last: with it the checkpoint counts.
    fn checkpoint(&mut self) -> Result<()> {
        // Where a divergence leads back to the end of an epoch, that is where a continued run must start as well.
        let state = self.last_good.clone().unwrap_or_else(|| self.state());
        if self.metrics.len() > 0 {
            self.metrics.write(&self.dir.metrics())?;
        }
        self.steps.flush()?;
        if let (Some(values), Some((_, epoch))) = (self.unsaved_best.take(), self.best) {
            write_weights(self.dir, "best", &self.trainer, &values, epoch)?;
        }
        write_weights(self.dir, "last", &self.trainer, &state.values, state.epoch)?;
        state.save(self.dir)?;
        self.saved = Instant::now();
        Ok(())
    }

    /// Stops with the last good state saved, or goes back to the end of the last epoch with half the step size.
    fn diverged(&mut self, divergence: &Divergence, progress: &Progress) -> Result<()> {
        let limit = self.train.int("max_rollbacks") as u64;
        let Some(state) = self.last_good.take().filter(|_| self.rollbacks < limit) else {
            self.checkpoint()?;
            progress.finish();
            let advice = "try a smaller train.lr, train.clip, or train.on_divergence = \"rollback\"";
            return Err(Error::diverged(format_args!("{}: {divergence}; {advice}", self.dir.path().display())));
        };
        let lr = self.trainer.adam.config.lr / 2.0;
        state.restore(&mut self.trainer).map_err(Error::diverged)?;
        self.trainer.adam.config.lr = lr;
        self.rollbacks += 1;
        self.best = state.best;
        self.steps.rewind(self.trainer.step)?;
        let event = format!("{divergence}; back to the end of epoch {} with step size {lr}", state.epoch);
        progress.say(&format!("elbo: {event}"));
        self.dir.log_event(&event)?;
        self.last_good = Some(self.state());
        self.checkpoint()
    }
}
