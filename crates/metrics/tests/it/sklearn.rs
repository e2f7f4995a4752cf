//! The metrics against scikit-learn's and SciPy's values, stored with their versions in `tests/reference/metrics.json`.

use elbo_metrics::{Contingency, active_clusters, conditional_entropy};
use serde_json::Value;

const TOLERANCE: f64 = 1e-12;

fn reference() -> Value {
    serde_json::from_str(include_str!("../../../../tests/reference/metrics.json")).expect("metrics.json is JSON")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("{key} is a list"))
}

fn ids(case: &Value, key: &str) -> Vec<u32> {
    list(case, key).iter().map(|id| u32::try_from(id.as_u64().expect("an id")).expect("32 bits")).collect()
}

/// JSON has no NaN: the script stores null.
fn number(value: &Value) -> f64 {
    if value.is_null() { f64::NAN } else { value.as_f64().expect("a number") }
}

fn assert_metrics(table: &Contingency, case: &Value) {
    for (metric, actual) in [
        ("majority_accuracy", table.majority_accuracy()),
        ("hungarian_accuracy", table.hungarian_accuracy()),
        ("nmi", table.nmi()),
        ("adjusted_rand_index", table.adjusted_rand_index()),
        ("active_clusters", table.cluster_sizes().len() as f64),
    ] {
        let expected = number(case["metrics"].get(metric).unwrap_or_else(|| panic!("{metric} is stored")));
        let equal = (actual - expected).abs() <= TOLERANCE || (actual.is_nan() && expected.is_nan());
        assert!(equal, "{}: {metric} is {actual:?}, reference {expected:?}", case["name"]);
    }
}

#[test]
fn metrics_of_points_equal_scikit_learn() {
    let reference = reference();
    assert_eq!(list(&reference, "clusterings").len(), 29);
    for case in list(&reference, "clusterings") {
        let (assignments, labels) = (ids(case, "assignments"), ids(case, "labels"));
        assert_metrics(&Contingency::new(&assignments, &labels), case);
        assert_eq!(Some(active_clusters(&assignments) as u64), case["metrics"]["active_clusters"].as_u64());
    }
}

#[test]
fn metrics_of_tables_of_billions_of_points_equal_exact_arithmetic() {
    let reference = reference();
    assert_eq!(list(&reference, "tables").len(), 4);
    for case in list(&reference, "tables") {
        let rows = (0u32..).zip(list(case, "counts"));
        let cells = rows.flat_map(|(cluster, row)| {
            let row = row.as_array().expect("a row of counts");
            (0u32..).zip(row).map(move |(label, count)| ((cluster, label), count.as_u64().expect("a count")))
        });
        assert_metrics(&Contingency::from_cells(cells), case);
    }
}

#[test]
fn conditional_entropy_equals_scipy() {
    let reference = reference();
    assert_eq!(list(&reference, "entropies").len(), 6);
    for case in list(&reference, "entropies") {
        let probabilities: Vec<f64> = list(case, "probabilities").iter().map(number).collect();
        let clusters = case["clusters"].as_u64().expect("a count") as usize;
        let actual = conditional_entropy(&probabilities, clusters);
        let expected = number(&case["conditional_entropy"]);
        assert!((actual - expected).abs() <= TOLERANCE, "{}: {actual:?}, reference {expected:?}", case["name"]);
    }
}
