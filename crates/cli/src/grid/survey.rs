//! How the cells of a shared grid stand, for readers.

use super::Grid;
use super::status::{Failure, Holder, Outcome, Status};
use crate::machine::error::Result;
use crate::machine::lock;
use crate::run::dir::LOCK;

/// How a cell stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Nobody has begun it, or a signal has stopped it; it begins or continues with the next process.
    Waiting,
    /// Its process has died; it continues with the next one.
    Abandoned(Holder),
    /// A process runs it.
    Running(Holder),
    /// It has ended.
    Ended(Outcome),
    /// It could not be run.
    Failed(Failure),
}

impl Standing {
    /// The names, in the order in which a cell goes through them.
    pub const NAMES: [&'static str; 5] = ["waiting", "running", "finished", "diverged", "failed"];

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting | Self::Abandoned(_) => "waiting",
            Self::Running(_) => "running",
            Self::Ended(outcome) if outcome.diverged() => "diverged",
            Self::Ended(_) => "finished",
            Self::Failed(_) => "failed",
        }
    }
}

impl Grid {
    /// How every cell stands, in the order of the plan, beside the processes that run them.
    ///
    /// # Errors
    /// Exit code 5 if the system cannot read.
    pub fn survey(&self) -> Result<Vec<Standing>> {
        (0..self.plan().cells().len()).map(|index| self.standing(index)).collect()
    }

    /// How cell `index` stands.
    ///
    /// # Errors
    /// As for [`Grid::survey`].
    pub fn standing(&self, index: usize) -> Result<Standing> {
        let cell = &self.plan().cells()[index];
        let dir = self.cell_dir(cell);
        let standing = |status: Option<Status>| match status {
            Some(Status::Ended(outcome)) if outcome.extent == cell.extent => Standing::Ended(outcome),
            Some(Status::Running(holder)) => Standing::Running(holder),
            Some(Status::Failed(failure)) => Standing::Failed(failure),
            _ => Standing::Waiting,
        };
        let found = standing(Status::load(&dir)?);
        if !matches!(found, Standing::Running(_)) || lock::is_held(&dir, LOCK) {
            return Ok(found);
        }
        // Between the two looks it may have ended.
        Ok(match standing(Status::load(&dir)?) {
            Standing::Running(holder) => Standing::Abandoned(holder),
            found => found,
        })
    }
}
