//! The models of `mnist-clustering`, and what its bound is computed from.

use crate::study::text::Prose;

/// The prose of the report.
pub(super) const PROSE: Prose = Prose(include_str!("../../../studies/mnist-clustering/report.md"));

/// Name in the report, built-in recipe, core seconds of a step.
pub(super) const MODELS: [(&str, &str, f64); 3] =
    [("M2", "mnist-m2", 0.080), ("modified M2", "mnist-modified-m2", 0.062), ("GMVAE", "mnist-gmvae", 0.080)];
/// Test rows and samples of the importance-weighted bound.
pub(super) const BOUND: (usize, usize) = (1000, 100);
