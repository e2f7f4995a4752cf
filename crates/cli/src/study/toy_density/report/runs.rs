//! Picking runs of `toy-density`, and how they are drawn.

use elbo_datasets::Toy;

use super::super::setup::{KNOWN, PER_SAMPLE};
use crate::plot::Look;
use crate::study::Results;

/// Colour of a posterior, the same in every figure.
pub(super) fn look(posterior: &str) -> Look {
    Look::new(if posterior == "full" { 1 } else { 0 })
}

/// The runs of one arm.
pub(super) fn of<'a>(results: &Results<'a>, density: Toy, arm: &str, posterior: &str) -> Results<'a> {
    results.of(&[("density", density.name()), ("arm", arm), ("posterior", posterior)])
}

/// Every density with each arm that is run on it.
pub(super) fn arms() -> impl Iterator<Item = (Toy, &'static str)> {
    Toy::ALL.iter().flat_map(|density| [KNOWN, PER_SAMPLE].map(|arm| (*density, arm)))
}
