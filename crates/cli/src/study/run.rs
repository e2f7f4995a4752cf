//! From the runs of a study to cells of a grid, and from a cell to its outcome.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use elbo_datasets::Splits;
use elbo_models::ModelSpec;
use sha2::{Digest, Sha256};

use super::{Done, Experiment, Request, Study};
use crate::cell_training::CellTraining;
use crate::data;
use crate::error::{Error, Result};
use crate::grid::{Cell, CellProgress, Outcome, Plan, State, Width};
use crate::interrupt::Interrupt;
use crate::run_dir::RunDir;
use crate::run_training::Start;
use crate::setup::{self, Spec};

/// An experiment with its data and model, checked.
pub struct Prepared {
    /// The experiment.
    pub experiment: Experiment,
    splits: Arc<Splits>,
    binarize: bool,
    spec: &'static ModelSpec,
    /// Identity of the run whose state it begins with, and after which epoch.
    from: Option<(String, u64)>,
}

/// Loads the data of every experiment and checks that its model fits: no run begins before all of them can.
pub fn prepare(study: &dyn Study, request: &Request<'_>) -> Result<(Plan, Vec<Prepared>)> {
    let mut loaded: HashMap<String, Arc<Splits>> = HashMap::new();
    let mut prepared = Vec::new();
    let mut cells: Vec<Cell> = Vec::new();
    for experiment in study.experiments(request)? {
        let config = &experiment.config;
        let section = config.section("data");
        let key = format!("{section:?}");
        let splits = match loaded.get(&key) {
            Some(splits) => Arc::clone(splits),
            None => {
                let splits = Arc::new(data::load(section, request.data_dir)?);
                loaded.insert(key, Arc::clone(&splits));
                splits
            }
        };
        let Spec::Steps(spec) = setup::check(config, &splits)? else {
            return Err(Error::usage(format_args!("model.kind = {:?}: not a model of this study", config.kind())));
        };
        let binarize = data::binarize(section, &splits.train)?;
        let from = experiment.from.map(|from| (cells[from.experiment].id.clone(), from.epoch));
        cells.push(Cell {
            id: identity(&experiment, &splits, from.as_ref()),
            labels: experiment.labels.clone(),
            seed: experiment.seed(),
            extent: config.section("train").int("epochs") as u64,
            config: None,
            cost: experiment.cost,
            width: experiment.width,
        });
        prepared.push(Prepared { experiment, splits, binarize, spec, from });
    }
    Ok((Plan::new(study.name(), cells), prepared))
}

/// Hash of the resolved configuration, seed included, of the data, and of where the run begins. Of a run on all cores, which takes long, the number
/// of epochs does not count unless the step size decays with it: a longer study continues the run of a shorter one.
fn identity(experiment: &Experiment, splits: &Splits, from: Option<&(String, u64)>) -> String {
    let config = &experiment.config;
    let continues = experiment.width == Width::AllCores && config.section("train").text("lr_decay") == "none";
    let settings = config.to_toml();
    let lines = settings.lines().filter(|line| !(continues && line.starts_with("epochs = ")));
    let mut hash = Sha256::new();
    lines.for_each(|line| hash.update(format!("{line}\n")));
    for split in [&splits.train, &splits.valid, &splits.test] {
        hash.update(split.checksum().to_le_bytes());
    }
    from.iter().for_each(|(origin, epoch)| hash.update(format!("from {origin} after {epoch}\n")));
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
        let config = &self.experiment.config;
        let dir = RunDir::of_grid(path)?;
        let extent = config.section("train").int("epochs") as u64;
        let (model, initial) =
            self.spec.create(config.section("model"), self.splits.train.width(), self.experiment.seed());
        let origin =
            self.from.as_ref().map(|(id, epoch)| RunDir::of_grid(&path.with_file_name(id)).map(|dir| dir.kept(*epoch)));
        let origin = origin.transpose()?;
        let start = match &origin {
            Some(state) if !dir.state("last").exists() => Start::From(state),
            _ => Start::Resume,
        };
        let training = CellTraining {
            dir: &dir,
            config,
            splits: &self.splits,
            binarize: self.binarize,
            model: &*model,
            start,
            brief: true,
        };
        let finished = training.run(initial.clone(), progress, interrupt)?;
        let done = Done {
            experiment: &self.experiment,
            splits: &self.splits,
            binarize: self.binarize,
            model: &*model,
            initial: &initial,
            finished: &finished,
            dir: &dir,
        };
        let (state, (values, record)) = match &finished.diverged {
            None => (State::Finished, study.measure(&done)?),
            Some(divergence) => (State::Diverged(divergence.to_string()), study.measure_diverged(&done)?),
        };
        Ok(Outcome { state, values, record, seconds: finished.elapsed, extent })
    }
}
