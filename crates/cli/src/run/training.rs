//! A run from its first step to its summary: epochs, evaluation, checkpoints, divergence and interruption.

use std::path::Path;
use std::time::{Duration, Instant};

use elbo_autograd::Params;
use elbo_datasets::{Batches, Dataset, Splits};
use elbo_models::fit::{Divergence, Trainer};
use elbo_models::{Model, ModelSpec, Settings};
use elbo_tensor::{Purpose, Real, stream};

use crate::checkpoint::load_weights;
use crate::config::Config;
use crate::data::Rows;
use crate::machine::error::{Error, Result};
use crate::machine::interrupt::Interrupt;
use crate::run::dir::RunDir;
use crate::run::evaluation::{Clusters, evaluate};
use crate::run::files::metrics_csv::{ELAPSED, Metrics};
use crate::run::files::steps_csv::Steps;
use crate::run::progress::Observer;
use crate::run::state::{RunState, write_weights};

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
    watch: Steps,
    keep_epochs: u64,
    probe: bool,
    /// Whether a run that is over within the interval of checkpoints writes none.
    brief: bool,
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
    /// Trained parameters: those that were evaluated.
    pub params: Params,
    /// Clustering of the test split at the end.
    pub clusters: Option<Clusters>,
    /// Loss on the validation split and epoch of the best checkpoint.
    pub best: Option<(f64, u64)>,
    /// Steps taken.
    pub steps: u64,
    /// Seconds over all processes.
    pub elapsed: f64,
    /// Why it ended before its last epoch, if a number was not finite. Its last good state is saved.
    pub diverged: Option<Error>,
}

/// Where a run begins.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// At step 0.
    New,
    /// At its newest checkpoint, if there is one.
    Resume,
    /// At the state in this file, of a run of the same model.
    From(&'a Path),
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

/// The batches of `[train]`, and how many of them are an epoch.
fn batches(train: &Settings, splits: &Splits) -> (Batches, u64) {
    let mut batches = Batches::new(splits.train.rows(), train.int("batch"), train.int("seed") as u64);
    if train.text("shuffle") == "after-first-pass" {
        batches = batches.first_in_order();
    }
    let epoch_steps = match train.int("epoch_steps") as u64 {
        0 => batches.steps_per_pass(),
        steps => steps,
    };
    (batches, epoch_steps)
}

/// Takes the state in `path` over into `trainer`, if what `train` says can go on from there.
fn begin_at(path: &Path, trainer: &mut Trainer<'_>, train: &Settings, epoch_steps: u64) -> Result<RunState> {
    let state = RunState::load(path, trainer)?;
    let (epochs, over) = (train.int("epochs") as u64, state.epoch);
    let problem = if over >= epochs {
        format!("train.epochs = {epochs} counts from the first one, and {over} are over in it")
    } else if !(over * epoch_steps..(over + 1) * epoch_steps).contains(&trainer.step) {
        format!("its epochs have not the {epoch_steps} steps of this run; see train.batch and train.epoch_steps")
    } else {
        return Ok(state);
    };
    Err(Error::usage(format_args!("--from {}: {problem}", path.display())))
}

/// Refuses a state that no run of this configuration can begin at, before there is a directory for one.
pub fn check_start(path: &Path, config: &Config, splits: &Splits, spec: &ModelSpec) -> Result<()> {
    let train = config.section("train");
    let (model, params) = spec.create(config.section("model"), splits.train.width(), 0);
    begin_at(path, &mut Trainer::new(&*model, params, train), train, batches(train, splits).1).map(drop)
}

impl<'a> Run<'a> {
    /// A run in `dir`.
    pub fn open(
        dir: &'a RunDir,
        config: &'a Config,
        (splits, binarize): (&'a Splits, bool),
        (model, params): (&'a dyn Model, Params),
        start: Start<'_>,
    ) -> Result<Self> {
        let (train, log) = (config.section("train"), config.section("log"));
        let (batches, epoch_steps) = batches(train, splits);
        let mut trainer = Trainer::new(model, params, train).over(train.int("epochs") as u64 * epoch_steps);
        let last = dir.state("last");
        let state = match start {
            // A run that was killed before its first checkpoint starts again.
            Start::Resume if last.exists() => Some(RunState::load(&last, &mut trainer)?),
            Start::From(path) => Some(begin_at(path, &mut trainer, train, epoch_steps)?),
            _ => None,
        };
        let resumed = state.as_ref().filter(|_| matches!(start, Start::Resume));
        if let Some(state) = resumed {
            // The state is enough to continue, but a run that goes on has no damaged file.
            load_weights::<Real>(&dir.weights("last"))?;
            state.best.map(|_| load_weights::<Real>(&dir.weights("best"))).transpose()?;
        }
        if let Start::From(_) = start {
            // The step size is a setting of this run, not part of what it starts from.
            trainer.adam.config.lr = train.float("lr");
        }
        let (epoch, rollbacks, best) = state.as_ref().map_or((0, 0, None), |s| (s.epoch, s.rollbacks, s.best));
        let metrics = match resumed {
            Some(state) if dir.metrics().exists() => Metrics::read(&dir.metrics(), state.epoch)?,
            _ => Metrics::default(),
        };
        let every = |key| log.int(key) as u64;
        let steps = Steps::open(&dir.steps(), "step,loss,gradient_norm", every("every_steps"), trainer.step)?;
        let watch = Steps::open(&dir.watch(), "step,quantity,value", every("watch_steps"), trainer.step)?;
        let rolls_back = train.text("on_divergence") == "rollback";
        let last_good = rolls_back.then(|| RunState::of(&trainer, epoch, rollbacks, best));
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
            best: best.filter(|_| resumed.is_some()),
            unsaved_best: None,
            last_good,
            metrics,
            steps,
            watch,
            keep_epochs: every("keep_epochs"),
            probe: log.bool("probe"),
            brief: false,
            clusters: None,
            earlier,
            started: now,
            saved: now,
        })
    }

    /// The same run without any checkpoint if it ends before the first one is due.
    pub fn briefly(self) -> Self {
        Self { brief: true, ..self }
    }

    /// Epochs in all, steps of each, and steps taken so far.
    pub fn extent(&self) -> (u64, u64, u64) {
        (self.train.int("epochs") as u64, self.epoch_steps, self.trainer.step)
    }

    /// Trains to the last epoch, or until a divergence that no rollback cures.
    pub fn complete(mut self, interrupt: &Interrupt, observer: &dyn Observer) -> Result<Finished> {
        let (epochs, _, _) = self.extent();
        let mut diverged = None;
        while self.epoch < epochs && diverged.is_none() {
            if let Err(divergence) = self.train_epoch(interrupt, observer)? {
                diverged = self.diverged(&divergence, observer)?;
                continue;
            }
            self.end_epoch(observer);
            let due = self.saved.elapsed() >= CHECKPOINT_INTERVAL;
            let kept = self.keep_epochs > 0 && self.epoch.is_multiple_of(self.keep_epochs);
            if kept {
                // Before the checkpoint: a run that goes on from there has kept what it had to.
                self.dir.prepare_checkpoints()?;
                self.state().save(&self.dir.kept(self.epoch))?;
            }
            let has_files = || self.dir.state("last").exists() || self.dir.metrics().exists();
            let over = self.epoch == epochs && (!self.brief || has_files());
            if due || kept || over {
                self.checkpoint()?;
            }
        }
        observer.finish();
        self.steps.flush()?;
        self.watch.flush()?;
        if self.clusters.is_none() && diverged.is_none() && self.splits.test.rows() > 0 {
            // Continued after its last epoch: the clustering is not stored.
            self.clusters = self.evaluate(Split::Test).clusters;
        }
        Ok(Finished {
            elapsed: self.elapsed(),
            metrics: self.metrics,
            clusters: self.clusters,
            best: self.best,
            steps: self.trainer.step,
            params: self.trainer.evaluated(),
            diverged,
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
        observer: &dyn Observer,
    ) -> Result<std::result::Result<(), Divergence>> {
        let seed = self.train.int("seed") as u64;
        let rows = self.rows(&self.splits.train);
        while self.trainer.step < (self.epoch + 1) * self.epoch_steps {
            if let Some(signal) = interrupt.requested() {
                observer.finish();
                self.checkpoint()?;
                let (epoch, step) = (self.epoch, self.trainer.step);
                let place = format!("after {epoch} epochs, at step {step}; continue with --resume");
                return Err(Error::new(signal, format_args!("{}: stopped {place}", self.dir.path().display())));
            }
            let step = self.trainer.step;
            let mut pixels = stream(seed, Purpose::Binarize, step);
            let x = rows.batch(self.batches.indices(step), &mut pixels);
            self.trainer.watch = self.watch.wants(step);
            let taken = self.trainer.step(x.clone());
            if taken.is_err() && self.watch.is_on() && !self.trainer.watch {
                // What the refused step saw is what one wants to see; it changed nothing.
                self.trainer.watch = true;
                let _ = self.trainer.step(x);
            }
            for (quantity, value) in &self.trainer.watched {
                self.watch.push(step, format_args!("{quantity},{value}"));
            }
            match taken {
                Err(divergence) => return Ok(Err(divergence)),
                Ok(info) => {
                    if self.steps.wants(step) {
                        self.steps.push(step, format_args!("{},{}", info.loss, info.gradient_norm));
                    }
                    observer.step(step + 1, self.epoch + 1, info.loss);
                }
            }
        }
        Ok(Ok(()))
    }

    fn evaluate(&self, split: Split) -> crate::run::evaluation::Evaluation {
        let data = match split {
            Split::Valid => &self.splits.valid,
            Split::Test => &self.splits.test,
        };
        let seed = self.train.int("seed") as u64;
        let parts = (self.model, &self.trainer.evaluated());
        evaluate(parts, self.rows(data), self.train.int("batch"), (seed, evaluation_index(self.epoch, split)))
    }

    fn end_epoch(&mut self, observer: &dyn Observer) {
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
                self.unsaved_best = Some(self.trainer.evaluated().flat().to_vec());
            }
        }
        let mut shown = Vec::new();
        if self.splits.test.rows() > 0 {
            let test = self.evaluate(Split::Test);
            let labels = self.splits.test.labels().map(|labels| labels.values.as_slice());
            shown = test.metrics(labels, self.probe);
            add("test", &shown);
            self.clusters = test.clusters;
        }
        row[2].1 = self.elapsed();
        self.metrics.push(&row);
        observer.epoch(self.epoch, &train, &shown);
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
        self.dir.prepare_checkpoints()?;
        if self.metrics.len() > 0 {
            self.metrics.write(&self.dir.metrics())?;
        }
        self.steps.flush()?;
        self.watch.flush()?;
        if let (Some(values), Some((_, epoch))) = (self.unsaved_best.take(), self.best) {
            write_weights(self.dir, "best", &self.trainer, &values, epoch)?;
        }
        write_weights(self.dir, "last", &self.trainer, state.evaluated(), state.epoch)?;
        state.save(&self.dir.state("last"))?;
        self.saved = Instant::now();
        Ok(())
    }

    /// Goes back to the end of the last epoch with half the step size, or saves the last good state and returns why the
    /// run ends.
    fn diverged(&mut self, divergence: &Divergence, observer: &dyn Observer) -> Result<Option<Error>> {
        let limit = self.train.int("max_rollbacks") as u64;
        let Some(state) = self.last_good.take().filter(|_| self.rollbacks < limit) else {
            self.checkpoint()?;
            let advice = "try a smaller train.lr, train.clip, or train.on_divergence = \"rollback\"";
            let message = format_args!("{}: {divergence}; {advice}", self.dir.path().display());
            return Ok(Some(Error::diverged(message)));
        };
        let lr = self.trainer.adam.config.lr / 2.0;
        state.restore(&mut self.trainer).map_err(Error::diverged)?;
        self.trainer.adam.config.lr = lr;
        self.rollbacks += 1;
        self.best = state.best;
        self.steps.rewind(self.trainer.step)?;
        self.watch.rewind(self.trainer.step)?;
        let event = format!("{divergence}; back to the end of epoch {} with step size {lr}", state.epoch);
        observer.say(&format!("elbo: {event}"));
        self.dir.log_event(&event)?;
        self.last_good = Some(self.state());
        self.checkpoint().map(|()| None)
    }
}
