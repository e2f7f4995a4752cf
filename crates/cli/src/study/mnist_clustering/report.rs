//! The report of `mnist-clustering`.

use super::super::figure::lines;
use super::super::judge::Quantity;
use super::super::results::{ends, median, numbers};
use super::super::text::rows;
use super::super::{Request, Results};
use super::setup::{BOUND, MODELS, PROSE, slug};
use crate::plot::Look;
use crate::plot::panel::{Key, Line, Mark, Scale};
use crate::report::{Band, Block, Report, Section, Statement, Verdict, number};

/// The published training logs, thinned.
const PUBLISHED: &str = include_str!("../../../studies/mnist-clustering/source.csv");

fn look(model: &str) -> Look {
    Look::new(MODELS.iter().position(|name| *name == model).unwrap_or(0))
}

/// One published run.
struct Published {
    /// Epoch, entropy, loss, accuracy.
    rows: Vec<[f64; 4]>,
    narrow: bool,
}

/// The published runs of a model.
fn published(model: &str) -> Vec<Published> {
    let mut runs: Vec<(&str, Vec<[f64; 4]>)> = Vec::new();
    for cells in rows(PUBLISHED).filter(|cells| cells[0].starts_with(&format!("{}-", slug(model)))) {
        let row = [1, 2, 3, 4].map(|i| cells.get(i).and_then(|cell| cell.parse().ok()).unwrap_or(f64::NAN));
        match runs.last_mut() {
            Some((name, rows)) if *name == cells[0] => rows.push(row),
            _ => runs.push((cells[0], vec![row])),
        }
    }
    // The published M2 runs are two populations under one name: at epoch 20 the narrow decoder is 1.7 nats behind.
    let narrow = |rows: &[[f64; 4]]| model == "M2" && rows.iter().any(|row| row[0] == 20.0 && row[2] > 96.5);
    runs.into_iter().map(|(_, rows)| Published { narrow: narrow(&rows), rows }).collect()
}

/// Where our medians must lie: model, epoch, metric, lower and upper end.
const BANDS: &str = include_str!("../../../studies/mnist-clustering/bands.csv");

/// The band of a metric of a model after an epoch.
fn band(model: &str, epoch: u64, metric: &str) -> Option<Band> {
    let row = rows(BANDS).find(|row| (row[0], row[1].parse(), row[2]) == (model, Ok(epoch), metric))?;
    Some(Band::required(row[3].parse().ok(), row[4].parse().ok()))
}

/// The epochs whose published numbers are held against ours, judged or not.
const PUBLISHED_EPOCHS: [u64; 8] = [1, 2, 5, 10, 20, 50, 100, 200];
/// The published metrics: name, unit, column of [`Published::rows`].
const METRICS: [(&str, &str, usize); 3] =
    [("loss", "nats", 2), ("entropy", "nats", 1), ("majority accuracy", "share of rows", 3)];

/// Epochs after which the models are held against each other.
const ORDERED: [u64; 2] = [20, 50];
/// A metric, the model with the lower median of it, and that with the higher one.
const ORDER: [(&str, &str, &str); 4] = [
    ("loss", "M2", "GMVAE"),
    ("loss", "GMVAE", "modified M2"),
    ("entropy", "modified M2", "GMVAE"),
    ("entropy", "GMVAE", "M2"),
];

pub(super) fn report(results: &Results<'_>, request: &Request<'_>) -> Report {
    let open = vec![Block::List(PROSE.list("open"))];
    let sections = vec![
        Section::new("The source's three panels", vec![curves(results)]),
        Section::new("Numbers beside the published logs", vec![bands(results, request)]),
        Section::new("Three accuracies side by side", vec![accuracies(results)]),
        Section::new("Samples of each cluster", vec![samples(results)]),
        Section::new("What is not reproduced, and why", open),
    ];
    PROSE.report(summary(results), sections)
}

fn of<'a>(results: &Results<'a>, model: &str) -> Results<'a> {
    results.of(&[("model", model)])
}

/// A metric of every seed after an epoch.
fn at(results: &Results<'_>, model: &str, metric: &str, epoch: u64) -> Vec<f64> {
    of(results, model).metric(&format!("{metric} at epoch {epoch}"))
}

fn summary(results: &Results<'_>) -> Vec<Statement> {
    // The last epoch that every run has.
    let epoch = results.runs().iter().map(|(experiment, _)| experiment.config.method.extent()).min().unwrap_or(0);
    let k = results.runs().first().map_or(0, |(experiment, _)| experiment.config.method.classes());
    let mut values = vec![
        ("epoch".into(), epoch.to_string()),
        ("k".into(), k.to_string()),
        ("ln k".into(), number((k as f64).ln())),
    ];
    let mut medians = |metric: &str| {
        let medians = MODELS.map(|model| median(&at(results, model, metric, epoch)));
        values.extend(MODELS.iter().zip(medians).map(|(model, m)| (format!("{metric} of {model}"), number(m))));
        medians
    };
    let ([a_m2, a_modified, a_gmvae], [h_m2, h_modified, h_gmvae]) = (medians("majority accuracy"), medians("entropy"));
    let [l_m2, l_modified, l_gmvae] = medians("loss");
    let holds = [
        a_m2 < 0.3 && a_gmvae > 0.5 && a_modified > 0.4,
        h_modified < h_gmvae && h_gmvae < h_m2,
        l_m2 < l_gmvae && l_gmvae < l_modified,
    ];
    let texts = PROSE.fill_list("summary", &values).into_iter();
    texts.zip(holds).map(|(text, holds)| Statement { holds: Some(holds), text }).collect()
}

/// The three panels of the source with its curves behind ours.
fn curves(results: &Results<'_>) -> Block {
    let longest = results.runs().iter().map(|(e, _)| e.config.method.extent()).max().unwrap_or(1) as f64;
    let panel = |stem: &str, title: &str, metric: &str, column: usize, y: Scale| {
        let mut series = Vec::new();
        for model in MODELS {
            for run in published(model) {
                let rows = run.rows.iter().filter(|row| row[0] <= longest);
                let look = if run.narrow { Look::GREY } else { look(model) };
                series
                    .push(Line { points: rows.map(|row| (row[0], row[column])).collect(), ..Line::new(look.faint()) });
            }
            for (_, outcome) in of(results, model).runs() {
                let list = numbers(&outcome.record[metric]).unwrap_or_default();
                let points = list.into_iter().enumerate().map(|(i, v)| (1.0 + i as f64, v)).collect();
                series.push(Line { points, ..Line::new(look(model)) });
            }
        }
        lines(stem, title, Scale::new("epoch").log(), y, series)
    };
    let key = |name: &str, look| Key { name: name.into(), look, mark: Mark::Line };
    let mut legend = MODELS.map(|model| key(model, look(model))).to_vec();
    legend.push(key("pale: published runs", look("GMVAE").faint()));
    legend.push(key("grey: published M2 with the narrow decoder", Look::GREY.faint()));
    let loss = Scale::new("loss (nats)").limits(90.0, 150.0);
    let accuracy = Scale::new("majority accuracy (share)").limits(0.0, 1.0);
    let panels = vec![
        panel("entropy", "Conditional entropy", "entropy", 1, Scale::new("H(Y | X) (nats)")),
        panel("loss", "Variational loss", "loss", 2, loss),
        panel("accuracy", "Accuracy", "majority accuracy", 3, accuracy),
    ];
    Block::figure("curves", PROSE.get("curves"), legend, panels)
}

fn bands(results: &Results<'_>, request: &Request<'_>) -> Block {
    let mut rows: Vec<Verdict> = Vec::new();
    for (model, (metric, unit, column)) in MODELS.iter().flat_map(|model| METRICS.map(|metric| (*model, metric))) {
        let wide: Vec<Published> = published(model).into_iter().filter(|run| !run.narrow).collect();
        for epoch in PUBLISHED_EPOCHS {
            let values = at(results, model, metric, epoch);
            if values.is_empty() {
                continue;
            }
            let theirs = wide.iter().filter_map(|run| run.rows.iter().find(|row| row[0] == epoch as f64));
            let theirs: Vec<f64> = theirs.map(|row| row[column]).collect();
            let source = (!theirs.is_empty()).then(|| median(&theirs));
            let name = format!("{model}, epoch {epoch}: {metric}");
            let band = band(model, epoch, metric);
            rows.push(Quantity { name, unit, values, band, source, look: look(model) }.verdict(request));
        }
    }
    let mut require = |name: &str, value, band| rows.push(Quantity::single(name, value, band, request));
    for epoch in PUBLISHED_EPOCHS {
        let (least, most) = ends(&at(results, "GMVAE", "majority accuracy", epoch));
        for (what, value) in [("lowest accuracy of a seed", least), ("highest accuracy of a seed", most)] {
            if let Some(band) = band("GMVAE", epoch, what).filter(|_| value.is_finite()) {
                require(&format!("GMVAE, epoch {epoch}: {what}"), value, (band.low, band.high));
            }
        }
    }
    for epoch in ORDERED {
        let of = |metric: &str, model: &str| at(results, model, metric, epoch);
        let has_all = MODELS.iter().all(|model| !of("loss", model).is_empty());
        for (metric, low, high) in ORDER.into_iter().filter(|_| has_all) {
            let name = format!("epoch {epoch}: median {metric} of {high} minus that of {low}");
            require(&name, median(&of(metric, high)) - median(&of(metric, low)), (Some(0.0), None));
        }
    }
    rows.push(Quantity::none_diverged(results, request));
    Block::Verdicts { caption: PROSE.get("bands"), rows }
}

/// Three accuracies that answer different questions, and what else was measured at the end.
fn accuracies(results: &Results<'_>) -> Block {
    let mut rows = Vec::new();
    for (experiment, outcome) in results.runs() {
        let last = |name: &str| {
            let list = numbers(&outcome.record[name]).unwrap_or_default();
            number(list.last().copied().unwrap_or(f64::NAN))
        };
        let run = format!("{}, seed {}", experiment.label("model"), experiment.seed());
        let mut cells = vec![run, experiment.config.method.extent().to_string()];
        cells.extend(["majority accuracy", "hungarian accuracy", "confident accuracy", "nmi", "loss"].map(last));
        cells.push(number(outcome.value(&format!("iwae-{}", BOUND.1))));
        rows.push(cells);
    }
    PROSE.table("accuracies", &[("samples", BOUND.1), ("images", BOUND.0)], rows)
}

fn samples(results: &Results<'_>) -> Block {
    let panel = |model: &&str| Some((slug(model), of(results, model).first_record()?["samples"].as_str()?.to_string()));
    let panels = MODELS.iter().filter_map(panel).collect();
    Block::figure("samples", PROSE.get("samples"), Vec::new(), panels)
}
