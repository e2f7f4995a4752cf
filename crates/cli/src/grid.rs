//! Many experiments, run to the end whatever happens: killed, interrupted, diverged.
//!
//! A grid is a directory: `grid.lock`, `env.json`, `plan.json`, `cells/ID/status.json` for every cell that has
//! ended beside whatever the work of the cell keeps there, and `results.csv`. What a cell does is a closure; no
//! model is known here.
//!
//! Whoever holds `grid.lock` may write the files of the grid itself. A grid that is opened by one process is locked as
//! long as it is open, with all its cells. A grid that is shared is locked for moments only, and every cell has a lock
//! of its own: the cell belongs to the process that holds it, and to nobody when that process dies.

mod claim;
mod plan;
mod progress;
mod results;
mod run;
mod share;
mod status;
mod survey;
#[cfg(test)]
mod tests;
pub mod training;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::machine::error::{Error, Result};
use crate::machine::{files, lock, output};
pub use plan::{Cell, Plan, Width, duration};
pub use progress::CellProgress;
pub use share::Failed;
pub use status::{Holder, Outcome, State, now};
pub use survey::Standing;

/// Marks a directory as a grid and is its lock; another name than that of a run, so that neither is
/// taken for the other.
const LOCK: &str = "grid.lock";
const ENV: &str = "env.json";
const PLAN: &str = "plan.json";
const CELLS: &str = "cells";
const RESULTS: &str = "results.csv";
/// How long one waits for a process that holds the lock of a shared grid for a moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// A grid in its directory.
#[derive(Debug)]
pub struct Grid {
    path: PathBuf,
    plan: Plan,
    /// The lock of a grid that this process has for itself; closing the file releases it. Without
    /// it the grid is shared.
    lock: Option<File>,
}

impl Grid {
    /// Opens `out` to run `plan` there alone, from the start or from where an earlier process stopped.
    /// `env` (version, machine, data) is stored at the start.
    ///
    /// # Errors
    /// Exit code 6 if a living process has the lock; 2 if `out` holds another plan or files that are not ours, or if a
    /// file is in the way; 7 if the stored plan is damaged; 5 if the system fails.
    pub fn open(out: &Path, plan: Plan, env: &Value) -> Result<Self> {
        prepare(out)?;
        let mut file = lock::take(out, LOCK)?;
        let stored = read_plan(out)?;
        if let Some(difference) = stored.as_ref().and_then(|stored| plan.difference(stored)) {
            let message = format!("it holds {difference}; choose another --out");
            return Err(Error::usage(format_args!("{}: {message}", out.display())));
        }
        lock::sign(out, LOCK, &mut file)?;
        let grid = Self { path: out.into(), plan, lock: Some(file) };
        grid.remove_unfinished()?;
        if stored.is_none() {
            files::write_atomic(&out.join(ENV), output::pretty(env))?;
        }
        grid.write_plan()?;
        Ok(grid)
    }

    /// Opens `out` to share its cells with other processes; `plan` makes the plan from the one that is stored, if there
    /// is one. `env` is stored at the start.
    ///
    /// # Errors
    /// Exit code 6 if a process has had the lock for a minute; 2 if `out` holds files that are not ours, or if a file
    /// is in the way; 7 if the stored plan is damaged; 5 if the system fails; and those of `plan`.
    pub fn share(out: &Path, env: &Value, plan: impl FnOnce(Option<&Plan>) -> Result<Plan>) -> Result<Self> {
        prepare(out)?;
        let mut file = lock::wait(out, LOCK, PATIENCE)?;
        lock::sign(out, LOCK, &mut file)?;
        let stored = read_plan(out)?;
        let plan = plan(stored.as_ref())?;
        files::remove_unfinished(out)?;
        if stored.is_none() {
            files::write_atomic(&out.join(ENV), output::pretty(env))?;
        }
        let grid = Self { path: out.into(), plan, lock: None };
        if stored.as_ref() != Some(&grid.plan) {
            grid.write_plan()?;
        }
        Ok(grid)
    }

    /// Opens the grid in `out` with the plan that is stored there, to share its cells with other
    /// processes or to look at it.
    ///
    /// # Errors
    /// Exit code 2 if there is none, or one whose cells only its own command can run; 7 if the plan is damaged; 5 if
    /// the system cannot read it.
    pub fn join(out: &Path) -> Result<Self> {
        let missing = || Error::usage(format_args!("{}: no {PLAN} in it", out.display()));
        let plan = read_plan(out)?.ok_or_else(missing)?;
        if plan.cells().iter().any(|cell| cell.config.is_none()) {
            return Err(Error::usage(format_args!("{}: it is a study and no sweep", out.display())));
        }
        Ok(Self { path: out.into(), plan, lock: None })
    }

    /// Writes `text` to the file `name` of the directory unless there is one; its path, and what is in it.
    ///
    /// # Errors
    /// Exit code 5 if the system cannot read or write; 6 if another process has the directory for long.
    pub fn note(&self, name: &str, text: &str) -> Result<(PathBuf, String)> {
        let path = self.path.join(name);
        let _lock = lock::wait(&self.path, LOCK, PATIENCE)?;
        if !path.exists() {
            path.parent().map_or(Ok(()), files::create_dir)?;
            files::write_atomic(&path, text)?;
        }
        let held = files::read_text(&path)?;
        Ok((path, held))
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was noted of version and machine at the start; null where the note is gone.
    pub fn environment(&self) -> Value {
        let text = std::fs::read_to_string(self.path.join(ENV)).ok();
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
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

    /// Writes `results.csv` of a shared grid from what all processes have finished, and returns its path.
    ///
    /// # Errors
    /// Exit code 5 if the system cannot read or write; 6 if a process has had the lock for a minute.
    pub fn collect_shared(&self) -> Result<PathBuf> {
        // An older table of another process must not replace this one.
        let _lock = lock::wait(&self.path, LOCK, PATIENCE)?;
        files::remove_unfinished(&self.path)?;
        self.collect(&self.stored()?)?;
        Ok(self.path.join(RESULTS))
    }

    /// Writes `results.csv`.
    fn collect(&self, outcomes: &[Option<Outcome>]) -> Result<()> {
        files::write_atomic(&self.path.join(RESULTS), results::table(&self.plan, outcomes))
    }

    /// Removes what killed predecessors were writing.
    fn remove_unfinished(&self) -> Result<()> {
        files::remove_unfinished(&self.path)?;
        self.plan.cells().iter().try_for_each(|cell| files::remove_unfinished(&self.cell_dir(cell)))
    }
}

/// Makes the directory of a grid, unless it has files of somebody else.
fn prepare(out: &Path) -> Result<()> {
    files::create_dir(out)?;
    if !files::list(out)?.is_empty() && !out.join(LOCK).is_file() {
        let message = "directory is not empty and neither a study nor a sweep; choose another --out";
        return Err(Error::usage(format_args!("{}: {message}", out.display())));
    }
    Ok(())
}

/// The plan that is stored in `dir`, if it was written.
fn read_plan(dir: &Path) -> Result<Option<Plan>> {
    let path = dir.join(PLAN);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = std::fs::read(&path).map_err(|cause| Error::system("read", &path, &cause))?;
    let damaged = |cause: &dyn std::fmt::Display| Error::checkpoint(&path, format_args!("damaged: {cause}"));
    let plan: Plan = serde_json::from_slice(&bytes).map_err(|cause| damaged(&cause))?;
    plan.check().map_err(|reason| damaged(&reason))?;
    Ok(Some(plan))
}
