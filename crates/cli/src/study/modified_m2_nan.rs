//! `modified-m2-nan`: why training modified M2 ends in NaN, and what prevents it.

mod report;
mod setup;

use std::collections::BTreeMap;
use std::path::Path;

use elbo_autograd::{Activation, Init, Tape};
use elbo_metrics::median;
use elbo_models::nn::Builder;
use elbo_models::{ModifiedM2, ModifiedM2Options};
use elbo_tensor::{Purpose, Real, stream};
use serde_json::json;

use super::{Done, Experiment, From, Legacy, Measured, Request, Results, Scale, Study};
use crate::config::recipe;
use crate::data::Rows;
use crate::grid::Width;
use crate::machine::error::{Error, Result};
use crate::report::Report;
use setup::{ALONE, Arm, CLIP_NORM, KEPT, NONE, REMEDIES, REMEDY, SMALL};

/// The study of this file.
pub struct ModifiedM2Nan;

/// What is followed over a run: its name in the record, and in `watch.csv`.
const WATCHED: [(&str, &str); 5] = [
    ("scale raw", "p_h.loc_spread.raw"),
    ("scale variance", "p_h.loc_spread.var"),
    ("posterior raw", "q_z.loc_spread.raw"),
    ("posterior variance", "q_z.loc_spread.var"),
    ("largest gradient", "largest_gradient"),
];

/// Test rows from which the use of each dimension is measured, and the fewest of a class.
const USED_ROWS: usize = 2000;
const FEWEST_ROWS: usize = 20;

impl Study for ModifiedM2Nan {
    fn name(&self) -> &'static str {
        "modified-m2-nan"
    }

    fn about(&self) -> &'static str {
        "why training modified M2 turns NaN, and what prevents it"
    }

    fn fixed(&self) -> Vec<&'static str> {
        vec!["log.every_steps", "log.watch_steps", "log.keep_epochs", "model.scale"]
    }

    /// The small networks; with the whole budget the published ones as well. Each remedy starts from the last state
    /// that the run without one has kept.
    fn experiments(&self, request: &Request<'_>) -> Result<Vec<Experiment>> {
        let quick = request.scale == Scale::Quick;
        let small = request.seeds.unwrap_or(if quick { 1 } else { 3 });
        let full = u64::from(request.scale == Scale::Full);
        let mut experiments = Vec::new();
        for ((networks, epochs), seeds) in ALONE.into_iter().zip([small, full]) {
            for seed in 1..=seeds {
                let alone = experiments.len();
                experiments.push(experiment(networks, NONE, seed, epochs, request)?);
                for arm in REMEDIES {
                    let from = Some(From { experiment: alone, what: Legacy::LastState });
                    experiments.push(Experiment { from, ..experiment(networks, arm, seed, REMEDY, request)? });
                }
            }
        }
        Ok(experiments)
    }

    fn measure(&self, done: &Done<'_>) -> Result<Measured> {
        let epoch_steps = done.experiment.config.steps().train.epoch_steps as u64;
        let watch = Table::read(&done.dir.watch(), epoch_steps)?;
        let steps = Table::read(&done.dir.steps(), epoch_steps)?;
        let mut record = serde_json::Map::new();
        let finished = done.finished;
        let mut values = vec![("steps".to_string(), finished.steps as f64)];
        for (name, quantity) in WATCHED {
            let least = |values: &[f64]| values.iter().fold(f64::INFINITY, |a, &b| if a <= b { a } else { b });
            let most = |values: &[f64]| -least(&values.iter().map(|v| -v).collect::<Vec<_>>());
            let is_gradient = quantity == "largest_gradient";
            let epochs = watch.by_epoch(|row| (row[1] == quantity).then(|| &row[2]));
            let list = epochs.iter().map(|(epoch, v)| (*epoch as f64, if is_gradient { most(v) } else { least(v) }));
            let list: Vec<(f64, f64)> = list.collect();
            if let Some((_, last)) = list.last() {
                values.push((name.to_string(), *last));
            }
            record.insert(name.into(), json!(list));
        }
        let norms = steps.by_epoch(|row| row.get(2));
        let all: Vec<f64> = norms.values().flatten().copied().filter(|norm| norm.is_finite()).collect();
        if !all.is_empty() {
            // Of a sum over the batch; of the mean it is that many times smaller.
            let batch = done.experiment.config.steps().train.batch as f64;
            values.push(("median gradient norm".into(), median(&all) / batch));
        }
        record.insert("use".into(), json!(usage(done)));
        let loss = finished.metrics.column("test_loss").unwrap_or_default();
        values.extend(loss.last().map(|(_, loss)| ("loss".to_string(), *loss)));
        record.insert("loss".into(), json!(loss));
        Ok((values, record.into()))
    }

    fn measure_diverged(&self, done: &Done<'_>) -> Result<Measured> {
        self.measure(done)
    }

    fn report(&self, results: &Results<'_>, _request: &Request<'_>) -> Report {
        report::report(results)
    }
}

fn experiment(
    networks: &str,
    (arm, clip, others): Arm,
    seed: u64,
    epochs: u64,
    request: &Request<'_>,
) -> Result<Experiment> {
    let (_, mut config) = recipe::load("mnist-modified-m2")?;
    let mut set = vec![format!("train.seed={seed}"), format!("train.epochs={epochs}"), "log.watch_steps=50".into()];
    set.push("log.every_steps=50".into());
    set.extend(others.iter().map(|set| set.to_string()));
    if arm == NONE.0 {
        set.push(format!("log.keep_epochs={KEPT}"));
    }
    if networks == SMALL {
        set.extend(["model.hidden=[64,64]", "model.z=16"].map(String::from));
    }
    if clip > 0.0 {
        let norm = CLIP_NORM.iter().find(|(name, _)| *name == networks).map_or(1.0, |(_, norm)| *norm);
        let batch = config.steps().train.batch as f64;
        set.push(format!("train.clip={}", clip * norm * batch));
    }
    if request.scale == Scale::Quick {
        set.extend(["train.epochs=2", "train.epoch_steps=60", "data.test_rows=1000"].map(String::from));
        if arm == NONE.0 {
            set.push("log.keep_epochs=1".into());
        }
    }
    set.extend(request.set.iter().cloned());
    config.set(&set)?;
    let train = &config.steps().train;
    let steps = (train.epochs * train.epoch_steps) as f64;
    let (step, width) = if networks == SMALL { (0.006, Width::OneCore) } else { (0.068, Width::AllCores) };
    let labels = [("networks", networks), ("arm", arm)];
    let labels = labels.map(|(name, value)| (name.to_string(), value.to_string())).into();
    Ok(Experiment { labels, config, cost: step * steps, width, from: None })
}

/// For each class with enough rows and each dimension of z: variance of the scale, and mean KL(q(z|x,y) ‖ N(0, 1)) in
/// nats over the test rows of that class.
fn usage(done: &Done<'_>) -> Vec<(f64, f64)> {
    let config = &done.experiment.config;
    let test = &done.splits.test;
    let mut builder = Builder::new(Init::Glorot, Activation::Relu, stream(0, Purpose::Init, 0));
    let model = ModifiedM2::new(&config.read::<ModifiedM2Options>(), test.width(), &mut builder);
    let rows = Rows { data: test, binarize: config.data.is_binarized() };
    let all: Vec<u32> = (0..test.rows().min(USED_ROWS) as u32).collect();
    let tape = Tape::new(&done.finished.trained.network().params);
    let x = rows.batch(&all, &mut stream(done.experiment.seed(), Purpose::Figure, 1));
    let (q_y, q_z) = model.encode(tape.constant(x));
    let (probs, loc, scale) = (q_y.value(), q_z.loc.value(), q_z.scale.value());
    let (k, width) = (probs.shape().last(), loc.shape().last());
    let scales = model.p.scales(&tape).value();
    let mut found = Vec::new();
    for class in 0..k {
        let likeliest = |row: &[Real]| row.iter().all(|p| *p <= row[class]);
        let members = probs.as_slice().chunks_exact(k).enumerate().filter(|(_, row)| likeliest(row));
        let members: Vec<usize> = members.map(|(row, _)| row).collect();
        for d in (0..width).filter(|_| members.len() >= FEWEST_ROWS) {
            let at = |row: &usize| (class * all.len() + row) * width + d;
            let kl = |row: &usize| {
                let (mean, variance) =
                    (f64::from(loc.as_slice()[at(row)]), f64::from(scale.as_slice()[at(row)]).powi(2));
                0.5 * (mean * mean + variance - 1.0 - variance.ln())
            };
            let s = f64::from(scales.as_slice()[class * width + d]);
            found.push((s * s, members.iter().map(kl).sum::<f64>() / members.len() as f64));
        }
    }
    found
}

/// Rows of `steps.csv` or `watch.csv`.
struct Table {
    rows: Vec<Vec<String>>,
    epoch_steps: u64,
}

impl Table {
    fn read(path: &Path, epoch_steps: u64) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|cause| Error::system("read", path, &cause))?;
        let rows = text.lines().skip(1).map(|line| line.split(',').map(String::from).collect());
        Ok(Self { rows: rows.collect(), epoch_steps })
    }

    /// The numbers that `select` finds in rows, by epoch.
    fn by_epoch<'a>(&'a self, select: impl Fn(&'a [String]) -> Option<&'a String>) -> BTreeMap<u64, Vec<f64>> {
        let mut epochs: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.len() == 3) {
            let Ok(step) = row[0].parse::<u64>() else { continue };
            if let Some(value) = select(row).and_then(|cell| cell.parse().ok()) {
                epochs.entry(step / self.epoch_steps.max(1) + 1).or_default().push(value);
            }
        }
        epochs
    }
}
