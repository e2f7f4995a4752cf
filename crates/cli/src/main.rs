//! The `elbo` command: text, files, clocks, exit codes, progress, figures and checkpoints around the libraries.
//!
//! This is the only crate that prints and the only one that writes files.
#![forbid(unsafe_code)]

mod checkpoint;
mod commands;
mod config;
mod data;
mod grid;
mod machine;
mod plot;
mod report;
mod run;
mod study;
mod sweep;

use clap::Parser;

use machine::output;

fn main() -> std::process::ExitCode {
    match commands::run(commands::Args::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            output::note(&format!("elbo: {error}"));
            error.code().into()
        }
    }
}
