//! Metrics of a clustering that need no labels.

use std::collections::BTreeSet;

use crate::rows;

/// `H(Y|X) = −(1/n) Σ_i Σ_k q(y=k|x_i) ln q(y=k|x_i)` in nats, with `0 ln 0 = 0`: the mean entropy of the rows of
/// `probabilities`, `[n, clusters]` row-major, in \[0, ln `clusters`\].
///
/// 0 when every point is assigned with certainty. Rows are taken as they are, not renormalised. NaN for no rows, and
/// where an entry is negative or NaN.
///
/// # Panics
/// If `clusters` is 0 or does not divide the number of entries.
#[track_caller]
pub fn conditional_entropy<T: Copy + Into<f64>>(probabilities: &[T], clusters: usize) -> f64 {
    let rows = rows("conditional_entropy", probabilities, clusters);
    let count = rows.len() as f64;
    let entropy =
        |row: &[T]| -> f64 { row.iter().map(|&q| q.into()).map(|q| if q == 0.0 { 0.0 } else { -q * q.ln() }).sum() };
    rows.map(entropy).sum::<f64>() / count
}

/// The number of clusters with at least one point.
pub fn active_clusters(assignments: &[u32]) -> usize {
    assignments.iter().collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditional_entropy_of_no_rows_and_of_improper_rows_is_nan() {
        assert!(conditional_entropy::<f64>(&[], 3).is_nan());
        assert!(conditional_entropy(&[1.5, -0.5], 2).is_nan());
        assert!(conditional_entropy(&[f32::NAN, 0.5], 2).is_nan());
    }

    #[test]
    #[should_panic(expected = "conditional_entropy: 5 values are no rows of width 2")]
    fn ragged_rows_are_refused() {
        conditional_entropy(&[0.5; 5], 2);
    }

    #[test]
    fn active_clusters_counts_ids_that_occur() {
        assert_eq!(active_clusters(&[]), 0);
        assert_eq!(active_clusters(&[4, 4, u32::MAX, 0, 4]), 3);
    }
}
