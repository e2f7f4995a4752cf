//! CSV files (RFC 4180): a table as text, cells separated by commas.
//!
//! Numbers have a decimal point; cells may be quoted; lines end in LF or CRLF; a byte order mark and empty lines are
//! skipped. Nothing is filled in: a missing cell is an error, as is every cell that is not a finite number outside the
//! column of labels.

mod write;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use ::csv::{ByteRecord, Position, Reader, ReaderBuilder};
use elbo_tensor::Real;

use crate::error::shown;
use crate::npy::unfit;
use crate::rounding::Roundings;
use crate::{DataError, LabelColumn, Place, Table, file};

pub use write::write;

/// Whether the first row holds the names of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Header {
    /// It does if one of its cells is neither missing nor a number; a column of labels that is told by its place does
    /// not count, one that is told by its name needs a header.
    #[default]
    Auto,
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// Reads a table. `labels` is the column of labels, which may hold any text; without it there are no labels.
///
/// # Errors
/// [`DataError`] if the file is missing, cannot be read or is no such table; a cell is named by line and column.
pub fn read(path: impl AsRef<Path>, header: Header, labels: Option<LabelColumn<'_>>) -> Result<Table, DataError> {
    let path = path.as_ref();
    let (mut file, _) = file::open(path, "a CSV file")?;
    let start = file::start(path, &mut file, 512)?;
    if start.is_empty() || start.contains(&0) || SIGNATURES.iter().any(|signature| start.starts_with(signature)) {
        return Err(DataError::malformed(path, 0, format!("{}, not CSV in UTF-8", file::describe(&start))));
    }
    let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
    let mut records = Records { path, reader, record: ByteRecord::new(), names: Vec::new() };
    if !records.advance()? {
        return Err(records.fault(Place::Line(1), "there are no rows"));
    }
    let first: Vec<String> =
        (0..records.record.len()).map(|column| records.cell(column).map(str::to_owned)).collect::<Result<_, _>>()?;
    if let Some(separator) = foreign_separator(&first, &start) {
        return Err(records.fault_here(format!("cells are separated by {separator}; commas are wanted{CONVERT}")));
    }
    let has_header = match header {
        Header::Yes => true,
        Header::No => false,
        Header::Auto => looks_like_header(&first, labels),
    };
    if has_header {
        records.take_names(first)?;
        if !records.advance()? {
            return Err(records.fault(Place::Line(1), "there is a header, but no rows"));
        }
    }
    records.table(labels)
}

/// How files begin that are no text in UTF-8: gzip, zip, UTF-16 in both byte orders.
const SIGNATURES: [&[u8]; 4] = [b"\x1f\x8b", b"PK\x03\x04", b"\xff\xfe", b"\xfe\xff"];

/// What a refusal of another dialect ends with.
const CONVERT: &str = " (export the table with comma and decimal point)";

/// Texts that stand for a missing number, in any case.
const MISSING: [&str; 8] = ["", "na", "nan", "n/a", "#n/a", "null", "none", "?"];
/// Texts that stand for a missing label: a class may well be called `none`.
const MISSING_LABEL: [&str; 3] = ["", "na", "nan"];

fn is_missing(cell: &str) -> bool {
    is_one_of(&MISSING, cell)
}

fn is_one_of(words: &[&str], cell: &str) -> bool {
    words.iter().any(|word| cell.trim().eq_ignore_ascii_case(word))
}

fn number(cell: &str) -> Option<f64> {
    cell.trim().parse().ok()
}

/// Whether a first row of these cells is a header, see [`Header::Auto`].
fn looks_like_header(first: &[String], labels: Option<LabelColumn<'_>>) -> bool {
    let label = match labels {
        None => None,
        Some(labels) => match labels.find(&[], first.len()) {
            Ok(column) => column,
            Err(_) if labels.is_name() => return true,
            Err(_) => None,
        },
    };
    let is_name =
        |(column, cell): (usize, &String)| Some(column) != label && !is_missing(cell) && number(cell).is_none();
    first.iter().enumerate().any(is_name)
}

/// What separates the cells of the first row of a file with this start, if it is not commas.
fn foreign_separator(first: &[String], start: &[u8]) -> Option<&'static str> {
    let numbers =
        |cell: &str| cell.contains(';') && cell.split(';').all(|part| is_missing(part) || number(part).is_some());
    match first {
        [cell] if cell.contains(';') => Some("`;`"),
        [cell] if cell.trim().contains('\t') => Some("tabs"),
        // With decimal commas a row of `1,5;2,5` falls into `1`, `5;2`, `5`.
        cells if cells.iter().any(|cell| numbers(cell)) => Some("`;`"),
        _ if quoted_between_semicolons(start) => Some("`;`"),
        _ => None,
    }
}

/// Whether all commas of the first line stand within quotes and a semicolon does not, as in `"1,5";"2,5"`.
fn quoted_between_semicolons(start: &[u8]) -> bool {
    let line = start.split(|byte| b"\r\n".contains(byte)).find(|line| !line.is_empty()).unwrap_or_default();
    let outside = |wanted: u8| {
        let mut quoted = false;
        line.iter().any(|&byte| {
            quoted ^= byte == b'"';
            !quoted && byte == wanted
        })
    };
    outside(b';') && !outside(b',')
}

/// Why a cell that should be a number is none.
fn no_number(cell: &str) -> String {
    let trimmed = cell.trim();
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let decimal_comma = trimmed
        .trim_start_matches(['-', '+'])
        .split_once(',')
        .is_some_and(|(whole, fraction)| digits(whole) && digits(fraction));
    let why = if decimal_comma {
        format!(": a comma is no decimal point{CONVERT}")
    } else if trimmed.contains(';') {
        format!(": cells are separated by commas, not `;`{CONVERT}")
    } else {
        "; text is allowed only in the column of labels".into()
    };
    format!("{} is not a number{why}", shown(cell))
}

/// The rows of an open file.
struct Records<'a> {
    path: &'a Path,
    reader: Reader<File>,
    record: ByteRecord,
    /// The names of the columns, if the file has a header.
    names: Vec<String>,
}

impl Records<'_> {
    /// Goes to the next row; whether there is one.
    fn advance(&mut self) -> Result<bool, DataError> {
        let read = self.reader.read_byte_record(&mut self.record);
        read.map_err(|error| DataError::Io { path: self.path.to_owned(), source: error.into() })
    }

    fn fault(&self, place: Place, reason: impl Into<String>) -> DataError {
        DataError::Table { path: self.path.to_owned(), place, reason: reason.into() }
    }

    /// What is wrong with the current row.
    fn fault_here(&self, reason: impl Into<String>) -> DataError {
        self.fault(Place::Line(self.line()), reason)
    }

    /// What is wrong with a cell of the current row.
    fn fault_in(&self, column: usize, reason: impl Into<String>) -> DataError {
        let line = self.line();
        let name = self.names.get(column).cloned();
        self.fault(Place::Cell { line, column: column + 1, name }, reason)
    }

    /// The line on which the current row begins, from 1.
    fn line(&self) -> u64 {
        let start = self.record.position().map_or(0, Position::byte);
        line_of(self.path, start).unwrap_or(0)
    }

    fn cell(&self, column: usize) -> Result<&str, DataError> {
        std::str::from_utf8(&self.record[column]).map_err(|error| {
            let byte = self.record[column][error.valid_up_to()];
            self.fault_in(column, format!("the byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"))
        })
    }

    fn take_names(&mut self, names: Vec<String>) -> Result<(), DataError> {
        self.names = names.into_iter().map(|name| name.trim().to_owned()).collect();
        let mut places = HashMap::new();
        for (column, name) in self.names.iter().enumerate() {
            if let Some(first) = places.insert(name, column) {
                return Err(self.fault_in(column, format!("column {} has this name already", first + 1)));
            }
        }
        Ok(())
    }

    /// The table of the current row and those after it.
    fn table(mut self, labels: Option<LabelColumn<'_>>) -> Result<Table, DataError> {
        let width = self.record.len();
        let cells = if self.names.is_empty() { width } else { self.names.len() };
        let found = labels.map_or(Ok(None), |labels| labels.find(&self.names, cells));
        let label = found.map_err(|reason| self.fault(Place::Line(1), reason))?;
        let width = cells - usize::from(label.is_some());
        if width == 0 {
            return Err(self.fault_here("no column is left beside the labels"));
        }
        let (mut values, mut texts, mut roundings) = (Vec::new(), Vec::new(), Roundings::default());
        loop {
            if self.record.len() != cells {
                return Err(self.fault_here(format!("{} cells, but the first row has {cells}", self.record.len())));
            }
            for column in 0..cells {
                if label == Some(column) {
                    texts.push(self.label(column)?);
                } else {
                    values.push(self.value(column, &mut roundings)?);
                }
            }
            if !self.advance()? {
                break;
            }
        }
        let coarse = roundings.coarse().into_iter().map(|column| match self.names.get(column) {
            Some(name) => format!("column {} ({})", column + 1, shown(name)),
            None => format!("column {}", column + 1),
        });
        let coarse = coarse.collect();
        let mut columns = self.names;
        if let Some(label) = label.filter(|_| !columns.is_empty()) {
            columns.remove(label);
        }
        let labels = label.map(|_| texts);
        Ok(Table { path: self.path.to_owned(), shape: vec![width], columns, values, labels, coarse })
    }

    fn label(&self, column: usize) -> Result<String, DataError> {
        let cell = self.cell(column)?;
        if is_one_of(&MISSING_LABEL, cell) {
            return Err(self.fault_in(column, format!("the label is missing ({})", shown(cell))));
        }
        Ok(cell.trim().to_owned())
    }

    fn value(&self, column: usize, roundings: &mut Roundings) -> Result<Real, DataError> {
        let cell = self.cell(column)?;
        if is_missing(cell) {
            return Err(self.fault_in(column, format!("the value is missing ({})", shown(cell))));
        }
        // Not by way of f64: a number rounded twice may not read back to the bit.
        let value: Real = cell.trim().parse().map_err(|_| self.fault_in(column, no_number(cell)))?;
        let exact = number(cell).unwrap_or(f64::NAN);
        if !value.is_finite() {
            return Err(self.fault_in(column, unfit(exact)));
        }
        roundings.add(column, exact);
        Ok(value)
    }
}

/// The line, from 1, of the first byte at or after `start` that ends no line. The reader itself miscounts where lines
/// end in CRLF or are empty; so lines are counted anew, which only an error does.
fn line_of(path: &Path, start: u64) -> std::io::Result<u64> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut line, mut end, mut text) = (1, 0, Vec::new());
    loop {
        text.clear();
        end += reader.read_until(b'\n', &mut text)? as u64;
        let begins = end > start && text.iter().rev().take((end - start) as usize).any(|byte| !b"\r\n".contains(byte));
        if begins || text.is_empty() {
            return Ok(line);
        }
        line += 1;
    }
}
