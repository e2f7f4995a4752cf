//! From the runs of a study to cells of a grid, and from a cell to its outcome.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use elbo_datasets::Splits;
use elbo_models::ModelSpec;
use elbo_models::fit::Terms;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Done, Experiment, Request, Study};
use crate::error::{ExitCode, Result};
use crate::grid::{Cell, CellProgress, Outcome, Plan, State, Width};
use crate::interrupt::Interrupt;
use crate::progress::Observer;
use crate::run_dir::RunDir;
use crate::run_training::{Run, Start};
use crate::{data, setup};

/// An experiment with its data and model, checked.
pub struct Prepared {
    /// The experiment.
    pub experiment: Experiment,
    splits: Arc<Splits>,
    binarize: bool,
    spec: &'static ModelSpec,
}

/// Loads the data of every experiment and checks that its model fits: no run begins before all of them can.
pub fn prepare(study: &dyn Study, request: &Request<'_>) -> Result<(Plan, Vec<Prepared>)> {
    let mut loaded: HashMap<String, Arc<Splits>> = HashMap::new();
    let mut prepared = Vec::new();
    let mut cells = Vec::new();
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
        let spec = setup::check(config, &splits)?;
        let binarize = data::binarize(section, &splits.train)?;
        cells.push(Cell {
            id: identity(&experiment, &splits),
            labels: experiment.labels.clone(),
            seed: experiment.seed(),
            extent: config.section("train").int("epochs") as u64,
            cost: experiment.cost,
            width: experiment.width,
        });
        prepared.push(Prepared { experiment, splits, binarize, spec });
    }
    Ok((Plan::new(study.name(), cells), prepared))
}

/// Hash of the resolved configuration, seed included, and of the data. Of a run on all cores, which takes long, the number
/// of epochs does not count unless the step size decays with it: a longer study continues the run of a shorter one.
fn identity(experiment: &Experiment, splits: &Splits) -> String {
    let config = &experiment.config;
    let continues = experiment.width == Width::AllCores && config.section("train").text("lr_decay") == "none";
    let settings = config.to_toml();
    let lines = settings.lines().filter(|line| !(continues && line.starts_with("epochs = ")));
    let mut hash = Sha256::new();
    lines.for_each(|line| hash.update(format!("{line}\n")));
    for split in [&splits.train, &splits.valid, &splits.test] {
        hash.update(split.checksum().to_le_bytes());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A run that reports to its cell.
struct Reporter<'a> {
    progress: &'a CellProgress<'a>,
    steps: u64,
}

impl Observer for Reporter<'_> {
    fn step(&self, step: u64, _epoch: u64, _loss: f64) {
        self.progress.report(step as f64 / self.steps as f64);
    }
    fn epoch(&self, _epoch: u64, _train: &Terms, _test: &[(String, f64)]) {}
    fn say(&self, _line: &str) {}
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
        let parts = (&*model, initial.clone());
        let run = Run::open(&dir, config, (&self.splits, self.binarize), parts, Start::Resume)?.briefly();
        let (epochs, epoch_steps, _) = run.extent();
        let finished = match run.complete(interrupt, &Reporter { progress, steps: epochs * epoch_steps }) {
            Err(error) if error.code() == ExitCode::Diverged => {
                let state = State::Diverged(error.to_string());
                return Ok(Outcome { state, values: Vec::new(), record: Value::Null, seconds: 0.0, extent });
            }
            finished => finished?,
        };
        let done = Done {
            experiment: &self.experiment,
            splits: &self.splits,
            binarize: self.binarize,
            model: &*model,
            initial: &initial,
            finished: &finished,
            dir: &dir,
        };
        let (values, record) = study.measure(&done)?;
        Ok(Outcome { state: State::Finished, values, record, seconds: finished.elapsed, extent })
    }
}
