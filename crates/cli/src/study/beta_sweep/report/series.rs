//! What is told of a model, and how it is drawn.

use super::super::setup::BETAS;
use crate::plot::Look;
use crate::study::Results;

/// What the source reports of each model: our metric, its name and unit.
pub(super) fn metrics(model: &str) -> [(&'static str, &'static str, &'static str); 4] {
    let recon = ("recon", "reconstruction error", "squared units");
    let kl = ("kl", "KL", "nats");
    match model {
        "discrete" => [("nmi", "NMI", ""), ("hungarian_accuracy", "accuracy (Hungarian)", ""), recon, kl],
        _ => [("probe_accuracy", "probe accuracy", ""), recon, kl, ("mean_radius", "mean radius", "")],
    }
}

/// Look of a model, the same in every figure.
pub(super) fn look(model: &str) -> Look {
    Look::new(if model == "discrete" { 0 } else { 1 })
}

/// The runs of a model with one β.
pub(super) fn of<'a>(results: &Results<'a>, arm: &str, model: &str, beta: &str) -> Results<'a> {
    results.of(&[("arm", arm), ("model", model), ("beta", beta)])
}

/// Medians of a metric by β.
pub(super) fn medians(results: &Results<'_>, arm: &str, model: &str, metric: &str) -> Vec<f64> {
    BETAS.iter().map(|beta| of(results, arm, model, beta).median(metric)).collect()
}
