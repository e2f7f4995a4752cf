//! Define-by-run reverse-mode differentiation over `elbo-tensor`, with parameters, optimisers and a gradient checker.
//!
//! This crate knows nothing of distributions, models, data or files.
//!
//! A [`Tape`] borrows the [`Params`], records what is computed with [`Var`]s and returns gradients as a value of
//! their own, so parameters cannot change under a live tape:
//!
//! ```
//! use elbo_autograd::{Adam, AdamConfig, Params, Tape};
//! use elbo_tensor::Tensor;
//!
//! let mut params = Params::new();
//! let w = params.add("w", Tensor::from_slice([2], &[1.0, -2.0]));
//! let mut adam = Adam::new(AdamConfig { lr: 0.1, ..AdamConfig::default() }, &params);
//! for _ in 0..100 {
//!     let grads = {
//!         let tape = Tape::new(&params);
//!         let loss = (tape.param(w) - 3.0).square().sum_all();
//!         tape.backward(loss)
//!     };
//!     adam.step(&mut params, &grads);
//! }
//! assert!(params.get(w).as_slice().iter().all(|w| (w - 3.0).abs() < 0.5));
//! ```
#![forbid(unsafe_code)]

pub mod check;
mod init;
mod op;
pub mod ops;
mod optim;
mod params;
mod tape;

pub use init::Init;
pub use op::{Case, Entry, Op};
pub use ops::{concat::concat, linear::Activation};
pub use optim::{Adam, AdamConfig, AdamUpdate, EpsilonForm, StepReport};
pub use params::{ParamId, Params};
pub use tape::{Grads, Smallest, Tape, Var};
