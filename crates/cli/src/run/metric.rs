//! Every metric of a run, declared once: the summary, the figures and the documentation of `metrics.csv` read it here.

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
}

const fn metric(name: &'static str, unit: &'static str, better: Better, about: &'static str) -> Metric {
    Metric { name, unit, about, better }
}

use Better::{Higher, Lower, Neither};

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
    metric("majority_accuracy", "share of rows", Higher, "rows whose label is the most frequent one in their cluster"),
    metric("hungarian_accuracy", "share of rows", Higher, "the same with each label given to one cluster only"),
    metric(
        "confident_accuracy",
        "share of rows",
        Higher,
        "the same with each cluster named after the row that it is surest of",
    ),
    metric("nmi", "NMI", Higher, "normalised mutual information of clusters and labels, 0 to 1"),
    metric("ari", "ARI", Higher, "adjusted Rand index, 0 for chance and 1 for equal partitions"),
    metric("conditional_entropy", "nats", Neither, "mean entropy of q(y|x): how undecided it is, 0 to ln k"),
    metric("active_clusters", "clusters", Neither, "clusters to which some row belongs"),
    metric("mean_radius", "distance", Neither, "mean distance of the posterior means from the origin"),
    metric("active_units", "dimensions", Neither, "dimensions of the latent whose posterior mean varies with the data"),
    metric(
        "probe_accuracy",
        "share of rows",
        Higher,
        "held-out rows whose label a linear classifier reads off the latent",
    ),
];

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
