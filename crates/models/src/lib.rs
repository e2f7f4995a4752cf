//! Distributions, networks, objectives and generative latent-variable models, one file a model.
//!
//! This crate knows nothing of data sets, metrics, files or text output: values in, values out, randomness passed in.
#![forbid(unsafe_code)]

pub mod dist;
pub mod fit;
mod gmvae;
mod model;
pub mod nn;
mod noise;
mod objective;
mod settings;
mod vae;

pub use gmvae::Gmvae;
pub use model::{Model, ModelSpec};
pub use noise::Noise;
pub use objective::{Objective, Term};
pub use settings::{Domain, Setting, Settings, Value};
pub use vae::Vae;

/// Every model.
pub fn all() -> &'static [ModelSpec] {
    &[gmvae::SPEC, vae::SPEC]
}
