//! Factor analysis: `z ~ N(0, I)`, `x | z ~ N(μ + W z, Ψ)` with a diagonal Ψ, fitted on the covariance matrix.

mod em;
mod gradient;
mod harmonium;

use elbo_tensor::Tensor;
use elbo_tensor::linalg::Moments;

use crate::linear_gaussian::{MOST_COVARIANCES, too_many_latents};
use crate::{Degenerate, EstimatorSpec, Setting};

use em::FactorAnalysis;
use gradient::GradientFactorAnalysis;
pub use harmonium::Harmonium;

pub(crate) const SPEC: EstimatorSpec = EstimatorSpec {
    kind: "factor-analysis",
    about: "factor analysis: latents of few dimensions and independent noise of each column",
    model,
    train,
    check: |model, train, width| {
        let too_wide = || format!("{width} columns have too many covariances; train.solver = \"gradient\" needs none");
        let covariances = if train.text("solver") == "em" { width * width } else { 0 };
        too_many_latents(model, width).or_else(|| (covariances > MOST_COVARIANCES).then(too_wide))
    },
    build: |model, train, width, seed| match train.text("solver") {
        "em" => Box::new(FactorAnalysis::new(model, train, width, seed)),
        _ => Box::new(GradientFactorAnalysis::new(model, train, width, seed)),
    },
};

fn model() -> Vec<Setting> {
    vec![
        Setting::int("latents", 50, [1, 4096], "number of latents"),
        Setting::positive(
            "floor",
            1e-4,
            1e300,
            "least variance of a column; with solver = \"em\" also least noise variance",
        ),
        Setting::choice("rotate", "canonical", &["canonical", "none"], "coordinates of the latents"),
    ]
}

fn train() -> Vec<Setting> {
    vec![
        Setting::choice("solver", "em", &["em", "gradient"], "exact EM, or steps in natural coordinates"),
        Setting::int("iterations", 600, [1, 1_000_000], "number of E-steps"),
        Setting::float("tol", 1e-6, [0.0, 1e12], "EM ends when it gains less, in nats per row; 0: never"),
        Setting::bool("conjugation", true, "gradient: whether the prior of the latents stays N(0, I)"),
        Setting::int("batch_steps", 1000, [1, 1_000_000], "gradient: steps after each E-step"),
        Setting::positive("lr", 1e-4, 1e3, "gradient: step size of AdamW"),
        Setting::float("weight_decay", 1e-4, [0.0, 1e3], "gradient: decoupled decay of AdamW"),
        Setting::float("grad_clip", 1.0, [0.0, 1e12], "gradient: largest norm of the whole gradient; 0: no clipping"),
        Setting::float("l2_reg", 1e-4, [0.0, 1e6], "gradient: weight of ‖θ‖² over the natural parameters"),
        Setting::bool("epoch_reset", true, "gradient: whether AdamW starts anew after each E-step"),
    ]
}

/// Of more latents than the covariance of the columns determines: `(d − l)² < d + l`.
fn advice(latents: usize, width: usize) -> Option<String> {
    let undetermined = width.saturating_sub(latents).pow(2) < width + latents;
    undetermined.then(|| format!("{latents} latents of {width} columns are more than their covariance determines"))
}

/// The moments of the rows that were last seen: a function of the rows, and therefore no part of a state.
#[derive(Default)]
struct Statistics(Option<(Tensor, Moments)>);

impl Statistics {
    /// The moments of `x` with the variances of columns not below `floor`.
    fn of(&mut self, x: &Tensor, floor: f64) -> Result<&Moments, Degenerate> {
        // The clone shares the memory of `x`, so that no other rows can take its place.
        let same = |seen: &Tensor| seen.shape() == x.shape() && seen.as_slice().as_ptr() == x.as_slice().as_ptr();
        if !self.0.as_ref().is_some_and(|(seen, _)| same(seen)) {
            if x.shape().rows() == 0 {
                return Err(Degenerate("no rows".into()));
            }
            let mut moments = Moments::of(x);
            if !moments.covariance.iter().all(|entry| entry.is_finite()) {
                return Err(Degenerate("the covariance of the rows is not finite".into()));
            }
            let variances = moments.covariance.iter_mut().step_by(x.shape().last() + 1);
            variances.for_each(|variance| *variance = variance.max(floor));
            self.0 = Some((x.clone(), moments));
        }
        Ok(&self.0.as_ref().expect("computed above").1)
    }
}
