//! The arms of `toy-density`, and the source's budgets.

use elbo_datasets::Toy;

use crate::study::text::Prose;

/// The prose of the report.
pub(super) const PROSE: Prose = Prose(include_str!("../../../studies/toy-density/report.md"));

/// Where medians must lie: density, arm, metric with its name and unit, lower and upper end, and whether it is judged.
pub(super) const BANDS: &str = include_str!("../../../studies/toy-density/bands.csv");

pub(super) const POSTERIORS: [&str; 2] = ["diagonal", "full"];

/// The arms: one noise variance for all points, that of the density or learned where it has none (the mixture); a
/// variance that is a function of the code, as the slides state it; and other sizes of the latent.
pub(super) const KNOWN: &str = "one variance";
pub(super) const PER_SAMPLE: &str = "per-sample variance";
/// With a quarter of the epochs, which shows what the size of the latent does, and with all of them.
pub(super) const LATENT: &str = "latent size";
pub(super) const LATENT_WHOLE: &str = "latent size, all epochs";

/// Every density with each arm that is run on it.
pub(super) fn arms() -> impl Iterator<Item = (Toy, &'static str)> {
    Toy::ALL.iter().flat_map(|density| [KNOWN, PER_SAMPLE].map(|arm| (*density, arm)))
}

/// Training rows, epochs and test rows of the source.
pub(super) fn budget(density: Toy) -> (u64, u64, usize) {
    match density {
        Toy::Isotropic => (20_000, 20, 10_000),
        Toy::Rotated => (20_000, 50, 10_000),
        Toy::FigureEight | Toy::Blobs => (40_000, 200, 20_000),
        Toy::Mixture => (40_000, 400, 20_000),
    }
}
