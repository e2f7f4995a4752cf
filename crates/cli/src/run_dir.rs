//! A run directory: where its files are, whose it is, and who may write to it.
//!
//! `elbo.lock` marks a directory as ours and is the lock. The kernel holds the lock for the process and drops it when
//! the process dies, so a killed run needs no cleaning by hand. A directory with the mark but without a configuration
//! is the rest of a killed creation and may be created again.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::files;

const LOCK: &str = "elbo.lock";
const CONFIG: &str = "config.toml";
const CHECKPOINTS: &str = "checkpoints";
const FIGURES: &str = "figures";

/// A run directory, locked until this value is dropped if it was opened for writing.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// Open as long as the directory is ours to write to: closing the file releases the lock.
    _lock: Option<File>,
}

impl RunDir {
    /// Opens `path` for a new run and locks it; parents are created. Until `config.toml` is written, a process that
    /// dies leaves a directory which can be created again.
    ///
    /// # Errors
    /// Exit code 6 if a living process has the lock; 2 if a run is there already, if the directory holds files that are
    /// not ours (nothing is written then) or if a file is in the way; 5 if the system fails.
    pub fn create(path: &Path) -> Result<Self> {
        files::create_dir(path)?;
        let names = files::list(path)?;
        if !names.is_empty() && !path.join(LOCK).is_file() {
            let message = "directory is not empty and not a run; choose another --out";
            return Err(Error::usage(format_args!("{}: {message}", path.display())));
        }
        let mut lock = lock(path)?;
        // A missing configuration beside checkpoints is damage, not the rest of a killed creation: never overwrite it.
        if path.join(CONFIG).exists() || !files::list(&path.join(CHECKPOINTS))?.is_empty() {
            let message = "a run is there already; continue it with --resume or choose another --out";
            return Err(Error::usage(format_args!("{}: {message}", path.display())));
        }
        sign(path, &mut lock)?;
        Self::prepare(path, lock)
    }

    /// Opens the run in `path` to continue it and locks it.
    ///
    /// # Errors
    /// Exit code 6 if a living process has the lock; 2 if `path` holds no run; 5 if the system fails.
    pub fn resume(path: &Path) -> Result<Self> {
        if !path.join(LOCK).is_file() {
            return Err(Self::not_a_run(path, LOCK));
        }
        let mut lock = lock(path)?;
        if !path.join(CONFIG).is_file() {
            return Err(Self::not_a_run(path, CONFIG));
        }
        sign(path, &mut lock)?;
        Self::prepare(path, lock)
    }

    /// Opens the run in `path` for reading only, beside a process that may be writing to it.
    ///
    /// # Errors
    /// Exit code 2 if `path` holds no run.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.join(CONFIG).is_file() {
            return Err(Self::not_a_run(path, CONFIG));
        }
        Ok(Self { path: path.into(), _lock: None })
    }

    fn not_a_run(path: &Path, missing: &str) -> Error {
        Error::usage(format_args!("{}: not a run directory (no {missing} in it)", path.display()))
    }

    /// Makes the subdirectories and removes what killed predecessors were writing.
    fn prepare(path: &Path, lock: File) -> Result<Self> {
        files::remove_unfinished(path)?;
        for name in [CHECKPOINTS, FIGURES] {
            let dir = path.join(name);
            files::create_dir(&dir)?;
            files::remove_unfinished(&dir)?;
        }
        Ok(Self { path: path.into(), _lock: Some(lock) })
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `config.toml`: the resolved configuration.
    pub fn config(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// `env.json`: version, machine and data of the run.
    pub fn env(&self) -> PathBuf {
        self.path.join("env.json")
    }

    /// `metrics.csv`: one row an epoch.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.csv")
    }

    /// `steps.csv`: one row every `log.every_steps` steps.
    pub fn steps(&self) -> PathBuf {
        self.path.join("steps.csv")
    }

    /// `summary.json`: how the run ended.
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// `checkpoints/NAME.safetensors`: weights.
    pub fn weights(&self, name: &str) -> PathBuf {
        self.path.join(CHECKPOINTS).join(format!("{name}.safetensors"))
    }

    /// `checkpoints/NAME.state`: trainer state.
    pub fn state(&self, name: &str) -> PathBuf {
        self.path.join(CHECKPOINTS).join(format!("{name}.state"))
    }

    /// `figures/NAME`.
    pub fn figure(&self, name: &str) -> PathBuf {
        self.path.join(FIGURES).join(name)
    }
}

/// Takes the lock of `dir`, making its file if there is none.
fn lock(dir: &Path) -> Result<File> {
    let path = dir.join(LOCK);
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|cause| Error::system("open", &path, &cause))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::locked(dir, owner(file))),
        Err(TryLockError::Error(cause)) => Err(Error::system("lock", &path, &cause)),
    }
}

/// The number of the process that signed the lock.
fn owner(file: File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Writes the number of this process into the lock that it holds.
fn sign(dir: &Path, lock: &mut File) -> Result<()> {
    let signed = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
    signed.map_err(|cause| Error::system("write", &dir.join(LOCK), &cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ExitCode;
    use std::fs;

    fn code(result: Result<RunDir>) -> ExitCode {
        result.unwrap_err().code()
    }

    /// Every file below `dir` with its bytes.
    fn contents(dir: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
        let mut found = Vec::new();
        for name in files::list(dir).unwrap() {
            let path = dir.join(name);
            let below = if path.is_dir() { contents(&path) } else { Vec::new() };
            found.push((path.clone(), fs::read(&path).ok()));
            found.extend(below);
        }
        found
    }

    #[test]
    fn a_run_is_created_once_then_resumed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runs/deep/one");
        let run = RunDir::create(&path).unwrap();
        fs::write(run.config(), "x").unwrap();
        fs::write(run.state("last"), "x").unwrap();
        fs::write(run.figure("curves.svg"), "x").unwrap();
        drop(run);
        let before = contents(&path);
        assert_eq!(code(RunDir::create(&path)), ExitCode::Usage);
        assert_eq!(contents(&path), before);
        drop(RunDir::resume(&path).unwrap());
        assert_eq!(RunDir::open(&path).unwrap().path(), path);
    }

    #[test]
    fn a_second_writer_is_told_who_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::create(dir.path()).unwrap();
        for step in ["before config.toml", "after config.toml"] {
            for second in [RunDir::create(dir.path()), RunDir::resume(dir.path())] {
                let error = second.unwrap_err();
                assert_eq!(error.code(), ExitCode::Locked, "{step}");
                assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
            }
            fs::write(run.config(), "x").unwrap();
        }
        RunDir::open(dir.path()).unwrap();
        drop(run);
        RunDir::resume(dir.path()).unwrap();
    }

    #[test]
    fn only_one_of_many_creators_wins() {
        let dir = tempfile::tempdir().unwrap();
        for round in 0..50 {
            let path = dir.path().join(format!("run-{round}"));
            let barrier = std::sync::Barrier::new(4);
            let results: Vec<Result<RunDir>> = std::thread::scope(|scope| {
                let create = || {
                    barrier.wait();
                    RunDir::create(&path)
                };
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(create)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let refused = results.iter().filter_map(|result| result.as_ref().err());
            assert_eq!(refused.clone().count(), 3, "round {round}");
            assert!(refused.clone().all(|error| error.code() == ExitCode::Locked), "round {round}: {results:?}");
        }
    }

    #[test]
    fn a_foreign_directory_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.tex"), "years").unwrap();
        fs::write(dir.path().join("config.toml"), "of a web site").unwrap();
        let before = contents(dir.path());
        assert_eq!(code(RunDir::create(dir.path())), ExitCode::Usage);
        assert_eq!(code(RunDir::resume(dir.path())), ExitCode::Usage);
        assert_eq!(contents(dir.path()), before);
        assert_eq!(code(RunDir::create(&dir.path().join("thesis.tex"))), ExitCode::Usage);
        assert_eq!(code(RunDir::create(&dir.path().join("thesis.tex/run"))), ExitCode::Usage);
        assert_eq!(code(RunDir::resume(&dir.path().join("nowhere"))), ExitCode::Usage);
        assert_eq!(code(RunDir::open(&dir.path().join("nowhere"))), ExitCode::Usage);
        assert_eq!(contents(dir.path()), before);
    }

    #[test]
    fn a_killed_creation_can_be_created_again() {
        let dir = tempfile::tempdir().unwrap();
        // Killed after making the directory, after the lock, while signing it, and while writing the configuration.
        fs::create_dir(dir.path().join("0")).unwrap();
        for (name, lock) in [("1", ""), ("2", "99"), ("3", "4194304\n")] {
            fs::create_dir_all(dir.path().join(name).join(CHECKPOINTS)).unwrap();
            fs::write(dir.path().join(name).join(LOCK), lock).unwrap();
            fs::write(dir.path().join(name).join(".config.toml.7.elbo-tmp"), "[da").unwrap();
        }
        for name in ["0", "1", "2", "3"] {
            let run = RunDir::create(&dir.path().join(name)).unwrap();
            assert_eq!(files::list(run.path()).unwrap(), [CHECKPOINTS, LOCK, FIGURES]);
            assert_eq!(fs::read_to_string(run.path().join(LOCK)).unwrap(), format!("{}\n", std::process::id()));
        }
    }

    #[test]
    fn checkpoints_without_configuration_are_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::create(dir.path()).unwrap();
        fs::write(run.state("last"), "weeks of work").unwrap();
        drop(run);
        assert_eq!(code(RunDir::create(dir.path())), ExitCode::Usage);
        assert_eq!(code(RunDir::resume(dir.path())), ExitCode::Usage);
        assert_eq!(fs::read(dir.path().join("checkpoints/last.state")).unwrap(), b"weeks of work");
    }
}
