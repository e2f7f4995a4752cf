//! `metrics.csv`: one row an epoch.

use std::path::Path;

use crate::machine::error::{Error, Result};
use crate::machine::files;

/// Column of wall-clock seconds, the only one that differs between equal runs.
pub const ELAPSED: &str = "elapsed_s";

/// The table in memory: it is rewritten as a whole at every checkpoint, so a reader never sees half a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    header: Vec<String>,
    rows: Vec<Vec<Option<f64>>>,
}

impl Metrics {
    /// Reads every row.
    ///
    /// # Errors
    /// Exit code 3 with file and line if a row is malformed; 5 if the system cannot read.
    pub fn read_all(path: &Path) -> Result<Self> {
        let text = files::read_text(path)?;
        let mut lines = text.lines();
        let header: Vec<String> = lines.next().unwrap_or("").split(',').map(String::from).collect();
        let mut rows = Vec::new();
        for (number, line) in lines.enumerate() {
            let row: Vec<Option<f64>> = line.split(',').filter_map(read_cell).collect();
            if row.len() != header.len() {
                let (place, wanted) = (format!("{}:{}", path.display(), number + 2), header.len());
                let found = row.len();
                return Err(Error::data(format_args!(
                    "{place}: expected {wanted} values, one per column, found {found}"
                )));
            }
            rows.push(row);
        }
        Ok(Self { header, rows })
    }

    /// Reads the rows up to that of `epoch`, of an earlier part of the run.
    ///
    /// # Errors
    /// As for [`Metrics::read_all`], and exit code 3 if a row is missing.
    pub fn read(path: &Path, epoch: u64) -> Result<Self> {
        let mut read = Self::read_all(path)?;
        read.rows.retain(|row| row[0].is_some_and(|number| number <= epoch as f64));
        // A run that started from another one's checkpoint has no row 1.
        let first = read.rows.first().and_then(|row| row[0]).unwrap_or(1.0);
        let wanted = (first as u64..=epoch).count();
        if read.rows.len() != wanted {
            let (path, found) = (path.display(), read.rows.len());
            return Err(Error::data(format_args!("{path}: {found} rows for the {wanted} epochs of the checkpoint")));
        }
        Ok(read)
    }

    /// Adds the row of an epoch. A column that is new is empty in the rows before, and one without a value is empty in
    /// this row.
    pub fn push(&mut self, row: &[(String, f64)]) {
        let mut values = vec![None; self.header.len()];
        for (name, value) in row {
            match self.header.iter().position(|column| column == name) {
                Some(column) => values[column] = Some(*value),
                None => {
                    self.header.push(name.clone());
                    self.rows.iter_mut().for_each(|row| row.push(None));
                    values.push(Some(*value));
                }
            }
        }
        self.rows.push(values);
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// Exit code 5 if the system cannot write.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = self.header.join(",") + "\n";
        for row in &self.rows {
            text += &(row.iter().map(|value| value.map_or(String::new(), cell)).collect::<Vec<_>>().join(",") + "\n");
        }
        files::write_atomic(path, text)
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Column names.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The values of a column against the epoch, where there are any.
    pub fn column(&self, name: &str) -> Option<Vec<(f64, f64)>> {
        let at = self.header.iter().position(|column| column == name)?;
        Some(self.rows.iter().filter_map(|row| Some((row[0]?, row[at]?))).collect())
    }

    /// Name and value of every column of the last row but the time.
    pub fn last(&self) -> Vec<(String, f64)> {
        let Some(row) = self.rows.last() else { return Vec::new() };
        let named = self.header.iter().zip(row).filter(|(name, _)| *name != ELAPSED);
        named.filter_map(|(name, value)| Some((name.clone(), (*value)?))).collect()
    }

    /// Seconds at the end of the last row.
    pub fn elapsed(&self) -> f64 {
        self.column(ELAPSED).and_then(|column| column.last().map(|(_, seconds)| *seconds)).unwrap_or(0.0)
    }
}

/// A number that is read back as it was, with a power of ten where most digits would be zeros.
pub fn cell(value: f64) -> String {
    match value.abs() {
        // Minus zero too: a sum over nothing has the sign that it happens to have.
        0.0 => "0".into(),
        size if size < 1e-5 || (1e16..f64::INFINITY).contains(&size) => format!("{value:e}"),
        _ => value.to_string(),
    }
}

/// The number in a cell, or that there is none in an empty one.
fn read_cell(cell: &str) -> Option<Option<f64>> {
    if cell.is_empty() { Some(None) } else { cell.parse().ok().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(epoch: f64) -> Vec<(String, f64)> {
        vec![("epoch".into(), epoch), (ELAPSED.into(), 0.1 * epoch), ("test_loss".into(), 1.0 / epoch)]
    }

    #[test]
    fn reading_gives_back_the_rows_up_to_an_epoch() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.csv");
        let mut metrics = Metrics::default();
        (1..=5).for_each(|epoch| metrics.push(&row(f64::from(epoch))));
        metrics.write(&path).unwrap();
        assert_eq!(Metrics::read(&path, 5).unwrap(), metrics);
        metrics.rows.truncate(3);
        assert_eq!(Metrics::read(&path, 3).unwrap(), metrics);
        assert_eq!(metrics.last(), [("epoch".into(), 3.0), ("test_loss".into(), 1.0 / 3.0)]);
    }

    #[test]
    fn cells_are_short_and_exact() {
        let cells = [
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
            (-0.0, "0"),
            (60.0, "60"),
            (-0.5, "-0.5"),
            (4.1e-60, "4.1e-60"),
            (2.5e60, "2.5e60"),
        ];
        for (value, text) in cells {
            assert_eq!(cell(value), text);
            let back = read_cell(text).unwrap().unwrap();
            assert!(back == value || (back.is_nan() && value.is_nan()), "{text}");
        }
        assert_eq!((read_cell("x"), read_cell("")), (None, Some(None)));
    }

    #[test]
    fn missing_rows_are_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.csv");
        std::fs::write(&path, "epoch,elapsed_s,test_loss\n1,0.1,2\n").unwrap();
        let error = Metrics::read(&path, 2).unwrap_err().to_string();
        assert!(error.ends_with("metrics.csv: 1 rows for the 2 epochs of the checkpoint"), "{error}");
    }

    #[test]
    fn a_torn_row_is_an_error_that_names_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.csv");
        std::fs::write(&path, "epoch,elapsed_s,test_loss\n1,0.1,2\n2,0.2\n").unwrap();
        let error = Metrics::read(&path, 9).unwrap_err().to_string();
        assert!(error.contains("metrics.csv:3: expected 3 values, one per column, found 2"), "{error}");
    }
}
