//! Generative latent-variable models on a from-scratch autodiff engine: the five libraries under one name.
#![forbid(unsafe_code)]

pub use elbo_autograd as autograd;
pub use elbo_datasets as datasets;
pub use elbo_metrics as metrics;
pub use elbo_models as models;
pub use elbo_tensor as tensor;
