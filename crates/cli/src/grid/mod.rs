//! Many experiments, run to the end whatever happens: killed, interrupted, diverged.
//!
//! A grid is a directory: `grid.lock`, `env.json`, `plan.json`, `cells/ID/status.json` for every finished cell beside
//! whatever the work of the cell keeps there, and `results.csv`. What a cell does is a closure; no model is known here.

mod plan;
mod progress;
mod results;
mod run;
mod status;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub use plan::{Cell, Plan, Width, duration};
pub use progress::CellProgress;
pub use status::{Outcome, State};

use crate::error::{Error, Result};
use crate::{files, lock};

/// Marks a directory as a grid and is its lock; another name than that of a run, so that neither is taken for the other.
const LOCK: &str = "grid.lock";
const ENV: &str = "env.json";
const PLAN: &str = "plan.json";
const CELLS: &str = "cells";
const RESULTS: &str = "results.csv";

/// A grid in its directory, locked until this value is dropped.
#[derive(Debug)]
pub struct Grid {
    path: PathBuf,
    plan: Plan,
    /// Closing the file releases the lock.
    _lock: File,
}

impl Grid {
    /// Opens `out` to run `plan` there, from the start or from where an earlier process stopped.
    /// `env` (version, machine, data) is stored at the start.
    ///
    /// # Errors
    /// Exit code 6 if a living process has the lock; 2 if `out` holds another plan or files that are not ours, or if a
    /// file is in the way; 7 if the stored plan is damaged; 5 if the system fails.
    pub fn open(out: &Path, plan: Plan, env: &Value) -> Result<Self> {
        files::create_dir(out)?;
        if !files::list(out)?.is_empty() && !out.join(LOCK).is_file() {
            let message = "directory is not empty and not a study; choose another --out";
            return Err(Error::usage(format_args!("{}: {message}", out.display())));
        }
        let mut file = lock::take(out, LOCK)?;
        let stored = read_plan(out)?;
        if let Some(difference) = stored.as_ref().and_then(|stored| plan.difference(stored)) {
            let message = format!("it holds {difference}; choose another --out");
            return Err(Error::usage(format_args!("{}: {message}", out.display())));
        }
        lock::sign(out, LOCK, &mut file)?;
        let grid = Self { path: out.into(), plan, _lock: file };
        grid.remove_unfinished()?;
        if stored.is_none() {
            files::write_atomic(&out.join(ENV), format!("{env:#}\n").as_bytes())?;
        }
        grid.write_plan()?;
        Ok(grid)
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is run.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// `cells/ID`: the directory of a cell.
    pub fn cell_dir(&self, cell: &Cell) -> PathBuf {
        self.path.join(CELLS).join(&cell.id)
    }

    /// Writes `plan.json`, in which the cells may go further than before.
    fn write_plan(&self) -> Result<()> {
        let path = self.path.join(PLAN);
        let text = serde_json::to_vec(&self.plan).map_err(|cause| Error::system("write", &path, &cause.into()))?;
        files::write_atomic(&path, &text)
    }

    /// The outcomes of the cells that were run as far as the plan says, by index.
    fn stored(&self) -> Result<Vec<Option<Outcome>>> {
        let load = |cell| Outcome::load(&self.cell_dir(cell)).map(|found| found.filter(|it| it.extent == cell.extent));
        self.plan.cells().iter().map(load).collect()
    }

    /// Writes `results.csv`.
    fn collect(&self, outcomes: &[Option<Outcome>]) -> Result<()> {
        files::write_atomic(&self.path.join(RESULTS), results::table(&self.plan, outcomes).as_bytes())
    }

    /// Removes what killed predecessors were writing.
    fn remove_unfinished(&self) -> Result<()> {
        files::remove_unfinished(&self.path)?;
        self.plan.cells().iter().try_for_each(|cell| files::remove_unfinished(&self.cell_dir(cell)))
    }
}

/// The plan that is stored in `dir`, if it was written.
fn read_plan(dir: &Path) -> Result<Option<Plan>> {
    let path = dir.join(PLAN);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = std::fs::read(&path).map_err(|cause| Error::system("read", &path, &cause))?;
    let plan = serde_json::from_slice(&bytes);
    plan.map(Some).map_err(|cause| Error::checkpoint(&path, format_args!("damaged: {cause}")))
}
