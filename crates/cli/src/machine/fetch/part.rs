//! Files on their way: the locked part, and the check that it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};

use super::error::{FetchError, FetchErrorKind};
use super::sets::RemoteFile;

/// Bytes at a time.
pub const CHUNK: usize = 64 * 1024;

/// The beginning of a file, locked against other processes.
pub struct Part {
    path: PathBuf,
    handle: File,
    /// Bytes on disk.
    pub len: u64,
}

impl Part {
    /// Opens or creates `NAME.part`; fails if another process has it.
    pub fn open(into: &Path, file: &RemoteFile<'_>) -> Result<Self, FetchError> {
        let path = into.join(format!("{}.part", file.name));
        let failed = |error: io::Error| FetchError::system(&path, &error);
        let handle = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(failed)?;
        handle.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => {
                let message = format_args!("{}: another process is downloading this file", path.display());
                FetchError::new(FetchErrorKind::System, message)
            }
            fs::TryLockError::Error(error) => failed(error),
        })?;
        let len = handle.metadata().map_err(failed)?.len();
        Ok(Part { path, handle, len })
    }

    /// Adds bytes at the end.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        self.handle.write_all(bytes).map_err(|error| FetchError::system(&self.path, &error))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Forgets everything.
    pub fn clear(&mut self) -> Result<(), FetchError> {
        self.len = 0;
        self.handle.set_len(0).map_err(|error| FetchError::system(&self.path, &error))
    }

    /// See [`verify`].
    pub fn verify(&self, file: &RemoteFile<'_>) -> Result<(), FetchError> {
        let failed = |error: io::Error| FetchError::system(&self.path, &error);
        let mut packed = self.handle.try_clone().map_err(failed)?;
        packed.seek(SeekFrom::Start(0)).map_err(failed)?;
        verify(packed, &self.path, file)
    }

    /// Flushes the part to disk and gives it its final name.
    pub fn publish(self, path: &Path, directory: &Path) -> Result<(), FetchError> {
        self.handle.sync_all().map_err(|error| FetchError::system(&self.path, &error))?;
        fs::rename(&self.path, path).map_err(|error| FetchError::system(path, &error))?;
        // The new name must reach the disk, too; only Unix opens directories.
        if !cfg!(unix) {
            return Ok(());
        }
        File::open(directory).and_then(|dir| dir.sync_all()).map_err(|error| FetchError::system(directory, &error))
    }

    /// Deletes the part.
    pub fn remove(self) -> Result<(), FetchError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FetchError::system(&self.path, &error)),
            _ => Ok(()),
        }
    }
}

/// Checks that `packed` is one gzip member that unpacks to the recorded bytes, and nothing more. Reads at most one byte
/// beyond the recorded length, so a small file cannot unpack to a large one.
pub fn verify(packed: File, path: &Path, file: &RemoteFile<'_>) -> Result<(), FetchError> {
    let failed = |error: io::Error| match error.raw_os_error() {
        Some(_) => FetchError::system(path, &error),
        None => FetchError::malformed(format_args!("sent damaged gzip data ({error})")),
    };
    let mut unpacked = GzDecoder::new(BufReader::with_capacity(CHUNK, packed)).take(file.unpacked_len + 1);
    let (mut hash, mut len, mut buffer) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        let read = unpacked.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        len += read as u64;
    }
    if len != file.unpacked_len {
        let relation = if len > file.unpacked_len { "more than" } else { "only" };
        let shown = len.min(file.unpacked_len);
        return Err(FetchError::malformed(format_args!(
            "sent a file that unpacks to {relation} {shown} bytes; {} are expected",
            file.unpacked_len
        )));
    }
    let sha256 = HEXLOWER.encode(&hash.finalize());
    if sha256 != file.sha256 {
        let expected = file.sha256;
        return Err(FetchError::malformed(format_args!("sent a file with SHA-256 {sha256}; {expected} is expected")));
    }
    if !unpacked.into_inner().into_inner().fill_buf().map_err(failed)?.is_empty() {
        return Err(FetchError::malformed("sent a file with bytes after the end of its gzip data"));
    }
    Ok(())
}
