//! Distributions, networks, objectives and generative latent-variable models, one file a model.
//!
//! This crate knows nothing of data sets, metrics, files or text output: values in, values out, randomness passed in.
#![forbid(unsafe_code)]

mod arrays;
mod clustering;
mod discrete;
pub mod dist;
mod estimator;
mod factor_analysis;
pub mod fit;
pub mod gmm;
mod gmvae;
mod hierarchical_mixture;
pub mod kmeans;
mod linear_gaussian;
mod m2;
pub mod mixture;
mod model;
mod modified_m2;
pub mod natural_gmm;
pub mod nn;
mod noise;
mod objective;
mod pca;
mod settings;
mod standardize;
mod vae;

pub use discrete::DiscreteVae;
pub use estimator::{Array, Degenerate, Estimator, EstimatorSpec, Inferred, Iteration};
pub use factor_analysis::Harmonium;
pub use gmm::Gmm;
pub use gmvae::Gmvae;
pub use hierarchical_mixture::HierarchicalMixture;
pub use kmeans::Kmeans;
pub use linear_gaussian::LinearGaussian;
pub use m2::M2;
pub use model::{Model, ModelSpec};
pub use modified_m2::ModifiedM2;
pub use natural_gmm::NaturalGmm;
pub use noise::Noise;
pub use objective::{Objective, Term};
pub use settings::{Domain, Setting, Settings, Value};
pub use standardize::Standardization;
pub use vae::{Posterior, Vae};

use elbo_autograd::Entry;

/// Arrays of more numbers than this would not fit into the memory of most machines.
pub const MOST_NUMBERS: usize = 1 << 30;

/// Every model.
pub fn all() -> &'static [ModelSpec] {
    &[gmvae::SPEC, m2::SPEC, modified_m2::SPEC, vae::SPEC, discrete::SPEC]
}

/// Every model that is fitted by iterations over all rows.
pub fn estimators() -> &'static [EstimatorSpec] {
    &[factor_analysis::SPEC, gmm::SPEC, kmeans::SPEC, natural_gmm::SPEC, pca::SPEC]
}

/// Every operation that this crate adds to those of the engine, each declared beside the distribution or network that
/// uses it. Tests of gradients and benches iterate over [`elbo_autograd::ops::all`] and this list.
pub fn ops() -> Vec<Entry> {
    vec![
        Entry::of(dist::bernoulli::BernoulliLogProb),
        Entry::of(dist::categorical::UniformKl),
        Entry::of(dist::normal::NormalLogProb),
        Entry::of(dist::normal::StandardNormalKl),
        Entry::of(nn::direct_softplus::DirectSoftplus),
        Entry::of(nn::squared_error::SquaredError { weight: -0.5 }),
    ]
}
