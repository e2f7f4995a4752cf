//! Models that are fitted by iterations over all rows at once: mixtures by EM, k-means, factor analysis.

use std::borrow::Cow;
use std::fmt;

use elbo_tensor::{Real, Stream, Tensor};

use crate::{Configured, Invalid};

/// Help of `train.n_init`.
pub(crate) const N_INIT: &str = "number of restarts, of which the best counts";
/// Rows at a time where rows are independent, which bounds the memory.
const ROWS: usize = 8192;

/// A model that is fitted by iterations, each of which sees all rows `x: [n, d]`.
///
/// Everything that an iteration depends on beside `x` is in [`Estimator::state`], so that a fit continues to the same
/// bits from there. Building one costs nothing; whatever the rows decide happens in the first iteration.
pub trait Estimator: Send + Sync {
    /// What is fitted, and how.
    fn options(&self) -> &dyn EstimatorOptions;

    /// Initialises from the data. Called automatically by the first `iterate`. Returns whether there is a model now.
    ///
    /// # Errors
    /// If the rows do not allow a start.
    fn start(&mut self, _x: &Tensor) -> Result<bool, Degenerate> {
        Ok(false)
    }

    /// What theory says of a fit to `x` before its first iteration, in short lines.
    fn advice(&mut self, _x: &Tensor) -> Vec<String> {
        Vec::new()
    }

    /// One iteration, and what it found. Never a panic for finite rows.
    ///
    /// # Errors
    /// If the fit cannot go on: a number is not finite, or the rows do not allow the model.
    fn iterate(&mut self, x: &Tensor) -> Result<Iteration, Degenerate>;

    /// Numbers of the fitted model on the `rows` rows of its fit, by the names of [`Estimator::iterate`]: the last
    /// iteration's may be those of another fit than the best, or of the parameters before its update. `log_likelihood`
    /// is the mean of `ln p(x)` over these rows in nats, if the model is a distribution.
    fn fitted(&self, log_likelihood: Option<f64>, _rows: usize) -> Vec<(&'static str, f64)> {
        log_likelihood.map(|value| ("log_likelihood", value)).into_iter().collect()
    }

    /// Whether the fitted model came to its tolerance before the limit of its iterations; `None` if
    /// it has no tolerance.
    fn converged(&self) -> Option<bool> {
        None
    }

    /// All that the next iteration depends on.
    fn state(&self) -> Vec<Array>;

    /// Takes over a state of the same options and width.
    ///
    /// # Errors
    /// What is wrong with the state.
    fn restore(&mut self, state: &[Array]) -> Result<(), String>;

    /// `ln p(x)`, posterior over clusters and posterior means of each row, as far as the model has them.
    fn infer(&self, x: &Tensor) -> Inferred;

    /// `count` draws from the fitted model, `[count, d]`; `None` if it is not a distribution.
    fn sample(&self, _count: usize, _rng: &mut Stream) -> Option<Tensor> {
        None
    }

    /// Iterates until nothing is left to do; the number of iterations.
    ///
    /// # Errors
    /// If an option is outside its domain or does not fit the rows, and as for [`Estimator::iterate`].
    fn iterate_to_end(&mut self, x: &Tensor) -> Result<u64, Degenerate> {
        self.options().check_for(x.shape().last())?;
        let mut iterations = 1;
        while !self.iterate(x)?.done {
            iterations += 1;
        }
        Ok(iterations)
    }

    /// The model fitted to the rows `x: [n, d]`.
    ///
    /// # Errors
    /// As for [`Estimator::iterate_to_end`].
    fn fit(mut self, x: &Tensor) -> Result<Self, Degenerate>
    where
        Self: Sized,
    {
        self.iterate_to_end(x)?;
        Ok(self)
    }

    /// [`Estimator::infer`] of any number of rows, some thousands at a time.
    fn infer_chunked(&self, x: &Tensor) -> Inferred {
        let width = x.shape().last();
        let mut all = Inferred::default();
        for rows in x.as_slice().chunks(ROWS * width.max(1)) {
            let found = self.infer(&Tensor::from_slice([rows.len() / width, width], rows));
            all.log_density.extend(found.log_density);
            all.clusters.extend(found.clusters);
            all.latents.extend(found.latents);
        }
        all
    }

    /// The most probable cluster of each row, `[n]`; empty if the model has no clusters.
    fn predict(&self, x: &Tensor) -> Vec<u32> {
        self.infer_chunked(x).labels(x.shape().rows())
    }

    /// Mean of `ln p(x)` over the rows, in nats; `None` if the model is not a distribution.
    fn score(&self, x: &Tensor) -> Option<f64> {
        let log_density = self.infer_chunked(x).log_density;
        (!log_density.is_empty()).then(|| log_density.iter().sum::<f64>() / log_density.len() as f64)
    }
}

/// Copies options of which only the trait is known; whatever can be cloned has it.
pub trait BoxedEstimator {
    /// A copy.
    fn boxed(&self) -> Box<dyn EstimatorOptions>;
}

impl<T: EstimatorOptions + Clone + 'static> BoxedEstimator for T {
    fn boxed(&self) -> Box<dyn EstimatorOptions> {
        Box::new(self.clone())
    }
}

/// What is known of an estimator before it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EstimatorFacts {
    /// The word in `model.kind`.
    pub kind: &'static str,
    /// `train.seed`.
    pub seed: u64,
    /// Iterations of a fit at most.
    pub max_iterations: usize,
    /// Number of clusters k; 1 for a model without.
    pub clusters: usize,
    /// Whether the options are there to show how a fit ends in NaN, so that such an end is a result.
    pub shows_collapse: bool,
}

/// The options of an estimator, by which recipes know it and which build it.
pub trait EstimatorOptions: BoxedEstimator + Configured + fmt::Debug + Send + Sync {
    /// What is known of the estimator before it is built.
    fn facts(&self) -> EstimatorFacts;

    /// Refuses options that do not fit together, or to rows of `width` columns.
    ///
    /// # Errors
    /// A line that names the key and its limit.
    fn fits(&self, _width: usize) -> Result<(), Invalid> {
        Ok(())
    }

    /// The estimator for rows of `width` columns, not fitted yet, of options
    /// that [`EstimatorOptions::check_for`] accepts.
    fn build(&self, width: usize) -> Box<dyn Estimator>;

    /// Every check of the options, for rows of `width` columns.
    ///
    /// # Errors
    /// Those of [`Configured::check`] and [`EstimatorOptions::fits`].
    fn check_for(&self, width: usize) -> Result<(), Invalid> {
        self.boxed().check()?;
        self.fits(width)
    }

    /// The estimator fitted to the rows `x: [n, d]`.
    ///
    /// # Errors
    /// As for [`Estimator::iterate_to_end`].
    fn fit(&self, x: &Tensor) -> Result<Box<dyn Estimator>, Degenerate> {
        // Refused before anything is made: what is built of too many components may not fit into the memory.
        self.check_for(x.shape().last())?;
        let mut estimator = self.build(x.shape().last());
        estimator.iterate_to_end(x)?;
        Ok(estimator)
    }
}

/// What an iteration found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Iteration {
    /// Named numbers; likelihoods in nats per row.
    pub values: Vec<(&'static str, f64)>,
    /// What a reader of the log must know: a component that was seeded again, a bound that holds.
    pub events: Vec<String>,
    /// Whether there is nothing left to do.
    pub done: bool,
}

/// A fit that cannot go on: what is not finite, or what the rows do not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Degenerate(pub String);

impl fmt::Display for Degenerate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Degenerate {}

impl From<Invalid> for Degenerate {
    fn from(Invalid(reason): Invalid) -> Self {
        Self(reason)
    }
}

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

/// What a fitted model finds for rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inferred {
    /// `ln p(x)` of each row in nats, `[n]`; empty if the model is not a distribution.
    pub log_density: Vec<f64>,
    /// Posterior over clusters of each row, `[n, k]`; empty if the model has none.
    pub clusters: Vec<Real>,
    /// Posterior mean of the latent of each row, `[n, l]`; empty if the model has none.
    pub latents: Vec<Real>,
}

impl Inferred {
    /// The most probable cluster of each of the `rows` rows, the first of equal ones; empty without clusters.
    pub fn labels(&self, rows: usize) -> Vec<u32> {
        let k = self.clusters.len().checked_div(rows).unwrap_or(0).max(1);
        self.clusters.chunks_exact(k).map(|row| argmax(row) as u32).collect()
    }
}

/// The place of the largest number, the first of equal ones; 0 where all are NaN.
pub fn argmax(row: &[Real]) -> usize {
    let larger = |best: (usize, Real), (at, &value): (usize, &Real)| if value > best.1 { (at, value) } else { best };
    row.iter().enumerate().fold((0, Real::NEG_INFINITY), larger).0
}
