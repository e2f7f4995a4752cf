//! Metrics of a model on a split.

use elbo_autograd::{Params, Tape};
use elbo_datasets::Dataset;
use elbo_metrics::{conditional_entropy, importance_weighted_bound};
use elbo_models::{Estimator, Model, Noise, argmax, fit};
use elbo_tensor::{Purpose, Real, stream};

use super::network::Network;
use crate::data::{Rows, limits};

/// Loss, terms, clustering and latents of a split.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Means of the loss and its terms, in nats.
    pub terms: fit::Terms,
    /// Posterior over clusters, if the model has any.
    pub clusters: Option<Clusters>,
    /// Posterior means, if the model has any.
    pub latents: Option<Latents>,
}

/// Posterior over clusters of every row of a split.
#[derive(Debug, Clone)]
pub struct Clusters {
    /// Number of clusters k.
    pub count: usize,
    /// `q(y|x)`, `[n, k]`.
    pub probs: Vec<Real>,
    /// Most probable cluster of each row.
    pub assignments: Vec<u32>,
    /// Mean entropy of `q(y|x)`, in nats.
    pub conditional_entropy: f64,
}

/// Posterior mean of every row of a split.
#[derive(Debug, Clone)]
pub struct Latents {
    /// Dimensions d.
    pub width: usize,
    /// `E[z|x]`, `[n, d]`.
    pub means: Vec<Real>,
}

/// Evaluates every row once, in batches of `batch` rows. Noise and binarisation come from the evaluation stream
/// `index` of `seed`, so that the result does not depend on what was evaluated before.
pub fn evaluate(
    (model, params): (&dyn Model, &Params),
    rows: Rows<'_>,
    batch: usize,
    (seed, index): (u64, u64),
) -> Evaluation {
    let mut found = fit::Evaluated::default();
    let mut binarize = stream(seed, Purpose::Evaluate, 2 * index);
    let mut noise = Noise::from(stream(seed, Purpose::Evaluate, 2 * index + 1));
    let all: Vec<u32> = (0..rows.data.rows() as u32).collect();
    for indices in all.chunks(batch) {
        found.add(model, params, rows.batch(indices, &mut binarize), &mut noise);
    }
    summarise(found.sums.means(), found.clusters, found.latents, all.len())
}

/// What an estimator finds on the rows of `set`.
pub fn of_estimator(estimator: &dyn Estimator, set: &Dataset) -> Evaluation {
    let found = estimator.infer_chunked(&set.tensor());
    let mut terms = fit::Terms::default();
    if !found.log_density.is_empty() {
        let mean = found.log_density.iter().sum::<f64>() / found.log_density.len() as f64;
        terms.values.push(("log_likelihood".into(), mean));
    }
    summarise(terms, found.clusters, found.latents, set.rows())
}

/// Terms, posteriors over clusters `[rows, k]` and posterior means `[rows, d]` of `rows` rows; an empty list
/// if the model has none.
fn summarise(terms: fit::Terms, clusters: Vec<Real>, latents: Vec<Real>, rows: usize) -> Evaluation {
    let width = |values: &[Real]| values.len().checked_div(rows).filter(|&width| width > 0);
    let clusters = width(&clusters).map(|count| Clusters {
        count,
        assignments: clusters.chunks_exact(count).map(|row| argmax(row) as u32).collect(),
        conditional_entropy: conditional_entropy(&clusters, count),
        probs: clusters,
    });
    let latents = width(&latents).map(|width| Latents { width, means: latents });
    Evaluation { terms, clusters, latents }
}

/// Mean over the first `count` rows of the importance-weighted bound on `ln p(x)` with `samples` samples of the latent
/// (Burda et al. 2016, eq. 8), in nats. Its randomness is its own and does not depend on other evaluations.
///
/// # Panics
/// If the model has no density.
pub fn importance_bound(
    Network { options, model, params }: &Network,
    rows: Rows<'_>,
    (count, samples): (usize, usize),
    seed: u64,
) -> f64 {
    let widest = params.ids().map(|id| params.get(id).shape().last()).max().unwrap_or(1);
    let (rows_at_a_time, samples_at_a_time) = limits::chunk(widest, options.facts().classes);
    let count = count.min(rows.data.rows());
    let all: Vec<u32> = (0..count as u32).collect();
    let mut binarize = stream(seed, Purpose::Bound, 0);
    let mut noise = Noise::from(stream(seed, Purpose::Bound, 1));
    let mut total = 0.0;
    for indices in all.chunks(rows_at_a_time) {
        let x = rows.batch(indices, &mut binarize);
        let mut log_weights: Vec<f64> = Vec::with_capacity(samples * indices.len());
        while log_weights.len() < samples * indices.len() {
            let left = samples - log_weights.len() / indices.len();
            noise = noise.with_samples(left.min(samples_at_a_time));
            let tape = Tape::new(params);
            let evidence = model.log_evidence(tape.constant(x.clone()), &mut noise);
            let chunk = evidence.expect("the model has a density").value();
            log_weights.extend(chunk.as_slice().iter().map(|&w| f64::from(w)));
            if chunk.len() < left.min(samples_at_a_time) * indices.len() {
                // Without noise there is one value, and it is exact.
                break;
            }
        }
        total += importance_weighted_bound(&log_weights, log_weights.len() / indices.len()).iter().sum::<f64>();
    }
    total / count as f64
}
