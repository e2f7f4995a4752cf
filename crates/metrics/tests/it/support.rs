//! Reading of the stored reference values.

#[path = "../../../../tests/laws/support/seeds.rs"]
pub mod seeds;

use serde_json::Value;

/// The values of a stored file.
pub fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("a reference file is JSON")
}

/// The list under `key`.
pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("{key} is a list"))
}

/// The number under `key`.
pub fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} is a number"))
}

/// The numbers under `key`.
pub fn numbers(value: &Value, key: &str) -> Vec<f64> {
    list(value, key).iter().map(|number| number.as_f64().expect("a number")).collect()
}

/// Asserts `|actual − expected| ≤ tolerance · max(1, |expected|)` for every pair.
#[track_caller]
pub fn assert_close(what: &str, actual: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (actual, expected) in actual.iter().zip(expected) {
        let close = (actual - expected).abs() <= tolerance * expected.abs().max(1.0);
        assert!(close, "{what}: {actual:?}, expected {expected:?}");
    }
}
