//! Mixtures of normals by EM (Dempster, Laird & Rubin 1977), with diagonal, full, tied or spherical covariance.
//!
//! Meanings and defaults of the settings are scikit-learn's. Parameters are f64; the posterior of diagonal and
//! spherical components is computed in [`elbo_tensor::Real`], that of matrices in f64.

mod matrices;
mod options;
mod parameters;
mod start;

pub use options::{GmmInit, GmmOptions};
pub use parameters::{Covariance, GaussianMixture};

use elbo_tensor::{Stream, Tensor};

use crate::mixture::{EStep, Posterior, Statistics};
use crate::{
    Array, Degenerate, Estimator, EstimatorFacts, EstimatorOptions, Inferred, Invalid, Iteration, MOST_NUMBERS,
};
use matrices::Matrices;

/// Covariances of all components at most: f64, and their second moments are kept for each of several blocks of rows.
const MOST_IN_BLOCKS: usize = MOST_NUMBERS / 8;

impl EstimatorOptions for GmmOptions {
    fn facts(&self) -> EstimatorFacts {
        EstimatorFacts {
            kind: "gmm",
            seed: self.seed,
            max_iterations: self.max_iter,
            clusters: self.k,
            shows_collapse: false,
        }
    }
    fn fits(&self, width: usize) -> Result<(), Invalid> {
        let (k, full) = (self.k, self.covariance == Covariance::Full);
        let numbers = if full { k.saturating_mul(width.saturating_mul(width)) } else { 0 };
        if numbers > MOST_IN_BLOCKS {
            return Err(Invalid(format!(
                "model.covariance = \"full\": {k} matrices of {width} x {width} numbers; \
                 try \"diagonal\" or fewer components"
            )));
        }
        Ok(())
    }
    fn build(&self, width: usize) -> Box<dyn Estimator> {
        Box::new(Gmm { width, ..Gmm::new(self.clone()) })
    }
}

/// A mixture of normals as an estimator: `n_init` fits one after the other, an iteration of EM at a time.
#[derive(Debug)]
pub struct Gmm {
    options: GmmOptions,
    /// Dimensions of the rows; 0 before the first.
    width: usize,
    /// Fits that are done, and iterations of the one under way.
    runs: usize,
    iterations: usize,
    current: Option<GaussianMixture>,
    /// Mean log-likelihood of the last E-step of the fit under way.
    likelihood: f64,
    /// The best fit, with the likelihood that its last E-step found.
    best: Option<(GaussianMixture, f64)>,
    /// Whether the best fit ended by `tol`.
    converged: bool,
    e_step: EStep,
}

impl Gmm {
    /// Not fitted yet.
    pub fn new(options: GmmOptions) -> Self {
        let (current, best, converged, e_step) = (None, None, false, EStep::new());
        let (width, runs, iterations, likelihood) = (0, 0, 0, f64::NEG_INFINITY);
        Self { options, width, runs, iterations, current, likelihood, best, converged, e_step }
    }

    /// The first fit begins with these parameters.
    ///
    /// # Panics
    /// If the mixture has other components or covariances of another form than the options.
    #[track_caller]
    pub fn starting_from(mut self, mixture: GaussianMixture) -> Self {
        let (k, d) = (self.options.k, mixture.means.len() / mixture.len().max(1));
        self.width = d;
        let size: usize = self.options.covariance.shape(k, d).iter().product();
        assert!(mixture.covariance == self.options.covariance, "covariances of another form");
        assert!(mixture.len() == k && mixture.means.len() == k * d && mixture.covariances.len() == size, "[{k}, {d}]");
        self.current = Some(mixture);
        self
    }

    /// The best fit so far, or the one under way before any is done.
    pub fn mixture(&self) -> Option<&GaussianMixture> {
        self.best.as_ref().map(|(mixture, _)| mixture).or(self.current.as_ref())
    }

    /// One EM iteration of `mixture`: its statistics become its parameters.
    fn improve(&mut self, x: &Tensor, mixture: &mut GaussianMixture) -> Result<(f64, Vec<String>), Degenerate> {
        let of_matrices;
        let statistics: &Statistics = if mixture.covariance.is_diagonal() {
            self.e_step.run(x, &mixture.diagonal())
        } else {
            of_matrices = Matrices::new(mixture)?.statistics(x);
            &of_matrices
        };
        let log_likelihood = statistics.log_likelihood;
        if !log_likelihood.is_finite() {
            return Err(Degenerate("a row is so far from every component that its density is 0".into()));
        }
        let events = mixture.maximize(statistics, self.options.reg_covar)?;
        Ok((log_likelihood, events))
    }
}

/// Log-density and posterior of the rows `x: [n, d]`.
///
/// # Errors
/// If a covariance matrix is not positive definite.
pub fn posterior(x: &Tensor, mixture: &GaussianMixture) -> Result<Posterior, Degenerate> {
    if mixture.covariance.is_diagonal() {
        return Ok(EStep::new().posterior(x, &mixture.diagonal()));
    }
    Ok(Matrices::new(mixture)?.posterior(x))
}

impl Estimator for Gmm {
    fn options(&self) -> &dyn EstimatorOptions {
        &self.options
    }

    /// One EM iteration. `log_likelihood` (mean, in nats), `bic` and `aic` are of the parameters that it began with.
    fn iterate(&mut self, x: &Tensor) -> Result<Iteration, Degenerate> {
        self.width = x.shape().last();
        let GmmOptions { k, covariance, .. } = self.options;
        let n = x.shape().rows();
        if n < k {
            return Err(Degenerate(format!("{k} components need as many rows, but there are {n}")));
        }
        let mut mixture = match self.current.take() {
            Some(mixture) => mixture,
            None => start::start(x, &self.options, self.runs as u64)?,
        };
        let before = self.likelihood;
        let (log_likelihood, events) = self.improve(x, &mut mixture)?;
        let values = criteria(&mixture, log_likelihood, n);
        self.iterations += 1;
        self.likelihood = log_likelihood;
        let converged = (log_likelihood - before).abs() < self.options.tol;
        if converged || self.iterations >= self.options.max_iter {
            if !covariance.is_diagonal() {
                // The last M-step may have left what no row can be evaluated under.
                Matrices::new(&mixture)?;
            }
            if self.best.as_ref().is_none_or(|(_, best)| log_likelihood > *best) {
                (self.best, self.converged) = (Some((mixture, log_likelihood)), converged);
            }
            (self.runs, self.iterations, self.likelihood) = (self.runs + 1, 0, f64::NEG_INFINITY);
        } else {
            self.current = Some(mixture);
        }
        Ok(Iteration { values, events, done: self.runs >= self.options.n_init })
    }

    /// `log_likelihood`, `bic` and `aic` of the best fit.
    fn fitted(&self, log_likelihood: Option<f64>, rows: usize) -> Vec<(&'static str, f64)> {
        let best = self.mixture().zip(log_likelihood);
        best.map(|(mixture, log_likelihood)| criteria(mixture, log_likelihood, rows)).unwrap_or_default()
    }

    fn converged(&self) -> Option<bool> {
        self.best.as_ref().filter(|_| self.options.tol > 0.0).map(|_| self.converged)
    }

    fn state(&self) -> Vec<Array> {
        let (k, d) = (self.options.k, self.width);
        let covariances = self.options.covariance.shape(k, d);
        let mut state =
            vec![Array::number("runs", self.runs as f64), Array::number("iterations", self.iterations as f64)];
        let mut add = |names: [&'static str; 4], mixture: &GaussianMixture, likelihood: f64| {
            state.push(Array::of(names[0], &[k], &mixture.weights));
            state.push(Array::of(names[1], &[k, d], &mixture.means));
            state.push(Array::of(names[2], &covariances, &mixture.covariances));
            state.push(Array::number(names[3], likelihood));
        };
        if let Some(mixture) = &self.current {
            add(CURRENT, mixture, self.likelihood);
        }
        if let Some((mixture, likelihood)) = &self.best {
            add(BEST, mixture, *likelihood);
            state.push(Array::flag(CONVERGED, self.converged));
        }
        state
    }

    fn restore(&mut self, state: &[Array]) -> Result<(), String> {
        let (runs, iterations) = (Array::count(state, "runs")?, Array::count(state, "iterations")?);
        let (current, best) = (self.find(state, CURRENT)?, self.find(state, BEST)?);
        let likelihood = current.as_ref().map_or(f64::NEG_INFINITY, |(_, likelihood)| *likelihood);
        let current = current.map(|(mixture, _)| mixture);
        let converged = Array::find_flag(state, CONVERGED)?.unwrap_or(true);
        let (width, new) = (self.width, Self::new(self.options.clone()));
        *self = Self { width, runs, iterations, current, likelihood, best, converged, ..new };
        Ok(())
    }

    fn infer(&self, x: &Tensor) -> Inferred {
        let found = self.mixture().and_then(|mixture| posterior(x, mixture).ok()).unwrap_or_default();
        Inferred { log_density: found.log_density, clusters: found.responsibilities, latents: Vec::new() }
    }

    fn sample(&self, count: usize, rng: &mut Stream) -> Option<Tensor> {
        Some(self.mixture()?.sample(count, rng))
    }
}

/// `log_likelihood` (mean, in nats) over `rows` rows, `bic` and `aic` of a mixture.
fn criteria(mixture: &GaussianMixture, log_likelihood: f64, rows: usize) -> Vec<(&'static str, f64)> {
    let (bic, aic) = (mixture.bic(log_likelihood, rows), mixture.aic(log_likelihood, rows));
    vec![("log_likelihood", log_likelihood), ("bic", bic), ("aic", aic)]
}

/// Names in a state: weights, means, covariances and log-likelihood.
const CURRENT: [&str; 4] = ["weights", "means", "covariances", "log_likelihood"];
const BEST: [&str; 4] = ["best_weights", "best_means", "best_covariances", "best_log_likelihood"];
const CONVERGED: &str = "best_converged";

impl Gmm {
    fn find(&self, state: &[Array], names: [&str; 4]) -> Result<Option<(GaussianMixture, f64)>, String> {
        let (k, d, covariance) = (self.options.k, self.width, self.options.covariance);
        let Some(weights) = Array::find(state, names[0], &[k])? else { return Ok(None) };
        let mixture = GaussianMixture {
            covariance,
            weights: weights.to_vec(),
            means: Array::expect(state, names[1], &[k, d])?.to_vec(),
            covariances: Array::expect(state, names[2], &covariance.shape(k, d))?.to_vec(),
        };
        Ok(Some((mixture, Array::expect(state, names[3], &[])?[0])))
    }
}
