//! The networks of `modified-m2-nan`, its budgets, and its ways to train.

use crate::study::text::Prose;

/// The prose of the report.
pub(super) const PROSE: Prose = Prose(include_str!("../../../studies/modified-m2-nan/report.md"));

/// Networks as published, and small ones of which several can be run.
pub(super) const FULL: &str = "512 units";
pub(super) const SMALL: &str = "64 units";

/// Epochs of the run that nothing is done to, and of each other run after the last state that it kept.
pub(super) const ALONE: [(&str, u64); 2] = [(SMALL, 600), (FULL, 450)];
pub(super) const REMEDY: u64 = 30;
/// Epochs between states that are kept.
pub(super) const KEPT: u64 = 10;

/// Norm of the gradient of a batch mean at which clipping begins: near the median over a run that nothing is done to,
/// which the report shows for each.
pub(super) const CLIP_NORM: [(&str, f64); 2] = [(FULL, 63.0), (SMALL, 75.0)];
const FLOOR: &str = "model.floor=1e-4";

/// A way to train: its name, the share of that norm at which the gradient is clipped (0: not), and other settings.
pub(super) type Arm = (&'static str, f64, &'static [&'static str]);

/// As published: the scale is ln(1 + eˣ) computed as it is written.
const DIRECT: &str = "model.scale=direct";
pub(super) const NONE: Arm = ("none", 0.0, &[DIRECT]);
/// A softplus that keeps eˣ beside 1.
pub(super) const STABLE: Arm = ("exact softplus", 0.0, &[]);
pub(super) const REMEDIES: [Arm; 5] = [
    ("clip", 1.0, &[DIRECT]),
    ("clip at a tenth", 0.1, &[DIRECT]),
    ("floor 1e-4", 0.0, &[DIRECT, FLOOR]),
    ("floor and clip", 1.0, &[DIRECT, FLOOR]),
    STABLE,
];
