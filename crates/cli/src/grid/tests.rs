//! A grid whose cells are closures: what is run, what is kept, and what is told.

use std::fs;
use std::path::Path;
use std::sync::{Barrier, Mutex};

use rayon::ThreadPoolBuilder;
use serde_json::json;

use super::*;
use crate::machine::error::ExitCode;
use crate::machine::interrupt::Interrupt;

/// `count` one-core cells of rising cost.
fn plan(count: u64) -> Plan {
    Plan::new("sweep", (0..count).map(cell).collect())
}

fn cell(number: u64) -> Cell {
    let labels = vec![("model".into(), "vae".into()), ("beta".into(), format!("{}", number / 2))];
    Cell {
        id: format!("{number:04x}"),
        labels,
        seed: number % 2,
        extent: 20,
        config: None,
        cost: number as f64,
        width: Width::OneCore,
        round: 0,
    }
}

fn open(dir: &Path, plan: Plan) -> Result<Grid> {
    Grid::open(dir, plan, &json!({"version": "1"}))
}

/// The result of the work of a cell: a function of the cell alone; every fifth one diverges.
fn found(cell: &Cell) -> Outcome {
    let number = u64::from_str_radix(&cell.id, 16).unwrap();
    let diverged = number % 5 == 3;
    let state = if diverged { State::Diverged("loss is NaN".into()) } else { State::Finished };
    let value = if diverged { f64::NAN } else { (number as f64).sin() };
    let history: Vec<f64> = (0..500).map(|epoch| (epoch as f64 + 0.1 * number as f64).cos() * 1e-7).collect();
    Outcome { state, values: vec![("nmi".into(), value)], record: json!(history), extent: cell.extent, seconds: 0.1 }
}

/// Runs the grid on `threads` threads; returns the ids in the order in which they were begun as well.
fn run_on(threads: usize, grid: &Grid) -> (Result<Vec<Outcome>>, Vec<String>) {
    let begun = Mutex::new(Vec::new());
    let work = |index: usize, _: &Path, _: &CellProgress<'_>| {
        let cell = &grid.plan().cells()[index];
        begun.lock().unwrap().push(cell.id.clone());
        Ok(found(cell))
    };
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let result = pool.install(|| grid.run(work, &Interrupt::default(), true));
    (result, begun.into_inner().unwrap())
}

fn csv(dir: &Path) -> String {
    fs::read_to_string(dir.join(RESULTS)).unwrap()
}

/// `results.csv` of a grid that nothing happened to.
fn unbroken(plan: Plan) -> String {
    let dir = tempfile::tempdir().unwrap();
    run_on(1, &open(dir.path(), plan).unwrap()).0.unwrap();
    csv(dir.path())
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let runs: Vec<_> = [1, 2, 5]
        .map(|threads| {
            let dir = tempfile::tempdir().unwrap();
            let outcomes = run_on(threads, &open(dir.path(), plan(23)).unwrap()).0.unwrap();
            // As text, because NaN is not equal to itself.
            (format!("{outcomes:?}"), csv(dir.path()))
        })
        .into();
    assert_eq!(runs[0], runs[1]);
    assert_eq!(runs[0], runs[2]);
    assert_eq!(runs[0].1.lines().count(), 1 + 2 * 23);
    assert!(runs[0].1.contains("sweep,model=vae beta=1,1,diverged,1\nsweep,model=vae beta=1,1,nmi,nan\n"));
}

#[test]
fn long_cells_begin_first_and_wide_ones_last() {
    let mut cells: Vec<Cell> = (0..6).map(cell).collect();
    cells[1].width = Width::AllCores;
    cells[4].width = Width::AllCores;
    let dir = tempfile::tempdir().unwrap();
    let grid = open(dir.path(), Plan::new("sweep", cells)).unwrap();
    assert_eq!(run_on(1, &grid).1, ["0005", "0003", "0002", "0000", "0001", "0004"]);
}

#[test]
fn a_cell_begins_when_those_of_smaller_rounds_have_ended() {
    let mut cells: Vec<Cell> = (0..6).map(cell).collect();
    cells[1].width = Width::AllCores;
    (cells[5].round, cells[4].round, cells[2].round) = (1, 2, 1);
    let dir = tempfile::tempdir().unwrap();
    let grid = open(dir.path(), Plan::new("sweep", cells)).unwrap();
    assert_eq!(run_on(1, &grid).1, ["0003", "0000", "0001", "0005", "0002", "0004"]);
}

#[test]
fn one_core_cells_run_side_by_side_on_one_thread_each_and_wide_cells_have_all() {
    let mut cells: Vec<Cell> = (0..4).map(cell).collect();
    cells[3].width = Width::AllCores;
    let dir = tempfile::tempdir().unwrap();
    let grid = open(dir.path(), Plan::new("sweep", cells)).unwrap();
    // Ends only if three cells are under way at one time.
    let meeting = Barrier::new(3);
    let work = |index: usize, _: &Path, _: &CellProgress<'_>| {
        let cell = &grid.plan().cells()[index];
        if cell.width == Width::OneCore {
            meeting.wait();
        }
        let threads = rayon::current_num_threads() as f64;
        Ok(Outcome { values: vec![("threads".into(), threads)], ..found(cell) })
    };
    let pool = ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let outcomes = pool.install(|| grid.run(work, &Interrupt::default(), true)).unwrap();
    let threads: Vec<f64> = outcomes.iter().map(|outcome| outcome.values[0].1).collect();
    assert_eq!(threads, [1.0, 1.0, 1.0, 3.0]);
}

/// Brings the grid into the state in which a kill left it: cells before `finished` done, the next one half done, a file
/// being written, a lock with the number of a dead process, and no results.
fn kill(dir: &Path, plan: Plan, finished: usize) {
    let grid = open(dir, plan).unwrap();
    for cell in &grid.plan().cells()[..finished] {
        let path = grid.cell_dir(cell);
        fs::create_dir_all(&path).unwrap();
        found(cell).store(&path).unwrap();
    }
    let path = grid.cell_dir(&grid.plan().cells()[finished]);
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("last.state"), "half way").unwrap();
    fs::write(path.join(".status.json.77.elbo-tmp"), "{").unwrap();
    fs::write(dir.join(".results.csv.77.elbo-tmp"), "study").unwrap();
    drop(grid);
    fs::write(dir.join(LOCK), "4194304\n").unwrap();
}

#[test]
fn a_killed_grid_redoes_no_finished_cell_and_ends_in_the_same_bytes() {
    for finished in [0, 1, 6, 10] {
        let dir = tempfile::tempdir().unwrap();
        kill(dir.path(), plan(11), finished);
        let grid = open(dir.path(), plan(11)).unwrap();
        let half_done = grid.cell_dir(&grid.plan().cells()[finished]);
        assert_eq!(files::list(&half_done).unwrap(), ["last.state"]);
        let (result, mut begun) = run_on(2, &grid);
        let outcomes = format!("{:?}", result.unwrap());
        begun.sort();
        assert_eq!(begun, (finished..11).map(|number| format!("{number:04x}")).collect::<Vec<_>>());
        assert_eq!(csv(dir.path()), unbroken(plan(11)));
        assert_eq!(files::list(dir.path()).unwrap(), [CELLS, ENV, LOCK, PLAN, RESULTS]);
        // And nothing at all is left to do.
        fs::remove_file(dir.path().join(RESULTS)).unwrap();
        let (again, begun) = run_on(2, &grid);
        assert_eq!(begun, [""; 0]);
        // As text, because NaN is not equal to itself.
        assert_eq!(format!("{:?}", again.unwrap()), outcomes);
        assert_eq!(csv(dir.path()), unbroken(plan(11)));
    }
}

#[test]
fn a_killed_creation_is_created_again() {
    for names in [&[LOCK][..], &[LOCK, ENV], &[LOCK, ".plan.json.77.elbo-tmp"]] {
        let dir = tempfile::tempdir().unwrap();
        names.iter().for_each(|name| fs::write(dir.path().join(name), "").unwrap());
        drop(open(dir.path(), plan(2)).unwrap());
        assert_eq!(files::list(dir.path()).unwrap(), [ENV, LOCK, PLAN]);
        assert_eq!(fs::read_to_string(dir.path().join(ENV)).unwrap(), "{\n  \"version\": \"1\"\n}\n");
    }
}

#[test]
fn a_damaged_status_is_run_again() {
    let dir = tempfile::tempdir().unwrap();
    let grid = open(dir.path(), plan(4)).unwrap();
    run_on(2, &grid).0.unwrap();
    let status = grid.cell_dir(&grid.plan().cells()[2]).join("status.json");
    fs::write(&status, &fs::read(&status).unwrap()[..20]).unwrap();
    assert_eq!(run_on(2, &grid).1, ["0002"]);
    assert_eq!(csv(dir.path()), unbroken(plan(4)));
}

#[test]
fn a_longer_plan_continues_the_cells_that_go_further_and_a_shorter_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    run_on(2, &open(dir.path(), plan(4)).unwrap()).0.unwrap();
    let mut cells: Vec<Cell> = (0..4).map(cell).collect();
    cells[1].extent = 50;
    let longer = Plan::new("sweep", cells);
    let grid = open(dir.path(), longer.clone()).unwrap();
    let (outcomes, begun) = run_on(2, &grid);
    assert_eq!(begun, ["0001"]);
    assert_eq!(outcomes.unwrap().iter().map(|outcome| outcome.extent).collect::<Vec<_>>(), [20, 50, 20, 20]);
    drop(grid);
    let error = open(dir.path(), plan(4)).unwrap_err();
    assert!(error.to_string().contains("cell 2 (model=vae beta=0 seed=1) up to 50 and not 20"), "{error}");
    assert_eq!(run_on(2, &open(dir.path(), longer).unwrap()).1, [""; 0]);
}

#[test]
fn another_plan_is_refused_in_one_line_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    run_on(1, &open(dir.path(), plan(3)).unwrap()).0.unwrap();
    let before = csv(dir.path());
    let mut cells: Vec<Cell> = (0..3).map(cell).collect();
    cells[2].id = "ff".into();
    let place = dir.path().display();
    for (other, reason) in [
        (plan(2), "3 cells and not 2"),
        (Plan::new("sweep", cells), "cell 3 (model=vae beta=1 seed=0) with other settings or other data"),
    ] {
        let error = open(dir.path(), other).unwrap_err();
        assert_eq!(error.code(), ExitCode::Usage);
        assert_eq!(error.to_string(), format!("{place}: it holds {reason}; choose another --out"));
    }
    assert_eq!(csv(dir.path()), before);
    drop(open(dir.path(), plan(3)).unwrap());
    fs::write(dir.path().join(PLAN), "{").unwrap();
    assert_eq!(open(dir.path(), plan(3)).unwrap_err().code(), ExitCode::Checkpoint);
}

#[test]
fn new_cells_at_the_end_of_a_plan_are_run_and_the_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    run_on(1, &open(dir.path(), plan(3)).unwrap()).0.unwrap();
    assert_eq!(run_on(1, &open(dir.path(), plan(5)).unwrap()).1, ["0004", "0003"]);
    assert_eq!(csv(dir.path()), unbroken(plan(5)));
    assert_eq!(open(dir.path(), plan(3)).unwrap_err().code(), ExitCode::Usage);
}

#[test]
fn a_foreign_directory_and_a_run_are_refused_and_left_alone() {
    for names in [&["thesis.tex"][..], &["elbo.lock", "config.toml"]] {
        let dir = tempfile::tempdir().unwrap();
        names.iter().for_each(|name| fs::write(dir.path().join(name), "years").unwrap());
        assert_eq!(open(dir.path(), plan(2)).unwrap_err().code(), ExitCode::Usage);
        assert_eq!(open(&dir.path().join(names[0]), plan(2)).unwrap_err().code(), ExitCode::Usage);
        assert_eq!(files::list(dir.path()).unwrap().len(), names.len());
    }
}

#[test]
fn a_second_process_is_told_who_holds_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let grid = open(dir.path(), plan(2)).unwrap();
    let error = open(dir.path(), plan(2)).unwrap_err();
    assert_eq!(error.code(), ExitCode::Locked);
    assert!(error.to_string().ends_with(&format!("in use by process {}", std::process::id())), "{error}");
    drop(grid);
    open(dir.path(), plan(2)).unwrap();
}

/// Runs on one thread with a failure in cell 0003, which is begun after 0004; then as if nothing had been wrong.
fn fail_then_continue(failure: impl Fn() -> Result<Outcome> + Sync) -> (Error, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let grid = open(dir.path(), plan(5)).unwrap();
    let work = |index: usize, _: &Path, _: &CellProgress<'_>| {
        let cell = &grid.plan().cells()[index];
        if cell.seed == 1 { failure() } else { Ok(found(cell)) }
    };
    let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let error = pool.install(|| grid.run(work, &Interrupt::default(), true)).unwrap_err();
    assert_eq!(csv(dir.path()).lines().count(), 1 + 2, "the cell before the failure is collected");
    let begun = run_on(1, &grid).1;
    assert_eq!(csv(dir.path()), unbroken(plan(5)));
    (error, begun)
}

#[test]
fn an_error_of_a_cell_names_it_and_ends_the_grid() {
    let (error, begun) = fail_then_continue(|| Err(Error::data("x.npy: not a number in row 3")));
    assert_eq!(error, Error::data("cell model=vae beta=1 seed=1: x.npy: not a number in row 3"));
    assert_eq!(begun, ["0003", "0002", "0001", "0000"]);
}

#[test]
fn a_panic_in_a_cell_is_an_error_that_names_it() {
    let (error, begun) = fail_then_continue(|| panic!("add: [2] and [3] (a panic of the test)"));
    assert_eq!(error.code(), ExitCode::System);
    let text = "cell model=vae beta=1 seed=1: panicked: add: [2] and [3] (a panic of the test)";
    assert_eq!(error.to_string(), text);
    assert_eq!(begun, ["0003", "0002", "0001", "0000"]);
}

#[test]
fn an_interrupted_cell_stops_the_grid_with_advice() {
    let (error, begun) = fail_then_continue(|| Err(Error::new(ExitCode::Interrupted, "continue with --resume")));
    assert_eq!(error.code(), ExitCode::Interrupted);
    let text = error.to_string();
    assert!(text.ends_with(": stopped with 1 of 5 cells finished; the same command again continues"), "{text}");
    assert_eq!(begun, ["0003", "0002", "0001", "0000"]);
}

#[test]
fn an_error_outweighs_a_signal_and_the_first_of_the_plan_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let grid = open(dir.path(), plan(3)).unwrap();
    let meeting = Barrier::new(3);
    let work = |index: usize, _: &Path, _: &CellProgress<'_>| {
        let cell = &grid.plan().cells()[index];
        meeting.wait();
        Err(match cell.id.as_str() {
            "0000" => Error::new(ExitCode::Interrupted, "stopped"),
            id => Error::data(id),
        })
    };
    let pool = ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let error = pool.install(|| grid.run(work, &Interrupt::default(), true)).unwrap_err();
    assert_eq!(error, Error::data("cell model=vae beta=0 seed=1: 0001"));
}

#[test]
fn a_signal_between_two_cells_stops_the_grid() {
    let dir = tempfile::tempdir().unwrap();
    let grid = open(dir.path(), plan(5)).unwrap();
    // The only test of this process that raises a signal: a second one would end it.
    let interrupt = Interrupt::listen();
    let work = |index: usize, _: &Path, _: &CellProgress<'_>| {
        let cell = &grid.plan().cells()[index];
        if cell.id == "0003" {
            signal_hook::low_level::raise(signal_hook::consts::SIGTERM).unwrap();
        }
        Ok(found(cell))
    };
    let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let error = pool.install(|| grid.run(work, &interrupt, true)).unwrap_err();
    assert_eq!(error.code(), ExitCode::Terminated);
    assert!(error.to_string().contains("stopped with 2 of 5 cells finished"), "{error}");
    assert_eq!(run_on(1, &grid).1, ["0002", "0001", "0000"]);
    assert_eq!(csv(dir.path()), unbroken(plan(5)));
}
