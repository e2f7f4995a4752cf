//! The figures of a run: learning curves, samples and confusion matrix.

use elbo_autograd::{Params, Tape};
use elbo_datasets::Dataset;
use elbo_metrics::Contingency;
use elbo_models::{Model, Noise};
use elbo_tensor::{Purpose, Tensor, stream};

use crate::machine::error::Result;
use crate::machine::files;
use crate::plot::panel::Images;
use crate::plot::{self, Class, Panel, Series};
use crate::run::dir::RunDir;
use crate::run::evaluation::Clusters;
use crate::run::files::metrics_csv::Metrics;

/// Samples of each cluster in the grid.
const COLUMNS: usize = 12;
/// Samples drawn for a scatter plot.
const POINTS: usize = 2000;

/// `count` draws of each cluster: `[k, count, d]`.
pub fn generated((model, params): (&dyn Model, &Params), count: usize, seed: u64) -> Tensor {
    let tape = Tape::new(params);
    model.generate(&tape, count, &mut Noise::from(stream(seed, Purpose::Figure, 0))).value()
}

/// Writes every figure that the data and the model allow, and returns their names. `generate` gives as many draws of each
/// cluster as it is asked for, `[k, count, d]`; `drawn` says what they are.
pub fn write(
    dir: &RunDir,
    (metrics, unit_of_loss): (&Metrics, &'static str),
    (drawn, generate): (&str, impl Fn(usize) -> Option<Tensor>),
    test: &Dataset,
    clusters: Option<&Clusters>,
) -> Result<Vec<&'static str>> {
    let mut figures = vec![("curves.svg", curves(metrics, unit_of_loss))];
    let labels = test.labels().map(|labels| labels.values.as_slice());
    let table = clusters.zip(labels).map(|(c, labels)| Contingency::new(&c.assignments, labels));
    match *test.shape() {
        [height, width] => figures.extend(generate(COLUMNS).map(|samples| {
            // Draws of the whole mixture are no cluster's.
            let of_clusters = clusters.filter(|clusters| clusters.count == samples.shape()[0]);
            let label = |k| row_label(k, of_clusters, table.as_ref());
            let names: Vec<String> = (0..samples.shape()[0]).map(label).collect();
            let grid = plot::image_grid(
                &format!("{}{}", drawn[..1].to_uppercase(), &drawn[1..]),
                &names,
                COLUMNS,
                (height, width),
                samples.as_slice(),
            );
            ("samples.svg", grid)
        })),
        [2] => figures.extend(generate(POINTS).map(|samples| ("samples.svg", cloud(test, &samples, drawn)))),
        _ => {}
    }
    if let (Some(table), Some(clusters), Some(labels)) = (&table, clusters, test.labels()) {
        let counts: Vec<Vec<u64>> = (0..clusters.count as u32)
            .map(|k| (0..labels.classes as u32).map(|label| table.count(k, label)).collect())
            .collect();
        let names = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        let title = "Test rows by cluster and label";
        figures
            .push(("confusion.svg", plot::confusion(title, &counts, &names(clusters.count), &names(labels.classes))));
    }
    for (name, svg) in &figures {
        files::write_atomic(&dir.figure(name), svg.as_bytes())?;
    }
    Ok(figures.into_iter().map(|(name, _)| name).collect())
}

/// A panel of samples of each cluster, for a report; none if the data are not images.
pub fn cluster_samples(
    (model, params): (&dyn Model, &Params),
    test: &Dataset,
    clusters: Option<&Clusters>,
    (title, seed): (&str, u64),
) -> Option<String> {
    const COLUMNS: usize = 8;
    let [height, width] = *test.shape() else { return None };
    let samples = generated((model, params), COLUMNS, seed);
    let labels = test.labels().map(|labels| labels.values.as_slice());
    let table = clusters.zip(labels).map(|(c, labels)| Contingency::new(&c.assignments, labels));
    let images = Images {
        title: title.into(),
        row_labels: (0..samples.shape()[0]).map(|k| row_label(k, clusters, table.as_ref())).collect(),
        columns: COLUMNS,
        sides: (height, width),
        pixels: samples.as_slice().iter().map(|&p| f64::from(p)).collect(),
    };
    Some(images.draw())
}

/// "y = 3, mostly 7 (n = 512)"
fn row_label(k: usize, clusters: Option<&Clusters>, table: Option<&Contingency>) -> String {
    let Some(clusters) = clusters else { return String::new() };
    let n = clusters.assignments.iter().filter(|&&a| a as usize == k).count();
    let cells = table.into_iter().flat_map(Contingency::cells).filter(|((cluster, _), _)| *cluster as usize == k);
    let top = cells.max_by_key(|(_, count)| *count).map(|((_, label), _)| format!(", mostly {label}"));
    format!("y = {k}{} (n = {n})", top.unwrap_or_default())
}

/// Learning curves: one panel a quantity, one line a split.
fn curves(metrics: &Metrics, unit_of_loss: &'static str) -> String {
    const SPLITS: [&str; 3] = ["train", "valid", "test"];
    let quantity = |column: &'_ str| {
        SPLITS.iter().find_map(|split| Some(column.strip_prefix(split)?.strip_prefix('_')?.to_string()))
    };
    let mut quantities: Vec<String> = Vec::new();
    for quantity in metrics.header().iter().filter_map(|column| quantity(column)) {
        if !quantities.contains(&quantity) {
            quantities.push(quantity);
        }
    }
    let mut panels: Vec<Panel> = quantities
        .iter()
        .map(|quantity| {
            let series = SPLITS.iter().filter_map(|split| {
                let points = metrics.column(&format!("{split}_{quantity}"))?;
                // A line joins what was measured: not every epoch is evaluated.
                let points = points.into_iter().filter(|(_, value)| value.is_finite()).collect();
                Some(Series { name: (*split).into(), points, dashed: *split == "valid" })
            });
            Panel {
                title: quantity.replace('_', " "),
                x_label: "epoch".into(),
                y_label: if ["loss", "recon"].contains(&quantity.as_str()) { unit_of_loss } else { unit(quantity) }
                    .into(),
                series: series.collect(),
                y_log: false,
            }
        })
        .collect();
    let is_curve = |panel: &Panel| panel.series.iter().any(|series| series.points.len() > 1);
    if panels.iter().any(is_curve) {
        panels.retain(is_curve);
    }
    plot::curves("Learning curves", &panels)
}

fn unit(quantity: &str) -> &'static str {
    match quantity {
        "nmi" => "NMI",
        "ari" => "ARI",
        "active_clusters" | "active" => "clusters",
        "active_units" => "dimensions",
        "mean_radius" => "distance",
        "inertia" => "squared distance",
        "changed" => "rows",
        "at_floor" => "columns",
        "bic" | "aic" => "criterion",
        "min_weight" => "probability",
        "min_precision" | "max_precision" => "1 / variance",
        "gradient_norm" | "grad_norm" => "norm",
        "explained" => "share of variance",
        "noise_var" => "variance",
        accuracy if accuracy.ends_with("accuracy") => "share of rows",
        _ => "nats",
    }
}

/// Test rows by label beside generated ones.
fn cloud(test: &Dataset, samples: &Tensor, drawn: &str) -> String {
    let x = test.tensor();
    let point = |row: &[elbo_tensor::Real]| (f64::from(row[0]), f64::from(row[1]));
    let rows = |keep: &dyn Fn(usize) -> bool| -> Vec<(f64, f64)> {
        x.as_slice().chunks_exact(2).enumerate().filter(|(i, _)| keep(*i)).map(|(_, row)| point(row)).collect()
    };
    let mut classes = match test.labels() {
        Some(labels) => (0..labels.classes)
            .map(|class| Class {
                name: format!("test rows of class {class}"),
                points: rows(&|i| labels.values[i] as usize == class),
            })
            .collect(),
        None => vec![Class { name: "test rows".into(), points: rows(&|_| true) }],
    };
    classes.push(Class { name: drawn.into(), points: samples.as_slice().chunks_exact(2).map(point).collect() });
    plot::scatter("Test rows and generated ones", ["x1", "x2"], &classes)
}
