//! Laws every clustering metric obeys, on random partitions.

use crate::support::seeds::config;
use elbo_metrics::{Contingency, active_clusters, conditional_entropy};
use proptest::prelude::*;

/// Rounding of a sum over at most 64 cells.
const ROUNDING: f64 = 1e-12;

/// (assignments, labels) of up to 60 points in up to 8 clusters and labels, from one-part partitions to sparse tables.
fn partitions() -> impl Strategy<Value = (Vec<u32>, Vec<u32>)> {
    (1usize..=60, 1u32..=8, 1u32..=8).prop_flat_map(|(n, clusters, labels)| {
        (prop::collection::vec(0..clusters, n), prop::collection::vec(0..labels, n))
    })
}

/// An injective relabelling of 0..8.
fn relabelling() -> impl Strategy<Value = Vec<u32>> {
    Just(vec![0, 1, 2, 3, 17, 1000, 70_000, u32::MAX]).prop_shuffle()
}

fn metrics(table: &Contingency) -> [f64; 4] {
    [table.majority_accuracy(), table.hungarian_accuracy(), table.nmi(), table.adjusted_rand_index()]
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= ROUNDING
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn every_metric_is_invariant_under_relabelling(
        (assignments, labels) in partitions(), clusters_to in relabelling(), labels_to in relabelling()
    ) {
        let renamed = |ids: &[u32], to: &[u32]| -> Vec<u32> { ids.iter().map(|&id| to[id as usize]).collect() };
        let (moved, renamed_labels) = (renamed(&assignments, &clusters_to), renamed(&labels, &labels_to));
        let before = metrics(&Contingency::new(&assignments, &labels));
        let after = metrics(&Contingency::new(&moved, &renamed_labels));
        for (before, after) in before.into_iter().zip(after) {
            prop_assert!(close(before, after), "{before} became {after}");
        }
        prop_assert_eq!(active_clusters(&assignments), active_clusters(&moved));
    }

    #[test]
    fn every_metric_is_invariant_under_reordering_of_the_points((assignments, labels) in partitions()) {
        let reversed = |ids: &[u32]| ids.iter().rev().copied().collect::<Vec<_>>();
        let table = Contingency::new(&assignments, &labels);
        prop_assert_eq!(&table, &Contingency::new(&reversed(&assignments), &reversed(&labels)));
    }

    #[test]
    fn nmi_ari_and_hungarian_accuracy_are_symmetric((assignments, labels) in partitions()) {
        let there = Contingency::new(&assignments, &labels);
        let back = Contingency::new(&labels, &assignments);
        prop_assert!(close(there.nmi(), back.nmi()));
        prop_assert_eq!(there.adjusted_rand_index(), back.adjusted_rand_index());
        prop_assert_eq!(there.hungarian_accuracy(), back.hungarian_accuracy());
    }

    #[test]
    fn majority_is_at_least_hungarian_and_at_least_the_largest_label((assignments, labels) in partitions()) {
        let table = Contingency::new(&assignments, &labels);
        let largest = *table.label_sizes().values().max().expect("a point") as f64 / table.total() as f64;
        prop_assert!(table.majority_accuracy() >= table.hungarian_accuracy());
        prop_assert!(table.majority_accuracy() >= largest);
    }

    #[test]
    fn every_metric_keeps_its_bounds((assignments, labels) in partitions()) {
        let table = Contingency::new(&assignments, &labels);
        prop_assert!(table.hungarian_accuracy() <= 1.0);
        prop_assert!((1.0 / table.label_sizes().len() as f64..=1.0).contains(&table.majority_accuracy()));
        // `longest` one-to-one maps together cover every cell, so the best of them covers at least its share.
        let longest = table.cluster_sizes().len().max(table.label_sizes().len()) as f64;
        prop_assert!(table.hungarian_accuracy() >= 1.0 / longest - ROUNDING);
        prop_assert!((0.0..=1.0).contains(&table.nmi()));
        prop_assert!((-0.5 - ROUNDING..=1.0).contains(&table.adjusted_rand_index()));
    }

    #[test]
    fn equal_partitions_score_one(labels in prop::collection::vec(0u32..8, 1..60), to in relabelling()) {
        let assignments: Vec<u32> = labels.iter().map(|&label| to[label as usize]).collect();
        for value in metrics(&Contingency::new(&assignments, &labels)) {
            prop_assert!(close(value, 1.0), "{value}");
        }
    }

    #[test]
    fn a_product_table_has_exactly_no_information(
        rows in prop::collection::vec(1u64..=9000, 2..8), columns in prop::collection::vec(1u64..=9000, 2..8)
    ) {
        let cells = (0u32..).zip(&rows).flat_map(|(k, a)| (0u32..).zip(&columns).map(move |(l, b)| ((k, l), a * b)));
        prop_assert_eq!(Contingency::from_cells(cells).nmi(), 0.0);
    }

    #[test]
    fn merging_clusters_never_raises_majority_accuracy((assignments, labels) in partitions()) {
        let merged: Vec<u32> = assignments.iter().map(|&cluster| cluster / 2).collect();
        let before = Contingency::new(&assignments, &labels).majority_accuracy();
        prop_assert!(Contingency::new(&merged, &labels).majority_accuracy() <= before);
    }

    #[test]
    fn conditional_entropy_is_between_zero_and_log_k(logits in prop::collection::vec(-20.0f64..20.0, 10 * 7)) {
        let probabilities: Vec<f64> = logits
            .chunks_exact(7)
            .flat_map(|row| {
                let sum: f64 = row.iter().map(|logit| logit.exp()).sum();
                row.iter().map(move |logit| logit.exp() / sum)
            })
            .collect();
        let entropy = conditional_entropy(&probabilities, 7);
        prop_assert!((0.0..=7f64.ln() + ROUNDING).contains(&entropy));
        let single: Vec<f32> = probabilities.iter().map(|&q| q as f32).collect();
        prop_assert!((conditional_entropy(&single, 7) - entropy).abs() < 1e-5);
    }
}
