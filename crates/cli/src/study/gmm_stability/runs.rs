//! Picking runs of `gmm-stability` and averaging over them.

use elbo_metrics::median;

use super::super::Results;
use super::setup::{GUARDED, MORE_SEEDS};
use crate::grid::Outcome;

/// The guarded runs of one setting.
pub fn guarded<'a>(results: &Results<'a>, k: &str, floor: &str, penalty: &str, steps: &str) -> Results<'a> {
    of(results, GUARDED, k, floor, penalty, steps)
}

/// The runs of one setting.
pub fn of<'a>(results: &Results<'a>, arm: &str, k: &str, floor: &str, penalty: &str, steps: &str) -> Results<'a> {
    results.of(&[("arm", arm), ("k", k), ("lat_min_var", floor), ("lwr_prs_reg", penalty), ("batch_steps", steps)])
}

/// Train NMI with K = 20, no penalty and 1000 steps over all seeds that there are.
pub fn all_seeds(results: &Results<'_>, floor: &str) -> Vec<f64> {
    [GUARDED, MORE_SEEDS].map(|arm| of(results, arm, "20", floor, "0", "1000").metric("train nmi")).concat()
}

/// The outcomes of two arms.
pub fn both<'a>(results: &Results<'a>, arms: [&str; 2]) -> Vec<&'a Outcome> {
    let of = |arm| results.of(&[("arm", arm)]).runs().iter().map(|(_, outcome)| *outcome).collect::<Vec<_>>();
    arms.map(of).concat()
}

/// Mean of a metric over the runs; NaN without one.
pub fn mean(runs: &Results<'_>, name: &str) -> f64 {
    average(&runs.metric(name))
}

/// NaN without a value.
pub fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Median over the runs of the ratio of two of their metrics.
pub fn median_ratio(runs: &Results<'_>, of: &str, by: &str) -> f64 {
    let ratios: Vec<f64> = runs
        .runs()
        .iter()
        .map(|(_, outcome)| outcome.value(of) / outcome.value(by))
        .filter(|r| r.is_finite())
        .collect();
    if ratios.is_empty() { f64::NAN } else { median(&ratios) }
}
