//! Running cells of a grid together with other processes.

use std::path::Path;
use std::sync::atomic::AtomicUsize;

use super::Grid;
use super::plan::Width;
use super::progress::{CellProgress, Progress};
use super::run::Session;
use super::status::Outcome;
use super::survey::Standing;
use crate::machine::error::{Error, Result};
use crate::machine::interrupt::Interrupt;

/// What becomes of a cell that an earlier process has failed to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// It stays failed.
    Stays,
    /// It is run again.
    RunsAgain,
}

impl Grid {
    /// Runs those of `cells` that have not ended and that no other process runs, until none is left to begin. A failure
    /// is told, stored with its cell, and keeps no other cell from running; a cell whose process dies meanwhile is
    /// taken over. Returns the failures, those by a signal excepted. Cells run side by side on one thread each, or, if
    /// they are fewer than the threads, one after another on all.
    ///
    /// # Errors
    /// Exit code 5 if the system cannot read the states of the cells or start threads.
    pub fn run_shared<W>(
        &self,
        cells: &[usize],
        failed: Failed,
        work: W,
        interrupt: &Interrupt,
        quiet: bool,
    ) -> Result<Vec<(usize, Error)>>
    where
        W: Fn(usize, &Path, &CellProgress<'_>) -> Result<Outcome> + Sync,
    {
        let threads = rayon::current_num_threads();
        let width = if cells.len() < threads { Width::AllCores } else { Width::OneCore };
        let plan = self.plan().weighed(cells, width);
        let progress = Progress::new(&plan, threads, false, quiet);
        let (mut outcomes, mut forgiven) = (vec![None; plan.cells().len()], vec![None; plan.cells().len()]);
        for &index in cells {
            match self.standing(index)? {
                Standing::Ended(outcome) => outcomes[index] = Some(outcome),
                Standing::Failed(failure) if failed == Failed::RunsAgain => forgiven[index] = Some(failure),
                _ => {}
            }
        }
        let session = Session::new(self, work, interrupt, progress, outcomes, forgiven);
        loop {
            let (begun, queue) = session.left(cells);
            match width {
                Width::OneCore => session.side_by_side(&queue, threads)?,
                Width::AllCores => session.drain(&queue, &AtomicUsize::new(0)),
            }
            // What others had in this round may have lost its process by now.
            if session.stops() || session.left(cells).0 == begun {
                break;
            }
        }
        Ok(session.end())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Mutex;

    use serde_json::{Value, json};

    use super::super::plan::{Cell, Plan};
    use super::super::status::{Holder, State};
    use super::super::{LOCK, RESULTS};
    use super::*;
    use crate::machine::error::ExitCode;
    use crate::machine::lock;
    use crate::run::dir;

    fn plan(count: u64) -> Plan {
        let cell = |number: u64| Cell {
            id: format!("{number:04x}"),
            labels: vec![("number".into(), number.to_string())],
            seed: 0,
            extent: 1,
            config: Some(String::new()),
            cost: 0.0,
            width: Width::OneCore,
            round: 0,
        };
        Plan::new("sweep", (0..count).map(cell).collect())
    }

    fn share(dir: &Path, plan: &Plan) -> Grid {
        Grid::share(dir, &json!({}), |_| Ok(plan.clone())).unwrap()
    }

    fn found(index: usize) -> Outcome {
        let values = vec![("nmi".to_string(), index as f64)];
        Outcome { state: State::Finished, values, record: Value::Null, extent: 1, seconds: 0.0 }
    }

    /// Runs all cells on `threads` threads; the failures and the numbers of the cells that were begun.
    fn run(
        grid: &Grid,
        threads: usize,
        failed: Failed,
        work: impl Fn(usize) -> Result<Outcome> + Sync,
    ) -> (Vec<usize>, Vec<usize>) {
        let begun = Mutex::new(Vec::new());
        let work = |index: usize, _: &Path, progress: &CellProgress<'_>| {
            begun.lock().unwrap().push(index);
            progress.report(0.5);
            work(index)
        };
        let cells: Vec<usize> = (0..grid.plan().cells().len()).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let failures = pool.install(|| grid.run_shared(&cells, failed, work, &Interrupt::default(), true)).unwrap();
        let mut begun = begun.into_inner().unwrap();
        begun.sort();
        let mut failures: Vec<usize> = failures.into_iter().map(|(index, _)| index).collect();
        failures.sort();
        (failures, begun)
    }

    fn names(grid: &Grid) -> Vec<&'static str> {
        grid.survey().unwrap().iter().map(Standing::name).collect()
    }

    #[test]
    fn cells_are_run_once_whoever_runs_them() {
        let dir = tempfile::tempdir().unwrap();
        let work = |index: usize| {
            std::thread::sleep(std::time::Duration::from_millis(2));
            Ok(found(index))
        };
        let alone = share(dir.path().join("alone").as_path(), &plan(40));
        run(&alone, 1, Failed::Stays, work);
        let shared = dir.path().join("shared");
        let begun: Vec<Vec<usize>> = std::thread::scope(|scope| {
            let one = |threads| {
                let shared = &shared;
                scope.spawn(move || run(&share(shared, &plan(40)), threads, Failed::Stays, work).1)
            };
            [1, 2, 50].map(one).into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut all = begun.concat();
        all.sort();
        assert_eq!(all, (0..40).collect::<Vec<_>>(), "{begun:?}");
        let text = |grid: &Grid| fs::read_to_string(grid.collect_shared().unwrap()).unwrap();
        assert_eq!(text(&share(&shared, &plan(40))), text(&alone));
        assert!(shared.join(RESULTS).is_file());
    }

    #[test]
    fn a_failure_keeps_no_other_cell_from_running_and_is_forgiven_only_when_asked() {
        let dir = tempfile::tempdir().unwrap();
        let grid = share(dir.path(), &plan(6));
        // A file in the place of a directory, an error, a panic.
        fs::create_dir_all(dir.path().join("cells")).unwrap();
        fs::write(grid.cell_dir(&grid.plan().cells()[0]), "").unwrap();
        let work = |index: usize| match index {
            2 => Err(Error::data("no row is left")),
            3 => panic!("a bug"),
            _ => Ok(found(index)),
        };
        assert_eq!(run(&grid, 2, Failed::Stays, work), (vec![0, 2, 3], vec![1, 2, 3, 4, 5]));
        assert_eq!(names(&grid), ["failed", "finished", "failed", "failed", "finished", "finished"]);
        let reasons: Vec<String> = grid
            .survey()
            .unwrap()
            .iter()
            .filter_map(|standing| match standing {
                Standing::Failed(failure) => Some(failure.reason.clone()),
                _ => None,
            })
            .collect();
        assert!(reasons[0].ends_with("a file is in the way of this directory"), "{reasons:?}");
        assert_eq!(reasons[1..], ["no row is left", "panicked: a bug"]);
        assert_eq!(run(&grid, 2, Failed::Stays, work), (vec![], vec![]));
        fs::remove_file(grid.cell_dir(&grid.plan().cells()[0])).unwrap();
        assert_eq!(run(&grid, 2, Failed::RunsAgain, work), (vec![2, 3], vec![0, 2, 3]));
        assert_eq!(run(&grid, 1, Failed::RunsAgain, |index| Ok(found(index))), (vec![], vec![2, 3]));
        assert_eq!(names(&grid), ["finished"; 6]);
    }

    #[test]
    fn a_stopped_cell_waits_and_a_signal_is_no_failure() {
        let dir = tempfile::tempdir().unwrap();
        let grid = share(dir.path(), &plan(2));
        let work = |index: usize| match index {
            0 => Err(Error::new(ExitCode::Interrupted, "stopped")),
            _ => Ok(found(index)),
        };
        assert_eq!(run(&grid, 1, Failed::Stays, work), (vec![], vec![0, 1]));
        assert_eq!(names(&grid), ["waiting", "finished"]);
        assert_eq!(run(&grid, 1, Failed::Stays, |index| Ok(found(index))), (vec![], vec![0]));
    }

    #[test]
    fn the_lock_decides_whether_a_process_lives() {
        let dir = tempfile::tempdir().unwrap();
        let grid = share(dir.path(), &plan(3));
        for cell in grid.plan().cells() {
            let path = grid.cell_dir(cell);
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join(dir::LOCK), "1\n").unwrap();
            Holder::this(0.5).store(&path).unwrap();
        }
        let held = lock::take(&grid.cell_dir(&grid.plan().cells()[1]), dir::LOCK).unwrap();
        assert_eq!(names(&grid), ["waiting", "running", "waiting"]);
        assert!(matches!(grid.standing(0).unwrap(), Standing::Abandoned(_)));
        assert_eq!(run(&grid, 2, Failed::RunsAgain, |index| Ok(found(index))), (vec![], vec![0, 2]));
        drop(held);
        assert_eq!(run(&grid, 2, Failed::Stays, |index| Ok(found(index))), (vec![], vec![1]));
    }

    #[test]
    fn a_cell_whose_process_dies_meanwhile_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let grid = share(dir.path(), &plan(3));
        let path = grid.cell_dir(&grid.plan().cells()[0]);
        fs::create_dir_all(&path).unwrap();
        let held = Mutex::new(lock::take(&path, dir::LOCK).ok());
        let work = |index: usize| {
            if index == 2 {
                held.lock().unwrap().take();
            }
            Ok(found(index))
        };
        assert_eq!(run(&grid, 1, Failed::Stays, work), (vec![], vec![0, 1, 2]));
    }

    #[test]
    fn who_holds_the_grid_for_long_is_told() {
        let dir = tempfile::tempdir().unwrap();
        drop(share(dir.path(), &plan(1)));
        let held = lock::take(dir.path(), LOCK).unwrap();
        let error = lock::wait(dir.path(), LOCK, std::time::Duration::from_millis(30)).unwrap_err();
        assert_eq!(error.code(), ExitCode::Locked);
        drop(held);
        // A moment is waited for.
        let held = lock::take(dir.path(), LOCK).unwrap();
        let release = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(30));
            drop(held);
        });
        share(dir.path(), &plan(1));
        release.join().unwrap();
    }
}
