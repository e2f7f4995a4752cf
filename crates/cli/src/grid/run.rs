//! Running a grid to its end: narrow cells side by side, wide ones after another, and no failure that loses a result.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::Grid;
use super::claim::{Claim, Hold};
use super::plan::Width;
use super::progress::{CellProgress, Progress};
use super::status::{Failure, Outcome};
use crate::machine::error::{Error, ExitCode, Result};
use crate::machine::files;
use crate::machine::interrupt::Interrupt;

/// While cells run, `results.csv` is collected this often.
const COLLECT_EVERY: Duration = Duration::from_secs(30);

/// A grid under way: what its threads share.
pub(super) struct Session<'a, W> {
    grid: &'a Grid,
    work: W,
    interrupt: &'a Interrupt,
    progress: Progress<'a>,
    found: Mutex<Found>,
    /// The failures of earlier processes, by cell, after which the cell is run again.
    forgiven: Vec<Option<Failure>>,
}

/// What the cells have come to so far, by index.
struct Found {
    outcomes: Vec<Option<Outcome>>,
    failures: Vec<(usize, Error)>,
    /// Cells that this process has begun.
    begun: usize,
    collected: Instant,
}

impl Grid {
    /// Runs every cell of a grid of this process that is not finished and returns the outcomes in the order of the
    /// plan, which depend neither on the number of threads nor on earlier interruptions. `work` gets the index of the
    /// cell, its directory, which holds what an interrupted predecessor left, and where to report its progress.
    /// One-core cells see a rayon pool of one thread; those of all cores run on the pool of the caller.
    ///
    /// # Errors
    /// No further cell is started after the first failure, the running ones are completed, and what is finished is kept
    /// and collected in `results.csv`. The code is 130 or 143 after a signal, 5 if the system fails or a cell panics,
    /// otherwise that of the error of `work`; the message names the cell.
    pub fn run<W>(&self, work: W, interrupt: &Interrupt, quiet: bool) -> Result<Vec<Outcome>>
    where
        W: Fn(usize, &Path, &CellProgress<'_>) -> Result<Outcome> + Sync,
    {
        let threads = rayon::current_num_threads();
        let outcomes = self.stored()?;
        let rounds = self.queues(&outcomes);
        let progress = Progress::new(self.plan(), threads, true, quiet);
        let session = Session::new(self, work, interrupt, progress, outcomes, Vec::new());
        let ran = rounds.iter().try_for_each(|(narrow, wide)| {
            session.side_by_side(narrow, threads)?;
            session.drain(wide, &AtomicUsize::new(0));
            Ok(())
        });
        session.progress.clear();
        let found = session.found.into_inner().unwrap();
        let collected = self.collect(&found.outcomes);
        ran.and(self.verdict(found, interrupt)).and_then(|outcomes| collected.map(|()| outcomes))
    }

    /// The unfinished cells of each round: those of one core, longest first so that no core is left alone with a long
    /// one, and the wide ones.
    fn queues(&self, outcomes: &[Option<Outcome>]) -> Vec<(Vec<usize>, Vec<usize>)> {
        let cells = self.plan().cells();
        let rounds = cells.iter().map(|cell| cell.round + 1).max().unwrap_or(0);
        let of_round = |round: usize| {
            let unfinished =
                (0..cells.len()).filter(|index| outcomes[*index].is_none() && cells[*index].round == round);
            let (mut narrow, wide): (Vec<_>, Vec<_>) =
                unfinished.partition(|index| cells[*index].width == Width::OneCore);
            narrow.sort_by(|a, b| cells[*b].cost.total_cmp(&cells[*a].cost));
            (narrow, wide)
        };
        (0..rounds).map(of_round).collect()
    }

    /// All outcomes, or why there are not all: a failure before a signal, the first in the plan before others.
    fn verdict(&self, found: Found, interrupt: &Interrupt) -> Result<Vec<Outcome>> {
        let first = found.failures.iter().min_by_key(|(index, error)| (error.code().is_signal(), *index));
        let cells = self.plan().cells();
        if let Some((index, error)) = first.filter(|(_, error)| !error.code().is_signal()) {
            return Err(Error::new(error.code(), format_args!("cell {}: {error}", cells[*index].name())));
        }
        let outcomes: Vec<Outcome> = found.outcomes.into_iter().flatten().collect();
        match first.map(|(_, error)| error.code()).or(interrupt.requested()) {
            Some(signal) if outcomes.len() < cells.len() => {
                let (dir, done, all) = (self.path().display(), outcomes.len(), cells.len());
                let advice = "the same command again continues";
                Err(Error::new(signal, format_args!("{dir}: stopped with {done} of {all} cells finished; {advice}")))
            }
            _ => Ok(outcomes),
        }
    }
}

impl<'a, W> Session<'a, W>
where
    W: Fn(usize, &Path, &CellProgress<'_>) -> Result<Outcome> + Sync,
{
    /// A session that begins with these outcomes.
    pub(super) fn new(
        grid: &'a Grid,
        work: W,
        interrupt: &'a Interrupt,
        progress: Progress<'a>,
        outcomes: Vec<Option<Outcome>>,
        forgiven: Vec<Option<Failure>>,
    ) -> Self {
        for (index, outcome) in outcomes.iter().enumerate() {
            outcome.iter().for_each(|outcome| progress.finished(index, outcome));
        }
        let found = Mutex::new(Found { outcomes, failures: Vec::new(), begun: 0, collected: Instant::now() });
        Self { grid, work, interrupt, progress, found, forgiven }
    }

    /// How many cells were begun so far, and those of `cells` that have neither ended nor failed here.
    pub(super) fn left(&self, cells: &[usize]) -> (usize, Vec<usize>) {
        let found = self.found.lock().unwrap();
        let failed = |index: usize| found.failures.iter().any(|(failed, _)| *failed == index);
        let left = cells.iter().copied().filter(|index| found.outcomes[*index].is_none() && !failed(*index));
        (found.begun, left.collect())
    }

    /// The failures, after the last cell.
    pub(super) fn end(self) -> Vec<(usize, Error)> {
        self.progress.clear();
        let failures = self.found.into_inner().unwrap().failures;
        failures.into_iter().filter(|(_, error)| !error.code().is_signal()).collect()
    }

    /// Tells a failure that ends nothing but its cell.
    fn tell(&self, index: usize, error: &Error) {
        if self.grid.lock.is_none() && !error.code().is_signal() {
            self.progress.say(&format!("elbo: cell {}: {error}", self.grid.plan().cells()[index].name()));
        }
    }

    /// Whether no further cell may begin: after a signal, and in a grid of this process alone after a failure.
    pub(super) fn stops(&self) -> bool {
        let failed = || self.grid.lock.is_some() && !self.found.lock().unwrap().failures.is_empty();
        self.interrupt.requested().is_some() || failed()
    }

    /// Works off `queue` on `threads` workers. Each has a pool of one thread, in which the cells'
    /// own parallelism stays.
    pub(super) fn side_by_side(&self, queue: &[usize], threads: usize) -> Result<()> {
        let pools = (0..threads.min(queue.len())).map(|_| ThreadPoolBuilder::new().num_threads(1).build());
        let pools: Vec<ThreadPool> = pools
            .collect::<std::result::Result<_, _>>()
            .map_err(|cause| Error::new(ExitCode::System, format_args!("cannot start threads: {cause}")))?;
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for pool in &pools {
                scope.spawn(|| pool.install(|| self.drain(queue, &next)));
            }
        });
        Ok(())
    }

    /// Takes cells from `queue` until it is empty or the grid has to stop.
    pub(super) fn drain(&self, queue: &[usize], next: &AtomicUsize) {
        while let Some(&index) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
            if self.stops() {
                return;
            }
            if let Err(error) = self.attend(index) {
                self.tell(index, &error);
                self.found.lock().unwrap().failures.push((index, error));
            }
        }
    }

    /// Runs a cell, unless it has ended or another process has it.
    fn attend(&self, index: usize) -> Result<()> {
        let hold = match self.grid.claim(index, self.forgiven.get(index).and_then(Option::as_ref))? {
            Claim::Ours(hold) => hold,
            Claim::Ended(outcome) => return self.keep(index, outcome),
            Claim::Others => return Ok(()),
        };
        self.found.lock().unwrap().begun += 1;
        let outcome = self.perform(index, &hold);
        if let Err(error) = &outcome {
            hold.give_up(error);
        }
        self.keep(index, outcome?)
    }

    /// Does the work of a cell and stores its outcome.
    fn perform(&self, index: usize, hold: &Hold) -> Result<Outcome> {
        let dir = self.grid.cell_dir(&self.grid.plan().cells()[index]);
        files::create_dir(&dir)?;
        let work = || (self.work)(index, &dir, &self.progress.cell(index, hold.pulse()));
        // Nothing of the grid is borrowed mutably by the work, so a panic cannot leave it half changed.
        let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(panic.as_ref())))?;
        outcome.store(&dir)
    }

    /// Takes an outcome into the results.
    fn keep(&self, index: usize, outcome: Outcome) -> Result<()> {
        self.progress.finished(index, &outcome);
        let mut found = self.found.lock().unwrap();
        found.outcomes[index] = Some(outcome);
        if found.collected.elapsed() < COLLECT_EVERY {
            return Ok(());
        }
        found.collected = Instant::now();
        if self.grid.lock.is_some() {
            return self.grid.collect(&found.outcomes);
        }
        drop(found);
        // A table that cannot be written is no failure of this cell; the last one is told.
        let _ = self.grid.collect_shared();
        Ok(())
    }
}

/// The error of a cell whose work panicked.
fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    Error::new(ExitCode::System, format_args!("panicked: {}", text.unwrap_or("without a message")))
}
