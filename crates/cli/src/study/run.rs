//! From the runs of a study to cells of a grid, and from a cell to its outcome.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use elbo_datasets::Splits;
use elbo_models::fit::LrDecay;
use sha2::{Digest, Sha256};

use super::{Done, Experiment, Legacy, Measured, Request, Study};
use crate::config::{Config, Method, argument_key};
use crate::data::{self, Preparation};
use crate::grid::training::fit;
use crate::grid::{Cell, CellProgress, Outcome, Plan, State, Width};
use crate::machine::error::{Error, Result};
use crate::machine::interrupt::Interrupt;
use crate::run::advance::{Job, Start};
use crate::run::dir::RunDir;
use crate::run::setup;
use crate::run::stored::{Stored, Which};
use crate::run::trained::Trained;

/// An experiment with its data and model, checked.
pub struct Prepared {
    /// The experiment.
    pub experiment: Experiment,
    splits: Arc<Splits>,
    origin: Option<Origin>,
}

/// The run from which another one takes something over.
struct Origin {
    /// Its identity, which names its directory.
    id: String,
    config: Config,
    what: Legacy,
}

impl Origin {
    /// Its directory, beside that of another cell.
    fn beside(&self, cell: &RunDir) -> Result<RunDir> {
        RunDir::of_grid(&cell.path().with_file_name(&self.id))
    }
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
            Some(Origin { config: theirs, what: Legacy::Latents, .. }) => &theirs.data,
            _ => &config.data,
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
        setup::check(config, &splits)?;
        let id = identity(&experiment, &splits, origin.as_ref());
        if let Some(twin) = places.insert(id.clone(), cells.len()) {
            let (set, name) = (request.set.join(" --set "), cells[twin].name());
            return Err(Error::usage(format_args!("--set {set}: makes two runs of the study the same, one is {name}")));
        }
        cells.push(Cell {
            id,
            labels: experiment.labels.clone(),
            seed: experiment.seed(),
            extent: config.method.extent(),
            config: None,
            cost: experiment.cost,
            width: experiment.width,
            round: experiment.from.map_or(0, |from| cells[from.experiment].round + 1),
        });
        prepared.push(Prepared { experiment, splits, origin });
    }
    Ok((Plan::new(study.name(), cells), prepared))
}

/// Hash of the resolved configuration, seed included, of the data, and of what is taken over. Of a run on all cores,
/// which takes long, the number of epochs does not count unless the step size decays with it: a longer study continues
/// the run of a shorter one.
fn identity(experiment: &Experiment, splits: &Splits, origin: Option<&Origin>) -> String {
    let config = &experiment.config;
    let constant = matches!(&config.method, Method::Steps(steps) if steps.train.lr_decay == LrDecay::None);
    let continues = constant && experiment.width == Width::AllCores;
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
        let mut config = self.experiment.config.clone();
        let (mut splits, mut kept) = (Arc::clone(&self.splits), None);
        match &self.origin {
            Some(origin) if origin.what == Legacy::Latents => splits = Arc::new(self.latents(origin, &dir)?),
            Some(origin) => kept = state_of(origin, &dir)?,
            None => {}
        }
        if let Some((epoch, _)) = &kept {
            let epochs = config.method.extent() + epoch;
            config.set(&[format!("train.epochs={epochs}")])?;
        }
        let start = match &kept {
            Some((_, state)) if !dir.state("last").exists() => Start::From(state),
            _ => Start::Resume,
        };
        let (dir, brief) = (&dir, matches!(config.method, Method::Steps(_)));
        let job = Job { dir, config: &config, splits: &splits, columns: &[], start, brief };
        let finished = fit(&job, progress, interrupt)?;
        self.outcome(study, &Done { experiment: &self.experiment, splits: &splits, dir, finished: &finished })
    }

    /// The latents of the rows under the model of another run.
    fn latents(&self, origin: &Origin, dir: &RunDir) -> Result<Splits> {
        let width = self.splits.train.width();
        let stored = Stored::load(&origin.beside(dir)?, Which::Last, &origin.config, (width, None))?;
        let Trained::Iterations(estimator) = stored.model else {
            return Err(Error::usage(format_args!("{}: no latents to fit", origin.config.kind())));
        };
        let latents = estimator.infer(&self.splits.train.batch(&[0])).latents.len();
        Preparation::through(Some((estimator, latents)), &self.experiment.config.data, &self.splits.train)?
            .apply_all(&self.splits)
    }

    /// What was found, measured.
    fn outcome(&self, study: &dyn Study, done: &Done<'_>) -> Result<Outcome> {
        let (state, (values, record)): (_, Measured) = match &done.finished.diverged {
            None => (State::Finished, study.measure(done)?),
            Some(divergence) => (State::Diverged(divergence.to_string()), study.measure_diverged(done)?),
        };
        let extent = self.experiment.config.method.extent();
        Ok(Outcome { state, values, record, seconds: done.finished.elapsed, extent })
    }
}

/// Epoch and file of the last state that the run `origin` kept; none if it ended before it kept any.
///
/// # Errors
/// Exit code 7 if it must have one and that is gone.
fn state_of(origin: &Origin, dir: &RunDir) -> Result<Option<(u64, PathBuf)>> {
    let other = origin.beside(dir)?;
    let kept = other.last_kept()?.map(|epoch| (epoch, other.kept(epoch)));
    let every = origin.config.steps().log.keep_epochs.max(1) as u64;
    let epochs = std::fs::read_to_string(other.metrics()).map_or(0, |text| text.lines().count() as u64);
    if kept.is_none() && epochs > every {
        let reason = "the state is gone that another run of the study begins with";
        return Err(Error::checkpoint(&other.kept(every), reason));
    }
    Ok(kept)
}
