//! Measures of how well a clustering recovers labels, in f64.
//!
//! [`Contingency`] counts the points of each (cluster, label) pair once; every label metric is read off it:
//! [`majority_accuracy`](Contingency::majority_accuracy), [`hungarian_accuracy`](Contingency::hungarian_accuracy),
//! [`nmi`](Contingency::nmi) and [`adjusted_rand_index`](Contingency::adjusted_rand_index). The metrics that need no
//! labels are functions: [`conditional_entropy`] and [`active_clusters`].
//!
//! The two accuracies answer different questions, so nothing here bears the bare name "accuracy".
//!
//! This crate does **not** know tensors, gradients, models or files: it takes slices and returns numbers.

#![forbid(unsafe_code)]

mod assignment;
mod clustering;
mod contingency;
mod unlabelled;

pub use contingency::Contingency;
pub use unlabelled::{active_clusters, conditional_entropy};
