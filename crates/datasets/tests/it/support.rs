//! Files for the tests of tables: a folder that goes away, NumPy's own files, and what must be said of bad ones.

#[path = "../../../../tests/laws/support/seeds.rs"]
pub mod seeds;

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use elbo_datasets::{DataError, Place};
use tempfile::TempDir;

pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// A file that NumPy wrote.
pub fn numpy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/tables").join(name)
}

/// The shape of a row of an array of this shape, as a table has it.
pub fn row(shape: &[usize]) -> Vec<usize> {
    if shape.len() == 1 { vec![1] } else { shape[1..].to_vec() }
}

/// Name, shape and values in C order of every array that NumPy wrote.
pub fn numpy_arrays() -> Vec<(String, Vec<usize>, Vec<f64>)> {
    let text = fs::read_to_string(numpy("tables.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let array = |(name, array): (&String, &serde_json::Value)| {
        let shape = array["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize);
        let values = array["values"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap());
        (name.clone(), shape.collect(), values.collect())
    };
    json["arrays"].as_object().unwrap().iter().map(array).collect()
}

/// The fault must be `Malformed` at byte `at`, on one line that names `path` and contains `reason`.
#[track_caller]
pub fn assert_malformed<T: Debug>(result: Result<T, DataError>, path: &Path, at: u64, reason: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error, DataError::Malformed { offset, .. } if offset == at), "{error:?}");
    assert_line(&error, path, reason);
}

/// The fault must be one of a table at `place`, on one line that names `path` and contains `reason`.
#[track_caller]
pub fn assert_table<T: Debug>(result: Result<T, DataError>, path: &Path, at: Place, reason: &str) {
    let error = result.unwrap_err();
    assert!(matches!(&error, DataError::Table { place, .. } if *place == at), "{error:?}");
    assert_line(&error, path, &format!("{at}: "));
    assert_line(&error, path, reason);
}

#[track_caller]
fn assert_line(error: &DataError, path: &Path, reason: &str) {
    let message = error.to_string();
    assert!(message.starts_with(&path.display().to_string()), "{message}");
    assert!(message.contains(reason), "no `{reason}` in `{message}`");
    assert!(!message.contains('\n'), "{message}");
}
