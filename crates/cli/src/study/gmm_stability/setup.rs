//! The axes and arms of `gmm-stability`.

use crate::study::text::Prose;

/// The prose of the report.
pub(super) const PROSE: Prose = Prose(include_str!("../../../studies/gmm-stability/report.md"));

/// The axes of the source's grid.
pub(super) const KS: [&str; 2] = ["20", "50"];
pub(super) const FLOORS: [&str; 3] = ["0.01", "0.1", "1"];
pub(super) const PENALTIES: [&str; 4] = ["0", "1e-4", "1e-3", "1e-2"];
pub(super) const STEPS: [&str; 3] = ["100", "500", "1000"];

/// The largest penalty, with which the source's runs collapse.
pub(super) const LARGEST: &str = PENALTIES[3];

/// What a run is for.
pub(super) const GUARDED: &str = "guarded";
pub(super) const FAITHFUL: &str = "faithful";
pub(super) const MORE_SEEDS: &str = "more seeds";
pub(super) const SHIPPED: &str = "shipped";
pub(super) const SYMMETRIC: &str = "symmetric";
pub(super) const UNCLIPPED: &str = "no clip";
pub(super) const EXACT: &str = "exact M-step";
pub(super) const RAW: &str = "raw";
pub(super) const RAW_TOTAL: &str = "raw from total variance";
pub(super) const RAW_GUARDED: &str = "raw guarded";
pub(super) const SCALED: &str = "scaled and standardised";
pub(super) const EM: &str = "EM";
pub(super) const KMEANS: &str = "k-means";
pub(super) const FACTORS: &str = "factors by EM";
pub(super) const SWEPT_FACTORS: &str = "factors as swept";
pub(super) const SWEPT: &str = "on factors as swept";

/// The floors that are compared over more seeds than the source's, which scatter too much, and so many.
pub(super) const MORE_SEEDS_OF: [&str; 2] = ["0.01", "1"];
pub(super) const MORE: u64 = 5;
