//! The figures of `toy-density`: for each density and posterior what the slides show, and the worst run.

use elbo_datasets::Toy;
use serde_json::Value;

use super::super::setup::{KNOWN, PER_SAMPLE, POSTERIORS, PROSE};
use super::failures::fails;
use super::runs::{key, look, of};
use crate::plot::Look;
use crate::plot::panel::{Cloud, Ellipse, Key, Line, Mark, Points, Polyline, Scale};
use crate::report::{Block, number};
use crate::study::Results;
use crate::study::figure::lines;
use crate::study::results::numbers;

const DATA: Look = Look::GREY;
/// Ellipses of single posteriors.
const POSTERIOR: Look = Look::new(3).pattern(0);
/// Lines of constant z₁ and of constant z₂.
const GRID: [(&str, Look); 2] = [("constant z₁", Look::new(2)), ("constant z₂", Look::new(3))];

/// Name and document of a panel.
type Panel = (String, String);

/// Every figure.
pub(super) fn blocks(results: &Results<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    for density in Toy::ALL {
        for posterior in POSTERIORS {
            let record = of(results, density, KNOWN, posterior).first_record();
            blocks.extend(record.map(|record| one_run(density.name(), posterior, record)));
        }
        blocks.push(losses(results, density));
        blocks.extend(per_sample(results, density));
        blocks.extend(worst(results, density.name()));
    }
    blocks
}

fn entry(name: &str, look: Look, mark: Mark) -> Key {
    Key { name: name.into(), look, mark }
}

fn ellipse_key() -> Key {
    entry("posterior of one row", POSTERIOR, Mark::Line)
}

fn points(value: &Value) -> Vec<(f64, f64)> {
    let pairs = value.as_array().into_iter().flatten().filter_map(numbers);
    pairs.filter_map(|pair| Some((*pair.first()?, *pair.get(1)?))).collect()
}

/// A panel of points of the data space, or of the latent space.
fn cloud(title: &str, axes: [&str; 2], look: Look, value: &Value) -> Points {
    let clouds = vec![Cloud { look, points: points(value) }];
    Points { clouds, ..Points::new(title, Scale::new(axes[0]), Scale::new(axes[1])) }
}

const X: [&str; 2] = ["x₁", "x₂"];
const Z: [&str; 2] = ["z₁", "z₂"];

/// Posterior means with one-sigma ellipses of some of them.
fn latents(title: &str, look: Look, value: &Value) -> String {
    let mut panel = cloud(title, Z, look, &value["means"]);
    let ellipses = value["ellipses"].as_array().into_iter().flatten().filter_map(numbers);
    panel.ellipses = ellipses
        .filter(|e| e.len() == 5)
        .map(|e| Ellipse { look: POSTERIOR, mean: (e[0], e[1]), cov: [[e[2], e[3]], [e[3], e[4]]], sigmas: 1.0 })
        .collect();
    panel.draw()
}

/// What a trained model makes: samples, reconstructions, and where it puts the rows.
fn trained(ours: Look, record: &Value, of: &str) -> [Panel; 3] {
    let drawn =
        |stem: &str, title: &str| (stem.to_string(), cloud(&format!("{title}{of}"), X, ours, &record[stem]).draw());
    let after = latents(&format!("Latent space after training{of}"), ours, &record["after"]);
    [drawn("generated", "Generated"), drawn("reconstructed", "Reconstructed"), ("after".into(), after)]
}

/// The same with a variance that depends on the code, both posteriors beside each other.
fn per_sample(results: &Results<'_>, density: Toy) -> Option<Block> {
    let (mut panels, mut kl) = (Vec::new(), Vec::new());
    for posterior in POSTERIORS {
        let runs = of(results, density, PER_SAMPLE, posterior);
        let own = trained(look(posterior), runs.first_record()?, &format!(", {posterior}"));
        panels.extend(own.map(|(stem, panel)| (format!("{posterior}-{stem}"), panel)));
        let first = runs.by_seed("kl").into_iter().min_by_key(|(seed, _)| *seed);
        kl.extend(first.map(|(_, kl)| format!("{} ({posterior})", number(kl))));
    }
    let legend = POSTERIORS.map(|posterior| key(posterior, Mark::Points)).into_iter().chain([ellipse_key()]).collect();
    let caption = PROSE.fill("per-sample", &[("density", density.name()), ("kl", &kl.join(", "))]);
    Some(Block::figure(&format!("{}-per-sample", density.name()), caption, legend, panels))
}

/// What the slides show of a run: data, samples, reconstructions, and the latent space before and after training.
fn one_run(density: &str, posterior: &str, record: &Value) -> Block {
    let mut panels = vec![("data".to_string(), cloud("Test data", X, DATA, &record["data"]).draw())];
    panels.extend(trained(look(posterior), record, ""));
    // Where the rows were before stands beside where they are.
    let before = latents("Latent space before training", look(posterior), &record["before"]);
    panels.insert(3, ("before".into(), before));
    let mut caption = PROSE.fill("one-run", &[("density", density), ("posterior", posterior)]);
    let mut legend = vec![entry("data", DATA, Mark::Points), key(posterior, Mark::Points), ellipse_key()];
    if let Some(directions) = record["grid"].as_array() {
        let mut panel = cloud("Mean of p(x | z) over a grid of z", X, DATA, &record["data"]);
        for (lines, (_, look)) in directions.iter().zip(GRID) {
            let lines = lines.as_array().into_iter().flatten();
            panel.polylines.extend(lines.map(|line| Polyline { look, points: points(line) }));
        }
        panels.push(("grid".into(), panel.draw()));
        legend.extend(GRID.map(|(name, look)| entry(name, look, Mark::Line)));
        caption += &format!(" {}", PROSE.get("grid"));
    }
    Block::figure(&format!("{density}-{posterior}"), caption, legend, panels)
}

/// Loss of batches and of epochs of the first seed.
fn losses(results: &Results<'_>, density: Toy) -> Block {
    let records = POSTERIORS.map(|posterior| (posterior, of(results, density, KNOWN, posterior).first_record()));
    let of_each = |path: &dyn Fn(&Value) -> Vec<(f64, f64)>| {
        let drawn = records.iter().filter_map(|(posterior, record)| Some((look(posterior), path((*record)?))));
        drawn.map(|(look, points)| Line { points, ..Line::new(look) }).collect::<Vec<_>>()
    };
    let mut epochs = of_each(&|record| {
        let list = numbers(&record["test_loss"]).unwrap_or_default().into_iter();
        list.enumerate().map(|(epoch, loss)| (1.0 + epoch as f64, loss)).collect()
    });
    let best = Look::GREY.pattern(2);
    if let Some(y) = records[0].1.and_then(|record| record["best_test_loss"].as_f64()) {
        let ends = epochs.first().and_then(|line| Some([line.points.first()?.0, line.points.last()?.0]));
        let level = ends.map(|ends| Line { points: ends.map(|x| (x, y)).into(), ..Line::new(best) });
        epochs.splice(..0, level);
    }
    let mut legend = POSTERIORS.map(|posterior| key(posterior, Mark::Line)).to_vec();
    legend.push(entry("−log p of the same rows (epochs)", best, Mark::Line));
    let caption = PROSE.fill("losses", &[("density", density.name())]);
    let (loss, batches) = (|| Scale::new("loss (nats)"), of_each(&|record| points(&record["batches"])));
    let panels = vec![
        lines("batches", "Loss of a batch", Scale::new("step"), loss(), batches),
        lines("epochs", "Loss of an epoch", Scale::new("epoch"), loss(), epochs),
    ];
    Block::figure(&format!("{}-loss", density.name()), caption, legend, panels)
}

/// The run with the largest gap over both arms and posteriors.
fn worst(results: &Results<'_>, density: &str) -> Option<Block> {
    let runs = results.of(&[("density", density)]);
    let runs = runs.runs().iter().filter(|(experiment, _)| [KNOWN, PER_SAMPLE].contains(&experiment.label("arm")));
    let gaps = runs.filter_map(|(experiment, outcome)| Some((outcome.find("gap")?, experiment, outcome)));
    let (gap, experiment, outcome) = gaps.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let posterior = experiment.label("posterior");
    let end = if fails(experiment, outcome).is_empty() { "no failure" } else { "a failure" };
    let values = [
        ("density", density.to_string()),
        ("arm", experiment.label("arm").into()),
        ("posterior", posterior.into()),
        ("seed", experiment.seed().to_string()),
        ("gap", number(gap)),
        ("end", end.into()),
    ];
    let legend = vec![key(posterior, Mark::Points), ellipse_key()];
    let panels = trained(look(posterior), &outcome.record, "").into();
    Some(Block::figure(&format!("{density}-worst"), PROSE.fill("worst", &values), legend, panels))
}
