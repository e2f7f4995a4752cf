//! Data sets: built in, folders of IDX files found on this machine, or tables; and how their rows become batches.

pub mod formats;
pub mod limits;
mod options;
mod prepare;
mod projection;
mod sets;
mod table;

use std::path::{Path, PathBuf};

use elbo_datasets::{DataError, Dataset, Splits, idx};
use elbo_tensor::{Stream, Tensor};
use serde_json::{Value, json};

use crate::machine::cache_dir::cache_dir;
use crate::machine::error::{Error, Result};
use formats::{endings, is_table};
pub use options::DataOptions;
use options::TestRows;
pub use prepare::Preparation;
pub use sets::{BuiltIn, built_in};

impl From<DataError> for Error {
    fn from(error: DataError) -> Self {
        match &error {
            DataError::Io { .. } => Self::new(crate::machine::error::ExitCode::System, error),
            DataError::Invalid(_) => Self::usage(error),
            _ => Self::data(error),
        }
    }
}

/// The `--set` arguments that choose the data set `name`: a path of a table, or the name of a set.
pub fn chosen(name: &str) -> [String; 2] {
    if is_table(name) {
        [format!("data.file={name}"), "data.test_file=".into()]
    } else {
        [format!("data.name={name}"), "data.file=".into()]
    }
}

/// The `--set` arguments that make all rows of a table its test rows, in the order of the file.
pub const ALL_ROWS: [&str; 4] = ["data.test_file=", "data.valid_rows=0", "data.test_rows=0", "data.test=train"];

/// The data that `[data]` describes, as the model sees them that is trained on them.
pub struct Loaded {
    /// The three splits.
    pub splits: Splits,
    /// What was done to their rows.
    pub preparation: Preparation,
    /// See [`Source::columns`].
    pub columns: Vec<String>,
    /// What tells these data from others, for `env.json`: see [`Source::note`].
    pub note: Value,
    /// See [`Source::remark`].
    pub remark: Option<String>,
}

/// Reads or generates the data that `[data]` describes and prepares their rows.
pub fn load(data: &DataOptions, data_dir: Option<&Path>) -> Result<Loaded> {
    Source::of(data, data_dir, None)?.prepared(data, None)
}

/// Data as they are stored or generated.
pub struct Source {
    /// The three splits.
    pub splits: Splits,
    /// The names of the columns of a table that has a header, the labels' left out; else empty.
    pub columns: Vec<String>,
    /// What somebody should know who uses them, in one line.
    pub remark: Option<String>,
}

impl Source {
    /// Reads or generates the data that `[data]` describes. A table of `unlabelled` columns may lack the labels.
    pub fn of(data: &DataOptions, data_dir: Option<&Path>, unlabelled: Option<usize>) -> Result<Self> {
        let (mut splits, columns, remark) = if data.file.is_empty() {
            (named(data, data_dir)?, Vec::new(), None)
        } else {
            table::load(data, unlabelled)?
        };
        if data.test == TestRows::Train {
            splits.test = splits.train.clone();
        }
        Ok(Self { splits, columns, remark })
    }

    /// The rows as a model sees them, by what is stored in the file `stored`, or by what is fitted to them.
    pub fn prepared(self, data: &DataOptions, stored: Option<&Path>) -> Result<Loaded> {
        let train = &self.splits.train;
        let preparation = match stored {
            Some(path) => Preparation::restore(path, data, train.width())?,
            None => Preparation::fit(data, train)?,
        };
        let splits = preparation.apply_all(&self.splits)?;
        let note = self.note(data);
        Ok(Loaded { splits, preparation, columns: self.columns, note, remark: self.remark })
    }

    /// Rows and checksum of each split, the numbers in a row, and the names of the columns.
    pub fn note(&self, data: &DataOptions) -> Value {
        let split = |set: &Dataset| json!({"rows": set.rows(), "checksum": format!("{:016x}", set.checksum())});
        json!({
            "name": data.title(),
            "width": self.splits.train.width(),
            "columns": self.columns,
            "train": split(&self.splits.train),
            "valid": split(&self.splits.valid),
            "test": split(&self.splits.test),
        })
    }
}

/// The splits of the set that `data.name` names.
fn named(data: &DataOptions, data_dir: Option<&Path>) -> Result<Splits> {
    if !data.test_file.is_empty() {
        return Err(Error::usage("data.test_file is the test set of a table; data.file must name the table"));
    }
    if let Some(set) = built_in().find(|set| set.name == data.name) {
        return set.splits(data);
    }
    let (train, test) = idx::load_folder(&find(&data.name, data_dir)?)?;
    let first = |set: Dataset, wanted| if wanted == 0 || wanted >= set.rows() { set } else { set.slice(0..wanted) };
    let splits = Splits::holdout(train, test, data.valid_rows)?;
    Ok(Splits { train: first(splits.train, data.train_rows), test: first(splits.test, data.test_rows), ..splits })
}

/// The folders in which data sets are looked for, in order: each itself, then its subfolder with the set's name.
pub fn roots(data_dir: Option<&Path>) -> Vec<PathBuf> {
    let cache = cache_dir(|variable| std::env::var_os(variable));
    data_dir.map(PathBuf::from).into_iter().chain(cache).collect()
}

/// The folder of IDX files for `name`.
fn find(name: &str, data_dir: Option<&Path>) -> Result<PathBuf> {
    if is_table(name) {
        return Err(Error::usage(format_args!("data.name = {name:?} is a name; give a table as data.file")));
    }
    let path = Path::new(name);
    if path.is_file() || (name.contains(['/', '\\']) && path.extension().is_some() && !path.is_dir()) {
        return Err(Error::usage(format_args!("{name}: the name of a table ends with {}", endings())));
    }
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return Err(Error::usage(format_args!(
            "data.name = {name:?} is a name, not a path; give the folder as --data-dir"
        )));
    }
    let places: Vec<PathBuf> = roots(data_dir).into_iter().flat_map(|root| [root.clone(), root.join(name)]).collect();
    if let Some(dir) = data_dir.filter(|dir| !dir.is_dir()) {
        return Err(Error::data(format_args!("--data-dir {}: no such folder", dir.display())));
    }
    places.iter().find(|dir| idx::is_folder(dir)).cloned().ok_or_else(|| {
        let looked: Vec<String> = places.iter().map(|dir| dir.display().to_string()).collect();
        let hint = if name == "mnist" {
            "; `elbo data fetch mnist` downloads it (build with --features download)"
        } else {
            ""
        };
        if path.extension().is_some() {
            let endings = endings();
            return Error::usage(format_args!("no data set `{name}`; the name of a table ends with {endings}"));
        }
        Error::data(format_args!("no data set `{name}` in {}{hint}", looked.join(", ")))
    })
}

/// Rows of a split as batches for a model.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The split.
    pub data: &'a Dataset,
    /// Whether rows are binarised, anew each time.
    pub binarize: bool,
}

impl Rows<'_> {
    /// The rows `indices` as `[b, d]`.
    pub fn batch(&self, indices: &[u32], rng: &mut Stream) -> Tensor {
        if !self.binarize {
            return self.data.batch(indices);
        }
        let mut x = Tensor::scratch([indices.len(), self.data.width()]);
        self.data.gather_binarized(indices, rng, x.as_mut_slice());
        x
    }
}
