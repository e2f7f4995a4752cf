//! `beta-sweep`: a discrete-latent and a continuous-latent VAE on a two-dimensional mixture, at six weights of the
//! divergence.

mod report;
mod setup;

use elbo_metrics::Contingency;
use serde_json::json;

use super::results::without_epochs;
use super::{Done, Experiment, Measured, Request, Results, Scale, Study};
use crate::config::{Config, argument_key};
use crate::machine::error::Result;
use crate::report::Report;
use setup::{ARMS, BETAS, MODELS};

/// The settings that all runs have in common.
const BASE: &str = include_str!("../../studies/beta-sweep/study.toml");

/// The study of this file.
pub struct BetaSweep;

impl Study for BetaSweep {
    fn name(&self) -> &'static str {
        "beta-sweep"
    }

    fn about(&self) -> &'static str {
        "discrete against continuous latent on a 2-D mixture, six weights of the divergence"
    }

    fn experiments(&self, request: &Request<'_>) -> Result<Vec<Experiment>> {
        let seeds = request.seeds.unwrap_or(match request.scale {
            Scale::Quick => 8,
            Scale::Default => 100,
            Scale::Full => 400,
        });
        let base = Config::parse(BASE, "beta-sweep")?;
        let mut experiments = Vec::new();
        // One that is asked for takes the place of both.
        let asked = request.set.iter().any(|set| argument_key(set) == "data.layout");
        let arms = if asked { &ARMS[..1] } else { &ARMS };
        for (arm, model) in arms.iter().flat_map(|arm| MODELS.map(|model| (*arm, model))) {
            for (beta, seed) in BETAS.iter().flat_map(|beta| (1..=seeds).map(move |seed| (*beta, seed))) {
                let mut config = base.clone();
                let kind = if model == "discrete" { "discrete-vae" } else { "vae" };
                let mut set = vec![
                    format!("model.kind={kind}"),
                    format!("model.beta={beta}"),
                    format!("data.layout={arm}"),
                    format!("data.seed={seed}"),
                    format!("train.seed={seed}"),
                ];
                set.extend(request.set.iter().cloned());
                config.set(&set)?;
                let labels = [("arm", config.data.layout_word()), ("model", model), ("beta", beta)];
                experiments.push(Experiment::new(&labels, config, 0.012));
            }
        }
        Ok(experiments)
    }

    /// The means of the last epoch over its training batches, and the metrics of all rows after it.
    fn measure(&self, done: &Done<'_>) -> Result<Measured> {
        let (finished, metrics) = (done.finished, &done.finished.metrics);
        let discrete = done.experiment.label("model") == "discrete";
        let (kl, rest): (_, &[(&str, &str)]) = if discrete {
            ("train_kl_y", &[("nmi", "test_nmi"), ("hungarian_accuracy", "test_hungarian_accuracy")])
        } else {
            ("train_kl_z", &[("probe_accuracy", "test_probe_accuracy"), ("mean_radius", "test_mean_radius")])
        };
        let columns = [("loss", "train_loss"), ("recon", "train_recon"), ("kl", kl)];
        let mut record = serde_json::Map::new();
        let mut values = Vec::new();
        for (name, column) in columns.iter().chain(rest) {
            let Some(list) = metrics.column(column) else { continue };
            values.extend(list.last().map(|(_, last)| (name.to_string(), *last)));
            record.insert(name.to_string(), json!(without_epochs(&list)));
        }
        if let (Some(clusters), Some(labels)) = (finished.clusters(), done.splits.test.labels()) {
            let table = Contingency::new(&clusters.assignments, &labels.values);
            let row = |k| (0..labels.classes as u32).map(|label| table.count(k, label)).collect::<Vec<_>>();
            record.insert("confusion".into(), json!((0..clusters.count as u32).map(row).collect::<Vec<_>>()));
        }
        Ok((values, record.into()))
    }

    fn report(&self, results: &Results<'_>, request: &Request<'_>) -> Report {
        report::report(results, request)
    }
}
