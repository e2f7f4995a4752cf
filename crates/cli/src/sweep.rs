//! Sweeps: the runs of a recipe with `[sweep]` as the cells of a shared grid.

mod plan;
mod work;

pub use plan::{config, shows_collapse};
pub use work::Work;

use std::path::{Path, PathBuf};

use crate::config::recipe;
use crate::grid::{CellProgress, Failed, Grid, Outcome, Standing};
use crate::machine::error::{Error, Result};
use crate::machine::interrupt::Interrupt;
use crate::run::setup;

/// A sweep in its directory, shared with whatever other processes work on it.
#[derive(Debug)]
pub struct Sweep {
    /// Its cells.
    pub grid: Grid,
    /// Cells that this plan has added to the one that was there.
    pub new: usize,
    /// A line for each setting that the recipe gives by its old name.
    pub remarks: Vec<String>,
}

/// What a cell of a sweep came to.
#[derive(Debug, Clone)]
pub struct SweepCell {
    /// Its values on the axes, and its seed.
    pub name: String,
    /// Its run directory.
    pub path: PathBuf,
    /// What it found, if it has ended.
    pub outcome: Option<Outcome>,
}

impl Sweep {
    /// Plans the sweep of `recipe`, a built-in recipe or the path of one, in `out`, or appends the cells that it has
    /// gained. `set` holds `section.key=value` for every cell.
    ///
    /// # Errors
    /// Exit code 2 for a mistake in the recipe, or if `out` holds something else; 6 if another process has had its lock
    /// for a minute; 7 if its plan is damaged; 5 if the system fails.
    pub fn plan(recipe: &str, set: &[String], out: impl AsRef<Path>) -> Result<Self> {
        let (name, variants) = recipe::load_sweep(recipe, set)?;
        let (out, mut before) = (out.as_ref(), 0);
        let grid = Grid::share(out, &setup::environment(rayon::current_num_threads()), |stored| {
            before = stored.map_or(0, |stored| stored.cells().len());
            let place = out.join("plan.json");
            let plan = plan::plan(&name, &variants, stored);
            plan.map_err(|error| Error::new(error.code(), format_args!("{}: {error}", place.display())))
        })?;
        let new = grid.plan().cells().len() - before;
        let remarks = variants.first().map(|variant| variant.config.remarks()).unwrap_or_default();
        Ok(Self { grid, new, remarks })
    }

    /// Opens the sweep in `out`, to run it or to read it.
    ///
    /// # Errors
    /// Exit code 2 if there is none; 7 if its plan is damaged; 5 if the system cannot read it.
    pub fn open(out: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { grid: Grid::join(out.as_ref())?, new: 0, remarks: Vec::new() })
    }

    /// Runs the cells that wait on the threads of the present rayon pool, and writes `results.csv`; its path.
    ///
    /// # Errors
    /// That of the first cell that failed; 5 if the system fails.
    pub fn run(&self) -> Result<PathBuf> {
        let cells: Vec<usize> = (0..self.grid.plan().cells().len()).collect();
        let failures = self.run_cells(&cells, Failed::Stays, None, &Interrupt::default(), true)?;
        let results = self.grid.collect_shared()?;
        failures.into_iter().next().map_or(Ok(results), |(_, error)| Err(error))
    }

    /// Runs `cells`; the failures of this process.
    ///
    /// # Errors
    /// Exit code 5 if the system fails.
    pub fn run_cells(
        &self,
        cells: &[usize],
        failed: Failed,
        data_dir: Option<&Path>,
        interrupt: &Interrupt,
        quiet: bool,
    ) -> Result<Vec<(usize, Error)>> {
        let work = Work::new(&self.grid, data_dir, interrupt, quiet);
        let work = |index: usize, dir: &Path, progress: &CellProgress<'_>| work.run(index, dir, progress);
        self.grid.run_shared(cells, failed, work, interrupt, quiet)
    }

    /// Every cell, in the order of the plan.
    ///
    /// # Errors
    /// Exit code 5 if the system cannot read.
    pub fn cells(&self) -> Result<Vec<SweepCell>> {
        let cells = self.grid.plan().cells().iter().zip(self.grid.survey()?);
        let cells = cells.map(|(cell, standing)| SweepCell {
            name: cell.name(),
            path: self.grid.cell_dir(cell),
            outcome: match standing {
                Standing::Ended(outcome) => Some(outcome),
                _ => None,
            },
        });
        Ok(cells.collect())
    }
}
