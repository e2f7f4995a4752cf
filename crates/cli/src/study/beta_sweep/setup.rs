//! The axes of `beta-sweep`.

/// Weights of the divergence.
pub(super) const BETAS: [&str; 6] = ["0.1", "0.25", "0.5", "1", "2", "5"];
/// Layouts of the mixture.
pub(super) const ARMS: [&str; 2] = ["axes", "circle"];
pub(super) const MODELS: [&str; 2] = ["discrete", "continuous"];
