//! How a cell ended, and its `status.json`: with an outcome there a cell is finished, without one the cell is run.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::machine::error::{Error, Result};
use crate::machine::{files, output};

const STATUS: &str = "status.json";

/// How the work of a cell ended. Divergence is a result like any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "message", rename_all = "lowercase")]
pub enum State {
    /// To the end.
    Finished,
    /// By a number that is not finite; the text says which and where.
    Diverged(String),
}

/// What a cell found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    #[serde(flatten)]
    pub state: State,
    /// Metrics by name; of a diverged cell those that there are, NaN included.
    #[serde(with = "exact")]
    pub values: Vec<(String, f64)>,
    /// Whatever the figures of the study need: histories, point clouds.
    pub record: Value,
    /// Up to where the cell was run: the extent of the cell.
    pub extent: u64,
    /// Wall-clock seconds over all processes that worked on the cell. They are in no result.
    pub seconds: f64,
}

impl Outcome {
    /// Whether the cell diverged.
    pub fn diverged(&self) -> bool {
        self.state != State::Finished
    }

    /// The metric of this name; NaN without one.
    pub fn value(&self, name: &str) -> f64 {
        self.find(name).unwrap_or(f64::NAN)
    }

    /// The metric of this name, if there is one.
    pub fn find(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(found, _)| found == name).map(|(_, value)| *value)
    }

    /// Pairs of numbers in the record, such as epochs and values; what is no number is NaN.
    pub fn series(&self, name: &str) -> Vec<(f64, f64)> {
        let pair = |value: &Value| Some((value.get(0)?.as_f64()?, value.get(1)?.as_f64().unwrap_or(f64::NAN)));
        self.record[name].as_array().map(|list| list.iter().filter_map(pair).collect()).unwrap_or_default()
    }

    /// Writes `status.json` into the directory of a cell and returns what a later process will read from it, so that
    /// a grid finds the same whether it was interrupted or not.
    ///
    /// # Errors
    /// Exit code 5 if the system cannot write.
    pub fn store(&self, dir: &Path) -> Result<Self> {
        let path = dir.join(STATUS);
        let failed = |cause: serde_json::Error| Error::system("write", &path, &cause.into());
        let bytes = serde_json::to_vec(self).map_err(failed)?;
        let stored = serde_json::from_slice(&bytes).map_err(failed)?;
        files::write_atomic(&path, &bytes)?;
        Ok(stored)
    }

    /// Reads the outcome in the directory of a cell, if there is one.
    ///
    /// # Errors
    /// Exit code 5 if the system cannot read.
    pub fn load(dir: &Path) -> Result<Option<Self>> {
        Ok(Status::load(dir)?.and_then(Status::outcome))
    }
}

/// The process that runs a cell of a shared grid. It is told to readers; what decides is the lock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    /// Name of the machine.
    pub host: String,
    /// Number of the process.
    pub pid: u32,
    /// Seconds since 1970 when it last said that it lives.
    pub heartbeat: u64,
    /// The share of the cell that was done then, between 0 and 1.
    pub done: f64,
}

/// Why a cell of a shared grid could not be run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The message of the error.
    pub reason: String,
    /// Name of the machine.
    pub host: String,
    /// Number of the process.
    pub pid: u32,
    /// Seconds since 1970 when it failed.
    pub at: u64,
}

/// What the `status.json` of a cell says.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// It has ended.
    Ended(Outcome),
    /// A process has begun it.
    Running(Holder),
    /// It could not be run.
    Failed(Failure),
}

/// The statuses of a cell that has no outcome, as they are stored.
#[derive(Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum Unfinished {
    Running(Holder),
    Failed(Failure),
}

impl Status {
    /// Reads the `status.json` in the directory of a cell, or beside it where [`Failure::store`] found no room within.
    /// A damaged one is told on stderr and counts as missing.
    ///
    /// # Errors
    /// Exit code 5 if the system cannot read.
    pub fn load(dir: &Path) -> Result<Option<Self>> {
        match Self::read(&dir.join(STATUS))? {
            None => Self::read(&beside(dir)),
            status => Ok(status),
        }
    }

    fn read(path: &Path) -> Result<Option<Self>> {
        let bytes = match std::fs::read(path) {
            Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            bytes => bytes.map_err(|cause| Error::system("read", path, &cause))?,
        };
        let status = Self::parse(&bytes);
        if let Err(cause) = &status {
            output::note(&format!("elbo: {}: damaged, the cell is run again ({cause})", path.display()));
        }
        Ok(status.ok())
    }

    fn parse(bytes: &[u8]) -> serde_json::Result<Self> {
        Ok(match serde_json::from_slice(bytes) {
            Ok(Unfinished::Running(holder)) => Self::Running(holder),
            Ok(Unfinished::Failed(failure)) => Self::Failed(failure),
            Err(_) => Self::Ended(serde_json::from_slice(bytes)?),
        })
    }

    /// The outcome, if the cell has ended.
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }
}

/// Where a failure is told that cannot be told in the directory `dir` of its cell.
fn beside(dir: &Path) -> PathBuf {
    dir.with_extension(STATUS)
}

impl Holder {
    /// This process, alive, with the share `done` of a cell done.
    pub fn this(done: f64) -> Self {
        Self { host: host(), pid: std::process::id(), heartbeat: now(), done }
    }

    /// Says in the directory of a cell that this process runs it.
    ///
    /// # Errors
    /// Exit code 5 if the system cannot write.
    pub fn store(self, dir: &Path) -> Result<()> {
        files::write_atomic(&dir.join(STATUS), Unfinished::Running(self).bytes())?;
        // A failure from when there was no such directory.
        let _ = std::fs::remove_file(beside(dir));
        Ok(())
    }
}

impl Failure {
    /// The failure of this process by `error`.
    pub fn of(error: &Error) -> Self {
        Self { reason: error.to_string(), host: host(), pid: std::process::id(), at: now() }
    }

    /// Writes the failure into the directory of a cell, by all means: a full disk has no room for a second file but for
    /// other bytes in the first, and where the directory is no directory the failure is told beside it. If nothing of
    /// that is possible only the error itself is left.
    pub fn store(self, dir: &Path) {
        let (path, bytes) = (dir.join(STATUS), Unfinished::Failed(self).bytes());
        let stored = files::write_atomic(&path, &bytes).is_ok() || overwrite(&path, &bytes).is_ok();
        if !stored {
            let _ = files::write_atomic(&beside(dir), &bytes);
        }
    }
}

impl Unfinished {
    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers")
    }
}

fn overwrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)?;
    file.sync_all()
}

/// Forgets that a cell was begun.
pub fn forget(dir: &Path) {
    // What cannot be removed is read as begun by a process that has gone, which is true.
    let _ = std::fs::remove_file(dir.join(STATUS));
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// The name of this machine.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    name.map_or_else(|| "unknown".into(), |name| name.trim().to_string())
}

/// The shortest decimal number that reads back as `value`, to the bit; `nan`, `inf` and `-inf` for what is none.
pub fn number(value: f64) -> String {
    // `{:?}` is `{}` with an exponent for very large and very small numbers, and with a `.0` after whole ones.
    let text = if value.is_nan() { "nan".into() } else { format!("{value:?}") };
    text.strip_suffix(".0").map_or(text.clone(), String::from)
}

/// Metrics with their values as text: JSON knows no NaN, and its parser may be wrong in the last bit.
mod exact {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(values: &[(String, f64)], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(|(name, value)| (name, super::number(*value))))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, f64)>, D::Error> {
        let texts = Vec::<(String, String)>::deserialize(from)?;
        let parse = |(name, text): (String, String)| text.parse().map(|value| (name, value)).map_err(D::Error::custom);
        texts.into_iter().map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(values: &[f64]) -> Outcome {
        let values = values.iter().map(|value| ("nmi".to_string(), *value)).collect();
        let record = serde_json::json!({"loss": [1.5, null]});
        Outcome { state: State::Finished, values, record, extent: 1, seconds: 0.5 }
    }

    /// Different bits all over the word for each index.
    fn scattered(index: u64) -> u64 {
        index.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    #[test]
    fn values_read_back_to_the_bit() {
        let dir = tempfile::tempdir().unwrap();
        let bits = (0..20_000).map(|index: u64| f64::from_bits(scattered(index)));
        let special = [0.1, 1.0 / 3.0, -0.0, 1e300, 5e-324, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        let values: Vec<f64> = special.into_iter().chain(bits).collect();
        let returned = outcome(&values).store(dir.path()).unwrap();
        let read = Outcome::load(dir.path()).unwrap().unwrap();
        for (index, value) in values.iter().enumerate() {
            for (_, stored) in [&returned.values[index], &read.values[index]] {
                assert!(stored.to_bits() == value.to_bits() || stored.is_nan() && value.is_nan(), "{value:e}");
            }
        }
    }

    #[test]
    fn a_stored_outcome_is_the_one_a_later_process_reads() {
        let dir = tempfile::tempdir().unwrap();
        // Some of these change in the last bit when a fast parser reads them.
        let floats: Vec<f64> = (0..20_000).map(|index| scattered(index) as f64 * 1e-27).collect();
        let state = State::Diverged("loss of step 3 is NaN".into());
        let outcome = Outcome { state, record: serde_json::json!(floats), ..outcome(&[f64::INFINITY]) };
        let returned = outcome.store(dir.path()).unwrap();
        assert_eq!(Outcome::load(dir.path()).unwrap().unwrap(), returned);
        assert_eq!((returned.state, returned.values), (outcome.state, outcome.values));
    }

    #[test]
    fn a_status_cut_anywhere_is_no_status() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Outcome::load(dir.path()).unwrap(), None);
        outcome(&[0.5]).store(dir.path()).unwrap();
        let path = dir.path().join(STATUS);
        let bytes = std::fs::read(&path).unwrap();
        for length in (0..bytes.len()).step_by(9) {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert_eq!(Outcome::load(dir.path()).unwrap(), None, "{length} bytes");
        }
    }

    #[test]
    fn a_running_and_a_failed_cell_have_no_outcome() {
        let dir = tempfile::tempdir().unwrap();
        let holder = Holder::this(0.25);
        holder.clone().store(dir.path()).unwrap();
        assert_eq!(Status::load(dir.path()).unwrap(), Some(Status::Running(holder)));
        assert_eq!(Outcome::load(dir.path()).unwrap(), None);
        let failure = Failure::of(&Error::data("no row is left"));
        failure.clone().store(dir.path());
        assert_eq!(Status::load(dir.path()).unwrap(), Some(Status::Failed(failure)));
        assert_eq!(Outcome::load(dir.path()).unwrap(), None);
        outcome(&[0.5]).store(dir.path()).unwrap();
        assert_eq!(Outcome::load(dir.path()).unwrap(), Some(outcome(&[0.5])));
    }

    #[test]
    fn a_failure_is_told_where_no_file_can_be_made() {
        let dir = tempfile::tempdir().unwrap();
        let failure = Failure::of(&Error::data("x".repeat(900)));
        // A file in the place of the directory.
        let cell = dir.path().join("00ff");
        std::fs::write(&cell, "").unwrap();
        failure.clone().store(&cell);
        assert_eq!(Status::load(&cell).unwrap(), Some(Status::Failed(failure.clone())));
        std::fs::remove_file(&cell).unwrap();
        std::fs::create_dir(&cell).unwrap();
        Holder::this(0.0).store(&cell).unwrap();
        forget(&cell);
        assert_eq!(Status::load(&cell).unwrap(), None);
        // The bytes of a longer status make place for those of the failure.
        let cell = dir.path().join("ff00");
        std::fs::create_dir(&cell).unwrap();
        std::fs::write(cell.join(STATUS), "x".repeat(5000)).unwrap();
        overwrite(&cell.join(STATUS), &Unfinished::Failed(failure.clone()).bytes()).unwrap();
        assert_eq!(Status::load(&cell).unwrap(), Some(Status::Failed(failure)));
    }

    #[test]
    fn numbers_are_short() {
        let shown = [1.0, 0.1, 1e-7, -0.0, 1e20, f64::NAN, f64::NEG_INFINITY].map(number);
        assert_eq!(shown, ["1", "0.1", "1e-7", "-0", "1e20", "nan", "-inf"]);
    }
}
