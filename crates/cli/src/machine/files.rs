//! Files that are either the old bytes or the new bytes, never a mixture.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::machine::error::{Error, Result};

/// How the name of a file that is still being written ends.
const UNFINISHED: &str = ".elbo-tmp";

/// Replaces `path` by `bytes` so that a crash at any moment leaves the old file or the new one: the bytes go to a
/// hidden file in the same directory, are forced to disk, and take the name `path` in one step.
///
/// # Errors
/// Exit code 5 with the path and the system's reason (full disk, read-only, missing directory).
pub fn write_atomic(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    let unfinished = unfinished_name(path).map_err(|cause| Error::system("write", path, &cause))?;
    let written = write_and_rename(&unfinished, path, bytes.as_ref());
    if written.is_err() {
        // The first failure is the one to report; on a full disk this also gives the space back.
        let _ = fs::remove_file(&unfinished);
    }
    written.map_err(|cause| Error::system("write", path, &cause))
}

/// The text of the file `path`.
///
/// # Errors
/// Exit code 5 if the system cannot read it as UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|cause| Error::system("read", path, &cause))
}

/// `dir/.NAME.PID.elbo-tmp` for `dir/NAME`: recognisable, and another process's file is never touched.
fn unfinished_name(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}{UNFINISHED}", std::process::id()));
    Ok(path.with_file_name(hidden))
}

fn write_and_rename(unfinished: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(unfinished, path)?;
    sync_directory_of(path)
}

/// Forces the entry `path` of its directory to disk; elsewhere than on Unix a directory cannot be opened.
fn sync_directory_of(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Removes from `dir` what [`write_atomic`] left when its process was killed. Only the owner of the lock of `dir` may
/// call it: the unfinished file of a living process looks the same.
///
/// # Errors
/// Exit code 5 if `dir` cannot be listed or a file cannot be removed. A missing `dir` is clean.
pub fn remove_unfinished(dir: &Path) -> Result<()> {
    for name in list(dir)? {
        if is_unfinished(&name) {
            let path = dir.join(&name);
            fs::remove_file(&path).map_err(|cause| Error::system("remove", &path, &cause))?;
        }
    }
    Ok(())
}

/// Whether `name` is one that [`write_atomic`] gives to a file that is still being written.
pub fn is_unfinished(name: &OsString) -> bool {
    name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(UNFINISHED))
}

/// The names in `dir`, sorted; none if there is no `dir`.
///
/// # Errors
/// Exit code 5 if `dir` cannot be listed.
pub fn list(dir: &Path) -> Result<Vec<OsString>> {
    let entries = match fs::read_dir(dir) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect()),
    };
    let mut names: Vec<OsString> = entries.map_err(|cause| Error::system("list", dir, &cause))?;
    names.sort();
    Ok(names)
}

/// Creates `dir` and its parents.
///
/// # Errors
/// Exit code 2 if `dir` is empty text or something that is not a directory is in the way, 5 if the system fails.
pub fn create_dir(dir: &Path) -> Result<()> {
    if dir.as_os_str().is_empty() {
        return Err(Error::usage("the name of a directory cannot be empty"));
    }
    fs::create_dir_all(dir).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            Error::usage(format_args!("{}: a file is in the way of this directory", dir.display()))
        }
        _ => Error::system("create directory", dir, &cause),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::error::ExitCode;

    #[test]
    fn writing_replaces_the_whole_file_and_leaves_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("summary.json");
        write_atomic(&path, b"a longer first version").unwrap();
        write_atomic(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(list(dir.path()).unwrap(), ["summary.json"]);
    }

    #[test]
    fn a_failed_write_keeps_the_old_file_and_names_path_and_reason() {
        let dir = tempfile::tempdir().unwrap();
        // A directory cannot be replaced by a file, so the last step, the renaming, fails.
        let path = dir.path().join("taken");
        fs::create_dir(&path).unwrap();
        let error = write_atomic(&path, b"bytes").unwrap_err();
        assert_eq!(error.code(), ExitCode::System);
        assert!(error.to_string().contains("taken: cannot write: "), "{error}");
        assert_eq!(list(dir.path()).unwrap(), ["taken"]);

        let missing = dir.path().join("nowhere/file");
        assert_eq!(write_atomic(&missing, b"bytes").unwrap_err().code(), ExitCode::System);
        assert_eq!(write_atomic(Path::new(".."), b"bytes").unwrap_err().code(), ExitCode::System);
    }

    #[test]
    fn files_of_a_killed_process_are_removed_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".last.state.123.elbo-tmp", "notes.elbo-tmp", ".hidden", "metrics.csv"] {
            fs::write(dir.path().join(name), b"x").unwrap();
        }
        let stale = unfinished_name(&dir.path().join("env.json")).unwrap();
        fs::write(stale, b"half").unwrap();
        remove_unfinished(dir.path()).unwrap();
        assert_eq!(list(dir.path()).unwrap(), [".hidden", "metrics.csv", "notes.elbo-tmp"]);
        remove_unfinished(&dir.path().join("nowhere")).unwrap();
    }

    #[test]
    fn a_file_in_the_way_of_a_directory_is_a_usage_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, b"x").unwrap();
        for path in [file.clone(), file.join("below")] {
            let error = create_dir(&path).unwrap_err();
            assert_eq!(error.code(), ExitCode::Usage, "{error}");
        }
        assert_eq!(create_dir(Path::new("")).unwrap_err().code(), ExitCode::Usage);
        create_dir(&dir.path().join("a/b/c")).unwrap();
        create_dir(&dir.path().join("a/b/c")).unwrap();
    }
}
