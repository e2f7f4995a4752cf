//! `steps.csv` and `watch.csv`: rows every so many steps.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::machine::error::{Error, Result};
use crate::machine::files;

/// A table whose first column is the step, growing by appends; a continued run first cuts what its checkpoint does not
/// know.
#[derive(Debug)]
pub struct StepsCsv {
    path: PathBuf,
    header: &'static str,
    every: u64,
    pending: String,
}

impl StepsCsv {
    /// A table with rows every `every` steps, 0 for never. Rows from step `step` on are removed.
    pub fn open(path: &Path, header: &'static str, every: u64, step: u64) -> Result<Self> {
        if every > 0 {
            let old = if path.exists() { files::read_text(path)? } else { String::new() };
            let known =
                |line: &&str| line.split(',').next().and_then(|s| s.parse().ok()).is_some_and(|s: u64| s < step);
            let kept: String = old.split_inclusive('\n').filter(|line| line.ends_with('\n')).filter(known).collect();
            files::write_atomic(path, format!("{header}\n{kept}"))?;
        }
        Ok(Self { path: path.into(), header, every, pending: String::new() })
    }

    /// Whether any step has rows.
    pub fn is_on(&self) -> bool {
        self.every > 0
    }

    /// Whether step number `step` has rows.
    pub fn wants(&self, step: u64) -> bool {
        self.is_on() && step.is_multiple_of(self.every)
    }

    /// Notes a row of step number `step`, if there are rows at all.
    pub fn push(&mut self, step: u64, cells: std::fmt::Arguments<'_>) {
        if self.is_on() {
            self.pending += &format!("{step},{cells}\n");
        }
    }

    /// Forgets the noted steps from `step` on, in the file as well.
    pub fn rewind(&mut self, step: u64) -> Result<()> {
        self.flush()?;
        *self = Self::open(&self.path, self.header, self.every, step)?;
        Ok(())
    }

    /// Appends what was noted and forces it to disk.
    pub fn flush(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let append = |mut file: File| file.write_all(self.pending.as_bytes()).and_then(|()| file.sync_data());
        let written = OpenOptions::new().append(true).open(&self.path).and_then(append);
        written.map_err(|cause| Error::system("write", &self.path, &cause))?;
        self.pending.clear();
        Ok(())
    }
}
