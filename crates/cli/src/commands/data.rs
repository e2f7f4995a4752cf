//! `elbo data`: find, describe and download data sets.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use elbo_datasets::{Dataset, Values, idx};

use crate::data::formats::is_table;
use crate::data::{BuiltIn, DataOptions, Loaded, built_in, load, roots};
use crate::machine::error::Result;
use crate::machine::output;

/// Subcommands of `elbo data`.
#[derive(Debug, Subcommand)]
pub enum Data {
    /// List the data sets that can be used by name
    Ls {
        /// Folder in which data sets are looked for before the others
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Show rows, shape, labels and checksum of a data set
    Describe {
        /// Name of the data set, or the file of a table
        name: String,
        /// The table's column of labels: its name, its number from 0, or `last`
        #[arg(long, value_name = "COLUMN")]
        label_column: Option<String>,
        /// Folder in which data sets are looked for before the others
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Download a data set into the cache (needs a build with `--features download`)
    Fetch {
        /// Name of the data set
        name: String,
    },
}

/// Runs a subcommand.
pub fn run(args: &Data) -> Result<()> {
    match args {
        Data::Ls { data_dir } => list(data_dir.as_deref()),
        Data::Describe { name, label_column, data_dir } => describe(name, label_column.as_deref(), data_dir.as_deref()),
        Data::Fetch { name } => fetch(name),
    }
}

fn list(data_dir: Option<&Path>) -> Result<()> {
    let mut text: String =
        built_in().map(|BuiltIn { name, about, .. }| format!("{name:16} built in: {about}\n")).collect();
    for root in roots(data_dir) {
        let Ok(entries) = std::fs::read_dir(&root) else { continue };
        let mut dirs: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        dirs.push(root);
        dirs.sort();
        for dir in dirs.iter().filter(|dir| idx::is_folder(dir)) {
            let name = dir.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            let line = format!("{name:16} IDX files in {}\n", dir.display());
            if !text.contains(&line) {
                text += &line;
            }
        }
    }
    output::data(&text)
}

fn describe(name: &str, label_column: Option<&str>, data_dir: Option<&Path>) -> Result<()> {
    let mut data = DataOptions { label_column: label_column.unwrap_or_default().into(), ..DataOptions::default() };
    *(if is_table(name) { &mut data.file } else { &mut data.name }) = name.into();
    if !built_in().any(|set| set.name == name) {
        // All rows of files, as they are.
        data = DataOptions { train_rows: 0, valid_rows: 0, test_rows: 0, ..data };
    }
    let Loaded { splits, remark, .. } = load(&data, data_dir)?;
    output::remark(remark.as_deref(), false);
    let mut text = String::new();
    for (split, set) in [("train", &splits.train), ("valid", &splits.valid), ("test", &splits.test)] {
        if set.rows() > 0 {
            text += &line(split, set);
        }
    }
    output::data(&text)
}

fn line(split: &str, set: &Dataset) -> String {
    let values = match set.values() {
        Values::Bytes(_) => "bytes, read as intensities in [0, 1]",
        Values::Reals(_) if set.is_intensity() => "real values, all in [0, 1]",
        Values::Reals(_) => "real values",
    };
    let labels = set.labels().map_or("no labels".to_string(), |labels| {
        let mut counts = vec![0usize; labels.classes];
        labels.values.iter().for_each(|&label| counts[label as usize] += 1);
        let names = if set.class_names().is_empty() { String::new() } else { format!(" {:?}", set.class_names()) };
        format!("{} classes{names} of {counts:?}", labels.classes)
    });
    format!("{split:5} {} rows of {:?} {values}; {labels}; checksum {:016x}\n", set.rows(), set.shape(), set.checksum())
}

#[cfg(not(feature = "download"))]
fn fetch(_name: &str) -> Result<()> {
    Err(crate::machine::error::Error::usage("this build cannot download; build with `--features download`"))
}

#[cfg(feature = "download")]
fn fetch(name: &str) -> Result<()> {
    use crate::machine::error::{Error, ExitCode};
    use crate::machine::fetch::{Connection, FetchErrorKind, SETS, fetch};

    let Some(set) = SETS.iter().find(|set| set.name == name) else {
        let names: Vec<&str> = SETS.iter().map(|set| set.name).collect();
        return Err(Error::usage(format_args!("no data set `{name}` to download; there are {}", names.join(", "))));
    };
    let cache = crate::machine::cache_dir::cache_dir(|variable| std::env::var_os(variable));
    let cache = cache.ok_or_else(|| Error::usage("no cache folder: set ELBO_DATA_DIR or HOME"))?;
    let into = cache.join(name);
    let mut shown = String::new();
    let mut progress = |file: &str, done: u64, total: Option<u64>| {
        let share = total.filter(|&t| t > 0).map_or(String::new(), |t| format!(" {}%", 100 * done / t / 10 * 10));
        let line = format!("{file}{share}");
        if line != shown {
            output::note(&line);
            shown = line;
        }
    };
    let outcome = fetch(set, set.mirrors, &into, &Connection::default(), &mut progress).map_err(|error| {
        let code = if error.kind == FetchErrorKind::Malformed { ExitCode::Data } else { ExitCode::System };
        Error::new(code, error)
    })?;
    let (new, old) = (outcome.downloaded.len(), outcome.present.len());
    output::data(&format!("{}: {new} files downloaded, {old} were there\n", into.display()))
}
