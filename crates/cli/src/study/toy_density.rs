//! `toy-density`: a VAE with diagonal or full-covariance posterior on five densities in the plane.

mod measure;
mod report;
mod setup;

use elbo_datasets::Toy;

use super::experiment::PREPARATION;
use super::{Done, Experiment, Measured, Request, Results, Scale, Study};
use crate::config::Config;
use crate::machine::error::Result;
use crate::report::Report;
use setup::{LATENT, LATENT_WHOLE, PER_SAMPLE, POSTERIORS, arms, budget};

/// The settings that all runs have in common.
const BASE: &str = include_str!("../../studies/toy-density/study.toml");

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
        let both = |density, arm, z| POSTERIORS.map(|posterior| Case { density, arm, posterior, z });
        let cases = arms().flat_map(|(density, arm)| both(density, arm, 2));
        let mut runs: Vec<(Case, u64)> = cases.flat_map(|case| (1..=seeds).map(move |seed| (case, seed))).collect();
        // With all epochs two dimensions are there already.
        let (all, others): (&[u64], &[u64]) = (&[1, 2, 3, 5], &[1, 3, 5]);
        let latent = match request.scale {
            Scale::Quick => vec![(LATENT, others)],
            Scale::Default => vec![(LATENT, all)],
            Scale::Full => vec![(LATENT, all), (LATENT_WHOLE, others)],
        };
        for (arm, sizes) in latent {
            let cases = sizes.iter().flat_map(|z| both(Toy::Mixture, arm, *z));
            runs.extend(cases.flat_map(|case| (1..=seeds.min(2)).map(move |seed| (case, seed))));
        }
        runs.into_iter().map(|(case, seed)| case.experiment(seed, request)).collect()
    }

    fn measure(&self, done: &Done<'_>) -> Result<Measured> {
        measure::measure(done)
    }

    fn report(&self, results: &Results<'_>, request: &Request<'_>) -> Report {
        report::report(results, request)
    }
}

/// What a seed is run for.
#[derive(Clone, Copy)]
struct Case {
    density: Toy,
    arm: &'static str,
    posterior: &'static str,
    z: u64,
}

impl Case {
    fn experiment(self, seed: u64, request: &Request<'_>) -> Result<Experiment> {
        let Case { density, arm, posterior, z } = self;
        let mut config = Config::parse(BASE, "toy-density")?;
        let (rows, epochs, _) = budget(density);
        let epochs = match (request.scale, arm) {
            (Scale::Quick, _) => 2 * (40_000 / rows),
            (_, LATENT) => epochs / 4,
            _ => epochs,
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
        match (arm, elbo_datasets::ToyDensity { kind: density, literal: false }.noise_variance()) {
            (PER_SAMPLE, _) => set.push("model.decoder_var=per-sample".into()),
            (_, Some(variance)) => set.extend(["model.decoder_var=fixed".into(), format!("model.variance={variance}")]),
            (_, None) => set.push("model.decoder_var=global".into()),
        }
        set.extend(request.set.iter().cloned());
        config.set(&set)?;
        let z = config.read::<elbo_models::VaeOptions>().z.to_string();
        let labels = [("density", density.name()), ("arm", arm), ("posterior", posterior), ("z", &z)];
        let step = if posterior == "full" { 0.25e-3 } else { 0.20e-3 };
        let cost = 3.0 + step * (config.method.extent() * rows / 32) as f64;
        Ok(Experiment::new(&labels, config, cost))
    }
}
