//! NPZ files: a zip archive of NPY files, as `numpy.savez` and `numpy.savez_compressed` write them.
//!
//! Members are stored or deflated. Nothing is ever unpacked to disk; an archive that would reach outside a folder if it
//! were is refused all the same, as are members that unpack to more than a hundred times the size of the archive.

use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, FileReader, ZipArchive, ZipArchiveEntryWayfinder, ZipArchiveWriter};

use crate::error::shown;
use crate::file::{self, Source};
use crate::npy;
use crate::{DataError, Field, LabelColumn, Table};

/// Names of a data matrix, tried in this order; the last is what `numpy.savez` calls an array without a name.
pub const DATA: &[&str] = &["x", "data", "x_train", "z", "arr_0"];
/// Names of the data matrix of a test set.
pub const TEST_DATA: &[&str] = &["x_test", "x", "data", "arr_0"];
/// Names of labels.
pub const LABELS: &[&str] = &["y", "labels", "label", "y_train"];
/// Names of the labels of a test set.
pub const TEST_LABELS: &[&str] = &["y_test", "y", "labels"];

/// An open NPZ file.
pub struct Npz {
    path: PathBuf,
    archive: ZipArchive<FileReader>,
    members: Vec<Member>,
    /// Bytes on disk.
    size: u64,
}

struct Member {
    /// Without `.npy`.
    name: String,
    place: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    encrypted: bool,
}

impl Npz {
    /// Opens the archive at `path` and reads its directory.
    ///
    /// # Errors
    /// [`DataError`] if the file is missing, cannot be read or is no zip archive, or if a member's name is absolute,
    /// has a component `..` or stands twice in it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let (mut file, size) = file::open(path, "an NPZ file")?;
        let start = file::start(path, &mut file, 8)?;
        if !start.starts_with(b"PK") {
            return Err(malformed(path, format!("{}, not an NPZ file", file::describe(&start))));
        }
        let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
        let archive = ZipArchive::from_file(file, &mut buffer).map_err(|error| broken(path, error))?;
        let members = members(path, &archive, &mut buffer)?;
        Ok(Self { path: path.to_owned(), archive, members, size })
    }

    /// The names of the members, without `.npy`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.name.as_str())
    }

    /// The first of `names` that the archive has.
    pub fn find(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.names().find(|member| member == name))
    }

    /// Reads the array `name` as a table, with labels as those of [`npy::read`].
    ///
    /// # Errors
    /// [`DataError`] if there is no such member, if it unpacks to too much, or as [`npy::read`].
    pub fn read(&self, name: &str, labels: Option<LabelColumn<'_>>) -> Result<Table, DataError> {
        self.with(name, |source, length| npy::read_table(source, length, &self.path, labels))
    }

    /// Reads the labels `name`, one number a row, as text.
    ///
    /// # Errors
    /// As [`Npz::read`], and if there is more than one number a row.
    pub fn read_labels(&self, name: &str) -> Result<Vec<String>, DataError> {
        self.with(name, npy::read_labels)
    }

    /// What `read` makes of the member `name` and its announced length.
    fn with<T>(&self, name: &str, read: impl FnOnce(Source<'_>, u64) -> Result<T, DataError>) -> Result<T, DataError> {
        let Some(member) = self.members.iter().find(|member| member.name == name) else {
            return Err(malformed(&self.path, self.absent(&[name])));
        };
        let path = self.path.join(format!("{name}.npy"));
        if member.encrypted {
            return Err(malformed(&path, "the member is encrypted".into()));
        }
        let length = member.place.uncompressed_size_hint();
        if length > file::unpacked_limit(self.size) {
            let size = self.size;
            let reason = format!(
                "{length} bytes unpacked: too much for an archive of {size} bytes (zip bomb?); \
                 if it is meant, save it uncompressed"
            );
            return Err(malformed(&path, reason));
        }
        let entry = self.archive.get_entry(member.place).map_err(|error| broken(&path, error))?;
        let bytes = BufReader::new(entry.reader());
        let reader: Box<dyn Read> = match member.method {
            CompressionMethod::STORE => Box::new(entry.verifying_reader(bytes)),
            CompressionMethod::DEFLATE => Box::new(entry.verifying_reader(DeflateDecoder::new(bytes))),
            other => {
                return Err(malformed(&path, format!("the compression {other} is not supported; save it with NumPy")));
            }
        };
        read(Source { path, reader, packed: Some("zip member"), size: self.size, position: 0 }, length)
    }

    /// The sentence about members that the archive does not have.
    pub fn absent(&self, wanted: &[&str]) -> String {
        let names: Vec<String> = self.names().map(shown).collect();
        let wanted: Vec<String> = wanted.iter().map(|name| shown(name)).collect();
        format!("there is no member {}; there are {}", wanted.join(" or "), names.join(", "))
    }
}

/// The members that are NPY files. All names are checked.
fn members(path: &Path, archive: &ZipArchive<FileReader>, buffer: &mut [u8]) -> Result<Vec<Member>, DataError> {
    let mut members: Vec<Member> = Vec::new();
    let mut entries = archive.entries(buffer);
    while let Some(entry) = entries.next_entry().map_err(|error| broken(path, error))? {
        let name = String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned();
        let absolute = name.starts_with(['/', '\\']) || name.as_bytes().get(1) == Some(&b':');
        if absolute || name.split(['/', '\\']).any(|component| component == "..") {
            let reason = format!("the member {} has a path that leads outside the archive", shown(&name));
            return Err(malformed(path, reason));
        }
        let Some(name) = name.strip_suffix(".npy") else { continue };
        if members.iter().any(|member| member.name == name) {
            return Err(malformed(path, format!("the member {} is in the archive twice", shown(name))));
        }
        members.push(Member {
            name: name.to_owned(),
            place: entry.wayfinder(),
            method: entry.compression_method(),
            encrypted: entry.flags().is_encrypted(),
        });
        if members.len() > MOST_MEMBERS {
            return Err(malformed(path, format!("the archive has more than {MOST_MEMBERS} members")));
        }
    }
    if members.is_empty() {
        return Err(malformed(path, "the archive has no member that is an NPY file".into()));
    }
    Ok(members)
}

/// More than anybody saves, and few enough to look through one by one.
const MOST_MEMBERS: usize = 4096;

fn malformed(path: &Path, reason: String) -> DataError {
    DataError::malformed(path, 0, reason)
}

/// An archive or a member that the zip reader cannot make sense of, or a failure of the system.
fn broken(path: &Path, error: rawzip::Error) -> DataError {
    match error.into_kind() {
        rawzip::ErrorKind::IO(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
            DataError::Io { path: path.to_owned(), source }
        }
        kind => malformed(path, format!("the zip archive is corrupt ({kind})")),
    }
}

/// Writes `fields` as an NPZ archive: stored, in this order, without times, so that equal fields give equal bytes.
///
/// # Errors
/// Those of `w`.
///
/// # Panics
/// If the elements of a field do not have its shape.
#[track_caller]
pub fn write(w: impl Write, fields: &[Field<'_>]) -> io::Result<()> {
    let mut archive = ZipArchiveWriter::new(w);
    for field in fields {
        let (mut entry, config) = archive.new_file(format!("{}.npy", field.name)).start().map_err(failed)?;
        let mut member = config.wrap(&mut entry);
        npy::write(&mut member, field.shape, field.elements)?;
        let (_, checked) = member.finish().map_err(failed)?;
        entry.finish(checked).map_err(failed)?;
    }
    archive.finish().map_err(failed)?.flush()
}

fn failed(error: rawzip::Error) -> io::Error {
    match error.into_kind() {
        rawzip::ErrorKind::IO(error) => error,
        kind => io::Error::other(kind.to_string()),
    }
}
