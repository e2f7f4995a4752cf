//! The figures of `beta-sweep`: histories, metrics by β, and what reconstruction costs.

use elbo_metrics::Spread;

use super::super::setup::{BETAS, MODELS, PROSE};
use super::series::{look, medians, metrics, of};
use crate::plot::Look;
use crate::plot::panel::{Confusion, HeatMap, Key, Line, Mark, Marked, Marks, Scale, Spot};
use crate::report::Block;
use crate::study::Results;
use crate::study::figure::lines;
use crate::study::results::numbers;

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

fn look_of_beta(index: usize) -> Look {
    Look::ordered(index, BETAS.len())
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
                ..Line::new(look_of_beta(i))
            }
        });
        let label = if unit.is_empty() { name.to_string() } else { format!("{name} ({unit})") };
        let (title, stem) = (format!("{name}, {model}"), metric.replace('_', "-"));
        lines(&stem, &title, Scale::new("epoch"), Scale::new(&label), series.collect())
    };
    let key = |(i, beta): (usize, &&str)| Key { name: format!("β = {beta}"), look: look_of_beta(i), mark: Mark::Band };
    let caption = PROSE.fill("history", &[("model", model), ("arm", arm)]);
    let panels = loss.iter().chain(&metrics(model)).map(panel).collect();
    Block::figure(&format!("history-{model}-{arm}"), caption, BETAS.iter().enumerate().map(key).collect(), panels)
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
    Block::figure(&format!("heat-{arm}"), PROSE.fill("heat", &[("arm", arm)]), Vec::new(), panels)
}

/// Reconstruction against KL of both models.
fn tradeoff(results: &Results<'_>, arms: &[&str]) -> Block {
    let panel = |arm: &&str| {
        let spot = |model: &str, beta: &str| {
            let runs = of(results, arm, model, beta);
            let spread = |metric| Some(runs.metric(metric)).filter(|_| !runs.is_empty()).map(|v| Spread::of(&v));
            let (kl, recon) = (spread("kl")?, spread("recon")?);
            Some(Spot {
                at: (kl.median, recon.median),
                x_range: Some((kl.lower_quartile, kl.upper_quartile)),
                y_range: Some((recon.lower_quartile, recon.upper_quartile)),
                label: beta.to_string(),
            })
        };
        let spots = |model: &str| BETAS.iter().filter_map(|beta| spot(model, beta)).collect();
        let series = MODELS.map(|model| Marked { look: look(model), joined: true, spots: spots(model) }).into();
        let (x, y) = (Scale::new("KL (nats)").log(), Scale::new("reconstruction error (squared units)"));
        (arm.to_string(), Marks { title: format!("Layout {arm}"), x, y, series }.draw())
    };
    let key = |model| Key { name: format!("{model} latent"), look: look(model), mark: Mark::JoinedPoints };
    let panels = arms.iter().map(panel).collect();
    Block::figure("tradeoff", PROSE.get("tradeoff"), MODELS.map(key).into(), panels)
}
