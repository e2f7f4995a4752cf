//! Dense row-major tensors of rank ≤ 4, matrix products, vectorised elementwise kernels and keyed random streams.
//!
//! This crate knows nothing of gradients, models, files or text. It is the only one that contains `unsafe`.

mod rng;

pub use rng::{Purpose, Stream, stream};

/// The scalar of every tensor: `f32`, or `f64` under the test-only feature `f64`.
#[cfg(not(feature = "f64"))]
pub type Real = f32;
/// The scalar of every tensor: `f32`, or `f64` under the test-only feature `f64`.
#[cfg(feature = "f64")]
pub type Real = f64;
