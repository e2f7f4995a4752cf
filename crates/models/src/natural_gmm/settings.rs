//! The settings of the trainer.

use elbo_tensor::Real;

use crate::{Setting, Settings};

/// Settings of section `[model]`.
pub(super) fn model() -> Vec<Setting> {
    vec![Setting::int("k", 20, [1, 4096], "components of the mixture")]
}

/// Settings of section `[train]`; the defaults are the source's shipped configuration, but for the guard.
pub(super) fn train() -> Vec<Setting> {
    vec![
        Setting::int("epochs", 500, [1, 1_000_000], "number of epochs"),
        Setting::int("batch_size", 0, [0, 1 << 53], "rows of a batch, each with one E-step; 0: all rows"),
        Setting::int("batch_steps", 1000, [1, 1_000_000], "steps of an M-step"),
        Setting::positive("lr", 1e-4, 1e3, "step size of Adam"),
        Setting::float("grad_clip", 1.0, [0.0, 1e12], "largest norm of the whole gradient; 0: no clipping"),
        Setting::bool("epoch_reset", true, "whether Adam starts anew with each epoch"),
        Setting::float(
            "min_prob",
            1e-5,
            [0.0, 0.5],
            "least probability of a component in the bounds of an M-step's target",
        ),
        Setting::float("lat_min_var", 0.01, [0.0, 1e12], "least variance in the bounds of an M-step's target"),
        Setting::float("lat_jitter_var", 0.0, [0.0, 1e12], "variance added in the bounds of an M-step's target"),
        Setting::float("upr_prs_reg", 0.0, [0.0, 1e6], "weight of tr Λ: penalises large precisions"),
        Setting::float(
            "lwr_prs_reg",
            1e-5,
            [0.0, 1e6],
            "weight of −ln|Λ|: penalises small precisions, shrinks variances",
        ),
        Setting::float("l2_reg", 0.0, [0.0, 1e6], "weight of ‖θ‖² over the anchored coordinates"),
        Setting::choice(
            "init_var",
            "within",
            &["within", "total"],
            "shared variance at the start: within the clusters of k-means or of all rows",
        ),
        Setting::positive("init_var_floor", 1e-3, 1e12, "least variance at the start"),
        Setting::choice(
            "mode",
            "guarded",
            &["guarded", "faithful"],
            "guarded: never a NaN; faithful: the anchor by differences, divided before it is bounded",
        ),
        Setting::choice(
            "gradient",
            "closed-form",
            &["closed-form", "autodiff"],
            "how an M-step's gradient is computed",
        ),
        Setting::choice("solver", "adam", &["adam", "closed-form"], "how an M-step is solved: by steps or exactly"),
    ]
}

/// The settings as the trainer reads them.
#[derive(Debug, Clone)]
pub(super) struct Hyper {
    pub epochs: usize,
    pub batch_size: usize,
    pub batch_steps: usize,
    pub lr: f64,
    pub grad_clip: f64,
    pub epoch_reset: bool,
    pub min_prob: Real,
    pub min_var: Real,
    pub jitter_var: Real,
    pub upr: f64,
    pub lwr: f64,
    pub l2: f64,
    pub init_within: bool,
    pub init_var_floor: f64,
    pub guarded: bool,
    pub autodiff: bool,
    pub exact: bool,
}

impl Hyper {
    pub fn of(train: &Settings) -> Self {
        Self {
            epochs: train.int("epochs"),
            batch_size: train.int("batch_size"),
            batch_steps: train.int("batch_steps"),
            lr: train.float("lr"),
            grad_clip: train.float("grad_clip"),
            epoch_reset: train.bool("epoch_reset"),
            min_prob: train.float("min_prob") as Real,
            min_var: train.float("lat_min_var") as Real,
            jitter_var: train.float("lat_jitter_var") as Real,
            upr: train.float("upr_prs_reg"),
            lwr: train.float("lwr_prs_reg"),
            l2: train.float("l2_reg"),
            init_within: train.text("init_var") == "within",
            init_var_floor: train.float("init_var_floor"),
            guarded: train.text("mode") == "guarded",
            autodiff: train.text("gradient") == "autodiff",
            exact: train.text("solver") == "closed-form",
        }
    }
}

/// What of the settings does not fit together.
pub(super) fn check(_model: &Settings, train: &Settings, _width: usize) -> Option<String> {
    let (hyper, l2) = (Hyper::of(train), train.float("l2_reg"));
    (hyper.exact && l2 > 0.0).then(|| format!("train.l2_reg = {l2}: train.solver = \"closed-form\" needs 0"))
}
