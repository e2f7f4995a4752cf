//! `gmm-stability`: a mixture of diagonal normals in natural parameters on factors of MNIST, over a grid of its
//! settings.

mod bars;
mod claims;
mod figures;
mod measure;
mod report;
mod runs;
mod setup;
mod source;
mod tables;

use super::experiment::PREPARATION;
use super::{Done, Experiment, From, Legacy, Measured, Request, Results, Scale, Study};
use crate::config::{Config, argument_key};
use crate::machine::error::Result;
use crate::report::Report;
use setup::*;

const FAITHFULLY: &str = "train.mode=faithful";

/// Factor on the latents by exact EM, of variance near 1, that gives them the order of the source's, 2072 a dimension.
const SCALE: &str = "data.scale=60";
/// Epochs of the source's factor analysis, of 1000 steps each.
const SWEPT_EPOCHS: u64 = 1000;

/// Where no file is needed: rows of a linear model whose ten factors are a mixture of ten normals.
const QUICK: [&str; 9] = [
    "data.name=factors",
    "data.train_rows=4000",
    "data.test_rows=1000",
    "data.components=10",
    "data.std=1",
    "data.separation=1",
    "data.project_to=10",
    "train.epochs=50",
    "log.evaluate_every=10",
];

/// The study of this file.
pub struct GmmStability;

impl Study for GmmStability {
    fn name(&self) -> &'static str {
        "gmm-stability"
    }

    fn about(&self) -> &'static str {
        "a diagonal mixture in natural parameters on factors of MNIST: which settings collapse, and why"
    }

    fn fixed(&self) -> Vec<&'static str> {
        PREPARATION.into()
    }

    fn experiments(&self, request: &Request<'_>) -> Result<Vec<Experiment>> {
        let quick = request.scale == Scale::Quick;
        let seeds = request.seeds.unwrap_or(if quick { 1 } else { 3 });
        let mut experiments = Vec::new();
        for cell in cells() {
            for seed in 0..seeds {
                experiments.push(experiment(&cell, seed, request)?);
            }
        }
        if !quick {
            for (floor, seed) in
                MORE_SEEDS_OF.into_iter().flat_map(|floor| (seeds..seeds + MORE).map(move |s| (floor, s)))
            {
                let cell = Cell { arm: MORE_SEEDS, k: "20", floor, penalty: "0", steps: "1000", set: &[] };
                experiments.push(experiment(&cell, seed, request)?);
            }
        }
        experiments.push(factors(FACTORS, &[], request)?);
        if request.scale == Scale::Full {
            let phase_one = experiments.len();
            let route = [
                "train.solver=gradient".into(),
                "train.conjugation=false".into(),
                "model.floor=1e-5".into(),
                format!("train.iterations={SWEPT_EPOCHS}"),
            ];
            experiments.push(factors(SWEPT_FACTORS, &route, request)?);
            for cell in swept_cells() {
                for seed in 0..seeds {
                    let from = Some(From { experiment: phase_one, what: Legacy::Latents });
                    experiments.push(Experiment { from, ..experiment(&cell, seed, request)? });
                }
            }
        }
        Ok(experiments)
    }

    fn measure(&self, done: &Done<'_>) -> Result<Measured> {
        Ok(measure::measure(done))
    }

    fn measure_diverged(&self, done: &Done<'_>) -> Result<Measured> {
        self.measure(done)
    }

    fn report(&self, results: &Results<'_>, request: &Request<'_>) -> Report {
        report::report(results, request)
    }
}

/// A run but for its seed.
struct Cell {
    arm: &'static str,
    k: &'static str,
    floor: &'static str,
    penalty: &'static str,
    steps: &'static str,
    set: &'static [&'static str],
}

/// Every run on the factors by EM.
fn cells() -> Vec<Cell> {
    let mut list = Vec::new();
    for (k, floor) in KS.into_iter().flat_map(|k| FLOORS.map(|floor| (k, floor))) {
        for (penalty, steps) in PENALTIES.into_iter().flat_map(|penalty| STEPS.map(|steps| (penalty, steps))) {
            let cell = |arm, set| Cell { arm, k, floor, penalty, steps, set };
            list.push(cell(GUARDED, &[]));
            if penalty == LARGEST {
                list.push(cell(FAITHFUL, &[FAITHFULLY]));
            }
        }
    }
    let plain = |arm, k, penalty, set| Cell { arm, k, floor: "0.01", penalty, steps: "1000", set };
    for k in KS {
        list.push(plain(SHIPPED, k, "1e-5", &[]));
        list.push(plain(SYMMETRIC, k, "1e-2", &[FAITHFULLY, "train.upr_prs_reg=1e-2"]));
        list.push(plain(EM, k, "0", &["model.kind=gmm"]));
        list.push(plain(KMEANS, k, "0", &["model.kind=kmeans"]));
    }
    list.push(plain(UNCLIPPED, "20", "0", &["train.grad_clip=0"]));
    list.push(plain(EXACT, "20", "0", &["train.solver=closed-form"]));
    list.push(plain(EXACT, "20", LARGEST, &["train.solver=closed-form"]));
    list.push(plain(RAW, "20", "0", &[SCALE, "data.standardize=false", FAITHFULLY]));
    list.push(plain(RAW_TOTAL, "20", "0", &[SCALE, "data.standardize=false", FAITHFULLY, "train.init_var=total"]));
    list.push(plain(RAW_GUARDED, "20", "0", &[SCALE, "data.standardize=false"]));
    list.push(plain(SCALED, "20", "0", &[SCALE, FAITHFULLY]));
    list
}

/// The runs on factors that were fitted as the source did it: those that decide whether its tables come from its
/// factors.
fn swept_cells() -> Vec<Cell> {
    let cell = |k, floor, penalty, steps| Cell { arm: SWEPT, k, floor, penalty, steps, set: &[FAITHFULLY] };
    let mut list = Vec::new();
    for k in KS {
        list.extend(["0", LARGEST].iter().flat_map(|penalty| STEPS.map(|steps| cell(k, "0.01", penalty, steps))));
        list.extend(["0.1", "1"].map(|floor| cell(k, floor, "0", "1000")));
    }
    list
}

fn experiment(cell: &Cell, seed: u64, request: &Request<'_>) -> Result<Experiment> {
    let Cell { arm, k, floor, penalty, steps, .. } = *cell;
    let kind = cell.set.iter().find_map(|set| set.strip_prefix("model.kind="));
    let mut set = vec![format!("model.k={k}"), format!("train.seed={seed}")];
    match kind {
        Some("gmm") => {
            set.extend(["model.covariance=diagonal", "train.n_init=5", "train.max_iter=500"].map(String::from))
        }
        Some(_) => {}
        None => set.extend([
            format!("train.lat_min_var={floor}"),
            format!("train.lwr_prs_reg={penalty}"),
            format!("train.batch_steps={steps}"),
        ]),
    }
    set.extend(cell.set.iter().filter(|set| !set.starts_with("model.kind=")).map(|set| set.to_string()));
    if arm == SWEPT {
        set.push("data.project=none".into());
    }
    let config = config(kind.unwrap_or("natural-gmm"), &set, request)?;
    let inner = if kind.is_some() { 0.0 } else { config.read::<elbo_models::NaturalGmmOptions>().batch_steps as f64 };
    let clusters = config.method.classes() as f64;
    // An EM fit takes five starts of some hundred iterations. A first look has 4,000 rows in place of 60,000 and 50
    // epochs of a fifth of the width.
    let (epochs, rows, width) = if request.scale == Scale::Quick { (50.0, 0.07, 0.2) } else { (500.0, 1.0, 1.0) };
    let cost = epochs * width * (1.4e-7 * clusters * inner + rows * (4e-3 + 3e-4 * clusters));
    let labels = match kind {
        Some(_) => vec![("arm", arm), ("k", k)],
        None => vec![("arm", arm), ("k", k), ("lat_min_var", floor), ("lwr_prs_reg", penalty), ("batch_steps", steps)],
    };
    Ok(Experiment::new(&labels, config, cost))
}

/// A factor analysis of the rows themselves, whose latents are looked at.
fn factors(arm: &str, route: &[String], request: &Request<'_>) -> Result<Experiment> {
    let latents = if request.scale == Scale::Quick { 10 } else { 50 };
    let mut set: Vec<String> = ["data.project=none", "data.standardize=false"].map(String::from).into();
    set.push(format!("model.latents={latents}"));
    set.extend(route.iter().cloned());
    let config = config("factor-analysis", &set, request)?;
    let cost = match request.scale {
        Scale::Quick => 0.1,
        _ if route.is_empty() => 4.0,
        _ => 900.0,
    };
    Ok(Experiment::new(&[("arm", arm)], config, cost))
}

/// The published recipe with a model of this kind in place of its own.
fn config(kind: &str, set: &[String], request: &Request<'_>) -> Result<Config> {
    let base = format!(
        "[data]\nname = \"mnist\"\nvalid_rows = 0\ntrain_rows = 0\ntest_rows = 0\nproject = \"factor-analysis\"\n\
         project_to = 50\nstandardize = true\n\n[model]\nkind = \"{kind}\"\n\n[log]\nevaluate_every = {}\n",
        if kind == "natural-gmm" { 100 } else { 0 }
    );
    let mut config = Config::parse(&base, "gmm-stability")?;
    let is_trainer = kind == "natural-gmm";
    let quick = QUICK.iter().filter(|set| set.starts_with("data.") || is_trainer).map(|set| set.to_string());
    let mut all: Vec<String> = if request.scale == Scale::Quick { quick.collect() } else { Vec::new() };
    all.extend(set.iter().cloned());
    // What the user sets is for the trainer under study, and data are for every run.
    let for_all = |set: &&String| is_trainer || argument_key(set).starts_with("data.");
    all.extend(request.set.iter().filter(for_all).cloned());
    config.set(&all)?;
    Ok(config)
}
