//! Metrics of a clustering against labels.
//!
//! Degenerate cases follow scikit-learn where it defines the metric (`normalized_mutual_info_score`,
//! `adjusted_rand_score`); the accuracies of no points are 0/0 = NaN.

use std::collections::BTreeMap;

use elbo_tensor::{Real, math::argmax};

use crate::assignment::max_assignment;
use crate::{Contingency, rows};

impl Contingency {
    /// Majority-vote accuracy `(1/n) Σ_k max_l n_kl`, in (0, 1]: each cluster takes its most frequent label *on these
    /// very points*.
    ///
    /// Several clusters may share a label, so more clusters can only help: all singletons score 1. NaN for no points.
    pub fn majority_accuracy(&self) -> f64 {
        let mut largest: BTreeMap<u32, u64> = BTreeMap::new();
        for ((cluster, _), count) in self.cells() {
            let entry = largest.entry(cluster).or_default();
            *entry = count.max(*entry);
        }
        largest.values().sum::<u64>() as f64 / self.total() as f64
    }

    /// Hungarian accuracy `max_σ (1/n) Σ_k n_{k σ(k)}`, in (0, 1], over one-to-one maps σ of clusters to labels.
    ///
    /// If there are more clusters than labels (or fewer), those left over match nothing. Exact: the maximum is found in
    /// integers. At most [`majority_accuracy`](Self::majority_accuracy); NaN for no points.
    pub fn hungarian_accuracy(&self) -> f64 {
        let transpose = self.cluster_sizes().len() > self.label_sizes().len();
        let (short, long) = match transpose {
            true => (self.label_sizes(), self.cluster_sizes()),
            false => (self.cluster_sizes(), self.label_sizes()),
        };
        let position =
            |sizes: &BTreeMap<u32, u64>| -> BTreeMap<u32, usize> { sizes.keys().copied().zip(0..).collect() };
        let (row_of, column_of) = (position(short), position(long));
        let mut rows = vec![Vec::new(); short.len()];
        for ((cluster, label), count) in self.cells() {
            let (row, column) = if transpose { (label, cluster) } else { (cluster, label) };
            rows[row_of[&row]].push((column_of[&column], count));
        }
        max_assignment(&rows, long.len()) as f64 / self.total() as f64
    }

    /// Normalised mutual information `2 I(k; l) / (H(k) + H(l))`, in \[0, 1\]: the arithmetic
    /// mean, scikit-learn's default.
    ///
    /// Invariant under relabelling and symmetric; 1 iff the partitions are equal, 0 iff independent. As in
    /// scikit-learn: 1 if both partitions are trivial (one part each, or no points), 0 if only one of them is.
    pub fn nmi(&self) -> f64 {
        let (clusters, labels) = (self.cluster_sizes(), self.label_sizes());
        if clusters.len() <= 1 && labels.len() <= 1 {
            return 1.0;
        }
        let n = self.total() as f64;
        // Both products round the same integer where a cell is independent, so that its term is exactly 0.
        let information: f64 = self
            .cells()
            .map(|((cluster, label), count)| {
                let (count, expected) = (count as f64, clusters[&cluster] as f64 * labels[&label] as f64);
                count / n * (count * n / expected).ln()
            })
            .sum();
        let entropy = |sizes: &BTreeMap<u32, u64>| -> f64 {
            sizes.values().map(|&size| size as f64).map(|size| size / n * (n / size).ln()).sum()
        };
        (2.0 * information / (entropy(clusters) + entropy(labels))).clamp(0.0, 1.0)
    }

    /// Adjusted Rand index `(RI − E[RI]) / (1 − E[RI])` (Hubert & Arabie 1985), in \[−1/2, 1\], 0 in expectation for a
    /// random clustering of the same sizes.
    ///
    /// Computed from the exact numbers of pairs of points that are together or apart in the two partitions,
    /// `2 (tp·tn − fn·fp) / ((tp+fn)(fn+tn) + (tp+fp)(fp+tn))`. As in scikit-learn: 1 if no pair disagrees, which
    /// covers no points, one point, one cluster against one label and singletons against singletons.
    pub fn adjusted_rand_index(&self) -> f64 {
        let pairs = |count: u64| i128::from(count) * (i128::from(count) - 1) / 2;
        let together_in_both: i128 = self.cells().map(|(_, count)| pairs(count)).sum();
        let in_cluster: i128 = self.cluster_sizes().values().map(|&size| pairs(size)).sum();
        let in_label: i128 = self.label_sizes().values().map(|&size| pairs(size)).sum();
        let only_cluster = in_cluster - together_in_both;
        let only_label = in_label - together_in_both;
        if only_cluster == 0 && only_label == 0 {
            return 1.0;
        }
        let all = pairs(self.total());
        let apart_in_both = all - in_cluster - only_label;
        // With at most 2³² points a pair count is below 2⁶³ and both integers below 2¹²⁷.
        let numerator = together_in_both * apart_in_both - only_label * only_cluster;
        let denominator = in_label * (all - in_cluster) + in_cluster * (all - in_label);
        2.0 * numerator as f64 / denominator as f64
    }
}

/// Most-confident-sample accuracy, in \[0, 1\]: each cluster takes the label of the row that it holds with the highest
/// `q(y=k|x)`, and the value is the share of rows whose cluster bears their label.
///
/// `probabilities` are `q(y|x)`, `[n, clusters]` row-major; a row belongs to the cluster of its largest entry, the
/// first of equals, and among rows of equal confidence the first labels the cluster. One label a cluster is read, so
/// unlike [`majority_accuracy`](Contingency::majority_accuracy) it does not choose the labels that score best, and is
/// at most that. A cluster without rows counts for nothing. NaN for no rows.
///
/// Makhzani, Shlens, Jaitly, Goodfellow & Frey 2015, *Adversarial autoencoders*, <https://arxiv.org/abs/1511.05644>,
/// on unsupervised clustering. There the most confident row is sought among all rows, here among those of the cluster,
/// so that a cluster always bears the label of one of its own.
///
/// # Panics
/// If `clusters` is 0, or the shapes disagree.
#[track_caller]
pub fn most_confident_accuracy(probabilities: &[Real], clusters: usize, labels: &[u32]) -> f64 {
    let rows = rows("most_confident_accuracy", probabilities, clusters);
    let n = rows.len();
    assert!(n == labels.len(), "most_confident_accuracy: {n} rows but {} labels", labels.len());
    let assignments: Vec<usize> = rows.clone().map(argmax).collect();
    let mut most_confident: Vec<Option<(Real, u32)>> = vec![None; clusters];
    for ((row, &cluster), &label) in rows.zip(&assignments).zip(labels) {
        let best = &mut most_confident[cluster];
        if best.is_none_or(|(confidence, _)| row[cluster] > confidence) {
            *best = Some((row[cluster], label));
        }
    }
    let bears = |cluster: usize, label: u32| most_confident[cluster].is_some_and(|(_, own)| own == label);
    let correct = assignments.iter().zip(labels).filter(|&(&cluster, &label)| bears(cluster, label)).count();
    correct as f64 / n as f64
}
