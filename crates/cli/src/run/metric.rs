//! Every metric of a run, declared once: the summary, the figures and the documentation of `metrics.csv` read it here.

use elbo_metrics::{Contingency, active_clusters, active_units, linear_probe, mean_radius, most_confident_accuracy};

use super::evaluation::{Clusters, Evaluation, Latents};

/// Posterior variance over the data above which a dimension of the latent counts as active (Burda et al. 2016).
const ACTIVE: f64 = 0.01;
/// Weight of the squared norm in the linear probe.
const PROBE_L2: f64 = 1e-4;

/// Which values of a metric are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Larger ones.
    Higher,
    /// Smaller ones.
    Lower,
    /// Neither: it describes.
    Neither,
}

/// A quantity that runs measure, as a column `{split}_{name}` of `metrics.csv`.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name in columns.
    pub name: &'static str,
    /// Its unit, as an axis shows it.
    pub unit: &'static str,
    /// What it is, in one sentence without a full stop.
    pub about: &'static str,
    /// Which values are better.
    pub better: Better,
    /// Its value, if evaluations measure it and the split allows it; others are reported by models.
    value: fn(&Found<'_>) -> Option<f64>,
}

impl Metric {
    /// Measured by every evaluation that allows it.
    const fn by(self, value: fn(&Found<'_>) -> Option<f64>) -> Self {
        Self { value, ..self }
    }
}

const fn metric(name: &'static str, unit: &'static str, better: Better, about: &'static str) -> Metric {
    Metric { name, unit, about, better, value: |_| None }
}

const SHARE: &str = "share of rows";

use Better::{Higher, Lower, Neither};

/// What models report and evaluations measure, these in the order of their columns.
const METRICS: &[Metric] = &[
    metric("loss", "nats", Lower, "minus the bound on ln p(x), mean per row"),
    metric("recon", "nats", Lower, "of the loss, −ln p(x|z), mean per row"),
    metric(
        "kl_y",
        "nats",
        Neither,
        "of the loss, KL of q(y|x) from its uniform prior: what the cluster says about a row",
    ),
    metric("kl_z", "nats", Neither, "of the loss, KL of q(z|·) from its prior: what the latent says about a row"),
    metric("log_likelihood", "nats", Higher, "ln p(x), mean per row"),
    metric("bic", "criterion", Lower, "Bayes' information criterion"),
    metric("aic", "criterion", Lower, "Akaike's information criterion"),
    metric("inertia", "squared distance", Lower, "sum of the squared distances of the rows from their centres"),
    metric("changed", "rows", Neither, "rows that changed their cluster in the iteration"),
    metric("explained", "share of variance", Higher, "share of the rows' variance that the components hold, 0 to 1"),
    metric("noise_var", "variance", Neither, "variance that each column keeps beside the components"),
    metric("at_floor", "columns", Neither, "columns whose noise variance is at its floor"),
    metric("active", "clusters", Neither, "components with a row's worth of responsibility or more"),
    metric("min_weight", "probability", Neither, "smallest weight of a component"),
    metric("min_precision", "1 / variance", Neither, "smallest precision of a component"),
    metric("max_precision", "1 / variance", Neither, "largest precision of a component"),
    metric("gradient_norm", "norm", Neither, "norm of the last gradient before clipping"),
    metric("grad_norm", "norm", Neither, "norm of the last gradient before clipping"),
    metric(
        "kept",
        "components",
        Neither,
        "components that kept mean and variances because they were dying, over all batches",
    ),
    metric("refitted", "components", Neither, "components that were fitted again after they had been kept"),
    metric("shortened", "steps", Neither, "steps that were shortened to keep precisions positive"),
    metric("majority_accuracy", SHARE, Higher, "rows whose label is the most frequent one in their cluster")
        .by(|found| found.in_table(Contingency::majority_accuracy)),
    metric("hungarian_accuracy", SHARE, Higher, "the same with each label given to one cluster only")
        .by(|found| found.in_table(Contingency::hungarian_accuracy)),
    metric("confident_accuracy", SHARE, Higher, "the same with each cluster named after the row that it is surest of")
        .by(|found| {
            let (clusters, labels) = found.clusters.zip(found.labels)?;
            Some(most_confident_accuracy(&clusters.probs, clusters.count, labels))
        }),
    metric("nmi", "NMI", Higher, "normalised mutual information of clusters and labels, 0 to 1")
        .by(|found| found.in_table(Contingency::nmi)),
    metric("ari", "ARI", Higher, "adjusted Rand index, 0 for chance and 1 for equal partitions")
        .by(|found| found.in_table(Contingency::adjusted_rand_index)),
    metric("conditional_entropy", "nats", Neither, "mean entropy of q(y|x): how undecided it is, 0 to ln k")
        .by(|found| Some(found.clusters?.conditional_entropy)),
    metric("active_clusters", "clusters", Neither, "clusters to which some row belongs")
        .by(|found| Some(active_clusters(&found.clusters?.assignments) as f64)),
    metric("mean_radius", "distance", Neither, "mean distance of the posterior means from the origin")
        .by(|found| found.latents.map(|latents| mean_radius(&latents.means, latents.width))),
    metric("active_units", "dimensions", Neither, "dimensions of the latent whose posterior mean varies with the data")
        .by(|found| found.latents.map(|latents| active_units(&latents.means, latents.width, ACTIVE) as f64)),
    metric("probe_accuracy", SHARE, Higher, "held-out rows whose label a linear classifier reads off the latent").by(
        |found| {
            let (latents, labels) = found.latents.zip(found.labels).filter(|_| found.probe)?;
            Some(linear_probe(&latents.means, latents.width, labels, PROBE_L2).test_accuracy)
        },
    ),
];

/// What an evaluation found of a split.
struct Found<'a> {
    clusters: Option<&'a Clusters>,
    latents: Option<&'a Latents>,
    /// Clusters against labels.
    table: Option<Contingency>,
    labels: Option<&'a [u32]>,
    /// Whether a linear probe is asked for, because it takes time.
    probe: bool,
}

impl Found<'_> {
    fn in_table(&self, value: fn(&Contingency) -> f64) -> Option<f64> {
        self.table.as_ref().map(value)
    }
}

impl Evaluation {
    /// Name and value of every metric: the loss and its terms, then what clusters, latents and labels allow; the
    /// accuracy of a linear probe only if it is asked for, because it takes time.
    pub fn metrics(&self, labels: Option<&[u32]>, probe: bool) -> Vec<(String, f64)> {
        let (clusters, latents) = (self.clusters.as_ref(), self.latents.as_ref());
        let table = clusters.zip(labels).map(|(clusters, labels)| Contingency::new(&clusters.assignments, labels));
        let found = Found { clusters, latents, table, labels, probe };
        let rest = METRICS.iter().filter_map(|metric| Some((metric.name.to_string(), (metric.value)(&found)?)));
        self.terms.values.iter().cloned().chain(rest).collect()
    }
}

/// What stands in the place of a bound where the likelihood is a squared error or the posterior a point.
const WITHOUT_BOUND: &[Metric] = &[
    metric("loss", "per row", Lower, "what is minimised, mean per row"),
    metric("recon", "per row", Lower, "of the loss, the error of the reconstruction, mean per row"),
];

/// The metric of this name; `bound`: whether a loss is minus a bound on `ln p(x)`.
pub fn find(name: &str, bound: bool) -> Option<&'static Metric> {
    let special = if bound { &[] } else { WITHOUT_BOUND };
    special.iter().chain(METRICS).find(|metric| metric.name == name)
}

/// Split and name of a column, if it is of a metric.
pub fn of_column(column: &str) -> Option<(&str, &str)> {
    let (split, name) = column.split_once('_')?;
    SPLITS.contains(&split).then_some((split, name))
}

/// The splits that columns are of.
pub const SPLITS: [&str; 3] = ["train", "valid", "test"];
