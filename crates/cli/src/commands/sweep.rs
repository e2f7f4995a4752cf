//! `elbo sweep`: a recipe with `[sweep]` as many runs, shared by as many processes as one likes.

mod show;

use std::path::{Path, PathBuf};

use clap::{ArgAction, Subcommand};
use serde_json::json;

use super::args::{Common, EXIT_CODES};
use crate::config::recipe;
use crate::grid::{Failed, Grid, Standing};
use crate::machine::error::{Error, Result};
use crate::machine::interrupt::Interrupt;
use crate::machine::output;
use crate::sweep;

/// Subcommands of `elbo sweep`.
#[derive(Debug, Subcommand)]
pub enum Sweep {
    /// Write the plan of a sweep, or append the cells that its recipe has gained, and list the cells
    #[command(after_help = EXIT_CODES)]
    Plan(SweepRecipe),
    /// Plan, then run the cells that wait, together with other processes that do the same; ends when
    /// none is left to start
    #[command(after_help = EXIT_CODES)]
    Run(SweepRecipe),
    /// Like run for a sweep that was begun, and run again what has failed
    #[command(after_help = EXIT_CODES)]
    Resume(SweepRecipe),
    /// Show how each cell stands
    #[command(after_help = EXIT_CODES)]
    Status(SweepDir),
    /// Write results.csv from the cells that are finished
    #[command(after_help = EXIT_CODES)]
    Collect(SweepDir),
    /// Run a single cell of a plan, as a job array of a cluster does; one that has failed is run again
    #[command(after_help = EXIT_CODES)]
    Exec(SweepCell),
}

/// Arguments of `elbo sweep plan`, `run` and `resume`.
#[derive(Debug, clap::Args)]
pub struct SweepRecipe {
    /// A built-in recipe (see `elbo recipes`) or a TOML file with a table `[sweep]`; to resume, also the
    /// directory of the sweep
    pub recipe: String,
    /// Set a key of every cell, e.g. `train.epochs=5`; repeatable
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append)]
    pub set: Vec<String>,
    /// Directory of the sweep [default: sweeps/RECIPE]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Where the rest of the arguments are the same for every command
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `elbo sweep status` and `collect`.
#[derive(Debug, clap::Args)]
pub struct SweepDir {
    /// The recipe of the sweep, or its directory
    pub recipe: String,
    /// Directory of the sweep [default: sweeps/RECIPE]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `elbo sweep exec`.
#[derive(Debug, clap::Args)]
pub struct SweepCell {
    /// Directory of the sweep, or its plan.json
    pub plan: PathBuf,
    /// Number of the cell, from 0 [default: the environment variable SLURM_ARRAY_TASK_ID]
    #[arg(long, value_name = "I")]
    pub index: Option<usize>,
    /// Where the rest of the arguments are the same for every command
    #[command(flatten)]
    pub common: Common,
}

/// The environment variable in which a job array of Slurm tells a job its number.
const TASK: &str = "SLURM_ARRAY_TASK_ID";

/// Plans, runs and shows sweeps.
pub fn run(args: &Sweep) -> Result<()> {
    match args {
        Sweep::Plan(args) => plan(args),
        Sweep::Run(args) => run_cells(args, Failed::Stays),
        Sweep::Resume(args) => run_cells(args, Failed::RunsAgain),
        Sweep::Status(args) => status(args),
        Sweep::Collect(args) => collect(args),
        Sweep::Exec(args) => exec(args),
    }
}

/// Where the sweep of `recipe` is, which may also be its directory or its plan.
fn place(recipe: &str, out: Option<&Path>) -> PathBuf {
    match (out, directory(Path::new(recipe))) {
        (Some(out), _) => out.into(),
        (None, Some(dir)) => dir,
        _ => PathBuf::from("sweeps").join(recipe::name(recipe)),
    }
}

/// The directory of the sweep that `path` names, if it names one or its plan.
fn directory(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path.into());
    }
    let is_plan = path.file_name().is_some_and(|name| name == "plan.json") && path.is_file();
    path.parent().filter(|_| is_plan).map(|parent| if parent == Path::new("") { Path::new(".") } else { parent }.into())
}

/// The sweep of a recipe, planned or extended.
fn planned(args: &SweepRecipe) -> Result<sweep::Sweep> {
    let sweep = sweep::Sweep::plan(&args.recipe, &args.set, place(&args.recipe, args.out.as_deref()))?;
    sweep.remarks.iter().for_each(|line| output::remark(Some(line), args.common.quiet));
    Ok(sweep)
}

fn plan(args: &SweepRecipe) -> Result<()> {
    args.common.use_threads()?;
    let sweep::Sweep { grid, new, .. } = planned(args)?;
    output::result(args.common.json, || show::plan_json(&grid), || show::plan_table(&grid))?;
    if !args.common.json && !args.common.quiet {
        let (count, place) = (grid.plan().cells().len(), grid.path().join("plan.json"));
        output::note(&format!("{count} cells, {new} of them new, in {}", place.display()));
    }
    Ok(())
}

fn run_cells(args: &SweepRecipe, failed: Failed) -> Result<()> {
    args.common.use_threads()?;
    let resumed = directory(Path::new(&args.recipe)).filter(|_| failed == Failed::RunsAgain);
    let sweep = match resumed {
        Some(_) if !args.set.is_empty() => {
            return Err(Error::usage("--set changes the plan: name the recipe and not the directory of the sweep"));
        }
        Some(dir) => sweep::Sweep::open(&dir)?,
        None => {
            if failed == Failed::RunsAgain {
                // Only what was begun can be resumed.
                Grid::join(&place(&args.recipe, args.out.as_deref()))?;
            }
            planned(args)?
        }
    };
    let interrupt = Interrupt::listen();
    let grid = &sweep.grid;
    let cells: Vec<usize> = (0..grid.plan().cells().len()).collect();
    let data_dir = args.common.data_dir.as_deref();
    let failures = sweep.run_cells(&cells, failed, data_dir, &interrupt, args.common.quiet)?;
    let standings = grid.survey()?;
    let collected = grid.collect_shared();
    let ended = standings.iter().filter(|standing| matches!(standing, Standing::Ended(_))).count();
    if let Some(signal) = interrupt.requested().filter(|_| ended < cells.len()) {
        let (dir, all) = (grid.path().display(), cells.len());
        let advice = "the same command again continues";
        return Err(Error::new(signal, format_args!("{dir}: stopped with {ended} of {all} cells ended; {advice}")));
    }
    let verdict = verdict(grid, &standings, &failures);
    // A table that cannot be written is less than the cells that have failed, which have the same reason.
    let results = match (collected, &verdict) {
        (Err(error), Err(_)) => {
            output::note(&format!("elbo: {error}"));
            return verdict;
        }
        (collected, _) => collected?,
    };
    tell_results(args.common.json, grid, &standings, &results)?;
    if !args.common.json && !args.common.quiet {
        output::note(&show::counts(&standings));
        show::left(&standings).iter().for_each(|line| output::note(line));
    }
    verdict
}

/// Where the table of results is; as JSON also how many cells stand how.
fn tell_results(as_json: bool, grid: &Grid, standings: &[Standing], results: &Path) -> Result<()> {
    let results = results.display().to_string();
    let json = || {
        let mut value = show::counts_json(grid, standings);
        value["results"] = json!(results);
        value
    };
    output::result(as_json, json, || format!("{results}\n"))
}

/// What is wrong with cell `index`, if something is: not a collapse that it was planned to show.
fn defect(grid: &Grid, index: usize, standing: &Standing) -> Option<String> {
    let planned =
        || sweep::config(index, &grid.plan().cells()[index]).is_ok_and(|config| sweep::shows_collapse(&config));
    let is_result = matches!(standing, Standing::Ended(outcome) if outcome.diverged()) && planned();
    show::reason(standing).filter(|_| !is_result)
}

/// Whether no cell has failed or diverged that should not, whoever ran it; a failure may have found no room on the
/// disk to be told there.
fn verdict(grid: &Grid, standings: &[Standing], failures: &[(usize, Error)]) -> Result<()> {
    let told = standings.iter().enumerate();
    let told = told.filter_map(|(index, standing)| Some((index, defect(grid, index, standing)?)));
    let untold = failures.iter().filter(|(index, _)| show::reason(&standings[*index]).is_none());
    let mut all: Vec<(usize, String)> = told.chain(untold.map(|(index, error)| (*index, error.to_string()))).collect();
    all.sort_by_key(|(index, _)| *index);
    let Some((index, reason)) = all.first() else { return Ok(()) };
    let (dir, name) = (grid.path().display(), grid.plan().cells()[*index].name());
    let problem =
        format!("{dir}: {} cells have failed or diverged, the first: cell {index} ({name}): {reason}", all.len());
    Err(Error::check(problem))
}

fn status(args: &SweepDir) -> Result<()> {
    let grid = Grid::join(&place(&args.recipe, args.out.as_deref()))?;
    let standings = grid.survey()?;
    output::result(args.json, || show::status_json(&grid, &standings), || show::status_table(&grid, &standings))
}

fn collect(args: &SweepDir) -> Result<()> {
    let grid = Grid::join(&place(&args.recipe, args.out.as_deref()))?;
    let results = grid.collect_shared()?;
    let standings = if args.json { grid.survey()? } else { Vec::new() };
    tell_results(args.json, &grid, &standings, &results)
}

fn exec(args: &SweepCell) -> Result<()> {
    let index = match args.index {
        Some(index) => index,
        None => task()?,
    };
    let dir = directory(&args.plan).unwrap_or_else(|| args.plan.clone());
    let sweep = sweep::Sweep::open(&dir)?;
    let grid = &sweep.grid;
    let count = grid.plan().cells().len();
    let Some(cell) = grid.plan().cells().get(index) else {
        return Err(Error::usage(format_args!("{}: no cell {index}; there are {count}, from 0", dir.display())));
    };
    args.common.use_threads()?;
    let interrupt = Interrupt::listen();
    let common = &args.common;
    let data_dir = common.data_dir.as_deref();
    let failures = sweep.run_cells(&[index], Failed::RunsAgain, data_dir, &interrupt, common.quiet)?;
    let path = grid.cell_dir(cell);
    let standing = grid.standing(index)?;
    if let Some((_, error)) = failures.first() {
        return Err(Error::check(format_args!("cell {index} ({}): {error}", cell.name())));
    }
    match (&standing, interrupt.requested()) {
        (Standing::Ended(_), _) if defect(grid, index, &standing).is_none() => {
            let json = || show::cell_json(index, cell, &standing);
            output::result(common.json, json, || format!("{}\n", path.display()))
        }
        (Standing::Ended(_) | Standing::Failed(_), _) => {
            let reason = show::reason(&standing).unwrap_or_default();
            Err(Error::check(format_args!("cell {index} ({}): {reason}", cell.name())))
        }
        (_, Some(signal)) => {
            let message = format!("{}: stopped; the same command again continues", path.display());
            Err(Error::new(signal, message))
        }
        (Standing::Running(holder) | Standing::Abandoned(holder), _) => Err(Error::locked(&path, Some(holder.pid))),
        (Standing::Waiting, _) => Err(Error::locked(&path, None)),
    }
}

/// The number of the cell that a job of an array is to run.
fn task() -> Result<usize> {
    let missing = || Error::usage(format_args!("which cell? --index is missing, and {TASK} is not set"));
    let text = std::env::var(TASK).map_err(|_| missing())?;
    text.trim().parse().map_err(|_| Error::usage(format_args!("{TASK} is `{text}`, which is no number of a cell")))
}
