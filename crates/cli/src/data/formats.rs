//! The files that tables are kept in. One more is a line of [`FORMATS`].

use std::io;
use std::path::Path;

use elbo_datasets::npz::{self, Npz};
use elbo_datasets::{Field, LabelColumn, Table, csv, npy};

use super::options::DataOptions;
use crate::machine::error::{Error, Result};

/// A kind of file, told by the end of its name.
pub struct Format {
    /// That end, without the point.
    ending: &'static str,
    /// Reads a table.
    read: fn(&Path, &Reading<'_>) -> Result<Table>,
    /// The bytes of a file of these fields.
    write: fn(&[Field<'_>], &mut Vec<u8>) -> io::Result<()>,
}

/// What there is to know about a table that is read.
pub struct Reading<'a> {
    /// The settings.
    pub data: &'a DataOptions,
    /// Whether it is the table of the test rows.
    pub test: bool,
    /// A table of so many columns may lack the labels.
    pub unlabelled: Option<usize>,
}

const FORMATS: &[Format] = &[
    Format {
        ending: "csv",
        read: |path, reading| Ok(csv::read(path, reading.data.header, reading.label_column())?),
        write: |fields, bytes| csv::write(bytes, fields),
    },
    Format { ending: "npy", read: |path, reading| Ok(npy::read(path, reading.label_column())?), write: write_npy },
    Format { ending: "npz", read: read_npz, write: |fields, bytes| npz::write(bytes, fields) },
];

impl Format {
    /// The format of the file `path`, if it is a table.
    pub fn of(path: &Path) -> Option<&'static Self> {
        let ending = path.extension()?.to_ascii_lowercase();
        FORMATS.iter().find(|format| ending == format.ending)
    }

    /// The table at `path`.
    pub fn read(&self, path: &Path, reading: &Reading<'_>) -> Result<Table> {
        (self.read)(path, reading)
    }

    /// The bytes of a file that holds `fields`.
    pub fn write(&self, fields: &[Field<'_>]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (self.write)(fields, &mut bytes)?;
        Ok(bytes)
    }
}

/// `.csv, .npy or .npz`
pub fn endings() -> String {
    let all: Vec<String> = FORMATS.iter().map(|format| format!(".{}", format.ending)).collect();
    let (last, first) = all.split_last().expect("there are formats");
    format!("{} or {last}", first.join(", "))
}

/// Whether `name` is the path of a table and not the name of a data set.
pub fn is_table(name: &str) -> bool {
    Format::of(Path::new(name)).is_some()
}

impl<'a> Reading<'a> {
    fn label_column(&self) -> Option<LabelColumn<'a>> {
        let column = Some(self.data.label_column.as_str()).filter(|column| !column.is_empty())?;
        let column = LabelColumn::new(column);
        Some(self.unlabelled.map_or(column, |width| column.or_none_of(width)))
    }
}

/// One array: the latents, of a model without them the probabilities of its clusters.
fn write_npy(fields: &[Field<'_>], bytes: &mut Vec<u8>) -> io::Result<()> {
    let field =
        fields.iter().find(|field| field.shape.len() == 2).ok_or_else(|| io::Error::other("nothing to write"))?;
    npy::write(bytes, field.shape, field.elements)
}

fn read_npz(path: &Path, reading: &Reading<'_>) -> Result<Table> {
    let archive = Npz::open(path)?;
    let member = data_member(path, &archive, reading)?;
    let label_column = reading.label_column();
    let table = archive.read(&member, label_column)?;
    Ok(match label_member(&archive, reading) {
        Some(labels) if label_column.is_none() => table.with_labels(archive.read_labels(&labels)?)?,
        _ => table,
    })
}

/// The member that holds the rows.
fn data_member(path: &Path, archive: &Npz, reading: &Reading<'_>) -> Result<String> {
    let usual = if reading.test { npz::TEST_DATA } else { npz::DATA };
    let named = reading.data.member.as_str();
    let wanted = if named.is_empty() { usual } else { &[named] };
    let found = archive.find(wanted).map(str::to_owned);
    found.ok_or_else(|| {
        let hint = if named.is_empty() { "; data.member chooses one" } else { "" };
        Error::data(format_args!("{}: {}{hint}", path.display(), archive.absent(wanted)))
    })
}

/// The member that holds the labels: the one that is named, which must be there unless the table may lack them, or one
/// with a usual name if there is one.
fn label_member(archive: &Npz, reading: &Reading<'_>) -> Option<String> {
    let usual = if reading.test { npz::TEST_LABELS } else { npz::LABELS };
    match reading.data.label_member.as_str() {
        "" => archive.find(usual).map(str::to_owned),
        named => {
            Some(named.to_owned()).filter(|named| reading.unlabelled.is_none() || archive.find(&[named]).is_some())
        }
    }
}
