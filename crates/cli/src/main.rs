//! The `elbo` command: text, files, clocks, exit codes, progress, figures and checkpoints around the libraries.
//!
//! This is the only crate that prints and the only one that writes files.
#![forbid(unsafe_code)]

mod args;
mod cache_dir;
mod cell_training;
mod checkpoint;
mod commands;
mod config;
mod data;
mod error;
mod evaluation;
#[cfg(feature = "download")]
mod fetch;
mod figures;
mod files;
mod fit_events;
mod grid;
mod interrupt;
mod limits;
mod lock;
mod metrics_csv;
mod output;
mod plot;
mod progress;
mod recipe;
mod report;
mod run_dir;
mod run_fitting;
mod run_state;
mod run_training;
mod setup;
mod steps_csv;
mod study;
mod summary;
mod sweep;
mod trained;

use clap::Parser;

fn main() -> std::process::ExitCode {
    match commands::run(args::Args::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            output::note(&format!("elbo: {error}"));
            error.code().into()
        }
    }
}
