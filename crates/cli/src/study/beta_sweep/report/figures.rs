//! The figures of `beta-sweep`: histories, metrics by β, and what reconstruction costs.

use super::super::super::Results;
use super::super::super::results::numbers;
use super::super::setup::{BETAS, MODELS, PROSE};
use super::series::{look, medians, metrics, of};
use crate::plot::Look;
use crate::plot::panel::{Confusion, HeatMap, Key, Line, Lines, Mark, Marked, Marks, Scale, Spot};
use crate::report::Block;

/// All of them.
pub(super) fn blocks(results: &Results<'_>, arms: &[&str]) -> Vec<Block> {
    let mut blocks = Vec::new();
    for arm in arms {
        blocks.extend(MODELS.map(|model| histories(results, arm, model)));
        blocks.push(heat_maps(results, arm));
    }
    blocks.push(tradeoff(results, arms));
    blocks
}

fn beta_keys(mark: Mark) -> Vec<Key> {
    let key =
        |(i, beta): (usize, &&str)| Key { name: format!("β = {beta}"), look: Look::ordered(i, BETAS.len()), mark };
    BETAS.iter().enumerate().map(key).collect()
}

/// Every metric of a model against the epoch.
fn histories(results: &Results<'_>, arm: &str, model: &str) -> Block {
    let loss = [("loss", "loss", "")];
    let panel = |&(metric, name, unit): &(&str, &str, &str)| {
        let series = BETAS.iter().enumerate().map(|(i, beta)| {
            let history = of(results, arm, model, beta).history(metric);
            let epochs = || history.iter().zip(1..).map(|(spread, epoch)| (f64::from(epoch), spread));
            Line {
                points: epochs().map(|(epoch, s)| (epoch, s.median)).collect(),
                band: epochs().map(|(epoch, s)| (epoch, s.lower_quartile, s.upper_quartile)).collect(),
                ..Line::new(Look::ordered(i, BETAS.len()))
            }
        });
        let label = if unit.is_empty() { name.to_string() } else { format!("{name} ({unit})") };
        let lines = Lines {
            title: format!("{name}, {model}"),
            x: Scale::new("epoch"),
            y: Scale::new(&label),
            series: series.collect(),
            reference: None,
        };
        (metric.replace('_', "-"), lines.draw())
    };
    Block::Figure {
        id: format!("history-{model}-{arm}"),
        caption: PROSE.fill("history", &[("model", model), ("arm", arm)]),
        legend: beta_keys(Mark::Band),
        panels: loss.iter().chain(&metrics(model)).map(panel).collect(),
    }
}

/// Metrics of both models by β, and confusion matrices of one seed.
fn heat_maps(results: &Results<'_>, arm: &str) -> Block {
    let heat = |model: &str| {
        let names = metrics(model);
        HeatMap {
            title: format!("Medians, {model}"),
            row_axis: "metric".into(),
            rows: names.iter().map(|(_, name, _)| name.to_string()).collect(),
            column_axis: "β".into(),
            columns: BETAS.iter().map(ToString::to_string).collect(),
            values: names.iter().map(|(metric, ..)| medians(results, arm, model, metric)).collect(),
        }
    };
    let mut panels: Vec<(String, String)> =
        MODELS.iter().map(|model| (format!("{model}-medians"), heat(model).draw())).collect();
    for beta in BETAS {
        let record = of(results, arm, "discrete", beta).first_record();
        let rows = record.and_then(|record| record["confusion"].as_array()).into_iter().flatten();
        let counts: Vec<Vec<u64>> =
            rows.filter_map(numbers).map(|row| row.iter().map(|&n| n as u64).collect()).collect();
        if counts.first().is_none_or(|first| counts.iter().any(|row| row.len() != first.len())) {
            continue;
        }
        let confusion = Confusion {
            title: format!("Clusters and modes, β = {beta}"),
            row_axis: "cluster".into(),
            rows: (1..=counts.len()).map(|k| k.to_string()).collect(),
            column_axis: "true mode".into(),
            columns: (1..=counts[0].len()).map(|k| k.to_string()).collect(),
            counts,
        };
        panels.push((format!("confusion-{}", beta.replace('.', "-")), confusion.draw()));
    }
    Block::Figure {
        id: format!("heat-{arm}"),
        caption: PROSE.fill("heat", &[("arm", arm)]),
        legend: Vec::new(),
        panels,
    }
}

/// Reconstruction against KL of both models.
fn tradeoff(results: &Results<'_>, arms: &[&str]) -> Block {
    let panel = |arm: &str| {
        let series = MODELS.map(|model| Marked {
            look: look(model),
            joined: true,
            spots: BETAS
                .iter()
                .filter_map(|beta| {
                    let runs = of(results, arm, model, beta);
                    let spread =
                        |metric| Some(elbo_metrics::Spread::of(&runs.metric(metric))).filter(|_| !runs.is_empty());
                    let (kl, recon) = (spread("kl")?, spread("recon")?);
                    Some(Spot {
                        at: (kl.median, recon.median),
                        x_range: Some((kl.lower_quartile, kl.upper_quartile)),
                        y_range: Some((recon.lower_quartile, recon.upper_quartile)),
                        label: beta.to_string(),
                    })
                })
                .collect(),
        });
        let marks = Marks {
            title: format!("Layout {arm}"),
            x: Scale::new("KL (nats)").log(),
            y: Scale::new("reconstruction error (squared units)"),
            series: series.into(),
        };
        (arm.to_string(), marks.draw())
    };
    Block::Figure {
        id: "tradeoff".into(),
        caption: PROSE.get("tradeoff"),
        legend: MODELS
            .map(|model| Key { name: format!("{model} latent"), look: look(model), mark: Mark::JoinedPoints })
            .into(),
        panels: arms.iter().map(|arm| panel(arm)).collect(),
    }
}
