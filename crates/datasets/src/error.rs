//! Why a data set cannot be had, sorted by who can mend it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a data set cannot be had. Every message is one line.
#[derive(Debug)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder is not there.
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
        /// What was looked for there.
        wanted: String,
    },
    /// The system failed to read a file that is there.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file was read and is not what it should be.
    Malformed {
        /// The file.
        path: PathBuf,
        /// The byte at which it goes wrong, counted from 0.
        offset: u64,
        /// Whether `offset` counts the bytes that gzip unpacks to, not those on disk.
        unpacked: bool,
        /// What is wrong there, and what is allowed.
        reason: String,
    },
    /// A table was read, and a line or a cell of it is not what it should be.
    Table {
        /// The file, or the member of an archive as `archive/member`.
        path: PathBuf,
        /// Where in the table.
        place: Place,
        /// What is wrong there, and what is allowed.
        reason: String,
    },
    /// A setting, or values handed in by the caller, that no data set can have.
    Invalid(String),
}

impl DataError {
    /// The system's error `source` at `path`: [`NotFound`](Self::NotFound) if nothing is there, else [`Io`](Self::Io).
    pub(crate) fn from_io(path: &Path, wanted: &str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                Self::NotFound { path: path.to_owned(), wanted: wanted.to_owned() }
            }
            _ => Self::Io { path: path.to_owned(), source },
        }
    }

    /// [`Malformed`](Self::Malformed) at byte `offset` of the file as it lies on disk.
    pub(crate) fn malformed(path: impl Into<PathBuf>, offset: u64, reason: impl Into<String>) -> Self {
        Self::Malformed { path: path.into(), offset, unpacked: false, reason: reason.into() }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { path, wanted } => write!(f, "{}: not found (wanted: {wanted})", path.display()),
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Malformed { path, offset, unpacked, reason } => {
                let space = if *unpacked { "unpacked byte" } else { "byte" };
                write!(f, "{}: {space} {offset}: {reason}", path.display())
            }
            Self::Table { path, place, reason } => write!(f, "{}: {place}: {reason}", path.display()),
            Self::Invalid(reason) => f.write_str(reason),
        }
    }
}

/// A place in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A line of a text file, counted from 1.
    Line(u64),
    /// A cell of a text file.
    Cell {
        /// The line on which its row begins, counted from 1.
        line: u64,
        /// The column, counted from 1.
        column: usize,
        /// The column's name, if the file has a header.
        name: Option<String>,
    },
    /// A value of an array.
    Entry {
        /// The row, counted from 0.
        row: usize,
        /// Its place among the values of the row, counted from 0.
        column: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Cell { line, column, name: None } => write!(f, "line {line}, column {column}"),
            Self::Cell { line, column, name: Some(name) } => {
                write!(f, "line {line}, column {column} ({})", shown(name))
            }
            Self::Entry { row, column } => write!(f, "row {row}, column {column}"),
        }
    }
}

/// Somebody's text in backticks, on one line and not too long for it.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    let start: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    let rest = if text.chars().nth(LONGEST).is_some() { "…" } else { "" };
    format!("`{start}{rest}`")
}

impl std::error::Error for DataError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
