//! The contingency table of two partitions of the same points.

use std::collections::BTreeMap;

/// The number of points `n_kl` of each (cluster `k`, label `l`): the confusion matrix of a clustering.
///
/// Stored sparsely by the ids that occur, so ids may be any `u32` and a table of all singletons stays as small as its
/// input. Ordered maps keep every sum over it in one fixed order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contingency {
    cells: BTreeMap<(u32, u32), u64>,
    clusters: BTreeMap<u32, u64>,
    labels: BTreeMap<u32, u64>,
    total: u64,
}

impl Contingency {
    /// The largest number of points of a table, 2³²: up to here the pair counts of
    /// [`adjusted_rand_index`](Self::adjusted_rand_index) are exact in 128 bits.
    pub const MAX_TOTAL: u64 = 1 << 32;

    /// The table of `assignments[i]` (cluster of point `i`, `[n]`) against `labels[i]` (its label, `[n]`).
    ///
    /// # Panics
    /// If the two lengths differ, or exceed [`MAX_TOTAL`](Self::MAX_TOTAL).
    #[track_caller]
    pub fn new(assignments: &[u32], labels: &[u32]) -> Self {
        assert!(
            assignments.len() == labels.len(),
            "contingency: {} assignments but {} labels",
            assignments.len(),
            labels.len()
        );
        Self::from_cells(assignments.iter().copied().zip(labels.iter().copied()).map(|pair| (pair, 1)))
    }

    /// The table with these counts, each `((cluster, label), n_kl)`; counts of a repeated pair add up.
    ///
    /// # Panics
    /// If the counts sum to more than [`MAX_TOTAL`](Self::MAX_TOTAL).
    #[track_caller]
    pub fn from_cells(counts: impl IntoIterator<Item = ((u32, u32), u64)>) -> Self {
        let mut cells = BTreeMap::new();
        let mut total = 0u64;
        for (pair, count) in counts {
            total = total.saturating_add(count);
            assert!(total <= Self::MAX_TOTAL, "contingency: more than {} points", Self::MAX_TOTAL);
            if count > 0 {
                *cells.entry(pair).or_default() += count;
            }
        }
        let (mut clusters, mut labels) = (BTreeMap::new(), BTreeMap::new());
        for (&(cluster, label), &count) in &cells {
            *clusters.entry(cluster).or_default() += count;
            *labels.entry(label).or_default() += count;
        }
        Self { cells, clusters, labels, total }
    }

    /// `n_kl`, the number of points of `cluster` that bear `label`; 0 for ids that do not occur.
    pub fn count(&self, cluster: u32, label: u32) -> u64 {
        self.cells.get(&(cluster, label)).copied().unwrap_or(0)
    }

    /// The nonzero counts `((cluster, label), n_kl)`, ordered by cluster, then label.
    pub fn cells(&self) -> impl Iterator<Item = ((u32, u32), u64)> + '_ {
        self.cells.iter().map(|(&pair, &count)| (pair, count))
    }

    /// `n_k` of each cluster with at least one point.
    pub fn cluster_sizes(&self) -> &BTreeMap<u32, u64> {
        &self.clusters
    }

    /// `n_l` of each label that occurs.
    pub fn label_sizes(&self) -> &BTreeMap<u32, u64> {
        &self.labels
    }

    /// The number of points `n`.
    pub fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_margins_are_those_of_the_points() {
        let table = Contingency::new(&[7, 7, 0, u32::MAX, 7], &[1, 1, 2, 2, 3]);
        assert_eq!(table.cells().collect::<Vec<_>>(), [((0, 2), 1), ((7, 1), 2), ((7, 3), 1), ((u32::MAX, 2), 1)]);
        assert_eq!(table.cluster_sizes(), &BTreeMap::from([(0, 1), (7, 3), (u32::MAX, 1)]));
        assert_eq!(table.label_sizes(), &BTreeMap::from([(1, 2), (2, 2), (3, 1)]));
        assert_eq!((table.total(), table.count(7, 1), table.count(7, 2)), (5, 2, 0));
    }

    #[test]
    fn repeated_cells_add_up_and_zero_counts_leave_no_cluster() {
        let table = Contingency::from_cells([((0, 0), 2), ((1, 0), 0), ((0, 0), 3)]);
        assert_eq!(table, Contingency::new(&[0; 5], &[0; 5]));
    }

    #[test]
    #[should_panic(expected = "contingency: 2 assignments but 1 labels")]
    fn different_lengths_are_refused() {
        Contingency::new(&[0, 1], &[0]);
    }

    #[test]
    #[should_panic(expected = "contingency: more than 4294967296 points")]
    fn a_total_that_would_overflow_is_refused() {
        Contingency::from_cells([((0, 0), 1), ((0, 1), u64::MAX)]);
    }
}
