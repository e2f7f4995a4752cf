//! The `elbo` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match elbo_cli::run(elbo_cli::Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            elbo_cli::note(&format!("elbo: {error}"));
            error.code().into()
        }
    }
}
