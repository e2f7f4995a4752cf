//! Data sets: rows of intensities or real numbers, with or without labels, from files or from a seed.
//!
//! This crate knows `Real` and the random streams of `elbo-tensor`. It does **not** know gradients, models, metrics or
//! settings files; it reads files, but writes only into what it is handed and prints nothing.
//!
//! - [`glyphs`]: the embedded default, 28×28 grey images of digits drawn from a seed;
//! - [`idx`]: MNIST and every other folder of IDX files, plain or gzip;
//! - [`csv`], [`npy`], [`npz`]: tables as other programs keep them, read and written; each becomes a [`Table`];
//! - [`Mixture`]: a labelled mixture of round Gaussians;
//! - [`ToyDensity`]: five densities in the plane whose log-density is known;
#![forbid(unsafe_code)]

pub mod csv;
mod dataset;
mod error;
mod factors;
mod field;
mod file;
mod fnv;
pub mod glyphs;
pub mod idx;
mod mixture;
pub mod npy;
pub mod npz;
mod rounding;
mod splits;
mod table;
mod toy;

pub use dataset::{Dataset, Labels, Values};
pub use error::{DataError, Place};
pub use factors::Factors;
pub use field::{Elements, Field};
pub use mixture::{Layout, Mixture, Proportions};
pub use splits::Splits;
pub use table::{LabelColumn, Table};
pub use toy::{Mode, Toy, ToyDensity};
