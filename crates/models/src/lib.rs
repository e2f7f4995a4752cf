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

pub use clustering::{Clustered, ClusteringOptions, Generative, Prior};
pub use discrete::{DiscreteVae, DiscreteVaeOptions};
pub use estimator::{Array, Degenerate, Estimator, EstimatorOptions, Inferred, Iteration, argmax};
pub use factor_analysis::{
    FactorAnalysis, FactorAnalysisOptions, FactorSolver, GradientFactorAnalysis, Harmonium, Rotation,
};
pub use gmm::{Gmm, GmmOptions};
pub use gmvae::{Gmvae, GmvaeOptions};
pub use hierarchical_mixture::HierarchicalMixture;
pub use kmeans::{Kmeans, KmeansOptions};
pub use linear_gaussian::LinearGaussian;
pub use m2::{M2, M2Options};
pub use model::{Model, ModelOptions};
pub use modified_m2::{ModifiedDecoder, ModifiedM2, ModifiedM2Options, ModifiedScale};
pub use natural_gmm::{NaturalGmm, NaturalGmmOptions};
pub use noise::Noise;
pub use objective::{Objective, Term};
pub use pca::{Pca, PcaOptions};
pub use settings::{Configured, Domain, Invalid, Setting, Value, Visitor, Word};
pub use standardize::Standardization;
pub use vae::{Posterior, PosteriorHead, PosteriorKind, Vae, VaeOptions};

use elbo_autograd::Entry;

/// Arrays of more numbers than this would not fit into the memory of most machines.
pub const MOST_NUMBERS: usize = 1 << 30;

/// Every model that is trained by steps, at its defaults.
pub fn models() -> Vec<Box<dyn ModelOptions>> {
    vec![
        Box::<GmvaeOptions>::default(),
        Box::<M2Options>::default(),
        Box::<ModifiedM2Options>::default(),
        Box::<VaeOptions>::default(),
        Box::<DiscreteVaeOptions>::default(),
    ]
}

/// Every model that is fitted by iterations over all rows, at its defaults.
pub fn estimators() -> Vec<Box<dyn EstimatorOptions>> {
    vec![
        Box::<FactorAnalysisOptions>::default(),
        Box::<GmmOptions>::default(),
        Box::<KmeansOptions>::default(),
        Box::<NaturalGmmOptions>::default(),
        Box::<PcaOptions>::default(),
    ]
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
