//! The runs of `toy-density` that fail, and by which criterion.

use elbo_datasets::Toy;

use super::super::setup::{PER_SAMPLE, POSTERIORS};
use super::runs::{arms, of};
use crate::grid::Outcome;
use crate::report::{Block, Section, number};
use crate::study::Results;

/// A run fails if its gap exceeds the density's bar, if a mode gets less than this share, or more than that share lies
/// off every mode.
const LEAST_SHARE: f64 = 0.20;
const OFF_MODE: f64 = 0.15;

/// The largest gap to the true log-density, in nats, that counts as a success; a single Gaussian reaches 0.25 on the
/// figure 8, 0.19 on the blobs and 1.75 on the mixture.
pub(super) fn bar(density: Toy, arm: &str) -> f64 {
    match density {
        Toy::Isotropic if arm == PER_SAMPLE => 0.03,
        Toy::Isotropic | Toy::Rotated | Toy::Blobs => 0.15,
        Toy::FigureEight => 0.20,
        Toy::Mixture => 0.57,
    }
}

/// The criteria by which the run fails.
pub(super) fn fails(density: Toy, arm: &str, outcome: &Outcome) -> Vec<&'static str> {
    if outcome.diverged() {
        return vec!["diverged"];
    }
    let criteria = [
        ("gap", outcome.find("gap").is_none_or(|gap| gap.is_nan() || gap > bar(density, arm))),
        ("mode", outcome.find("least mode share").is_some_and(|share| share < LEAST_SHARE)),
        ("off-mode", outcome.find("off-mode share").is_some_and(|share| share > OFF_MODE)),
    ];
    criteria.into_iter().filter(|(_, fails)| *fails).map(|(name, _)| name).collect()
}

/// How many of so many runs fail.
pub(super) fn failed(results: &Results<'_>, density: Toy, arm: &str, posterior: &str) -> (usize, usize) {
    let runs = of(results, density, arm, posterior);
    let failed = runs.runs().iter().filter(|(_, outcome)| !fails(density, arm, outcome).is_empty());
    (failed.count(), runs.runs().len())
}

/// "There are times when it fails", with numbers.
pub(super) fn section(results: &Results<'_>) -> Section {
    let mut rows = Vec::new();
    for (density, arm) in arms() {
        let mut cells = vec![density.name().to_string(), arm.to_string(), number(bar(density, arm))];
        for posterior in POSTERIORS {
            let (failed, all) = failed(results, density, arm, posterior);
            let runs = of(results, density, arm, posterior);
            let mut why: Vec<&str> = runs.runs().iter().flat_map(|(_, outcome)| fails(density, arm, outcome)).collect();
            why.sort();
            why.dedup();
            let why = if why.is_empty() { String::new() } else { format!(": {}", why.join(", ")) };
            let gaps = runs.metric("gap");
            let worst = gaps.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            cells.push(format!("{failed} of {all}{why}"));
            cells.push(if gaps.is_empty() { "–".into() } else { number(worst) });
        }
        rows.push(cells);
    }
    let head = [
        "density",
        "arm",
        "largest gap allowed (nats)",
        "diagonal fails",
        "largest gap, diagonal",
        "full fails",
        "largest gap, full",
    ];
    let caption = format!(
        "Runs that fail, and by which criterion: gap above that allowed, a mode under {:.0} % of the generated points, \
         or more than {:.0} % of them off every mode. A single Gaussian is 0.25 nats short on the figure 8, 0.19 on \
         the blobs and 1.75 on the mixture. The run with the largest gap of each density is drawn below.",
        100.0 * LEAST_SHARE,
        100.0 * OFF_MODE
    );
    Section {
        title: "\"There are times when it fails\"".into(),
        blocks: vec![Block::Table { caption, head: head.map(String::from).into(), rows }],
    }
}
