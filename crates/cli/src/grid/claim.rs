//! Whose a cell of a shared grid is: the lock of its directory decides.

use std::cell::Cell as Shared;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Grid;
use super::status::{Failure, Holder, Outcome, Status, forget};
use crate::machine::error::{Error, ExitCode, Result};
use crate::machine::{files, lock};
use crate::run::dir::LOCK;

/// A process that runs a cell says this often that it lives.
const BEAT_EVERY: Duration = Duration::from_secs(10);
/// So long the lock of a cell may be held by somebody who only looks.
const GLANCE: Duration = Duration::from_millis(50);

/// Whose a cell is.
pub(super) enum Claim {
    /// Ours to run.
    Ours(Hold),
    /// Nobody's: it has ended.
    Ended(Outcome),
    /// Another process runs it, or has failed to.
    Others,
}

/// A cell is ours as long as this value lives.
#[derive(Debug)]
pub(super) struct Hold {
    /// In a shared grid, the lock of the cell; closing the file releases it.
    shared: Option<(File, Pulse)>,
}

/// The sign of life in the directory of a cell.
#[derive(Debug)]
pub(super) struct Pulse {
    dir: PathBuf,
    last: Shared<Instant>,
}

impl Grid {
    /// Claims cell `index`. A cell that a process has failed to run is only taken if that failure is `forgiven`.
    ///
    /// # Errors
    /// Exit code 5 or 2 if the directory of the cell cannot be used; in a shared grid this is told there as a failure.
    pub(super) fn claim(&self, index: usize, forgiven: Option<&Failure>) -> Result<Claim> {
        if self.lock.is_some() {
            return Ok(Claim::Ours(Hold { shared: None }));
        }
        let cell = &self.plan().cells()[index];
        let dir = self.cell_dir(cell);
        let claim = claim_shared(&dir, cell.extent, forgiven);
        match claim {
            Err(error) if error.code() == ExitCode::Locked => Ok(Claim::Others),
            Err(error) => {
                Failure::of(&error).store(&dir);
                Err(error)
            }
            claim => claim,
        }
    }
}

fn claim_shared(dir: &Path, extent: u64, forgiven: Option<&Failure>) -> Result<Claim> {
    if let Some(settled) = settled(dir, extent, forgiven)? {
        return Ok(settled);
    }
    files::create_dir(dir)?;
    let mut file = lock::wait(dir, LOCK, GLANCE)?;
    // Only what is read under the lock is sure: somebody may have had it in the meantime.
    if let Some(settled) = settled(dir, extent, forgiven)? {
        return Ok(settled);
    }
    lock::sign(dir, LOCK, &mut file)?;
    files::remove_unfinished(dir)?;
    Holder::this(0.0).store(dir)?;
    let pulse = Pulse { dir: dir.into(), last: Shared::new(Instant::now()) };
    Ok(Claim::Ours(Hold { shared: Some((file, pulse)) }))
}

/// Whose the cell in `dir` is, if it is not to be run.
fn settled(dir: &Path, extent: u64, forgiven: Option<&Failure>) -> Result<Option<Claim>> {
    Ok(match Status::load(dir)? {
        Some(Status::Ended(outcome)) if outcome.extent == extent => Some(Claim::Ended(outcome)),
        Some(Status::Failed(failure)) if Some(&failure) != forgiven => Some(Claim::Others),
        _ => None,
    })
}

impl Hold {
    /// Where a shared cell shows that it is run.
    pub(super) fn pulse(&self) -> Option<&Pulse> {
        self.shared.as_ref().map(|(_, pulse)| pulse)
    }

    /// Says why the cell is not run to its end; after a signal it waits for the next process.
    pub(super) fn give_up(&self, error: &Error) {
        let Some(Pulse { dir, .. }) = self.pulse() else { return };
        if error.code().is_signal() { forget(dir) } else { Failure::of(error).store(dir) }
    }
}

impl Pulse {
    /// Says that this process lives, if it is time to.
    pub(super) fn beat(&self, done: f64) {
        if self.last.get().elapsed() >= BEAT_EVERY {
            self.last.set(Instant::now());
            // It is for readers only; where it cannot be written, the work will say so.
            let _ = Holder::this(done).store(&self.dir);
        }
    }
}
