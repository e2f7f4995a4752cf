//! The axes of `beta-sweep`.

use crate::study::text::Prose;

/// The prose of the report.
pub(super) const PROSE: Prose = Prose(include_str!("../../../studies/beta-sweep/report.md"));

/// Weights of the divergence.
pub(super) const BETAS: [&str; 6] = ["0.1", "0.25", "0.5", "1", "2", "5"];
/// Layouts of the mixture.
pub(super) const ARMS: [&str; 2] = ["axes", "circle"];
pub(super) const MODELS: [&str; 2] = ["discrete", "continuous"];
