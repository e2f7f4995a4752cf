//! Models that are fitted by iterations over all rows at once: mixtures by EM, k-means, factor analysis.

use std::borrow::Cow;

use elbo_tensor::{Real, Stream, Tensor};

use crate::{Setting, Settings};

/// Rows at a time in [`Estimator::infer_chunked`].
const CHUNK: usize = 8192;

/// A model that is fitted by iterations, each of which sees all rows `x: [n, d]`.
///
/// Everything that an iteration depends on beside `x` is in [`Estimator::state`], so that a fit continues to the same
/// bits from there. Building one costs nothing; whatever the rows decide happens in the first iteration.
pub trait Estimator: Send + Sync {
    /// Brings about what the rows decide before the first iteration, which does so by itself if nobody asked before.
    /// Returns whether there is a model to look at now.
    fn start(&mut self, _x: &Tensor) -> Result<bool, Degenerate> {
        Ok(false)
    }

    /// What theory says of a fit to `x` before its first iteration, in short lines.
    fn advice(&mut self, _x: &Tensor) -> Vec<String> {
        Vec::new()
    }

    /// One iteration, and what it found. Never a panic for finite rows.
    fn iterate(&mut self, x: &Tensor) -> Result<Iteration, Degenerate>;

    /// Numbers of the fitted model on the `rows` rows of its fit, by the names of [`Estimator::iterate`]: the last iteration's
    /// may be those of another fit than the best, or of the parameters before its update. `log_likelihood` is the mean of
    /// `ln p(x)` over these rows in nats, if the model is a distribution.
    fn fitted(&self, log_likelihood: Option<f64>, _rows: usize) -> Vec<(&'static str, f64)> {
        log_likelihood.map(|value| ("log_likelihood", value)).into_iter().collect()
    }

    /// Whether the fitted model came to its tolerance before the limit of its iterations; `None` if it has no tolerance.
    fn converged(&self) -> Option<bool> {
        None
    }

    /// All that the next iteration depends on.
    fn state(&self) -> Vec<Array>;

    /// Takes over a state, or says what is wrong with it.
    fn restore(&mut self, state: &[Array]) -> Result<(), String>;

    /// What the fitted model says of each row.
    fn infer(&self, x: &Tensor) -> Inferred;

    /// [`Estimator::infer`] of `x: [n, d]`, 8192 rows at a time, so that the temporaries do not grow with `n`.
    fn infer_chunked(&self, x: &Tensor) -> Inferred {
        let (rows, width) = (x.shape().rows(), x.shape().last());
        let mut all = Inferred::default();
        for start in (0..rows).step_by(CHUNK) {
            let end = rows.min(start + CHUNK);
            let found = self.infer(&x.window(start * width..end * width, [end - start, width]));
            all.log_density.extend(found.log_density);
            all.clusters.extend(found.clusters);
            all.latents.extend(found.latents);
        }
        all
    }

    /// `count` draws from the fitted model, `[count, d]`; `None` if it is no distribution.
    fn sample(&self, count: usize, rng: &mut Stream) -> Option<Tensor>;
}

/// What an iteration found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Iteration {
    /// Named numbers; likelihoods in nats per row.
    pub values: Vec<(&'static str, f64)>,
    /// What a reader of the log must know: a component that was seeded anew, a bound that holds.
    pub events: Vec<String>,
    /// Whether there is nothing left to do.
    pub done: bool,
}

/// A fit that cannot go on: what is not finite, or what the rows do not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Degenerate(pub String);

/// A named array of a state.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its name, unique in the state.
    pub name: Cow<'static, str>,
    /// Its extents, row-major; none for a single number.
    pub shape: Vec<usize>,
    /// Its values.
    pub values: Vec<f64>,
}

/// What a fitted model says of rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inferred {
    /// `ln p(x)` of each row in nats, `[n]`; empty if the model is no distribution.
    pub log_density: Vec<f64>,
    /// Posterior over clusters of each row, `[n, k]`; empty if the model has none.
    pub clusters: Vec<Real>,
    /// Posterior mean of the latent of each row, `[n, l]`; empty if the model has none.
    pub latents: Vec<Real>,
}

/// An estimator as recipes know it: name, settings and how to build it. Declared in the estimator's own file.
#[derive(Debug, Clone, Copy)]
pub struct EstimatorSpec {
    /// The word in `model.kind`.
    pub kind: &'static str,
    /// One line for help texts.
    pub about: &'static str,
    /// Settings of section `[model]`.
    pub model: fn() -> Vec<Setting>,
    /// Settings of section `[train]`, beside the seed: number of iterations, tolerance, step sizes.
    pub train: fn() -> Vec<Setting>,
    /// What of the settings of `[model]` and `[train]` does not fit together or to rows of the given width: a line that names
    /// the key and its limit.
    pub check: fn(&Settings, &Settings, usize) -> Option<String>,
    /// The estimator under settings of `[model]` and `[train]`, for rows of the given width, and its seed.
    pub build: fn(&Settings, &Settings, usize, u64) -> Box<dyn Estimator>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model that says of a row what its first number is.
    struct First;

    impl Estimator for First {
        fn iterate(&mut self, _x: &Tensor) -> Result<Iteration, Degenerate> {
            Ok(Iteration::default())
        }
        fn state(&self) -> Vec<Array> {
            Vec::new()
        }
        fn restore(&mut self, _state: &[Array]) -> Result<(), String> {
            Ok(())
        }
        fn infer(&self, x: &Tensor) -> Inferred {
            assert!(x.shape().rows() <= CHUNK);
            Inferred { latents: x.as_slice().chunks(2).map(|row| row[0]).collect(), ..Inferred::default() }
        }
        fn sample(&self, _count: usize, _rng: &mut Stream) -> Option<Tensor> {
            None
        }
    }

    #[test]
    fn chunks_have_every_row_once_and_in_order() {
        for rows in [0, 1, CHUNK, CHUNK + 1, 2 * CHUNK + 3] {
            let x = Tensor::from_fn([rows, 2], |i| i as Real);
            let expected: Vec<Real> = (0..rows).map(|row| (2 * row) as Real).collect();
            assert_eq!(First.infer_chunked(&x).latents, expected);
        }
    }
}
