//! The report of `mnist-clustering`.

use super::super::judge::Quantity;
use super::super::results::numbers;
use super::super::text::rows;
use super::super::{Request, Results};
use super::setup::{BOUND, MODELS, PROSE};
use crate::plot::Look;
use crate::plot::panel::{Key, Line, Lines, Mark, Scale};
use crate::report::{Block, Report, Section, Statement, Verdict, number};

/// The published training logs, thinned.
const PUBLISHED: &str = include_str!("../reference/mnist-clustering.csv");

/// Where a published model's runs are found: the start of their names.
fn published_name(model: &str) -> &'static str {
    match model {
        "M2" => "m2-",
        "modified M2" => "modified-m2-relu-",
        _ => "gmvae-",
    }
}

fn look(model: &str) -> Look {
    let index = MODELS.iter().position(|(name, ..)| *name == model).unwrap_or(0);
    Look::new(index).pattern(index)
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
    for cells in rows(PUBLISHED).filter(|cells| cells[0].starts_with(published_name(model))) {
        let number = |i: usize| cells.get(i).and_then(|cell| cell.parse().ok()).unwrap_or(f64::NAN);
        let row = [1, 2, 3, 4].map(number);
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

/// The ends of the band for the median of a metric after an epoch.
fn band(model: &str, epoch: u64, metric: &str) -> Option<(Option<f64>, Option<f64>)> {
    let row = rows(BANDS).find(|row| (row[0], row[1].parse(), row[2]) == (model, Ok(epoch), metric))?;
    Some((row[3].parse().ok(), row[4].parse().ok()))
}

/// The epochs whose published numbers are held against ours, judged or not.
const PUBLISHED_EPOCHS: [u64; 8] = [1, 2, 5, 10, 20, 50, 100, 200];
/// The published metrics: name, unit, column of [`Published::rows`].
const METRICS: [(&str, &str, usize); 3] =
    [("loss", "nats", 2), ("entropy", "nats", 1), ("majority accuracy", "share of rows", 3)];

/// Every single seed's accuracy must lie here, by epoch.
const EACH: [(u64, f64, f64); 3] = [(10, 0.40, 0.85), (20, 0.45, 0.90), (50, 0.50, 0.95)];

/// Epochs after which the models are held against each other.
const ORDERED: [u64; 2] = [20, 50];

pub(super) fn report(results: &Results<'_>, request: &Request<'_>) -> Report {
    Report {
        title: "Three clusterers of MNIST".into(),
        question: PROSE.get("question"),
        summary: summary(results),
        sections: vec![curves(results), bands(results, request), accuracies(results), samples(results), open_section()],
        provenance: Vec::new(),
    }
}

fn of<'a>(results: &Results<'a>, model: &str) -> Results<'a> {
    results.of(&[("model", model)])
}

/// A metric of every seed after an epoch.
fn at(results: &Results<'_>, model: &str, metric: &str, epoch: u64) -> Vec<f64> {
    of(results, model).metric(&format!("{metric} at epoch {epoch}"))
}

/// The last epoch that every run has.
fn last_epoch(results: &Results<'_>) -> u64 {
    results.runs().iter().map(|(experiment, _)| experiment.config.method.extent()).min().unwrap_or(0)
}

fn median(values: &[f64]) -> f64 {
    if values.is_empty() { f64::NAN } else { elbo_metrics::median(values) }
}

fn summary(results: &Results<'_>) -> Vec<Statement> {
    let epoch = last_epoch(results);
    let all = |metric: &str| MODELS.map(|(model, ..)| median(&at(results, model, metric, epoch)));
    let ([m2, modified, gmvae], [h_m2, h_modified, h_gmvae]) = (all("majority accuracy"), all("entropy"));
    let [l_m2, l_modified, l_gmvae] = all("loss");
    let k = results.runs().first().map_or(0, |(experiment, _)| experiment.config.method.classes());
    vec![
        Statement {
            holds: Some(m2 < 0.3 && gmvae > 0.5 && modified > 0.4),
            text: format!(
                "M2 does not cluster (majority accuracy {} after {epoch} epochs); modified M2 ({}) and the GMVAE ({}) \
                 do.",
                number(m2),
                number(modified),
                number(gmvae)
            ),
        },
        Statement {
            holds: Some(h_modified < h_gmvae && h_gmvae < h_m2),
            text: format!(
                "The prior over classes does not prevent clustering: the entropy of q(y|x) falls to {} (modified M2) \
                 and {} (GMVAE) nats, of ln {k} = {} that M2 keeps ({}).",
                number(h_modified),
                number(h_gmvae),
                number((k as f64).ln()),
                number(h_m2)
            ),
        },
        Statement {
            holds: Some(l_m2 < l_gmvae && l_gmvae < l_modified),
            text: format!(
                "The best bound is that of the model that does not cluster: loss {} (M2), {} (GMVAE), {} (modified M2) \
                 nats.",
                number(l_m2),
                number(l_gmvae),
                number(l_modified)
            ),
        },
    ]
}

/// The three panels of the source with its curves behind ours.
fn curves(results: &Results<'_>) -> Section {
    let panel = |stem: &str, title: &str, label: &str, metric: &str, column: usize, limits: Option<(f64, f64)>| {
        let longest = results.runs().iter().map(|(e, _)| e.config.method.extent()).max().unwrap_or(1) as f64;
        let mut series = Vec::new();
        for (model, ..) in MODELS {
            for run in published(model) {
                let rows = run.rows.iter().filter(|row| row[0] <= longest);
                let look = if run.narrow { Look::GREY.faint() } else { look(model).faint() };
                series.push(Line { points: rows.map(|row| (row[0], row[column])).collect(), ..Line::new(look) });
            }
            for (_, outcome) in of(results, model).runs() {
                let list = numbers(&outcome.record[metric]).unwrap_or_default();
                let points = list.into_iter().enumerate().map(|(i, v)| (1.0 + i as f64, v)).collect();
                series.push(Line { points, ..Line::new(look(model)) });
            }
        }
        let mut y = Scale::new(label);
        if let Some((low, high)) = limits {
            y = y.limits(low, high);
        }
        let lines = Lines { title: title.into(), x: Scale::new("epoch").log(), y, series, reference: None };
        (stem.to_string(), lines.draw())
    };
    let key = |(model, ..): (&str, &str, f64)| Key { name: model.to_string(), look: look(model), mark: Mark::Line };
    let mut legend: Vec<Key> = MODELS.into_iter().map(key).collect();
    legend.push(Key { name: "pale: published runs".into(), look: look("GMVAE").faint(), mark: Mark::Line });
    legend.push(Key {
        name: "grey: published M2 with the narrow decoder".into(),
        look: Look::GREY.faint(),
        mark: Mark::Line,
    });
    let figure = Block::Figure {
        id: "curves".into(),
        caption: PROSE.get("curves"),
        legend,
        panels: vec![
            panel("entropy", "Conditional entropy", "H(Y | X) (nats)", "entropy", 1, None),
            panel("loss", "Variational loss", "loss (nats)", "loss", 2, Some((90.0, 150.0))),
            panel("accuracy", "Accuracy", "majority accuracy (share)", "majority accuracy", 3, Some((0.0, 1.0))),
        ],
    };
    Section { title: "The source's three panels".into(), blocks: vec![figure] }
}

fn bands(results: &Results<'_>, request: &Request<'_>) -> Section {
    let mut rows: Vec<Verdict> = Vec::new();
    let cells = MODELS.iter().flat_map(|(model, ..)| METRICS.map(|metric| (*model, metric)));
    for (model, (metric, unit, column), epoch) in
        cells.flat_map(|(model, metric)| PUBLISHED_EPOCHS.map(|epoch| (model, metric, epoch)))
    {
        let values = at(results, model, metric, epoch);
        if values.is_empty() {
            continue;
        }
        let runs = published(model).into_iter().filter(|run| !run.narrow);
        let theirs: Vec<f64> =
            runs.filter_map(|run| run.rows.iter().find(|row| row[0] == epoch as f64).map(|row| row[column])).collect();
        let quantity = Quantity {
            name: format!("{model}, epoch {epoch}: {metric}"),
            unit,
            values,
            band: band(model, epoch, metric).map(|(low, high)| (low, high, "what the study requires")),
            source: (!theirs.is_empty()).then(|| median(&theirs)),
            look: look(model),
        };
        rows.push(quantity.verdict(request));
    }
    for (epoch, low, high) in EACH {
        let values = at(results, "GMVAE", "majority accuracy", epoch);
        if !values.is_empty() {
            let (least, most) = values.iter().fold((f64::INFINITY, 0.0), |(a, b): (f64, f64), &v| (a.min(v), b.max(v)));
            rows.push(Quantity::single(
                &format!("GMVAE, epoch {epoch}: lowest accuracy of a seed"),
                least,
                (Some(low), None),
                request,
            ));
            rows.push(Quantity::single(
                &format!("GMVAE, epoch {epoch}: highest accuracy of a seed"),
                most,
                (None, Some(high)),
                request,
            ));
        }
    }
    for epoch in ORDERED {
        let m = |metric: &str, model: &str| median(&at(results, model, metric, epoch));
        let has_all = MODELS.iter().all(|(model, ..)| !at(results, model, "loss", epoch).is_empty());
        let pairs = [
            ("loss", "M2", "GMVAE"),
            ("loss", "GMVAE", "modified M2"),
            ("entropy", "modified M2", "GMVAE"),
            ("entropy", "GMVAE", "M2"),
        ];
        for (metric, low, high) in pairs.into_iter().filter(|_| has_all) {
            let name = format!("epoch {epoch}: median {metric} of {high} minus that of {low}");
            rows.push(Quantity::single(&name, m(metric, high) - m(metric, low), (Some(0.0), None), request));
        }
    }
    rows.push(Quantity::none_diverged(results, request));
    Section {
        title: "Numbers beside the published logs".into(),
        blocks: vec![Block::Verdicts { caption: PROSE.get("bands"), rows }],
    }
}

/// Three accuracies that answer different questions, and what else was measured at the end.
fn accuracies(results: &Results<'_>) -> Section {
    let mut rows = Vec::new();
    for (model, ..) in MODELS {
        for (experiment, outcome) in of(results, model).runs() {
            let last = |name: &str| {
                let list = numbers(&outcome.record[name]).unwrap_or_default();
                number(list.last().copied().unwrap_or(f64::NAN))
            };
            let bound = format!("iwae-{}", BOUND.1);
            let bound = outcome.values.iter().find(|(name, _)| *name == bound).map_or(f64::NAN, |(_, value)| *value);
            let epochs = experiment.config.method.extent();
            let names = ["majority accuracy", "hungarian accuracy", "confident accuracy", "nmi", "loss"];
            let mut cells = vec![format!("{model}, seed {}", experiment.seed()), epochs.to_string()];
            cells.extend(names.map(last));
            cells.push(number(bound));
            rows.push(cells);
        }
    }
    let head = ["run", "epochs", "majority", "Hungarian", "most confident", "NMI", "loss (nats)", "IWAE (nats)"];
    let caption = format!(
        "At the end of each run, on the test images. Majority: every cluster gets its most frequent label. Hungarian: \
         one cluster for each label. Most confident: a cluster gets the label of the image that it is surest of. IWAE: \
         bound on ln p(x) with {} samples on {} images.",
        BOUND.1, BOUND.0
    );
    Section {
        title: "Three accuracies side by side".into(),
        blocks: vec![Block::Table { caption, head: head.map(String::from).into(), rows }],
    }
}

fn samples(results: &Results<'_>) -> Section {
    let panel = |(model, ..): (&str, &str, f64)| {
        let svg = of(results, model).first_record()?["samples"].as_str()?.to_string();
        Some((model.to_lowercase().replace(' ', "-"), svg))
    };
    let panels: Vec<_> = MODELS.into_iter().filter_map(panel).collect();
    let figure = Block::Figure { id: "samples".into(), caption: PROSE.get("samples"), legend: Vec::new(), panels };
    Section { title: "Samples of each cluster".into(), blocks: vec![figure] }
}

fn open_section() -> Section {
    Section { title: "What is not reproduced, and why".into(), blocks: vec![Block::List(PROSE.list("open"))] }
}
