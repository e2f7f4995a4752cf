//! Dense row-major tensors of rank ≤ 4, matrix products, vectorised elementwise kernels and keyed random streams.
//!
//! This crate knows nothing of gradients, models, files or text. It is the only one that contains `unsafe`.
//!
//! Shapes are axis letters throughout the workspace: `b` batch, `n` data, `d` latent or data width, `k` classes,
//! `h` hidden. A wrong shape is a bug of the caller and panics with both shapes.

mod buffer;
mod cpu;
mod elementwise;
mod gemm;
pub mod linalg;
mod mat;
pub mod math;
pub mod mixture;
mod parallel;
mod reduce;
mod rng;
mod shape;
mod tensor;
mod transpose;

pub use cpu::{kernel_name, vectorize};
pub use elementwise::update3;
pub use gemm::{dgemm, gemm};
pub use mat::Mat;
pub use parallel::for_each_slot;
pub use reduce::sum_of_squares;
pub use rng::{Purpose, Stream, fill_normal, fill_uniform, stream, uniform};
pub use shape::Shape;
pub use tensor::Tensor;
pub use transpose::transpose_rows;

/// The scalar of every tensor: `f32`, or `f64` under the test-only feature `f64`.
#[cfg(not(feature = "f64"))]
pub type Real = f32;
/// The scalar of every tensor: `f32`, or `f64` under the test-only feature `f64`.
#[cfg(feature = "f64")]
pub type Real = f64;
