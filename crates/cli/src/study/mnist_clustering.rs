//! `mnist-clustering`: M2, modified M2 and the real GMVAE as clusterers of MNIST without labels.

mod report;
mod setup;

use serde_json::json;

use super::results::without_epochs;
use super::{Done, Experiment, Measured, Request, Results, Scale, Study};
use crate::config::recipe;
use crate::data::Rows;
use crate::grid::Width;
use crate::machine::error::Result;
use crate::report::Report;
use crate::run::evaluation::importance_bound;
use crate::run::figures;
use setup::{BOUND, MODELS, slug};

/// Epochs of the default budget, and of the first seed with the full one, for each model.
const EPOCHS: u64 = 20;
const FULL: [u64; 3] = [50, 50, 200];
/// Core seconds of a training step of each model.
const STEP: [f64; 3] = [0.080, 0.062, 0.080];

/// What is measured, and its column of `metrics.csv`.
const MEASURES: [(&str, &str); 9] = [
    ("loss", "test_loss"),
    ("recon", "test_recon"),
    ("kl_y", "test_kl_y"),
    ("kl_z", "test_kl_z"),
    ("entropy", "test_conditional_entropy"),
    ("majority accuracy", "test_majority_accuracy"),
    ("hungarian accuracy", "test_hungarian_accuracy"),
    ("confident accuracy", "test_confident_accuracy"),
    ("nmi", "test_nmi"),
];

/// The study of this file.
pub struct MnistClustering;

impl Study for MnistClustering {
    fn name(&self) -> &'static str {
        "mnist-clustering"
    }

    fn about(&self) -> &'static str {
        "M2, modified M2 and the real GMVAE cluster MNIST without labels"
    }

    fn experiments(&self, request: &Request<'_>) -> Result<Vec<Experiment>> {
        let seeds = request.seeds.unwrap_or(if request.scale == Scale::Quick { 1 } else { 3 });
        let mut experiments = Vec::new();
        for ((model, step), full) in MODELS.into_iter().zip(STEP).zip(FULL) {
            for seed in 1..=seeds {
                let (_, mut config) = recipe::load(&format!("mnist-{}", slug(model)))?;
                let epochs = match request.scale {
                    Scale::Quick => 2,
                    Scale::Full if seed == 1 => full,
                    _ => EPOCHS,
                };
                let mut set = vec![format!("train.epochs={epochs}"), format!("train.seed={seed}")];
                if request.scale == Scale::Quick {
                    set.extend(["train.epoch_steps=60", "data.valid_rows=0", "data.test_rows=2000"].map(String::from));
                }
                set.extend(request.set.iter().cloned());
                config.set(&set)?;
                let train = &config.steps().train;
                let steps = (train.epochs * train.epoch_steps) as f64;
                // Evaluation costs a tenth of training.
                let cost = 1.1 * step * steps;
                let width = Width::AllCores;
                experiments.push(Experiment { width, ..Experiment::new(&[("model", model)], config, cost) });
            }
        }
        Ok(experiments)
    }

    /// The metrics of every epoch, those at the epochs of the bands, and an importance-weighted bound at the end.
    fn measure(&self, done: &Done<'_>) -> Result<Measured> {
        let (finished, config) = (done.finished, &done.experiment.config);
        let metrics = &finished.metrics;
        let mut record = serde_json::Map::new();
        let mut values = Vec::new();
        for (name, column) in MEASURES {
            let Some(list) = metrics.column(column) else { continue };
            values.extend(list.iter().map(|(epoch, value)| (format!("{name} at epoch {epoch}"), *value)));
            record.insert(name.into(), json!(without_epochs(&list)));
        }
        let network = finished.trained.network();
        let rows = Rows { data: &done.splits.test, binarize: config.data.is_binarized() };
        let bound = importance_bound(network, rows, BOUND, config.method.seed());
        values.push((format!("iwae-{}", BOUND.1), bound));
        if done.experiment.seed() == 1 {
            let test = &done.splits.test;
            let model = done.experiment.label("model");
            let panel = figures::cluster_samples(network, test, finished.clusters(), (model, 1));
            record.insert("samples".into(), json!(panel));
        }
        Ok((values, record.into()))
    }

    fn report(&self, results: &Results<'_>, request: &Request<'_>) -> Report {
        report::report(results, request)
    }
}
