//! From the runs of a study to cells of a grid, and from a cell to its outcome.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use elbo_datasets::Splits;
use elbo_models::{EstimatorSpec, ModelSpec, Value};
use sha2::{Digest, Sha256};

use super::{Done, Experiment, Legacy, Measured, Request, Steps, Study, Trained};
use crate::config::{Config, argument_key, recipe};
use crate::data::{self, Preparation};
use crate::grid::training::{CellTraining, fit};
use crate::grid::{Cell, CellProgress, Outcome, Plan, State, Width};
use crate::machine::error::{Error, Result};
use crate::machine::interrupt::Interrupt;
use crate::run::dir::RunDir;
use crate::run::fitting::most_iterations;
use crate::run::setup::{self, Spec};
use crate::run::stored::{self, Stored, Which};
use crate::run::training::Start;

/// An experiment with its data and model, checked.
pub struct Prepared {
    /// The experiment.
    pub experiment: Experiment,
    splits: Arc<Splits>,
    spec: Spec,
    origin: Option<Origin>,
}

/// The run from which another one takes something over.
struct Origin {
    /// Its identity, which names its directory.
    id: String,
    config: Config,
    what: Legacy,
}

/// Loads the data of every experiment and checks that its model fits: no run begins before all of them can.
pub fn prepare(study: &dyn Study, request: &Request<'_>) -> Result<(Plan, Vec<Prepared>)> {
    let fixed = study.fixed();
    let is_fixed = |key: &str| key == "model.kind" || fixed.contains(&key);
    if let Some(set) = request.set.iter().find(|set| is_fixed(argument_key(set))) {
        return Err(Error::usage(format_args!("--set {set}: the study itself says what {} is", argument_key(set))));
    }
    let mut loaded: HashMap<String, Arc<Splits>> = HashMap::new();
    let mut prepared: Vec<Prepared> = Vec::new();
    let mut cells: Vec<Cell> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for experiment in study.experiments(request)? {
        let origin = experiment.from.map(|from| {
            let of = &prepared[from.experiment].experiment.config;
            Origin { id: cells[from.experiment].id.clone(), config: of.clone(), what: from.what }
        });
        let config = &experiment.config;
        let section = match &origin {
            Some(Origin { config: theirs, what: Legacy::Latents, .. }) => theirs.section("data"),
            _ => config.section("data"),
        };
        let key = format!("{section:?}");
        let splits = match loaded.get(&key) {
            Some(splits) => Arc::clone(splits),
            None => {
                let splits = Arc::new(data::load(section, request.data_dir)?.splits);
                loaded.insert(key, Arc::clone(&splits));
                splits
            }
        };
        let spec = setup::check(config, &splits)?;
        let id = identity(&experiment, &splits, origin.as_ref());
        if let Some(twin) = places.insert(id.clone(), cells.len()) {
            let (set, name) = (request.set.join(" --set "), cells[twin].name());
            return Err(Error::usage(format_args!("--set {set}: makes two runs of the study the same, one is {name}")));
        }
        cells.push(Cell {
            id,
            labels: experiment.labels.clone(),
            seed: experiment.seed(),
            extent: most_iterations(config.section("train")),
            config: None,
            cost: experiment.cost,
            width: experiment.width,
            round: experiment.from.map_or(0, |from| cells[from.experiment].round + 1),
        });
        prepared.push(Prepared { experiment, splits, spec, origin });
    }
    Ok((Plan::new(study.name(), cells), prepared))
}

/// Hash of the resolved configuration, seed included, of the data, and of what is taken over. Of a run on all cores,
/// which takes long, the number of epochs does not count unless the step size decays with it: a longer study continues the
/// run of a shorter one.
fn identity(experiment: &Experiment, splits: &Splits, origin: Option<&Origin>) -> String {
    let config = &experiment.config;
    let continues = experiment.width == Width::AllCores
        && config
            .section("train")
            .iter()
            .any(|(name, value)| name == "lr_decay" && *value == Value::Text("none".into()));
    let settings = config.to_toml();
    let lines = settings.lines().filter(|line| !(continues && line.starts_with("epochs = ")));
    let mut hash = Sha256::new();
    lines.for_each(|line| hash.update(format!("{line}\n")));
    for split in [&splits.train, &splits.valid, &splits.test] {
        hash.update(split.checksum().to_le_bytes());
    }
    if let Some(Origin { id, what, .. }) = origin {
        hash.update(match what {
            Legacy::LastState => format!("from the last state of {id}\n"),
            Legacy::Latents => format!("latents of {id}\n"),
        });
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl Prepared {
    /// Trains, from the start or from where an interrupted predecessor stopped, and measures. A divergence is an
    /// outcome.
    pub fn run(
        &self,
        study: &dyn Study,
        path: &Path,
        progress: &CellProgress<'_>,
        interrupt: &Interrupt,
    ) -> Result<Outcome> {
        let dir = RunDir::of_grid(path)?;
        let around = Around { study, dir: &dir, progress, interrupt };
        match self.spec {
            Spec::Steps(spec) => self.train(spec, &around),
            Spec::Iterations(spec) => self.fit(spec, &around),
        }
    }

    fn train(&self, spec: &ModelSpec, around: &Around<'_>) -> Result<Outcome> {
        let (mut config, dir) = (self.experiment.config.clone(), around.dir);
        let (model, initial) = spec.create(config.section("model"), self.splits.train.width(), self.experiment.seed());
        let kept = match &self.origin {
            Some(origin @ Origin { id, what: Legacy::LastState, .. }) => {
                let other = around.other(id)?;
                let kept = other.last_kept()?.map(|epoch| (epoch, other.kept(epoch)));
                // One that ended before it kept any is begun anew; one without the states that it must have is not.
                let every = origin.config.section("log").int("keep_epochs").max(1) as u64;
                let epochs = std::fs::read_to_string(other.metrics()).map_or(0, |text| text.lines().count() as u64);
                if kept.is_none() && epochs > every {
                    let reason = "the state is gone that another run of the study begins with";
                    return Err(Error::checkpoint(&other.kept(every), reason));
                }
                kept
            }
            _ => None,
        };
        if let Some((epoch, _)) = &kept {
            let epochs = config.section("train").int("epochs") as u64 + epoch;
            config.set(&[format!("train.epochs={epochs}")], &recipe::schema())?;
        }
        let start = match &kept {
            Some((_, state)) if !dir.state("last").exists() => Start::From(state),
            _ => Start::Resume,
        };
        let (splits, model) = (&*self.splits, &*model);
        let binarize = data::binarize(config.section("data"));
        let training = CellTraining { dir, config: &config, splits, binarize, model, start, brief: true };
        let finished = training.run(initial.clone(), around.progress, around.interrupt)?;
        let trained = Trained::Steps(Steps { binarize, model, initial: &initial, finished: &finished });
        let done = Done { experiment: &self.experiment, splits, dir, trained };
        self.outcome(around.study, &done, finished.diverged.as_ref(), finished.elapsed)
    }

    fn fit(&self, spec: &EstimatorSpec, around: &Around<'_>) -> Result<Outcome> {
        let (config, dir) = (&self.experiment.config, around.dir);
        let splits = match &self.origin {
            Some(origin) if origin.what == Legacy::Latents => Arc::new(self.latents(origin, around)?),
            _ => Arc::clone(&self.splits),
        };
        let fitted = fit((dir, config), &splits, spec, around.progress, around.interrupt)?;
        let trained = Trained::Iterations(&fitted);
        let done = Done { experiment: &self.experiment, splits: &splits, dir, trained };
        self.outcome(around.study, &done, fitted.diverged.as_ref(), fitted.elapsed)
    }

    /// The latents of the rows under the model of another run.
    fn latents(&self, origin: &Origin, around: &Around<'_>) -> Result<Splits> {
        let width = self.splits.train.width();
        let stored = Stored::load(&around.other(&origin.id)?, Which::Last, &origin.config, (width, None))?;
        let stored::Trained::Iterations(estimator) = stored.model else {
            return Err(Error::usage(format_args!("{}: no latents to fit", origin.config.kind())));
        };
        let (data, latents) = (self.experiment.config.section("data"), origin.config.section("model").int("latents"));
        Preparation::through(Some((estimator, latents)), data, &self.splits.train)?.apply_all(&self.splits)
    }

    /// What was found, measured.
    fn outcome(&self, study: &dyn Study, done: &Done<'_>, divergence: Option<&Error>, seconds: f64) -> Result<Outcome> {
        let (state, measured): (_, Measured) = match divergence {
            None => (State::Finished, study.measure(done)?),
            Some(divergence) => (State::Diverged(divergence.to_string()), study.measure_diverged(done)?),
        };
        let (values, record) = measured;
        Ok(Outcome { state, values, record, seconds, extent: most_iterations(self.experiment.config.section("train")) })
    }
}

/// Where a cell is run, and for whom.
struct Around<'a> {
    study: &'a dyn Study,
    dir: &'a RunDir,
    progress: &'a CellProgress<'a>,
    interrupt: &'a Interrupt,
}

impl Around<'_> {
    /// The directory of another cell.
    fn other(&self, id: &str) -> Result<RunDir> {
        RunDir::of_grid(&self.dir.path().with_file_name(id))
    }
}
