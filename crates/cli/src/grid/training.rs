//! The fit of one cell of a grid, whatever is measured on it afterwards.

use std::cell::Cell;

use elbo_models::fit::Terms;

use super::CellProgress;
use crate::machine::error::Result;
use crate::machine::interrupt::Interrupt;
use crate::run::advance::Job;
use crate::run::fit::Finished;
use crate::run::progress::{Extent, Observer};

/// A run that reports to its cell.
struct Reporter<'a> {
    progress: &'a CellProgress<'a>,
    steps: Cell<u64>,
}

impl Observer for Reporter<'_> {
    fn begin(&self, Extent { rows, steps_of_row, .. }: Extent) {
        self.steps.set(rows * steps_of_row);
    }
    fn step(&self, step: u64, _epoch: u64, _loss: f64) {
        self.progress.report(step as f64 / self.steps.get() as f64);
    }
    fn epoch(&self, _epoch: u64, _train: &Terms, _test: &[(String, f64)]) {}
    fn say(&self, _line: &str) {}
}

/// Fits to the end or a divergence, reporting to `progress`.
///
/// # Errors
/// Those of [`Job::run`].
pub fn fit(job: &Job<'_>, progress: &CellProgress<'_>, interrupt: &Interrupt) -> Result<Finished> {
    job.run(interrupt, &Reporter { progress, steps: Cell::new(1) })
}
