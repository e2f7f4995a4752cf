//! Training by steps: batches, validation, the best epoch, kept states and rollbacks.

use std::collections::BTreeMap;
use std::path::Path;

use elbo_autograd::Params;
use elbo_datasets::Splits;
use elbo_models::Model;
use elbo_models::fit::{Batches, Divergence, OnDivergence, Trainer};
use elbo_tensor::{Purpose, Real, stream};

use super::advance::{Advance, Halt, Job, Row, Start};
use super::evaluation::{Evaluation, evaluate};
use super::files::metrics_csv::ELAPSED;
use super::files::steps_csv::StepsCsv;
use super::progress::{Extent, Observer};
use super::state::RunState;
use super::trained::{Split, evaluation_index};
use crate::checkpoint::{load_weights, save_values};
use crate::config::{Config, Method, Steps};
use crate::data::Rows;
use crate::machine::error::{Error, Result};

/// Training under way.
pub(super) struct Training<'a> {
    job: &'a Job<'a>,
    steps: &'a Steps,
    model: &'a dyn Model,
    trainer: Trainer<'a>,
    batches: Batches,
    resumed: bool,
    epoch_steps: u64,
    epoch: u64,
    rollbacks: u64,
    best: Option<(f64, u64)>,
    /// Weights of a new best epoch that no checkpoint holds yet.
    unsaved_best: Option<Vec<Real>>,
    /// State at the last end of an epoch: where a rollback returns to.
    last_good: Option<RunState>,
    steps_csv: StepsCsv,
    watch_csv: StepsCsv,
    header: BTreeMap<String, String>,
}

/// Takes the state in `path` over into `trainer`, if training can go on from there.
fn begin_at(path: &Path, trainer: &mut Trainer<'_>, steps: &Steps, epoch_steps: u64) -> Result<RunState> {
    let state = RunState::load(path, trainer)?;
    let (epochs, over) = (steps.train.epochs as u64, state.epoch);
    let problem = if over >= epochs {
        format!("checkpoint is at epoch {over}; train.epochs must be larger than {over} (got {epochs})")
    } else if !(over * epoch_steps..(over + 1) * epoch_steps).contains(&trainer.step) {
        format!("its epochs do not have the {epoch_steps} steps of this run; see train.batch and train.epoch_steps")
    } else {
        return Ok(state);
    };
    Err(Error::usage(format_args!("--from {}: {problem}", path.display())))
}

/// Refuses a state that no run of this configuration can begin at, before there is a directory for one.
///
/// # Errors
/// Exit code 2 if the configuration cannot go on from there, or its model is fitted by iterations; 7 if the state is
/// damaged or of another model.
pub fn check_start(path: &Path, config: &Config, splits: &Splits) -> Result<()> {
    let Method::Steps(steps) = &config.method else {
        let reason = format!("{} has no steps to begin at", config.kind());
        return Err(Error::usage(format_args!("--from {}: {reason}", path.display())));
    };
    let (model, params) = steps.model.create(splits.train.width(), 0).map_err(Error::usage)?;
    let epoch_steps = steps.train.steps_of_epoch(&steps.train.batches(splits.train.rows()));
    begin_at(path, &mut Trainer::new(&*model, params, &steps.train), steps, epoch_steps).map(drop)
}

impl<'a> Training<'a> {
    /// Training of `model` from `params`, or from where `job` begins.
    pub fn open(job: &'a Job<'a>, steps: &'a Steps, model: &'a dyn Model, params: Params) -> Result<Self> {
        let (dir, train) = (job.dir, &steps.train);
        let batches = train.batches(job.splits.train.rows());
        let epoch_steps = train.steps_of_epoch(&batches);
        let mut trainer = Trainer::new(model, params, train).over(train.epochs as u64 * epoch_steps);
        let last = dir.state("last");
        let state = match job.start {
            // A run that was killed before its first checkpoint starts again.
            Start::Resume if last.exists() => Some(RunState::load(&last, &mut trainer)?),
            Start::From(path) => Some(begin_at(path, &mut trainer, steps, epoch_steps)?),
            _ => None,
        };
        let resumed = state.as_ref().filter(|_| matches!(job.start, Start::Resume));
        if let Some(state) = resumed {
            // The state is enough to continue, but a run that goes on has no damaged file.
            load_weights::<Real>(&dir.weights("last"))?;
            state.best.map(|_| load_weights::<Real>(&dir.weights("best"))).transpose()?;
        }
        if let Start::From(_) = job.start {
            // The learning rate is a setting of this run, not part of what it starts from.
            trainer.adam.config.lr = train.lr;
        }
        let (epoch, rollbacks, best) = state.as_ref().map_or((0, 0, None), |s| (s.epoch, s.rollbacks, s.best));
        let best_here = best.filter(|_| resumed.is_some());
        let csv = |path: &Path, header, every: usize| StepsCsv::open(path, header, every as u64, trainer.step);
        let steps_csv = csv(&dir.steps(), "step,loss,gradient_norm", steps.log.every_steps)?;
        let watch_csv = csv(&dir.watch(), "step,quantity,value", steps.log.watch_steps)?;
        let rolls_back = train.on_divergence == OnDivergence::Rollback;
        let last_good = rolls_back.then(|| RunState::of(&trainer, epoch, rollbacks, best));
        Ok(Self {
            job,
            steps,
            model,
            trainer,
            batches,
            resumed: resumed.is_some(),
            epoch_steps,
            epoch,
            rollbacks,
            best: best_here,
            unsaved_best: None,
            last_good,
            steps_csv,
            watch_csv,
            header: job.header(),
        })
    }

    /// Loss on the validation split and epoch of the best checkpoint.
    pub fn best(&self) -> Option<(f64, u64)> {
        self.best
    }

    /// The parameters that evaluations use.
    pub fn into_params(self) -> Params {
        self.trainer.evaluated()
    }

    fn evaluate(&self, split: Split) -> Evaluation {
        let data = match split {
            Split::Valid => &self.job.splits.valid,
            Split::Test => &self.job.splits.test,
        };
        let rows = Rows { data, binarize: self.job.config.data.is_binarized() };
        let place = (self.steps.train.seed, evaluation_index(self.epoch, split));
        evaluate((self.model, &self.trainer.evaluated()), rows, self.steps.train.batch, place)
    }

    /// One step on the batch of its number.
    fn step(&mut self, observer: &dyn Observer) -> std::result::Result<(), Divergence> {
        let step = self.trainer.step;
        let mut pixels = stream(self.steps.train.seed, Purpose::Binarize, step);
        let rows = Rows { data: &self.job.splits.train, binarize: self.job.config.data.is_binarized() };
        let x = rows.batch(self.batches.indices(step), &mut pixels);
        self.trainer.watch = self.watch_csv.wants(step);
        let taken = self.trainer.step(x.clone());
        if taken.is_err() && self.watch_csv.is_on() && !self.trainer.watch {
            // What the refused step saw is what one wants to see; it changed nothing.
            self.trainer.watch = true;
            let _ = self.trainer.step(x);
        }
        for (quantity, value) in &self.trainer.watched {
            self.watch_csv.push(step, format_args!("{quantity},{value}"));
        }
        let info = taken?;
        if self.steps_csv.wants(step) {
            self.steps_csv.push(step, format_args!("{},{}", info.loss, info.gradient_norm));
        }
        observer.step(step + 1, self.epoch + 1, info.loss);
        Ok(())
    }

    fn end_epoch(&mut self) -> Row {
        let train = self.trainer.end_epoch();
        self.epoch += 1;
        let mut columns = vec![
            ("epoch".to_string(), self.epoch as f64),
            ("step".to_string(), self.trainer.step as f64),
            (ELAPSED.to_string(), 0.0),
        ];
        let mut add = |split: &str, list: &[(String, f64)]| {
            columns.extend(list.iter().map(|(name, value)| (format!("{split}_{name}"), *value)));
        };
        add("train", &train.values);
        if self.job.splits.valid.rows() > 0 {
            let valid = self.evaluate(Split::Valid).terms;
            add("valid", &valid.values);
            let loss = valid.get("loss").unwrap_or(f64::NAN);
            // A loss that is not a number must not become the best: nothing is below it.
            if loss.is_finite() && self.best.is_none_or(|(best, _)| loss < best) {
                self.best = Some((loss, self.epoch));
                self.unsaved_best = Some(self.trainer.evaluated().flat().to_vec());
            }
        }
        let mut shown = Vec::new();
        let test = self.evaluate_test();
        if let Some(test) = &test {
            let labels = self.job.splits.test.labels().map(|labels| labels.values.as_slice());
            shown = test.metrics(labels, self.steps.log.probe);
            add("test", &shown);
        }
        if self.last_good.is_some() {
            self.last_good = Some(self.state());
        }
        Row { columns, test, shown: Some((train, shown)) }
    }

    fn state(&self) -> RunState {
        RunState::of(&self.trainer, self.epoch, self.rollbacks, self.best)
    }
}

impl Advance for Training<'_> {
    fn extent(&self) -> Extent {
        Extent { rows: self.steps.train.epochs as u64, steps_of_row: self.epoch_steps, done: self.trainer.step }
    }

    fn resumed(&self) -> bool {
        self.resumed
    }

    fn rows(&self) -> u64 {
        self.epoch
    }

    fn is_done(&self) -> bool {
        self.epoch >= self.steps.train.epochs as u64
    }

    fn advance(&mut self, observer: &dyn Observer) -> std::result::Result<Option<Row>, Halt> {
        let halt = |divergence: Divergence| Halt {
            reason: divergence.to_string(),
            advice: Some("try a smaller train.lr, train.clip, or train.on_divergence = \"rollback\""),
        };
        // A state that was saved at the last step of an epoch has no step of it left.
        if self.trainer.step < (self.epoch + 1) * self.epoch_steps {
            self.step(observer).map_err(halt)?;
        }
        let ends = self.trainer.step >= (self.epoch + 1) * self.epoch_steps;
        Ok(ends.then(|| self.end_epoch()))
    }

    /// To the end of the last epoch, with half the learning rate.
    fn recover(&mut self, halt: &Halt) -> Result<Option<String>> {
        let limit = self.steps.train.max_rollbacks as u64;
        let Some(state) = self.last_good.take().filter(|_| self.rollbacks < limit) else { return Ok(None) };
        let lr = self.trainer.adam.config.lr / 2.0;
        state.restore(&mut self.trainer).map_err(Error::diverged)?;
        self.trainer.adam.config.lr = lr;
        self.rollbacks += 1;
        self.best = state.best;
        self.steps_csv.rewind(self.trainer.step)?;
        self.watch_csv.rewind(self.trainer.step)?;
        self.last_good = Some(self.state());
        Ok(Some(format!("{}; back to the end of epoch {} with step size {lr}", halt.reason, state.epoch)))
    }

    fn keep(&self) -> Result<bool> {
        let every = self.steps.log.keep_epochs as u64;
        let kept = every > 0 && self.epoch.is_multiple_of(every);
        if kept {
            self.job.dir.prepare_checkpoints()?;
            self.state().save(&self.job.dir.kept(self.epoch))?;
        }
        Ok(kept)
    }

    fn save(&mut self) -> Result<()> {
        // Where a divergence leads back to the end of an epoch, that is where a continued run must start as well.
        let state = self.last_good.clone().unwrap_or_else(|| self.state());
        self.flush()?;
        let dir = self.job.dir;
        let params = &self.trainer.params;
        if let (Some(values), Some((_, epoch))) = (self.unsaved_best.take(), self.best) {
            self.header.insert("epoch".into(), epoch.to_string());
            save_values(&dir.weights("best"), params, &values, &self.header)?;
        }
        self.header.insert("epoch".into(), state.epoch.to_string());
        save_values(&dir.weights("last"), params, state.evaluated(), &self.header)?;
        state.save(&dir.state("last"))
    }

    fn flush(&mut self) -> Result<()> {
        self.steps_csv.flush()?;
        self.watch_csv.flush()
    }

    fn place(&self) -> String {
        format!("after {} epochs, at step {}", self.epoch, self.trainer.step)
    }

    fn evaluate_test(&mut self) -> Option<Evaluation> {
        (self.job.splits.test.rows() > 0).then(|| self.evaluate(Split::Test))
    }
}
