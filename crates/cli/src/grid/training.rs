//! The training of one cell of a grid, by steps or by iterations, whatever is measured on it afterwards.

use elbo_autograd::Params;
use elbo_datasets::Splits;
use elbo_models::fit::Terms;
use elbo_models::{EstimatorSpec, Model};

use crate::config::Config;
use crate::grid::CellProgress;
use crate::machine::error::Result;
use crate::machine::interrupt::Interrupt;
use crate::run::dir::RunDir;
use crate::run::fitting::{Fitted, Fitting};
use crate::run::progress::Observer;
use crate::run::training::{Finished, Run, Start};

/// What a cell trains, and where.
pub struct CellTraining<'a> {
    /// Its directory.
    pub dir: &'a RunDir,
    /// Its configuration.
    pub config: &'a Config,
    /// Its data.
    pub splits: &'a Splits,
    /// Whether their rows are binarised.
    pub binarize: bool,
    /// Its model.
    pub model: &'a dyn Model,
    /// Where it begins.
    pub start: Start<'a>,
    /// Whether a run that is over within the interval of checkpoints writes none.
    pub brief: bool,
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

impl CellTraining<'_> {
    /// Trains to the last epoch or a divergence, from `params` or from where an interrupted predecessor stopped.
    ///
    /// # Errors
    /// Exit code 130 or 143 after a signal, when a checkpoint is written; 7 if a checkpoint is damaged; 5 if the system
    /// cannot read or write.
    pub fn run(&self, params: Params, progress: &CellProgress<'_>, interrupt: &Interrupt) -> Result<Finished> {
        let parts = (self.model, params);
        let run = Run::open(self.dir, self.config, (self.splits, self.binarize), parts, self.start)?;
        let run = if self.brief { run.briefly() } else { run };
        let (epochs, epoch_steps, _) = run.extent();
        run.complete(interrupt, &Reporter { progress, steps: epochs * epoch_steps })
    }
}

/// Fits the cell whose model is that of `spec`, from the start or from where an interrupted predecessor stopped.
///
/// # Errors
/// Those of [`CellTraining::run`].
pub fn fit(
    (dir, config): (&RunDir, &Config),
    splits: &Splits,
    spec: &EstimatorSpec,
    progress: &CellProgress<'_>,
    interrupt: &Interrupt,
) -> Result<Fitted> {
    let fitting = Fitting::open(dir, config, splits, spec, true)?;
    let (iterations, _, _) = fitting.extent();
    fitting.complete(interrupt, &Reporter { progress, steps: iterations })
}
