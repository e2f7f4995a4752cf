//! How a cell ended, and its `status.json`: with that file a cell is finished, without it the cell is run.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::{files, output};

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

    /// Reads the `status.json` in the directory of a cell, if there is one. A damaged one is told on stderr and counts as missing.
    ///
    /// # Errors
    /// Exit code 5 if the system cannot read.
    pub fn load(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(STATUS);
        let bytes = match std::fs::read(&path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|cause| Error::system("read", &path, &cause))?,
        };
        let outcome = serde_json::from_slice(&bytes);
        if let Err(cause) = &outcome {
            output::note(&format!("elbo: {}: damaged, the cell is run again ({cause})", path.display()));
        }
        Ok(outcome.ok())
    }
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
    fn numbers_are_short() {
        let shown = [1.0, 0.1, 1e-7, -0.0, 1e20, f64::NAN, f64::NEG_INFINITY].map(number);
        assert_eq!(shown, ["1", "0.1", "1e-7", "-0", "1e20", "nan", "-inf"]);
    }
}
