//! A run read back: its settings, its metrics, and its trained model for other rows.

use std::cell::OnceCell;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use elbo_datasets::{Dataset, Values};
use elbo_tensor::Tensor;
use serde_json::Value;

use super::dir::RunDir;
use super::evaluation::Evaluation;
use super::files::metrics_csv::Metrics;
use super::network::Network;
use super::setup;
use super::trained::{Split, Trained};
use crate::checkpoint::{FORMAT, StoredArrays, Weights, fill, load_arrays, load_weights};
use crate::config::{Config, Method, read_recipe};
use crate::data::{self, Preparation, Source};
use crate::machine::error::{Error, Result};

/// A checkpoint of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// The newest one
    Last,
    /// The one with the lowest loss on the validation split
    Best,
}

/// A run to read from, opened beside a process that may be writing to it.
///
/// A run of an earlier version opens as long as this one understands its settings; a checkpoint of a
/// later version is refused.
pub struct Run {
    /// Its directory.
    pub dir: RunDir,
    /// Its configuration, of other data if [`Run::rows`] was asked for them.
    pub config: Config,
    /// What its training did to the rows: other data are treated the same.
    preparation: Preparation,
    /// What was noted of its data.
    note: Value,
    last: OnceCell<Stored>,
}

/// The rows that a model is applied to.
pub struct Wanted<'a> {
    /// A table or a set by name; without it the data of the run, which must be those that it was trained on.
    pub data: Option<&'a str>,
    /// The column of labels of a table, if it is not that of the run.
    pub label_column: Option<&'a str>,
    /// Whether also of the table of the run all rows are wanted, and not the test rows.
    pub whole: bool,
}

impl Run {
    /// Opens the run in the directory `run`.
    ///
    /// # Errors
    /// Exit code 2 if there is none; 7 if what was fitted to its rows is missing or damaged; 5 if
    /// the system cannot read.
    pub fn open(run: impl AsRef<Path>) -> Result<Self> {
        let dir = RunDir::open(run.as_ref())?;
        let path = dir.config();
        let config = Config::parse(&read_recipe(&path)?, &path.display().to_string())?;
        let note = setup::noted(&dir)?["data"].take();
        let width = note["width"].as_u64().unwrap_or(0) as usize;
        let preparation = Preparation::restore(&dir.preparation(), &config.data, width)?;
        Ok(Self { dir, config, preparation, note, last: OnceCell::new() })
    }

    /// Every row of `metrics.csv`.
    ///
    /// # Errors
    /// Exit code 3 if it is malformed; 5 if the system cannot read it.
    pub fn metrics(&self) -> Result<Metrics> {
        Metrics::read_all(&self.dir.metrics())
    }

    /// The trained model with the weights of the checkpoint `which`.
    ///
    /// # Errors
    /// Exit code 7 if the checkpoint is missing, damaged or of another model; 4 if the run stopped before its first
    /// iteration; 2 if the model has no such checkpoint.
    pub fn model(&self, which: Which) -> Result<Stored> {
        let width = self.model_width(self.note["width"].as_u64().unwrap_or(0) as usize);
        Stored::load(&self.dir, which, &self.config, (width, None))
    }

    /// Columns of the rows as the model sees them.
    fn model_width(&self, width: usize) -> usize {
        self.preparation.latents().unwrap_or(width)
    }

    /// The most probable cluster of each row of `rows`, `[n, d]`, which have the columns of the training rows as they
    /// were before the preparation; by the last checkpoint.
    ///
    /// # Errors
    /// Exit code 3 if there are other columns; 2 if the model has no clusters or cannot be given these values; and
    /// those of [`Run::model`].
    pub fn predict(&self, rows: &Tensor) -> Result<Vec<u32>> {
        let found = self.infer(rows)?;
        let problem = || Error::usage(format_args!("{} has no clusters", self.config.kind()));
        found.clusters.map(|clusters| clusters.assignments).ok_or_else(problem)
    }

    /// Loss or likelihood, clusters and latents of `rows`, as [`Run::predict`] takes them.
    ///
    /// # Errors
    /// As for [`Run::predict`].
    pub fn infer(&self, rows: &Tensor) -> Result<Evaluation> {
        let (width, found) = (self.note["width"].as_u64().unwrap_or(0) as usize, rows.shape().last());
        if width != found {
            let path = self.dir.env();
            let problem = format!("rows of {found} numbers, and the run was trained on rows of {width}");
            return Err(Error::data(format_args!("{}: {problem}", path.display())));
        }
        let set = Dataset::new("rows", &[width], Values::Reals(rows.as_slice().to_vec()), None)?;
        let stored = match self.last.get() {
            Some(stored) => stored,
            None => {
                let stored = self.model(Which::Last)?;
                self.last.get_or_init(|| stored)
            }
        };
        stored.evaluate(&self.config, &self.preparation.apply(&set)?, Split::Test)
    }

    /// All rows of a table in the order of the file, or the test rows of another set, as the model sees them, and what
    /// there is to be said of them. Of the run's own data these are the test rows unless all are wanted. Another table
    /// needs no labels, unless their column is named.
    ///
    /// # Errors
    /// Exit code 3 if the data of the run are not those any more that it was trained on, if other rows have other
    /// columns than these, or if the data are missing or malformed.
    pub fn rows(&mut self, wanted: &Wanted<'_>, data_dir: Option<&Path>) -> Result<(Dataset, Option<String>)> {
        let mut source = None;
        if wanted.data.is_none() {
            let own = Source::of(&self.config.data, data_dir, None)?;
            setup::same_data(&self.dir, &self.note, &own.note(&self.config.data))?;
            source = Some(own).filter(|_| wanted.label_column.is_none());
        }
        let label_column = wanted.label_column.iter().map(|column| format!("data.label_column={column}"));
        let data = wanted.data.iter().flat_map(|name| data::chosen(name));
        self.config.set(&data.chain(label_column).collect::<Vec<_>>())?;
        if !self.config.data.file.is_empty() && (wanted.whole || wanted.data.is_some()) {
            self.config.set(&data::ALL_ROWS)?;
            source = None;
        }
        let unlabelled = self.note["width"].as_u64().filter(|_| wanted.data.is_some() && wanted.label_column.is_none());
        let unlabelled = unlabelled.map(|width| width as usize);
        let source = source.map_or_else(|| Source::of(&self.config.data, data_dir, unlabelled), Ok)?;
        self.check_columns(&source)?;
        Ok((self.preparation.apply(&source.splits.test)?, source.remark))
    }

    /// What is to be added to a log-density of prepared rows, in nats, for that of the rows of `set` as they are.
    pub fn log_density_shift(&self, set: &Dataset) -> Option<f64> {
        self.preparation.log_density_shift(set.width())
    }

    /// Refuses rows of other columns than those of the training; only those of a table with a header have names.
    fn check_columns(&self, source: &Source) -> Result<()> {
        let trained = self.note["columns"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some((trained, found)) = trained.zip(&source.columns).find(|(trained, found)| trained != found) {
            return Err(self.misfit(format_args!("it has a column `{found}` where the run was trained on `{trained}`")));
        }
        let width = source.splits.test.width();
        match self.note["width"].as_u64() {
            Some(trained) if trained != width as u64 => Err(self
                .misfit(format_args!("it has rows of {width} numbers, and the run was trained on rows of {trained}"))),
            _ => Ok(()),
        }
    }

    /// Other data are not as those of the training.
    fn misfit(&self, reason: impl Display) -> Error {
        let name = self.config.data.title();
        Error::data(format_args!("data set {name} does not fit {}: {reason}", self.dir.env().display()))
    }
}

/// A checkpoint of a run.
pub struct Stored {
    /// Epochs or iterations after which it was written.
    pub epoch: u64,
    /// The model.
    pub model: Trained,
    /// What is to be said of a checkpoint that an earlier version wrote.
    pub remark: Option<String>,
}

impl Stored {
    /// Reads the checkpoint `which` of the run in `dir`, whose configuration is `config`, for rows of `width`
    /// dimensions; `data` is the name of their data set if it is not that of the run.
    ///
    /// # Errors
    /// Exit code 7 if the checkpoint is missing, damaged or of another model; 3 if the width of the rows is not the
    /// model's; 4 if the run stopped before its first iteration; 2 if the model has no such checkpoint.
    pub fn load(dir: &RunDir, which: Which, config: &Config, (width, data): (usize, Option<&str>)) -> Result<Self> {
        let misfit = |path: &Path, reason: String| match data {
            Some(name) => Error::data(format_args!("data set {name} does not fit {}: {reason}", path.display())),
            None => Error::checkpoint(path, reason),
        };
        let path = file(dir, which);
        match &config.method {
            Method::Steps(steps) => {
                let stored: Weights = load_weights(&path)?;
                let remark = older(&path, stored.format());
                let (model, mut params) = steps.model.create(width, steps.train.seed).map_err(Error::usage)?;
                fill(&mut params, &stored).map_err(|reason| misfit(&path, reason))?;
                let epoch = stored.metadata.get("epoch").and_then(|epoch| epoch.parse().ok());
                let epoch = epoch.ok_or_else(|| Error::checkpoint(&path, "no epoch is noted in it"))?;
                let options = steps.model.boxed();
                Ok(Self { epoch, model: Trained::Steps(Network { options, model, params }), remark })
            }
            Method::Iterations(iterations) if which == Which::Last => {
                let mut estimator = iterations.options.build(width);
                let StoredArrays { state, notes, format } = load_arrays(&path)?;
                if notes.iteration == 0 {
                    return Err(Error::diverged(format_args!("{}: this run has no fit yet", dir.path().display())));
                }
                estimator.restore(&state).map_err(|reason| misfit(&path, reason))?;
                let remark = older(&path, format);
                Ok(Self { epoch: notes.iteration, model: Trained::Iterations(estimator), remark })
            }
            Method::Iterations(_) => {
                Err(Error::usage(format_args!("--checkpoint best: {} keeps its last state only", config.kind())))
            }
        }
    }

    /// Loss or likelihood, clusters and latents of the rows of `set`, as the run itself found them for its `split`.
    ///
    /// # Errors
    /// Exit code 2 if the model cannot be given these rows.
    pub fn evaluate(&self, config: &Config, set: &Dataset, split: Split) -> Result<Evaluation> {
        setup::check_values(config, set)?;
        Ok(self.model.evaluate(config, set, (self.epoch, split)))
    }
}

/// A remark on the checkpoint `path` if its `format` is of an earlier version.
fn older(path: &Path, format: u32) -> Option<String> {
    let path = path.display();
    (format < FORMAT).then(|| format!("{path}: written by an earlier version (format {format}, now {FORMAT})"))
}

/// The file of a checkpoint.
pub fn file(dir: &RunDir, which: Which) -> PathBuf {
    dir.weights(match which {
        Which::Last => "last",
        Which::Best => "best",
    })
}
