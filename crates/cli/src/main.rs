//! The `elbo` command.
#![forbid(unsafe_code)]

mod checkpoint;
mod config;
mod error;
mod files;
mod run_dir;

fn main() {}
