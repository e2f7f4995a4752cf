//! Tables from files of the user: CSV, NPY and NPZ.

use std::path::Path;

use elbo_datasets::npz::{self, Npz};
use elbo_datasets::{LabelColumn, Splits, Table, csv, npy};
use elbo_tensor::{Purpose, Real, stream};

use super::options::DataOptions;
use crate::machine::error::{Error, Result};

/// The kinds of tables, told by the ends of their names.
#[derive(Clone, Copy, PartialEq)]
enum Format {
    Csv,
    Npy,
    Npz,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_ascii_lowercase().to_str()? {
            "csv" => Some(Self::Csv),
            "npy" => Some(Self::Npy),
            "npz" => Some(Self::Npz),
            _ => None,
        }
    }
}

/// What the files that are read are called.
pub const ENDINGS: &str = "the name of a table ends with .csv, .npy or .npz";

/// Whether `name` is the path of a table and not the name of a data set.
pub fn is_table(name: &str) -> bool {
    Format::of(Path::new(name)).is_some()
}

/// The splits of `data.file`, the names of its columns and a remark on it: the rows of `data.test_file`, or
/// `data.test_rows` of its own drawn by `data.seed`, are the test; `data.valid_rows` are drawn for validation; all
/// others are trained on. Each split keeps the order of the file. Tables of `unlabelled` columns may lack the labels.
pub fn load(data: &DataOptions, unlabelled: Option<usize>) -> Result<(Splits, Vec<String>, Option<String>)> {
    let path = Path::new(&data.file);
    let mut table = read(path, data, false, unlabelled)?;
    let rows = table.rows();
    let test_file = Some(data.test_file.as_str()).filter(|file| !file.is_empty());
    if let Some(test_file) = test_file {
        table.append(read(Path::new(test_file), data, true, unlabelled)?)?;
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

/// The table at `path`; of an archive the arrays of a test set if `test`. One of `unlabelled` columns
/// may lack the labels.
fn read(path: &Path, data: &DataOptions, test: bool, unlabelled: Option<usize>) -> Result<Table> {
    let label_column = Some(data.label_column.as_str()).filter(|column| !column.is_empty()).map(|column| {
        let column = LabelColumn::new(column);
        unlabelled.map_or(column, |width| column.or_none_of(width))
    });
    match Format::of(path) {
        Some(Format::Csv) => Ok(csv::read(path, data.header, label_column)?),
        Some(Format::Npy) => Ok(npy::read(path, label_column)?),
        Some(Format::Npz) => {
            let archive = Npz::open(path)?;
            let member = data_member(path, &archive, data, test)?;
            let table = archive.read(&member, label_column)?;
            Ok(match label_member(&archive, data, test, unlabelled.is_some()) {
                Some(labels) if label_column.is_none() => table.with_labels(archive.read_labels(&labels)?)?,
                _ => table,
            })
        }
        None => Err(Error::usage(format_args!("{}: {ENDINGS}", path.display()))),
    }
}

/// The member that holds the rows.
fn data_member(path: &Path, archive: &Npz, data: &DataOptions, test: bool) -> Result<String> {
    let usual = if test { npz::TEST_DATA } else { npz::DATA };
    let named = data.member.as_str();
    let wanted = if named.is_empty() { usual } else { &[named] };
    let found = archive.find(wanted).map(str::to_owned);
    found.ok_or_else(|| {
        let hint = if named.is_empty() { "; data.member chooses one" } else { "" };
        Error::data(format_args!("{}: {}{hint}", path.display(), archive.absent(wanted)))
    })
}

/// The member that holds the labels: the one that is named, which must be there unless it is `optional`, or one with a
/// usual name if there is one.
fn label_member(archive: &Npz, data: &DataOptions, test: bool, optional: bool) -> Option<String> {
    let usual = if test { npz::TEST_LABELS } else { npz::LABELS };
    match data.label_member.as_str() {
        "" => archive.find(usual).map(str::to_owned),
        named => Some(named.to_owned()).filter(|named| !optional || archive.find(&[named]).is_some()),
    }
}
