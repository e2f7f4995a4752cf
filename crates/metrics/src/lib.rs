//! Measures of what a model has learned, computed in f64.
//!
//! - Clusterings against labels: [`Contingency`] counts the points of each (cluster, label) pair once, and
//!   [`majority_accuracy`](Contingency::majority_accuracy), [`hungarian_accuracy`](Contingency::hungarian_accuracy),
//!   [`nmi`](Contingency::nmi) and [`adjusted_rand_index`](Contingency::adjusted_rand_index) are read off it;
//!   [`most_confident_accuracy`] needs the probabilities. Without labels: [`conditional_entropy`], [`active_clusters`].
//! - Latents: [`mean_radius`], [`active_units`], and the linear [`Probe`].
//! - Bounds: [`importance_weighted_bound`].
//! - Samples in the plane: [`sliced_wasserstein`], [`energy_distance`], [`mode_shares`].
//! - Summaries over runs: [`quantile`], [`Spread`], [`percentile_of`], [`paired_interval`].
//!
//! The three accuracies of a clustering answer different questions, so nothing here bears the bare name "accuracy".
//!
//! This crate does **not** know gradients, models or files: it takes slices and returns numbers.

#![forbid(unsafe_code)]

mod assignment;
mod bound;
mod clustering;
mod contingency;
mod density;
mod latent;
mod probe;
mod softmax_regression;
mod summary;
mod unlabelled;

pub use bound::{importance_weighted_bound, log_mean_exp};
pub use clustering::most_confident_accuracy;
pub use contingency::Contingency;
pub use density::{Mode, Shares, energy_distance, mode_shares, sliced_wasserstein};
pub use latent::{active_units, mean_radius};
pub use probe::{Held, Probe, linear_probe};
pub use summary::{Interval, Spread, median, paired_interval, percentile_of, quantile, t_quantile};
pub use unlabelled::{active_clusters, conditional_entropy};

/// The rows of `values`, `[n, width]` row-major.
///
/// # Panics
/// If `width` is 0 or does not divide the number of values; `what` names them.
#[track_caller]
fn rows<'a, T>(what: &str, values: &'a [T], width: usize) -> std::slice::ChunksExact<'a, T> {
    let count = values.len();
    assert!(width > 0 && count.is_multiple_of(width), "{what}: {count} values are no rows of width {width}");
    values.chunks_exact(width)
}
