//! The figures of a run: learning curves, samples and confusion matrix.

use elbo_datasets::Dataset;
use elbo_metrics::Contingency;
use elbo_tensor::{Real, Tensor};

use super::advance::Job;
use super::evaluation::Clusters;
use super::files::metrics_csv::Metrics;
use super::fit::Finished;
use super::metric;
use super::network::Network;
use crate::machine::error::Result;
use crate::machine::files;
use crate::plot::Look;
use crate::plot::panel::{Cells, Cloud, Images, Key, Line, Lines, Mark, Matrix, Names, Points, Scale, align, sheet};

/// Images of each cluster, and the width of their page.
const COLUMNS: usize = 12;
const PAGE: f64 = 960.0;
/// Points drawn from each cluster, or from the model as a whole.
const POINTS: usize = 700;

/// Writes every figure that the data and the model allow, and returns their names.
///
/// # Errors
/// Exit code 5 if the system cannot write.
pub fn write(job: &Job<'_>, finished: &Finished) -> Result<Vec<&'static str>> {
    let (trained, clusters, test) = (&finished.trained, finished.clusters(), &job.splits.test);
    let generate = |count| trained.draw(count, job.config.method.seed(), test.width());
    let drawn = trained.drawn();
    let title = format!("{}{}", drawn[..1].to_uppercase(), &drawn[1..]);
    let samples = match *test.shape() {
        [height, width] => {
            generate(COLUMNS).map(|samples| images(title, (height, width), &samples, test, clusters).draw_over(PAGE))
        }
        [2] => generate(POINTS).map(|samples| clouds(&title, &samples, test)),
        _ => None,
    };
    let figures = [
        ("curves.svg", Some(curves(&finished.metrics, job.config.is_bound()))),
        ("samples.svg", samples),
        ("confusion.svg", confusion(test, clusters)),
    ];
    let figures = figures.into_iter().filter_map(|(name, svg)| Some((name, svg?)));
    figures.map(|(name, svg)| files::write_atomic(&job.dir.figure(name), svg).map(|()| name)).collect()
}

/// A panel of samples of each cluster, for a report; none if the data are not images.
pub fn cluster_samples(
    network: &Network,
    test: &Dataset,
    clusters: Option<&Clusters>,
    (title, seed): (&str, u64),
) -> Option<String> {
    let [height, width] = *test.shape() else { return None };
    Some(images(title.into(), (height, width), &network.generate(8, seed)?, test, clusters).draw())
}

/// A row of images for each cluster.
fn images(
    title: String,
    sides: (usize, usize),
    samples: &Tensor,
    test: &Dataset,
    clusters: Option<&Clusters>,
) -> Images {
    let rows = samples.shape()[0];
    // Draws of the whole mixture are no cluster's.
    let clusters = clusters.filter(|clusters| clusters.count == rows);
    let table = contingency(test, clusters);
    Images {
        title,
        row_labels: (0..rows).map(|k| row_label(k, clusters, table.as_ref())).collect(),
        columns: samples.shape()[1],
        sides,
        pixels: samples.as_slice().iter().map(|&p| f64::from(p)).collect(),
    }
}

/// "y = 3, mostly 7 (n = 512)"
fn row_label(k: usize, clusters: Option<&Clusters>, table: Option<&Contingency>) -> String {
    let Some(clusters) = clusters else { return String::new() };
    let n = clusters.assignments.iter().filter(|&&a| a as usize == k).count();
    let cells = table.into_iter().flat_map(Contingency::cells).filter(|((cluster, _), _)| *cluster as usize == k);
    let top = cells.max_by_key(|(_, count)| *count).map(|((_, label), _)| format!(", mostly {label}"));
    format!("y = {k}{} (n = {n})", top.unwrap_or_default())
}

/// Test rows by class beside generated ones.
fn clouds(title: &str, samples: &Tensor, test: &Dataset) -> String {
    let point = |row: &[Real]| (f64::from(row[0]), f64::from(row[1]));
    let points = |tensor: &Tensor| -> Vec<_> { tensor.as_slice().chunks_exact(2).map(point).collect() };
    let panel = |title: &str, clouds| Points { clouds, ..Points::new(title, Scale::new("x₁"), Scale::new("x₂")) };

    let classes = test.labels().map_or(1, |labels| labels.classes);
    let mut rows: Vec<Cloud> = (0..classes).map(|class| Cloud { look: Look::new(class), points: vec![] }).collect();
    for (i, point) in points(&test.tensor()).into_iter().enumerate() {
        rows[test.labels().map_or(0, |labels| labels.values[i] as usize)].points.push(point);
    }
    // Black, as no other cloud of this panel needs a colour.
    let draws = Cloud { look: Look::new(6).pattern(0), points: points(samples) };
    let mut panels = [panel("Test rows", rows), panel(title, vec![draws])];
    align(&mut panels);

    let named = !test.class_names().is_empty();
    let name = |name| if named { name } else { format!("class {name}") };
    let key = |(class, text)| Key { name: name(text), look: Look::new(class), mark: Mark::Points };
    let keys: Vec<Key> = class_names(test).into_iter().enumerate().map(key).collect();
    sheet("Test rows and generated ones", &keys, &panels.map(|panel| panel.draw()))
}

/// Test rows by cluster and label, if there are both.
fn confusion(test: &Dataset, clusters: Option<&Clusters>) -> Option<String> {
    let (table, clusters, columns) = (contingency(test, clusters)?, clusters?, class_names(test));
    let count = |k| (0..columns.len() as u32).map(|label| table.count(k, label)).collect();
    let cells = Cells::Counts((0..clusters.count as u32).map(count).collect());
    let panel = Matrix {
        title: "Test rows by cluster and label".into(),
        rows: Names::new("cluster", (0..clusters.count).map(|k| k.to_string())),
        columns: Names::new("label", columns),
        cells,
    };
    Some(panel.draw())
}

fn contingency(test: &Dataset, clusters: Option<&Clusters>) -> Option<Contingency> {
    Some(Contingency::new(&clusters?.assignments, &test.labels()?.values))
}

/// Names of the classes, numbers where they have none; empty without labels.
fn class_names(test: &Dataset) -> Vec<String> {
    let name = |class| test.class_names().get(class).cloned().unwrap_or_else(|| format!("{class}"));
    (0..test.labels().map_or(0, |labels| labels.classes)).map(name).collect()
}

/// Learning curves: one panel a quantity, one line a split.
fn curves(metrics: &Metrics, bound: bool) -> String {
    let splits = [("train", Look::new(0)), ("valid", Look::new(1)), ("test", Look::new(2).pattern(0))];
    let mut quantities: Vec<&str> = Vec::new();
    for (_, quantity) in metrics.header().iter().filter_map(|column| metric::of_column(column)) {
        if !quantities.contains(&quantity) {
            quantities.push(quantity);
        }
    }
    let panel = |quantity: &&str| {
        let series = splits.iter().filter_map(|&(split, look)| {
            // A line joins what was measured: not every epoch is evaluated.
            let mut points = metrics.column(&format!("{split}_{quantity}"))?;
            points.retain(|(_, value)| value.is_finite());
            Some(Line { markers: points.len() == 1, points, ..Line::new(look) })
        });
        let unit = metric::find(quantity, bound).map_or("", |metric| metric.unit);
        let (x, y) = (Scale::new("epoch"), Scale::new(unit));
        Lines { title: quantity.replace('_', " "), x, y, series: series.collect(), reference: None }
    };
    let mut panels: Vec<Lines> = quantities.iter().map(panel).collect();
    let is_curve = |panel: &Lines| panel.series.iter().any(|line| line.points.len() > 1);
    if panels.iter().any(is_curve) {
        panels.retain(is_curve);
    }
    let lines = || panels.iter().flat_map(|panel| &panel.series).filter(|line| !line.points.is_empty());
    let shown = splits.into_iter().filter(|(_, look)| lines().any(|line| line.look == *look));
    let keys: Vec<Key> = shown.map(|(name, look)| Key { name: name.into(), look, mark: Mark::Line }).collect();
    sheet("Learning curves", &keys, &panels.iter().map(Lines::draw).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::xml::elements;
    use elbo_datasets::{Labels, Values};

    fn metrics(rows: &[&[(&str, f64)]]) -> Metrics {
        let mut metrics = Metrics::default();
        for (epoch, row) in rows.iter().enumerate() {
            let epoch = ("epoch".to_string(), epoch as f64);
            let values = row.iter().map(|(name, value)| (name.to_string(), *value));
            metrics.push(&[epoch].into_iter().chain(values).collect::<Vec<_>>());
        }
        metrics
    }

    fn iris() -> Dataset {
        let labels = Labels { values: vec![0, 1, 1], classes: 2 };
        let rows = Values::Reals(vec![0.0, 0.0, 4.0, 1.0, 4.0, 2.0]);
        let set = Dataset::new("iris", &[2], rows, Some(labels)).expect("a data set");
        set.with_class_names(vec!["setosa".into(), "virginica".into()]).expect("two names")
    }

    fn titles(document: &str) -> Vec<&str> {
        document.split("<title>").skip(1).filter_map(|rest| rest.split("</title>").next()).collect()
    }

    #[test]
    fn curves_have_a_panel_for_each_quantity_that_moves_and_a_key_for_each_split_in_them() {
        let document = curves(
            &metrics(&[
                &[("train_loss", 3.0), ("train_kl_y", 1.0), ("test_nmi", 0.5)],
                &[("train_loss", 2.0), ("train_kl_y", 0.5), ("test_loss", 2.5), ("test_kl_y", f64::NAN)],
            ]),
            false,
        );
        assert_eq!(titles(&document), ["Learning curves", "loss", "kl y"]);
        assert!([">train<", ">test<", ">per row<", ">nats<", ">epoch<"].iter().all(|text| document.contains(text)));
        assert!(!document.contains(">valid<") && !document.contains(">NMI<"));
        let found = elements(&document);
        let of_class = |class: &str| found.iter().filter(|e| e.get("class") == class).count();
        // One value is a marker.
        assert_eq!((of_class("key"), of_class("series"), of_class("markers")), (2, 3, 1));

        let single = curves(&metrics(&[&[("train_loss", 3.0), ("test_nmi", 0.5)]]), true);
        assert_eq!(titles(&single), ["Learning curves", "loss", "nmi"]);
        assert_eq!(titles(&curves(&Metrics::default(), true)), ["Learning curves"]);
    }

    #[test]
    fn test_rows_stand_beside_draws_and_the_legend_names_their_classes() {
        let draws = Tensor::from_slice([1, 3, 2], &[0.0, 0.0, 4.0, 2.0, 9.0, 9.0]);
        let document = clouds("Draws from the model", &draws, &iris());
        assert_eq!(titles(&document), ["Test rows and generated ones", "Test rows", "Draws from the model"]);
        assert!(document.contains(">setosa<") && document.contains(">virginica<"));
        let clouds: Vec<_> =
            elements(&document).into_iter().filter(|e| e.get("class") == "cloud").map(|e| e.places()).collect();
        assert_eq!(clouds.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!((clouds[0][0], clouds[1][1]), (clouds[2][0], clouds[2][1]));
    }

    #[test]
    fn a_confusion_matrix_needs_clusters_and_labels() {
        let clusters = Clusters { count: 2, probs: vec![], assignments: vec![0, 1, 1], conditional_entropy: 0.0 };
        let document = confusion(&iris(), Some(&clusters)).expect("there are both");
        assert!([">setosa<", ">virginica<", ">cluster<", ">label<"].iter().all(|text| document.contains(text)));
        assert!(confusion(&iris(), None).is_none());
        let unlabelled = Dataset::new("plane", &[2], Values::Reals(vec![0.0; 6]), None).expect("a data set");
        assert!(confusion(&unlabelled, Some(&clusters)).is_none());
    }
}
