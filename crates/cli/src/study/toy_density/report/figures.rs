//! The figures of `toy-density`: for each density and posterior what the slides show, and the worst run.

use elbo_datasets::Toy;
use serde_json::Value;

use super::super::super::Results;
use super::super::super::results::numbers;
use super::super::setup::{KNOWN, PER_SAMPLE, POSTERIORS};
use super::failures::fails;
use super::runs::{look, of};
use crate::plot::Look;
use crate::plot::panel::{Cloud, Ellipse, Key, Line, Lines, Mark, Points, Polyline, Scale};
use crate::report::{Block, number};

const DATA: Look = Look::GREY;
/// Ellipses of single posteriors.
const POSTERIOR: Look = Look::new(3).pattern(0);
/// Lines of constant z₁ and of constant z₂.
const GRID: [(&str, Look); 2] = [("constant z₁", Look::new(2)), ("constant z₂", Look::new(3))];

/// Every figure.
pub(super) fn blocks(results: &Results<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    for density in Toy::ALL {
        for posterior in POSTERIORS {
            let record = of(results, density, KNOWN, posterior).first_record();
            blocks.extend(record.map(|record| one_run(density, posterior, record)));
        }
        blocks.push(losses(results, density));
        blocks.extend(per_sample(results, density));
        blocks.extend(worst(results, density));
    }
    blocks
}

fn points(value: &Value) -> Vec<(f64, f64)> {
    let pairs = value.as_array().into_iter().flatten().filter_map(numbers);
    pairs.filter_map(|pair| Some((*pair.first()?, *pair.get(1)?))).collect()
}

fn cloud(title: &str, axes: [&str; 2], clouds: Vec<(Look, Vec<(f64, f64)>)>) -> Points {
    let clouds = clouds.into_iter().map(|(look, points)| Cloud { look, points }).collect();
    Points { clouds, ..Points::new(title, Scale::new(axes[0]), Scale::new(axes[1])) }
}

/// Posterior means with one-sigma ellipses of some of them.
fn latents(title: &str, look: Look, value: &Value) -> String {
    let mut panel = cloud(title, ["z₁", "z₂"], vec![(look, points(&value["means"]))]);
    let ellipses = value["ellipses"].as_array().into_iter().flatten().filter_map(numbers);
    panel.ellipses = ellipses
        .filter(|e| e.len() == 5)
        .map(|e| Ellipse { look: POSTERIOR, mean: (e[0], e[1]), cov: [[e[2], e[3]], [e[3], e[4]]], sigmas: 1.0 })
        .collect();
    panel.draw()
}

/// What a trained model makes: samples, reconstructions, and where it puts the rows.
fn trained(ours: Look, record: &Value, of: &str) -> [(String, String); 3] {
    let x = ["x₁", "x₂"];
    let drawn = |stem: &str, title: &str| {
        let panel = cloud(&format!("{title}{of}"), x, vec![(ours, points(&record[stem]))]).draw();
        (stem.to_string(), panel)
    };
    let after = latents(&format!("Latent space after training{of}"), ours, &record["after"]);
    [drawn("generated", "Generated"), drawn("reconstructed", "Reconstructed"), ("after".into(), after)]
}

/// The same with a variance that depends on the code, both posteriors beside each other.
fn per_sample(results: &Results<'_>, density: Toy) -> Option<Block> {
    let (mut panels, mut kl) = (Vec::new(), Vec::new());
    for posterior in POSTERIORS {
        let record = of(results, density, PER_SAMPLE, posterior).first_record()?;
        let own = trained(look(posterior), record, &format!(", {posterior}"));
        panels.extend(own.map(|(stem, panel)| (format!("{posterior}-{stem}"), panel)));
        let first = of(results, density, PER_SAMPLE, posterior).by_seed("kl").into_iter().min_by_key(|(seed, _)| *seed);
        kl.extend(first.map(|(_, kl)| format!("{} ({posterior})", number(kl))));
    }
    let mut legend: Vec<Key> = POSTERIORS
        .map(|posterior| Key { name: format!("{posterior} posterior"), look: look(posterior), mark: Mark::Points })
        .into();
    legend.push(Key { name: "posterior of one row".into(), look: POSTERIOR, mark: Mark::Line });
    Some(Block::Figure {
        id: format!("{}-per-sample", density.name()),
        caption: format!(
            "{}, per-sample variance, both posteriors, first seed. KL in nats: {}; where it is next to nothing the \
             latent carries nothing.",
            density.name(),
            kl.join(", ")
        ),
        legend,
        panels,
    })
}

/// What the slides show of a run: data, samples, reconstructions, and the latent space before and after training.
fn one_run(density: Toy, posterior: &str, record: &Value) -> Block {
    let (ours, x) = (look(posterior), ["x₁", "x₂"]);
    let data = points(&record["data"]);
    let mut panels = vec![("data".to_string(), cloud("Test data", x, vec![(DATA, data.clone())]).draw())];
    panels.extend(trained(ours, record, ""));
    // Where the rows were before stands beside where they are.
    panels.insert(3, ("before".into(), latents("Latent space before training", ours, &record["before"])));
    if let Some(directions) = record["grid"].as_array() {
        let mut panel = cloud("Mean of p(x | z) over a grid of z", x, vec![(DATA, data)]);
        for (lines, (_, look)) in directions.iter().zip(GRID) {
            let lines = lines.as_array().into_iter().flatten();
            panel.polylines.extend(lines.map(|line| Polyline { look, points: points(line) }));
        }
        panels.push(("grid".into(), panel.draw()));
    }
    let mut legend = vec![
        Key { name: "data".into(), look: DATA, mark: Mark::Points },
        Key { name: format!("{posterior} posterior"), look: ours, mark: Mark::Points },
        Key { name: "posterior of one row".into(), look: POSTERIOR, mark: Mark::Line },
    ];
    if !record["grid"].is_null() {
        legend.extend(GRID.map(|(name, look)| Key { name: name.into(), look, mark: Mark::Line }));
    }
    Block::Figure {
        id: format!("{}-{posterior}", density.name()),
        caption: format!(
            "{}, {posterior} posterior, one variance, first seed. Generated: decoder mean plus noise; reconstructed: \
             decoder mean at a posterior sample; latent space: posterior means, with one-sigma ellipses of the \
             posteriors of some rows.{}",
            density.name(),
            if record["grid"].is_null() {
                ""
            } else {
                " Last panel: eleven lines of constant z₁ and eleven of constant z₂ from −2.5 to 2.5, each through 61 \
                 points."
            }
        ),
        legend,
        panels,
    }
}

/// Loss of batches and of epochs of the first seed.
fn losses(results: &Results<'_>, density: Toy) -> Block {
    let strokes = |posterior: &str| look(posterior).pattern(usize::from(posterior == "full"));
    let lines = |path: &dyn Fn(&Value) -> Vec<(f64, f64)>| {
        let series = POSTERIORS.iter().filter_map(|posterior| {
            let points = path(of(results, density, KNOWN, posterior).first_record()?);
            Some(Line { points, ..Line::new(strokes(posterior)) })
        });
        series.collect::<Vec<_>>()
    };
    let panel = |title: &str, x: &str, series| {
        let (x, y) = (Scale::new(x), Scale::new("loss (nats)"));
        Lines { title: title.into(), x, y, series, reference: None }.draw()
    };
    let mut epochs = lines(&|record| {
        let list = numbers(&record["test_loss"]).unwrap_or_default().into_iter();
        list.enumerate().map(|(epoch, loss)| (1.0 + epoch as f64, loss)).collect()
    });
    let best = Look::GREY.pattern(2);
    let record = of(results, density, KNOWN, POSTERIORS[0]).first_record();
    if let Some(y) = record.and_then(|record| record["best_test_loss"].as_f64()) {
        let ends = epochs.first().and_then(|line| Some([line.points.first()?.0, line.points.last()?.0]));
        let level = ends.map(|ends| Line { points: ends.map(|x| (x, y)).into(), ..Line::new(best) });
        epochs.splice(..0, level);
    }
    let key = |name: String, look| Key { name, look, mark: Mark::Line };
    let mut legend: Vec<Key> = POSTERIORS.map(|p| key(format!("{p} posterior"), strokes(p))).into();
    legend.push(key("−log p of the same rows (epochs)".into(), best));
    Block::Figure {
        id: format!("{}-loss", density.name()),
        caption: format!(
            "{}, one variance, first seed: loss of single batches, some three hundred of them, and the loss after \
             every epoch on test rows with averaged weights and one z each, which scatters around its expectation and \
             may fall below −ln p.",
            density.name()
        ),
        legend,
        panels: vec![
            ("batches".into(), panel("Loss of a batch", "step", lines(&|record| points(&record["batches"])))),
            ("epochs".into(), panel("Loss of an epoch", "epoch", epochs)),
        ],
    }
}

/// The run with the largest gap over both arms and posteriors.
fn worst(results: &Results<'_>, density: Toy) -> Option<Block> {
    let runs = [KNOWN, PER_SAMPLE].into_iter().flat_map(|arm| POSTERIORS.map(|posterior| (arm, posterior)));
    let all = runs.flat_map(|(arm, posterior)| {
        let runs = of(results, density, arm, posterior);
        let gaps = runs.runs().iter().filter_map(|(experiment, outcome)| {
            let end = if fails(density, arm, outcome).is_empty() { "no failure" } else { "a failure" };
            Some((outcome.find("gap")?, arm, posterior, experiment.seed(), &outcome.record, end))
        });
        gaps.collect::<Vec<_>>()
    });
    let (gap, arm, posterior, seed, record, end) = all.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let ours = look(posterior);
    Some(Block::Figure {
        id: format!("{}-worst", density.name()),
        caption: format!(
            "{}, the run with the largest gap: {arm}, {posterior} posterior, seed {seed}, {} nats short of the true \
             density, {end}.",
            density.name(),
            number(gap)
        ),
        legend: vec![
            Key { name: format!("{posterior} posterior"), look: ours, mark: Mark::Points },
            Key { name: "posterior of one row".into(), look: POSTERIOR, mark: Mark::Line },
        ],
        panels: trained(ours, record, "").into(),
    })
}
