//! Tables from files of the user.

use std::path::Path;

use elbo_datasets::{Splits, Table};
use elbo_tensor::{Purpose, Real, stream};

use super::formats::{Format, Reading, endings};
use super::options::DataOptions;
use crate::machine::error::{Error, Result};

/// The splits of `data.file`, the names of its columns and a remark on it: the rows of `data.test_file`, or
/// `data.test_rows` of its own drawn by `data.seed`, are the test; `data.valid_rows` are drawn for validation; all
/// others are trained on. Each split keeps the order of the file. Tables of `unlabelled` columns may lack the labels.
pub fn load(data: &DataOptions, unlabelled: Option<usize>) -> Result<(Splits, Vec<String>, Option<String>)> {
    let path = Path::new(&data.file);
    let mut table = read(path, &Reading { data, test: false, unlabelled })?;
    let rows = table.rows();
    let test_file = Some(data.test_file.as_str()).filter(|file| !file.is_empty());
    if let Some(test_file) = test_file {
        table.append(read(Path::new(test_file), &Reading { data, test: true, unlabelled })?)?;
    }
    let valid_rows = data.valid_rows;
    let test_rows = if test_file.is_some() { 0 } else { data.test_rows };
    if valid_rows + test_rows >= rows {
        let test = if test_file.is_some() { String::new() } else { format!(" and data.test_rows = {test_rows}") };
        let advice = match (rows / 10, test_file) {
            (0, _) => "--set data.valid_rows=0 --set data.test_rows=0 holds none out".to_string(),
            (tenth, Some(_)) => format!("for example --set data.valid_rows={tenth}"),
            (tenth, None) => format!("for example --set data.valid_rows={tenth} --set data.test_rows={}", 2 * tenth),
        };
        return Err(Error::usage(format_args!(
            "{} has {rows} rows: data.valid_rows = {valid_rows}{test} leave none to train on; {advice}",
            path.display()
        )));
    }
    let (columns, remark) = (std::mem::take(&mut table.columns), remark(&table));
    // Both files become one data set first, so that they agree in what the classes are.
    let all = table.into_dataset(path.file_name().unwrap_or_default().to_string_lossy())?;
    let rng = &mut stream(data.seed, Purpose::Data, 0);
    let splits = if test_file.is_none() {
        Splits::random(&all, valid_rows, test_rows, rng)?
    } else {
        let test = all.slice(rows..all.rows());
        Splits { test, ..Splits::random(&all.slice(0..rows), valid_rows, 0, rng)? }
    };
    Ok((splits, columns, remark))
}

/// What single precision takes from the table, in one line.
fn remark(table: &Table) -> Option<String> {
    let (first, rest) = table.coarse.split_first()?;
    let more = if rest.is_empty() { String::new() } else { format!(" (and of {} more columns)", rest.len()) };
    let (path, bits) = (table.path.display(), 8 * size_of::<Real>());
    Some(format!(
        "{path}: {first}: rounding to {bits} bits takes more than 1 % of its standard deviation{more}; \
         subtract a constant"
    ))
}

/// The table at `path`.
fn read(path: &Path, reading: &Reading<'_>) -> Result<Table> {
    let problem = || Error::usage(format_args!("{}: the name of a table ends with {}", path.display(), endings()));
    Format::of(path).ok_or_else(problem)?.read(path, reading)
}
