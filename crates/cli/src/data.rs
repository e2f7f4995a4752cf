//! Data sets: built in, folders of IDX files found on this machine, or tables; and how their rows become batches.

pub mod limits;
mod prepare;
mod projection;
mod table;

pub use table::is_table;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use elbo_datasets::{DataError, Dataset, Factors, Mixture, Proportions, Splits, Toy, ToyDensity, glyphs, idx};
use elbo_models::{Setting, Settings};
use elbo_tensor::{Stream, Tensor};
use serde_json::{Value, json};

use crate::machine::cache_dir::cache_dir;
use crate::machine::error::{Error, Result};
pub use prepare::Preparation;

/// The data sets that need no file: name and what they are.
pub fn built_in() -> impl Iterator<Item = (&'static str, &'static str)> {
    let sets = [
        ("glyphs", "28×28 grey digit-like images in 10 classes, drawn by a seeded program"),
        ("mixture", "labelled mixture of round Gaussians, in the plane unless data.dimensions says otherwise"),
        ("factors", "labelled rows of 40 columns from a linear model of 10 factors, which are a Gaussian mixture"),
    ];
    sets.into_iter().chain(Toy::ALL.map(|toy| (toy.name(), toy.about())))
}

/// The settings of section `[data]`.
pub fn settings() -> Vec<Setting> {
    const ROWS: [u64; 2] = [0, 100_000_000];
    const LAYOUTS: &[&str] = &["axes", "circle", "grid", "dirs", "triangle", "line"];
    let mut list = vec![
        Setting::text("name", "glyphs", "a built-in set (see `elbo data ls`) or a folder of IDX files such as mnist"),
        Setting::optional_path("file", "a table in place of the named set: a file .csv, .npy or .npz, one row a datum"),
        Setting::optional_path("test_file", "a table whose rows are the test rows; without it test_rows are drawn"),
        Setting::optional_text("label_column", "the table's column of labels: its name, its number from 0, or `last`"),
        Setting::choice(
            "header",
            "auto",
            &["auto", "yes", "no"],
            "whether the first row of a CSV file names the columns; auto: if a cell of it is no number",
        ),
        Setting::optional_text("member", "the array of an NPZ file; without it x, data, x_train, z or arr_0"),
        Setting::optional_text(
            "label_member",
            "the labels in an NPZ file; without it y, labels, label or y_train, if there",
        ),
        Setting::choice(
            "binarize",
            "none",
            &["none", "dynamic"],
            "pixels as they are, or 1[x > U(0,1)] drawn anew at every use",
        ),
        Setting::int(
            "valid_rows",
            1000,
            ROWS,
            "rows held out for validation (of IDX files: the first training rows; of a table: drawn at random); without use to models fitted by iterations",
        ),
        Setting::int(
            "train_rows",
            10_000,
            ROWS,
            "training rows of a generated set; of IDX files: rows used, 0 for all; of a table: always all that are left",
        ),
        Setting::int(
            "test_rows",
            2000,
            ROWS,
            "test rows of a generated set; of IDX files: rows used, 0 for all; of a table: drawn at random",
        ),
        Setting::choice(
            "test",
            "held-out",
            &["held-out", "train"],
            "the rows of the test metrics: held out, or the training rows themselves",
        ),
        Setting::int("seed", 1, [0, 1 << 53], "seed of a generated set, and of the rows of a table that are held out"),
        Setting::int("components", 3, [1, 1000], "components of the mixture, also that of the factors"),
        Setting::int("dimensions", 2, [2, 4096], "dimensions of the mixture"),
        Setting::choice("layout", "axes", LAYOUTS, "where the mixture's components lie"),
        Setting::positive(
            "std",
            0.7,
            1e6,
            "standard deviation of each component of the mixture, also that of the factors",
        ),
        Setting::positive(
            "separation",
            4.0,
            1e6,
            "distance scale of the mixture's layout; of the factors the standard deviation of the components' means",
        ),
        Setting::floats("weights", 1000, "weights of the mixture's components, in proportion; []: equal"),
        Setting::choice(
            "proportions",
            "multinomial",
            &["multinomial", "balanced"],
            "rows of each component: drawn with the weights, or their exact shares",
        ),
        Setting::bool("literal", false, "the toy densities with the misprints of their source"),
    ];
    list.extend(prepare::settings());
    list
}

impl From<DataError> for Error {
    fn from(error: DataError) -> Self {
        match &error {
            DataError::Io { .. } => Self::new(crate::machine::error::ExitCode::System, error),
            DataError::Invalid(_) => Self::usage(error),
            _ => Self::data(error),
        }
    }
}

/// What the data set of `[data]` is called in messages and reports.
pub fn title(data: &Settings) -> &str {
    let file = Path::new(data.text("file")).file_name().and_then(OsStr::to_str);
    file.unwrap_or(data.text("name"))
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

/// The toy density that `[data]` names, if it is one.
pub fn toy(data: &Settings) -> Option<ToyDensity> {
    if !data.text("file").is_empty() {
        return None;
    }
    let kind = data.text("name").parse().ok()?;
    Some(ToyDensity { kind, literal: data.bool("literal") })
}

/// The data that `[data]` describes, as the model sees them that is trained on them.
pub struct Loaded {
    /// The three splits.
    pub splits: Splits,
    /// What was done to their rows.
    pub preparation: Preparation,
    /// What tells these data from others, for `env.json`: see [`Source::note`].
    pub note: Value,
    /// See [`Source::remark`].
    pub remark: Option<String>,
}

/// Reads or generates the data that `[data]` describes and prepares their rows.
pub fn load(data: &Settings, data_dir: Option<&Path>) -> Result<Loaded> {
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
    pub fn of(data: &Settings, data_dir: Option<&Path>, unlabelled: Option<usize>) -> Result<Self> {
        let (mut splits, columns, remark) = if data.text("file").is_empty() {
            (named(data, data_dir)?, Vec::new(), None)
        } else {
            table::load(data, unlabelled)?
        };
        if data.text("test") == "train" {
            splits.test = splits.train.clone();
        }
        Ok(Self { splits, columns, remark })
    }

    /// The rows as a model sees them, by what is stored in the file `stored`, or by what is fitted to them.
    pub fn prepared(self, data: &Settings, stored: Option<&Path>) -> Result<Loaded> {
        let train = &self.splits.train;
        let preparation = match stored {
            Some(path) => Preparation::restore(path, data, train.width())?,
            None => Preparation::fit(data, train)?,
        };
        let splits = preparation.apply_all(&self.splits)?;
        Ok(Loaded { splits, preparation, note: self.note(data), remark: self.remark })
    }

    /// Rows and checksum of each split, the numbers in a row, and the names of the columns.
    pub fn note(&self, data: &Settings) -> Value {
        let split = |set: &Dataset| json!({"rows": set.rows(), "checksum": format!("{:016x}", set.checksum())});
        json!({
            "name": title(data),
            "width": self.splits.train.width(),
            "columns": self.columns,
            "train": split(&self.splits.train),
            "valid": split(&self.splits.valid),
            "test": split(&self.splits.test),
        })
    }
}

/// The splits of the set that `data.name` names.
fn named(data: &Settings, data_dir: Option<&Path>) -> Result<Splits> {
    let rows = |key| data.int(key);
    let seed = rows("seed") as u64;
    if !data.text("test_file").is_empty() {
        return Err(Error::usage("data.test_file is the test set of a table; data.file must name the table"));
    }
    if rows("train_rows") == 0 && built_in().any(|(name, _)| name == data.text("name")) {
        return Err(Error::usage("data.train_rows = 0: a generated set needs at least 1 training row"));
    }
    let width = match data.text("name") {
        "glyphs" => glyphs::SIDE * glyphs::SIDE,
        "mixture" => data.int("dimensions"),
        "factors" => 40,
        _ => 2,
    };
    if built_in().any(|(name, _)| name == data.text("name")) {
        limits::generated(generated_rows(data), width)?;
    }
    let [train, valid, test] = ["train_rows", "valid_rows", "test_rows"].map(rows);
    let cut = |all: Dataset| {
        let [a, b] = [train, train + valid];
        Splits { train: all.slice(0..a), valid: all.slice(a..b), test: all.slice(b..b + test) }
    };
    Ok(match (data.text("name"), toy(data)) {
        ("glyphs", _) => glyphs::generate(train, valid, test, seed),
        ("mixture", _) => cut(mixture(data)?.generate(seed)?),
        ("factors", _) => cut(factors(data).generate(seed)?),
        (_, Some(density)) => cut(density.generate(train + valid + test, seed)?),
        (name, None) => {
            let (train, test) = idx::load_folder(&find(name, data_dir)?)?;
            let first = |set: Dataset, key| {
                let wanted = rows(key);
                if wanted == 0 || wanted >= set.rows() { set } else { set.slice(0..wanted) }
            };
            let splits = Splits::holdout(train, test, valid)?;
            Splits { train: first(splits.train, "train_rows"), test: first(splits.test, "test_rows"), ..splits }
        }
    })
}

/// Rows of a generated set, over all splits.
fn generated_rows(data: &Settings) -> usize {
    ["train_rows", "valid_rows", "test_rows"].map(|key| data.int(key)).iter().sum()
}

/// The mixture that `[data]` describes.
fn mixture(data: &Settings) -> Result<Mixture> {
    Ok(Mixture {
        components: data.int("components"),
        dimensions: data.int("dimensions"),
        rows: generated_rows(data),
        std: data.float("std"),
        separation: data.float("separation"),
        weights: Some(data.floats("weights").to_vec()).filter(|weights| !weights.is_empty()),
        layout: data.text("layout").parse()?,
        proportions: match data.text("proportions") {
            "balanced" => Proportions::Balanced,
            _ => Proportions::Multinomial,
        },
    })
}

/// The factor model that `[data]` describes.
fn factors(data: &Settings) -> Factors {
    Factors {
        components: data.int("components"),
        rows: generated_rows(data),
        std: data.float("std"),
        separation: data.float("separation"),
    }
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
        return Err(Error::usage(format_args!("{name}: {}", table::ENDINGS)));
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
            return Error::usage(format_args!("no data set `{name}`; {}", table::ENDINGS));
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

/// Whether `[data]` asks for binarised rows.
pub fn binarize(data: &Settings) -> bool {
    data.text("binarize") == "dynamic"
}
