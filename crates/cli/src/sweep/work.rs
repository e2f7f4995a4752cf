//! What a cell of a sweep does: the run of its configuration.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::plan::config;
use crate::config::Config;
use crate::data::{self, Loaded};
use crate::grid::training::fit;
use crate::grid::{CellProgress, Grid, Outcome, State};
use crate::machine::error::{Error, Result};
use crate::machine::interrupt::Interrupt;
use crate::machine::{files, output};
use crate::run::advance::{Job, Start};
use crate::run::dir::RunDir;
use crate::run::files::summary::Summary;
use crate::run::fit::Finished;
use crate::run::setup;

/// So many data sets are kept for the next cell.
const KEPT: usize = 4;
/// In the directory of a grid: which rows its cells were run on, a file for each `[data]`.
const DATA: &str = "data";

/// Runs cells of a grid.
pub struct Work<'a> {
    grid: &'a Grid,
    data_dir: Option<PathBuf>,
    interrupt: &'a Interrupt,
    quiet: bool,
    /// The data of the latest cells, by their settings.
    loaded: Mutex<Vec<(String, Arc<Loaded>)>>,
}

impl<'a> Work<'a> {
    /// Cells of `grid`, whose data are looked for in `data_dir` first.
    pub fn new(grid: &'a Grid, data_dir: Option<&Path>, interrupt: &'a Interrupt, quiet: bool) -> Self {
        Self { grid, data_dir: data_dir.map(PathBuf::from), interrupt, quiet, loaded: Mutex::default() }
    }

    /// Runs cell `index` in the directory `path`, which becomes a run directory, from where a predecessor stopped.
    /// A divergence is an outcome.
    ///
    /// # Errors
    /// Those of `elbo train`, 4 excepted.
    pub fn run(&self, index: usize, path: &Path, progress: &CellProgress<'_>) -> Result<Outcome> {
        let cell = &self.grid.plan().cells()[index];
        let config = config(index, cell)?;
        let loaded = self.loaded(&config)?;
        let splits = &loaded.splits;
        setup::check(&config, splits)?;
        self.same_rows(&config, &loaded)?;
        let dir = &self.open(path, &config, &loaded)?;
        let (config, columns, start) = (&config, &*loaded.columns, Start::Resume);
        let job = Job { dir, config, splits, columns, start, brief: false };
        let finished = fit(&job, progress, self.interrupt)?;
        let state = match &finished.diverged {
            Some(divergence) => State::Diverged(divergence.to_string()),
            None => {
                let log_density_shift = loaded.preparation.log_density_shift(splits.train.width());
                let summary = Summary { config, finished: &finished, log_density_shift, figures: &[] };
                files::write_atomic(&dir.summary(), output::pretty(&summary.json()))?;
                State::Finished
            }
        };
        let (values, seconds) = (values(&finished), finished.elapsed);
        Ok(Outcome { state, values, record: Value::Null, extent: cell.extent, seconds })
    }

    /// The run directory of a cell, new or begun on the same data.
    fn open(&self, path: &Path, config: &Config, loaded: &Loaded) -> Result<RunDir> {
        let mut env = setup::environment(rayon::current_num_threads());
        env["recipe"] = json!(self.grid.plan().study());
        env["data"] = loaded.note.clone();
        let dir = RunDir::of_grid(path)?;
        let begun = dir.config().exists();
        if begun {
            setup::same_data(&dir, &setup::noted(&dir)?["data"], &env["data"])?;
        }
        // Of a cell that goes on as well: what it goes on with was fitted by this process.
        loaded.preparation.store(&dir.preparation())?;
        if !begun {
            dir.describe(&output::pretty(&env), &config.to_toml())?;
        }
        Ok(dir)
    }

    /// Refuses rows that are not those of an earlier cell with the same settings of its data, whoever ran it.
    fn same_rows(&self, config: &Config, loaded: &Loaded) -> Result<()> {
        let digest = Sha256::digest(format!("{:?}", config.data));
        let name = HEXLOWER.encode(&digest[..8]);
        let found = output::pretty(&loaded.note);
        let (path, before) = self.grid.note(&format!("{DATA}/{name}.json"), &found)?;
        if before != found {
            let problem = "other cells were run on other rows of these data than are found now";
            return Err(Error::data(format_args!("{}: {problem}; choose another --out", path.display())));
        }
        Ok(())
    }

    /// The data of `config`, which most cells share.
    fn loaded(&self, config: &Config) -> Result<Arc<Loaded>> {
        let key = format!("{:?}", config.data);
        // Another cell may have panicked here; the list is whole all the same.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let place = loaded.iter().position(|(other, _)| *other == key);
        let found = match place {
            Some(place) => loaded.remove(place),
            None => {
                let new = data::load(&config.data, self.data_dir.as_deref())?;
                output::remark(new.remark.as_deref(), self.quiet);
                (key, Arc::new(new))
            }
        };
        let first = Arc::clone(&found.1);
        loaded.insert(0, found);
        loaded.truncate(KEPT);
        Ok(first)
    }
}

/// The rows of a cell in `results.csv`: its metrics at the end, and its best epoch by the validation loss.
fn values(Finished { last, best, .. }: &Finished) -> Vec<(String, f64)> {
    let best = best.iter().flat_map(|(loss, epoch)| [("best_epoch", *epoch as f64), ("best_valid_loss", *loss)]);
    last.iter().cloned().chain(best.map(|(name, value)| (name.to_string(), value))).collect()
}
