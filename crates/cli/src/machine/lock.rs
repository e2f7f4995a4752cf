//! The lock of a directory: a file that the kernel locks for the process and releases when the process dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::machine::error::{Error, ExitCode, Result};

/// Takes the lock `name` of `dir`, making its file if there is none. It is held until the file is closed.
///
/// # Errors
/// Exit code 6 with the number of the owner if a living process has the lock; 5 if the system fails.
pub fn take(dir: &Path, name: &str) -> Result<File> {
    let path = dir.join(name);
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|cause| Error::system("open", &path, &cause))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::locked(dir, owner(file))),
        Err(TryLockError::Error(cause)) => Err(Error::system("lock", &path, &cause)),
    }
}

/// The same, but waits up to `patience` for a process that holds the lock for a moment.
///
/// # Errors
/// As for [`take`].
pub fn wait(dir: &Path, name: &str, patience: Duration) -> Result<File> {
    let began = Instant::now();
    loop {
        match take(dir, name) {
            Err(error) if error.code() == ExitCode::Locked && began.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(5));
            }
            taken => return taken,
        }
    }
}

/// Whether a living process has the lock `name` of `dir`. To look is to hold the lock for an instant, so that whoever
/// takes it should be patient.
pub fn is_held(dir: &Path, name: &str) -> bool {
    let file = File::open(dir.join(name));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The number of the process that signed the lock.
fn owner(file: File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Writes the number of this process into the lock `name` of `dir` that it holds.
///
/// # Errors
/// Exit code 5 if the system cannot write.
pub fn sign(dir: &Path, name: &str, lock: &mut File) -> Result<()> {
    let signed = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
    signed.map_err(|cause| Error::system("write", &dir.join(name), &cause))
}
