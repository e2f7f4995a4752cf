//! Distributions, networks, objectives and generative latent-variable models, one file a model.
//!
//! This crate knows nothing of data sets, metrics, files or text output: values in, values out, randomness passed in.
#![forbid(unsafe_code)]

mod clustering;
mod discrete;
pub mod dist;
pub mod fit;
mod gmvae;
mod m2;
mod model;
mod modified_m2;
pub mod nn;
mod noise;
mod objective;
mod settings;
mod vae;

pub use discrete::DiscreteVae;
pub use gmvae::Gmvae;
pub use m2::M2;
pub use model::{Model, ModelSpec};
pub use modified_m2::ModifiedM2;
pub use noise::Noise;
pub use objective::{Objective, Term};
pub use settings::{Domain, Setting, Settings, Value};
pub use vae::{Posterior, Vae};

/// Every model.
pub fn all() -> &'static [ModelSpec] {
    &[gmvae::SPEC, m2::SPEC, modified_m2::SPEC, vae::SPEC, discrete::SPEC]
}
