//! Probability distributions over the last axis, as objects on a tape.
//!
//! Every density returns one value per leading index: an event of shape `[.., d]` gives `[..]`. `scale` is a standard
//! deviation. All logarithms are natural, all information is in nats. A pair of distributions without an implementation
//! of [`Kl`] does not compile.

pub(crate) mod bernoulli;
pub(crate) mod categorical;
mod distribution;
pub mod natural;
pub(crate) mod normal;
mod tril_normal;

pub use bernoulli::Bernoulli;
pub(crate) use categorical::codes;
pub use categorical::{Categorical, UniformCategorical};
pub use distribution::{Distribution, Kl};
pub use normal::{DiagNormal, StandardNormal};
pub use tril_normal::TrilNormal;
