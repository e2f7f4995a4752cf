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
mod limits;
mod linear_gaussian;
mod list;
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
pub use estimator::{Array, Degenerate, Estimator, EstimatorFacts, EstimatorOptions, Inferred, Iteration, argmax};
pub use factor_analysis::{
    FactorAnalysis, FactorAnalysisOptions, FactorSolver, GradientFactorAnalysis, Harmonium, Rotation,
};
pub use gmm::{Gmm, GmmOptions};
pub use gmvae::{Gmvae, GmvaeOptions};
pub use hierarchical_mixture::HierarchicalMixture;
pub use kmeans::{Kmeans, KmeansOptions};
pub use limits::MOST_NUMBERS;
pub use linear_gaussian::LinearGaussian;
pub use list::{estimators, models, ops};
pub use m2::{M2, M2Options};
pub use model::{Model, ModelFacts, ModelOptions};
pub use modified_m2::{ModifiedDecoder, ModifiedM2, ModifiedM2Options, ModifiedScale};
pub use natural_gmm::{NaturalGmm, NaturalGmmOptions};
pub use noise::Noise;
pub use objective::{Objective, Term};
pub use pca::{Pca, PcaOptions};
pub use settings::{Configured, Domain, Invalid, Setting, Value, Visitor, Word};
pub use standardize::Standardization;
pub use vae::{Posterior, PosteriorHead, PosteriorKind, Vae, VaeOptions};
