//! What is measured on a run of `gmm-stability`.

use serde_json::json;

use super::super::{Done, Measured};
use crate::machine::error::Error;
use crate::run::fit::Finished;

/// Epochs between two points of a history in a record.
const EVERY: usize = 5;

/// A run is stable if its NMI on the training rows never falls below this share of that at epoch 0 where it is
/// evaluated, and it comes to its end (the rule of the source).
pub const STABLE: f64 = 0.9;

pub fn measure(done: &Done<'_>) -> Measured {
    let fitted = done.finished;
    let mut values = vec![("iterations".to_string(), fitted.steps as f64)];
    let mut record = serde_json::Map::new();
    if done.experiment.config.kind() == "factor-analysis" {
        latents(done, &mut values);
    }
    for (name, column) in [
        ("train nmi", "train_nmi"),
        ("test nmi", "test_nmi"),
        ("accuracy", "train_majority_accuracy"),
        ("active", "train_active_clusters"),
        ("log likelihood", "train_log_likelihood"),
        ("test log likelihood", "test_log_likelihood"),
        ("smallest weight", "train_min_weight"),
        ("smallest precision", "train_min_precision"),
        ("largest precision", "train_max_precision"),
    ] {
        let list: Vec<(f64, f64)> = history(fitted, column);
        values.extend(list.last().map(|(_, value)| (name.to_string(), *value)));
        let shown = match name {
            "train nmi" | "test nmi" => list,
            "smallest weight" => list.into_iter().step_by(EVERY).collect(),
            _ => continue,
        };
        record.insert(name.into(), json!(shown));
    }
    if let Some((_, inertia)) = history(fitted, "train_inertia").last() {
        let train = &done.splits.train;
        values.push(("within variance".into(), inertia / (train.rows() * train.width()) as f64));
    }
    let nmi = history(fitted, "train_nmi");
    if let [(0.0, first), rest @ ..] = &nmi[..] {
        values.extend(nmi.iter().map(|(epoch, nmi)| (format!("train nmi at epoch {epoch}"), *nmi)));
        let stays = rest.iter().all(|(_, nmi)| *nmi >= STABLE * first);
        values.push(("stable".into(), f64::from(u8::from(stays && fitted.diverged.is_none()))));
    }
    if let Some(kept) = fitted.trained.estimator().state().iter().find(|array| array.name == "kept") {
        values.push(("kept".into(), kept.values.iter().sum()));
    }
    if let Some(reason) = fitted.diverged.as_ref().and_then(reason) {
        record.insert("reason".into(), json!(reason));
    }
    (values, record.into())
}

/// The numbers of a column, where there are any, with their epochs.
fn history(fitted: &Finished, column: &str) -> Vec<(f64, f64)> {
    let list = fitted.metrics.column(column).unwrap_or_default();
    list.into_iter().filter(|(_, value)| value.is_finite()).collect()
}

/// The refusal without the folder and the iteration.
fn reason(divergence: &Error) -> Option<String> {
    let text = divergence.to_string();
    let (_, after) = text.split_once("after iteration ")?;
    after.split_once(": ").map(|(_, reason)| reason.to_string())
}

/// Standard deviations of the latents of the training rows, and how heavy their tails are.
fn latents(done: &Done<'_>, values: &mut Vec<(String, f64)>) {
    let latents = done.finished.trained.estimator().infer_chunked(&done.splits.train.tensor()).latents;
    let width = latents.len() / done.splits.train.rows();
    let rows = (latents.len() / width) as f64;
    let (mut stds, mut tails) = (Vec::new(), Vec::new());
    for d in 0..width {
        let column = || latents.iter().skip(d).step_by(width).map(|&z| f64::from(z));
        let mean = column().sum::<f64>() / rows;
        let moment = |power| column().map(|z| (z - mean).powi(power)).sum::<f64>() / rows;
        stds.push(moment(2).sqrt());
        tails.push(moment(4) / moment(2).powi(2) - 3.0);
    }
    let (least, most) = stds.iter().fold((f64::INFINITY, 0.0f64), |(a, b), &std| (a.min(std), b.max(std)));
    values.push(("smallest std".into(), least));
    values.push(("median std".into(), elbo_metrics::median(&stds)));
    values.push(("largest std".into(), most));
    values.push(("median excess kurtosis".into(), elbo_metrics::median(&tails)));
}
