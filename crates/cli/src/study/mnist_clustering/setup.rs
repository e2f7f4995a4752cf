//! The models of `mnist-clustering`, and what its bound is computed from.

use crate::study::text::Prose;

/// The prose of the report.
pub(super) const PROSE: Prose = Prose(include_str!("../../../studies/mnist-clustering/report.md"));

pub(super) const MODELS: [&str; 3] = ["M2", "modified M2", "GMVAE"];
/// Test rows and samples of the importance-weighted bound.
pub(super) const BOUND: (usize, usize) = (1000, 100);

/// The name of a model in those of recipes, published runs and files.
pub(super) fn slug(model: &str) -> String {
    model.to_lowercase().replace(' ', "-")
}
