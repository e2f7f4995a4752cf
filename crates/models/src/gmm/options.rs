//! The options of a mixture of normals.

use super::parameters::Covariance;
use crate::{Configured, Visitor, Word, estimator, fit};

/// How the first posterior is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GmmInit {
    /// 1 for the cluster that k-means puts a row in.
    Kmeans,
    /// Uniform numbers, divided by their sum.
    Random,
}

impl Word for GmmInit {
    const WORDS: &'static [(&'static str, Self)] = &[("kmeans", Self::Kmeans), ("random", Self::Random)];
}

/// Options of [`Gmm`](crate::Gmm).
#[derive(Debug, Clone, PartialEq)]
pub struct GmmOptions {
    /// Number of components.
    pub k: usize,
    /// Form of the covariances.
    pub covariance: Covariance,
    /// Added to all variances.
    pub reg_covar: f64,
    /// Seed of the first posterior.
    pub seed: u64,
    /// The first posterior.
    pub init: GmmInit,
    /// Number of fits, of which the one with the largest likelihood counts.
    pub n_init: usize,
    /// Iterations of a fit at most.
    pub max_iter: usize,
    /// A fit ends when the mean log-likelihood changes by less, in nats.
    pub tol: f64,
}

impl Default for GmmOptions {
    fn default() -> Self {
        Self {
            k: 10,
            covariance: Covariance::Diagonal,
            reg_covar: 1e-6,
            seed: 0,
            init: GmmInit::Kmeans,
            n_init: 1,
            max_iter: 100,
            tol: 1e-3,
        }
    }
}

impl Configured for GmmOptions {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.int("model.k", &mut self.k, 1..=1_000_000, "number of components");
        v.word("model.covariance", &mut self.covariance, "diagonal, any, one for all components, or one variance each");
        v.float("model.reg_covar", &mut self.reg_covar, 0.0..=1e300, "added to all variances");
        v.seed("train.seed", &mut self.seed, fit::SEED);
        v.word("train.init", &mut self.init, "the first posterior: of k-means, or random");
        v.int("train.n_init", &mut self.n_init, 1..=100_000, estimator::N_INIT);
        v.int("train.max_iter", &mut self.max_iter, 1..=1_000_000_000, "iterations of a fit at most");
        v.float("train.tol", &mut self.tol, 0.0..=1e12, "a fit ends when the mean log-likelihood changes by less");
    }
}
