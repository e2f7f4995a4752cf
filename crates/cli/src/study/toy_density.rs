//! `toy-density`: a VAE with diagonal or full-covariance posterior on five densities in the plane.

mod measure;
mod report;
mod setup;

use elbo_datasets::Toy;

use super::experiment::PREPARATION;
use super::{Done, Experiment, Measured, Request, Results, Scale, Study};
use crate::config::Config;
use crate::grid::Width;
use crate::machine::error::Result;
use crate::report::Report;
use setup::{KNOWN, LATENT, LATENT_WHOLE, PER_SAMPLE, POSTERIORS, budget};

/// Settings of the source, with what it leaves open: ReLU, PyTorch's initial weights, averaged weights.
const BASE: &str = r#"
[data]
valid_rows = 0
test_rows = 2000

[model]
kind = "vae"
z = 2
hidden = [128]
branch = 128
posterior_head = "log-scale"
likelihood = "gaussian"

[train]
batch = 32
lr = 1e-3
average = 0.999
"#;

/// The study of this file.
pub struct ToyDensity;

impl Study for ToyDensity {
    fn name(&self) -> &'static str {
        "toy-density"
    }

    fn about(&self) -> &'static str {
        "diagonal against full-covariance posterior on five 2-D densities"
    }

    /// What is measured are points of the plane as they are; the losses of the steps are drawn.
    fn fixed(&self) -> Vec<&'static str> {
        [&PREPARATION[..], &["log.every_steps"]].concat()
    }

    fn experiments(&self, request: &Request<'_>) -> Result<Vec<Experiment>> {
        let seeds = request.seeds.unwrap_or(if request.scale == Scale::Quick { 1 } else { 5 });
        let mut experiments = Vec::new();
        for density in Toy::ALL {
            for arm in [KNOWN, PER_SAMPLE] {
                for posterior in POSTERIORS {
                    for seed in 1..=seeds {
                        experiments.push(experiment(density, arm, posterior, 2, seed, request)?);
                    }
                }
            }
        }
        // With all epochs two dimensions are there already.
        let (all, others): (&[u64], &[u64]) = (&[1, 2, 3, 5], &[1, 3, 5]);
        let latent = match request.scale {
            Scale::Quick => vec![(LATENT, others)],
            Scale::Default => vec![(LATENT, all)],
            Scale::Full => vec![(LATENT, all), (LATENT_WHOLE, others)],
        };
        for (arm, sizes) in latent {
            for (z, posterior) in sizes.iter().flat_map(|z| POSTERIORS.map(|posterior| (*z, posterior))) {
                for seed in 1..=seeds.min(2) {
                    experiments.push(experiment(Toy::Mixture, arm, posterior, z, seed, request)?);
                }
            }
        }
        Ok(experiments)
    }

    fn measure(&self, done: &Done<'_>) -> Result<Measured> {
        measure::measure(done)
    }

    fn report(&self, results: &Results<'_>, request: &Request<'_>) -> Report {
        report::report(results, request)
    }
}

fn experiment(
    density: Toy,
    arm: &str,
    posterior: &str,
    z: u64,
    seed: u64,
    request: &Request<'_>,
) -> Result<Experiment> {
    let mut config = Config::parse(BASE, "toy-density")?;
    let (rows, epochs, _) = budget(density);
    let epochs = match (request.scale, arm) {
        (Scale::Quick, _) => 2 * (40_000 / rows),
        (_, LATENT) => epochs / 4,
        _ => epochs,
    };
    let decoder = match (arm, elbo_datasets::ToyDensity { kind: density, literal: false }.noise_variance()) {
        (PER_SAMPLE, _) => vec!["model.decoder_var=per-sample".into()],
        (_, Some(variance)) => vec!["model.decoder_var=fixed".into(), format!("model.variance={variance}")],
        (_, None) => vec!["model.decoder_var=global".into()],
    };
    let mut set = vec![
        format!("data.name={}", density.name()),
        format!("data.train_rows={rows}"),
        format!("data.seed={seed}"),
        format!("model.posterior={posterior}"),
        format!("model.z={z}"),
        format!("train.epochs={epochs}"),
        format!("train.seed={seed}"),
        // About 300 rows.
        format!("log.every_steps={}", (epochs * rows / 32 / 300).max(1)),
    ];
    set.extend(decoder);
    set.extend(request.set.iter().cloned());
    config.set(&set)?;
    let step = if posterior == "full" { 0.25e-3 } else { 0.20e-3 };
    let labels = [
        ("density", density.name()),
        ("arm", arm),
        ("posterior", posterior),
        ("z", &config.read::<elbo_models::VaeOptions>().z.to_string()),
    ];
    let labels = labels.map(|(name, value)| (name.to_string(), value.to_string())).into();
    let cost = 3.0 + step * (config.method.extent() * rows / 32) as f64;
    Ok(Experiment { labels, config, cost, width: Width::OneCore, from: None })
}
