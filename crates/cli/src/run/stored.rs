//! A trained model, read back from its run.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use elbo_autograd::Params;
use elbo_datasets::Dataset;
use elbo_models::{Estimator, Model, ModelSpec};
use serde_json::Value;

use crate::checkpoint::{Weights, load_arrays, load_weights};
use crate::config::recipe;
use crate::config::{Config, read_recipe};
use crate::data::{self, Preparation, Rows, Source};
use crate::machine::error::{Error, Result};
use crate::run::dir::RunDir;
use crate::run::evaluation::{self, Evaluation};
use crate::run::fitting;
use crate::run::setup::{self, Spec};
use crate::run::training::{Split, evaluation_index};

/// A checkpoint of a run.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Which {
    /// The newest one
    Last,
    /// The one with the lowest loss on the validation split
    Best,
}

/// The model of a run.
pub enum Trained {
    /// One that is trained by steps.
    Steps(&'static ModelSpec, Box<dyn Model>, Params),
    /// One that is fitted by iterations.
    Iterations(Box<dyn Estimator>),
}

/// A run to read from.
pub struct Opened {
    /// Its directory.
    pub dir: RunDir,
    /// Its configuration, of other data if [`Opened::rows`] was asked for them.
    pub config: Config,
    /// What its training did to the rows: other data are treated the same.
    preparation: Preparation,
    /// What was noted of its data.
    note: Value,
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

impl Opened {
    /// Opens the run in the directory `run`.
    ///
    /// # Errors
    /// Exit code 2 if there is none; 7 if what was fitted to its rows is missing or damaged; 5 if the system cannot read.
    pub fn new(run: &Path) -> Result<Self> {
        let dir = RunDir::open(run)?;
        let path = dir.config();
        let config = Config::parse(&read_recipe(&path)?, &path.display().to_string(), &recipe::schema())?;
        let note = setup::noted(&dir)?["data"].take();
        let width = note["width"].as_u64().unwrap_or(0) as usize;
        let preparation = Preparation::restore(&dir.preparation(), config.section("data"), width)?;
        Ok(Self { dir, config, preparation, note })
    }

    /// All rows of a table in the order of the file, or the test rows of another set, as the model sees them, and what
    /// there is to be said of them. Of the run's own data these are the test rows unless all are wanted. Another table
    /// needs no labels, unless their column is named.
    ///
    /// # Errors
    /// Exit code 3 if the data of the run are not those any more that it was trained on, if other rows have other columns
    /// than these, or if the data are missing or malformed.
    pub fn rows(&mut self, wanted: &Wanted<'_>, data_dir: Option<&Path>) -> Result<(Dataset, Option<String>)> {
        let mut source = None;
        if wanted.data.is_none() {
            let own = Source::of(self.config.section("data"), data_dir, None)?;
            setup::same_data(&self.dir, &self.note, &own.note(self.config.section("data")))?;
            source = Some(own).filter(|_| wanted.label_column.is_none());
        }
        let label_column = wanted.label_column.iter().map(|column| format!("data.label_column={column}"));
        let data = wanted.data.iter().flat_map(|name| data::chosen(name));
        self.config.set(&data.chain(label_column).collect::<Vec<_>>(), &recipe::schema())?;
        if !self.config.section("data").text("file").is_empty() && (wanted.whole || wanted.data.is_some()) {
            self.config.set(&data::ALL_ROWS, &recipe::schema())?;
            source = None;
        }
        let unlabelled = self.note["width"].as_u64().filter(|_| wanted.data.is_some() && wanted.label_column.is_none());
        let unlabelled = unlabelled.map(|width| width as usize);
        let source = source.map_or_else(|| Source::of(self.config.section("data"), data_dir, unlabelled), Ok)?;
        self.check_columns(&source)?;
        Ok((self.preparation.apply(&source.splits.test)?, source.remark))
    }

    /// [`Preparation::log_density_shift`] of the rows `set`.
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
        let name = data::title(self.config.section("data"));
        Error::data(format_args!("data set {name} does not fit {}: {reason}", self.dir.env().display()))
    }
}

/// A checkpoint of a run.
pub struct Stored {
    /// Epochs or iterations after which it was written.
    pub epoch: u64,
    /// The model.
    pub model: Trained,
}

impl Stored {
    /// Reads the checkpoint `which` of the run in `dir`, whose configuration is `config`, for rows of `width` dimensions;
    /// `data` is the name of their data set if it is not that of the run.
    ///
    /// # Errors
    /// Exit code 7 if the checkpoint is missing, damaged or of another model; 3 if the width of the rows is not the model's;
    /// 4 if the run stopped before its first iteration; 2 if the model has no such checkpoint.
    pub fn load(dir: &RunDir, which: Which, config: &Config, (width, data): (usize, Option<&str>)) -> Result<Self> {
        let misfit = |path: &Path, reason: String| match data {
            Some(name) => Error::data(format_args!("data set {name} does not fit {}: {reason}", path.display())),
            None => Error::checkpoint(path, reason),
        };
        let (path, seed) = (file(dir, which), config.section("train").int("seed") as u64);
        let (epoch, model) = match setup::spec(config.kind())? {
            Spec::Steps(spec) => {
                let stored: Weights = load_weights(&path)?;
                let (model, mut params) = spec.create(config.section("model"), width, seed);
                fill(&mut params, &stored).map_err(|reason| misfit(&path, reason))?;
                let epoch = stored.metadata.get("epoch").and_then(|epoch| epoch.parse().ok());
                let epoch = epoch.ok_or_else(|| Error::checkpoint(&path, "no epoch is noted in it"))?;
                (epoch, Trained::Steps(spec, model, params))
            }
            Spec::Iterations(spec) if matches!(which, Which::Last) => {
                let mut estimator = (spec.build)(config.section("model"), config.section("train"), width, seed);
                let (state, notes) = load_arrays(&path)?;
                if notes.iteration == 0 {
                    return Err(Error::diverged(format_args!("{}: this run has no fit yet", dir.path().display())));
                }
                estimator.restore(&state).map_err(|reason| misfit(&path, reason))?;
                (notes.iteration, Trained::Iterations(estimator))
            }
            Spec::Iterations(spec) => {
                let problem = format!("--checkpoint best: {} keeps its last state only", spec.kind);
                return Err(Error::usage(problem));
            }
        };
        Ok(Self { epoch, model })
    }

    /// Loss or likelihood, clusters and latents of the rows of `set`, as the run itself found them for its `split`.
    pub fn evaluate(&self, config: &Config, set: &Dataset, split: Split) -> Result<Evaluation> {
        let train = config.section("train");
        Ok(match &self.model {
            Trained::Steps(spec, model, params) => {
                setup::check_values(config, spec, set)?;
                let rows = Rows { data: set, binarize: data::binarize(config.section("data")) };
                let place = (train.int("seed") as u64, evaluation_index(self.epoch, split));
                evaluation::evaluate((&**model, params), rows, train.int("batch"), place)
            }
            Trained::Iterations(estimator) => fitting::evaluate(&**estimator, &set.tensor()),
        })
    }
}

/// The file of a checkpoint.
pub fn file(dir: &RunDir, which: Which) -> PathBuf {
    dir.weights(match which {
        Which::Last => "last",
        Which::Best => "best",
    })
}

/// Puts stored weights into the parameters of a model built from the same configuration.
fn fill(params: &mut Params, stored: &Weights) -> std::result::Result<(), String> {
    if stored.tensors.len() != params.len() {
        return Err(format!("it holds {} tensors and the model has {}", stored.tensors.len(), params.len()));
    }
    for id in params.ids() {
        let (name, range, shape) = (params.name(id).to_string(), params.range(id), params.get(id).shape());
        let tensor = stored.tensors.get(&name).ok_or_else(|| format!("tensor `{name}` is missing"))?;
        if tensor.shape != shape[..] {
            return Err(format!("tensor `{name}` is {:?} and the model's {shape:?}", tensor.shape));
        }
        params.flat_mut()[range].copy_from_slice(&tensor.data);
    }
    Ok(())
}
