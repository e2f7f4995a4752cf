//! Picking runs of `toy-density`, and how they are drawn.

use elbo_datasets::Toy;

use super::super::setup::POSTERIORS;
use crate::plot::Look;
use crate::plot::panel::{Key, Mark};
use crate::study::Results;

/// Colour of a posterior, the same in every figure.
pub(super) fn look(posterior: &str) -> Look {
    Look::new(if posterior == "full" { 1 } else { 0 })
}

/// The entry of a posterior in a legend.
pub(super) fn key(posterior: &str, mark: Mark) -> Key {
    Key { name: format!("{posterior} posterior"), look: look(posterior), mark }
}

/// The runs of an arm with both posteriors.
pub(super) fn both<'a>(results: &Results<'a>, density: Toy, arm: &str) -> Results<'a> {
    results.of(&[("density", density.name()), ("arm", arm)])
}

/// The runs of an arm with one posterior.
pub(super) fn of<'a>(results: &Results<'a>, density: Toy, arm: &str, posterior: &str) -> Results<'a> {
    both(results, density, arm).of(&[("posterior", posterior)])
}

/// Cells of a table, or words of a text, for each posterior.
pub(super) fn by_posterior<T>(runs: &Results<'_>, one: impl Fn(&Results<'_>, &str) -> T) -> [T; 2] {
    POSTERIORS.map(|posterior| one(&runs.of(&[("posterior", posterior)]), posterior))
}

/// "3 of 5"
pub(super) fn out_of(some: usize, all: usize) -> String {
    format!("{some} of {all}")
}
