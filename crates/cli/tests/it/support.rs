//! Runs the command in a directory of its own, in an environment that knows of no data sets.

pub mod poll;
pub mod sweep;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory that is removed at the end of the test, and the working directory of every command run in it.
pub struct Sandbox(tempfile::TempDir);

/// How a command ended.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
        Self { code: output.status.code(), stdout, stderr }
    }
}

impl Sandbox {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `elbo` with the words of `line` as arguments.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_elbo"));
        self.confine(command.args(line.split_whitespace()));
        command
    }

    /// Makes `command` work in this directory, without data sets of this machine and without a terminal.
    pub fn confine(&self, command: &mut Command) {
        command.current_dir(self.0.path()).env("HOME", self.path("home")).stdin(Stdio::null());
        command.env_remove("ELBO_DATA_DIR").env_remove("XDG_CACHE_HOME");
    }

    /// Runs `elbo` to its end.
    pub fn elbo(&self, line: &str) -> Outcome {
        self.command(line).output().expect("the command starts").into()
    }

    /// Runs `elbo`, which must succeed, and returns what it printed.
    #[track_caller]
    pub fn succeed(&self, line: &str) -> String {
        let outcome = self.elbo(line);
        assert_eq!(outcome.code, Some(0), "elbo {line}: {}", outcome.stderr);
        outcome.stdout
    }

    /// Everything below `name`: directories as `None`, files with their bytes. Of the lock only the name: in it stands
    /// the last process that looked.
    pub fn contents(&self, name: &str) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut found = BTreeMap::new();
        collect(&self.path(name), Path::new(""), &mut found);
        found
    }
}

/// Copies the directory `from` with everything below it.
pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_dir(&from, &to);
        } else {
            std::fs::copy(from, to).expect("a readable file");
        }
    }
}

fn collect(root: &Path, below: &Path, found: &mut BTreeMap<PathBuf, Option<Vec<u8>>>) {
    for entry in std::fs::read_dir(root.join(below)).expect("a directory") {
        let path = below.join(entry.expect("an entry").file_name());
        let full = root.join(&path);
        if full.is_dir() {
            found.insert(path.clone(), None);
            collect(root, &path, found);
        } else {
            let lock = path.file_name().is_some_and(|name| name == "elbo.lock");
            let bytes = if lock { Vec::new() } else { std::fs::read(&full).expect("a readable file") };
            found.insert(path, Some(bytes));
        }
    }
}
