//! The runs of `toy-density` that fail, and by which criterion.

use elbo_datasets::Toy;

use super::super::setup::{BANDS, PROSE, arms};
use super::runs::{both, by_posterior, out_of};
use crate::grid::Outcome;
use crate::report::{Block, number};
use crate::study::results::ends;
use crate::study::text::rows;
use crate::study::{Experiment, Results};

/// A run fails if its gap exceeds the density's bar, if a mode gets less than this share, or more than that share lies
/// off every mode.
const LEAST_SHARE: f64 = 0.20;
const OFF_MODE: f64 = 0.15;

/// The largest gap to the true log-density, in nats, that counts as a success.
fn largest_gap(density: &str, arm: &str) -> f64 {
    let bar = rows(BANDS).find(|cells| cells[..3] == [density, arm, "gap"]);
    bar.and_then(|cells| cells[6].parse().ok()).unwrap_or(f64::INFINITY)
}

/// The criteria by which the run fails.
pub(super) fn fails(experiment: &Experiment, outcome: &Outcome) -> Vec<&'static str> {
    if outcome.diverged() {
        return vec!["diverged"];
    }
    let most = largest_gap(experiment.label("density"), experiment.label("arm"));
    let criteria = [
        ("gap", outcome.find("gap").is_none_or(|gap| gap.is_nan() || gap > most)),
        ("mode", outcome.find("least mode share").is_some_and(|share| share < LEAST_SHARE)),
        ("off-mode", outcome.find("off-mode share").is_some_and(|share| share > OFF_MODE)),
    ];
    criteria.into_iter().filter(|(_, fails)| *fails).map(|(name, _)| name).collect()
}

/// How many of the runs fail.
pub(super) fn failed(runs: &Results<'_>) -> usize {
    runs.runs().iter().filter(|(experiment, outcome)| !fails(experiment, outcome).is_empty()).count()
}

/// "There are times when it fails", with numbers.
pub(super) fn table(results: &Results<'_>) -> Block {
    let row = |(density, arm): (Toy, &str)| {
        let cells = by_posterior(&both(results, density, arm), |runs, _| {
            let mut why: Vec<&str> = runs.runs().iter().flat_map(|(e, outcome)| fails(e, outcome)).collect();
            why.sort();
            why.dedup();
            let why = if why.is_empty() { String::new() } else { format!(": {}", why.join(", ")) };
            let gaps = runs.metric("gap");
            let worst = if gaps.is_empty() { "–".into() } else { number(ends(&gaps).1) };
            [out_of(failed(runs), runs.runs().len()) + &why, worst]
        });
        let head = [density.name().to_string(), arm.to_string(), number(largest_gap(density.name(), arm))];
        head.into_iter().chain(cells.into_iter().flatten()).collect()
    };
    let [least, off] = [LEAST_SHARE, OFF_MODE].map(|share| format!("{:.0}", 100.0 * share));
    PROSE.table("failures", &[("least", least), ("off", off)], arms().map(row).collect())
}
