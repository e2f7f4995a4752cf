//! A run directory: where its files are, whose it is, and who may write to it.
//!
//! `elbo.lock` marks a directory as ours and is the lock. The kernel holds the lock for the process and drops it when
//! the process dies, so a killed run needs no cleaning by hand. A directory with the mark but without a configuration
//! is the rest of a killed creation and may be created again.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::machine::error::{Error, Result};
use crate::machine::{files, lock};

/// Marks a directory as a run and is its lock.
pub const LOCK: &str = "elbo.lock";
const CONFIG: &str = "config.toml";
const ENV: &str = "env.json";
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
    /// Refuses a directory that a living process is writing to, at once; whoever opens it later asks again.
    ///
    /// # Errors
    /// Exit code 6 if a living process has the lock; 5 if the system fails.
    pub fn refuse_locked(path: &Path) -> Result<()> {
        if path.join(LOCK).is_file() { lock::take(path, LOCK).map(drop) } else { Ok(()) }
    }

    /// Opens `path` for a new run, locks it and writes its first files, `config.toml` last; parents are created. A
    /// process that dies before leaves a directory which can be created again.
    ///
    /// # Errors
    /// Exit code 6 if a living process has the lock; 2 if a run is there already, if the directory holds files that are
    /// not ours or if a file is in the way; 5 if the system fails. What was made until then is removed.
    pub fn create(path: &Path, env: &str, config: &str) -> Result<Self> {
        let existing = path.ancestors().find(|dir| dir.exists());
        let created = Self::begin(path, env, config);
        if created.is_err() {
            for dir in path.ancestors().take_while(|dir| Some(*dir) != existing) {
                // Succeeds for empty directories only, so nobody's files can go.
                let _ = fs::remove_dir(dir);
            }
        }
        created
    }

    fn begin(path: &Path, env: &str, config: &str) -> Result<Self> {
        files::create_dir(path)?;
        let names = files::list(path)?;
        if !names.is_empty() && !path.join(LOCK).is_file() {
            let message = "directory is not empty and not a run; choose another --out";
            return Err(Error::usage(format_args!("{}: {message}", path.display())));
        }
        let mut lock = lock::take(path, LOCK)?;
        // A missing configuration beside checkpoints is damage, not the rest of a killed creation: never overwrite it.
        if path.join(CONFIG).exists() || !files::list(&path.join(CHECKPOINTS))?.is_empty() {
            let message = "a run is there already; continue it with --resume or choose another --out";
            return Err(Error::usage(format_args!("{}: {message}", path.display())));
        }
        let begun = lock::sign(path, LOCK, &mut lock)
            .and_then(|()| Self::prepare(path))
            .and_then(|()| Self { path: path.into(), _lock: None }.describe(env, config));
        if begun.is_err() && !path.join(CONFIG).exists() {
            // The failure is what is reported, whether or not the rest can be removed.
            let _ = [CHECKPOINTS, FIGURES].map(|name| fs::remove_dir(path.join(name)));
            let _ = [ENV, LOCK].map(|name| fs::remove_file(path.join(name)));
        }
        begun.map(|()| Self { path: path.into(), _lock: Some(lock) })
    }

    /// Opens the run in `path` to continue it and locks it.
    ///
    /// # Errors
    /// Exit code 6 if a living process has the lock; 2 if `path` holds no run; 5 if the system fails.
    pub fn resume(path: &Path) -> Result<Self> {
        if !path.join(LOCK).is_file() {
            return Err(Self::not_a_run(path, LOCK));
        }
        let mut lock = lock::take(path, LOCK)?;
        if !path.join(CONFIG).is_file() {
            return Err(Self::not_a_run(path, CONFIG));
        }
        lock::sign(path, LOCK, &mut lock)?;
        Self::prepare(path)?;
        Ok(Self { path: path.into(), _lock: Some(lock) })
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

    /// The folder `path` of one run among those of a grid, whose lock, or that of the grid, the caller holds;
    /// made if it is not there.
    ///
    /// # Errors
    /// Exit code 5 if the system fails.
    pub fn of_grid(path: &Path) -> Result<Self> {
        files::create_dir(path)?;
        files::remove_unfinished(path)?;
        files::remove_unfinished(&path.join(CHECKPOINTS))?;
        Ok(Self { path: path.into(), _lock: None })
    }

    /// Writes the first files of a run, `config.toml` last.
    ///
    /// # Errors
    /// Exit code 5 if the system cannot write.
    pub fn describe(&self, env: &str, config: &str) -> Result<()> {
        files::write_atomic(&self.env(), env)?;
        files::write_atomic(&self.config(), config)
    }

    fn not_a_run(path: &Path, missing: &str) -> Error {
        Error::usage(format_args!("{}: not a run directory (no {missing} in it)", path.display()))
    }

    /// Makes the subdirectories and removes what killed predecessors were writing.
    fn prepare(path: &Path) -> Result<()> {
        files::remove_unfinished(path)?;
        for name in [CHECKPOINTS, FIGURES] {
            let dir = path.join(name);
            files::create_dir(&dir)?;
            files::remove_unfinished(&dir)?;
        }
        Ok(())
    }

    /// Makes the folder of checkpoints.
    ///
    /// # Errors
    /// Exit code 5 if the system fails.
    pub fn prepare_checkpoints(&self) -> Result<()> {
        files::create_dir(&self.path.join(CHECKPOINTS))
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
        self.path.join(ENV)
    }

    /// `preparation.safetensors`: what was fitted to the training rows and is done to all rows.
    pub fn preparation(&self) -> PathBuf {
        self.path.join("preparation.safetensors")
    }

    /// `metrics.csv`: one row an epoch.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.csv")
    }

    /// `steps.csv`: one row every `log.every_steps` steps.
    pub fn steps(&self) -> PathBuf {
        self.path.join("steps.csv")
    }

    /// `watch.csv`: what `log.watch_steps` asks for.
    pub fn watch(&self) -> PathBuf {
        self.path.join("watch.csv")
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

    /// `checkpoints/epoch-NNNNNN.state`: the trainer state after an epoch that `log.keep_epochs` keeps.
    pub fn kept(&self, epoch: u64) -> PathBuf {
        self.state(&format!("epoch-{epoch:06}"))
    }

    /// The latest epoch of which such a state is there.
    ///
    /// # Errors
    /// Exit code 5 if the system cannot read.
    pub fn last_kept(&self) -> Result<Option<u64>> {
        let names = files::list(&self.path.join(CHECKPOINTS))?;
        let epoch =
            |name: &std::ffi::OsString| name.to_str()?.strip_prefix("epoch-")?.strip_suffix(".state")?.parse().ok();
        Ok(names.iter().filter_map(epoch).max())
    }

    /// `events.log`: what a reader of the results must know.
    pub fn events(&self) -> PathBuf {
        self.path.join("events.log")
    }

    /// Appends a line to `events.log`.
    ///
    /// # Errors
    /// Exit code 5 if the system cannot write.
    pub fn log_event(&self, event: &str) -> Result<()> {
        let path = self.events();
        let file = OpenOptions::new().append(true).create(true).open(&path);
        file.and_then(|mut file| writeln!(file, "{event}")).map_err(|cause| Error::system("write", &path, &cause))
    }

    /// `figures/NAME`.
    pub fn figure(&self, name: &str) -> PathBuf {
        self.path.join(FIGURES).join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::error::ExitCode;

    fn create(path: &Path) -> Result<RunDir> {
        RunDir::create(path, "{}", "x")
    }

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
        let run = create(&path).unwrap();
        fs::write(run.state("last"), "x").unwrap();
        fs::write(run.figure("curves.svg"), "x").unwrap();
        drop(run);
        let before = contents(&path);
        assert_eq!(code(create(&path)), ExitCode::Usage);
        assert_eq!(contents(&path), before);
        drop(RunDir::resume(&path).unwrap());
        assert_eq!(RunDir::open(&path).unwrap().path(), path);
    }

    #[test]
    fn a_second_writer_is_told_who_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let run = create(dir.path()).unwrap();
        for step in ["after config.toml", "before config.toml"] {
            let looked = RunDir::refuse_locked(dir.path());
            for refused in [looked, create(dir.path()).map(drop), RunDir::resume(dir.path()).map(drop)] {
                let error = refused.unwrap_err();
                assert_eq!(error.code(), ExitCode::Locked, "{step}");
                assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
            }
            fs::remove_file(run.config()).unwrap_or_default();
        }
        fs::write(run.config(), "x").unwrap();
        RunDir::open(dir.path()).unwrap();
        drop(run);
        RunDir::refuse_locked(dir.path()).unwrap();
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
                    create(&path)
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
        assert_eq!(code(create(dir.path())), ExitCode::Usage);
        assert_eq!(code(RunDir::resume(dir.path())), ExitCode::Usage);
        assert_eq!(contents(dir.path()), before);
        assert_eq!(code(create(&dir.path().join("thesis.tex"))), ExitCode::Usage);
        assert_eq!(code(create(&dir.path().join("thesis.tex/run"))), ExitCode::Usage);
        assert_eq!(code(RunDir::resume(&dir.path().join("nowhere"))), ExitCode::Usage);
        assert_eq!(code(RunDir::open(&dir.path().join("nowhere"))), ExitCode::Usage);
        assert_eq!(contents(dir.path()), before);
    }

    #[test]
    fn a_failed_creation_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        // No file system has names as long as this one, with or without what an unfinished file adds to it.
        let long = "x".repeat(300);
        for parent in ["", "new/deep"] {
            let path = dir.path().join(parent).join(&long);
            assert_eq!(code(create(&path)), ExitCode::System);
            assert_eq!(files::list(dir.path()).unwrap(), [""; 0]);
        }
        // A directory where a file of the run belongs.
        let path = dir.path().join("old");
        fs::create_dir_all(path.join(ENV).join("in the way")).unwrap();
        fs::write(path.join(LOCK), "").unwrap();
        assert_eq!(code(create(&path)), ExitCode::System);
        assert_eq!(files::list(&path).unwrap(), [ENV]);
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
            let run = create(&dir.path().join(name)).unwrap();
            assert_eq!(files::list(run.path()).unwrap(), [CHECKPOINTS, CONFIG, LOCK, ENV, FIGURES]);
            assert_eq!(fs::read_to_string(run.path().join(LOCK)).unwrap(), format!("{}\n", std::process::id()));
        }
    }

    #[test]
    fn checkpoints_without_configuration_are_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let run = create(dir.path()).unwrap();
        fs::write(run.state("last"), "weeks of work").unwrap();
        fs::remove_file(run.config()).unwrap();
        drop(run);
        assert_eq!(code(create(dir.path())), ExitCode::Usage);
        assert_eq!(code(RunDir::resume(dir.path())), ExitCode::Usage);
        assert_eq!(fs::read(dir.path().join("checkpoints/last.state")).unwrap(), b"weeks of work");
    }
}
