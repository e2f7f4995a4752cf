//! The `elbo` command as a library: text, files, clocks, exit codes, progress, figures and checkpoints around the
//! models.
//!
//! This is the only crate that prints and the only one that writes files. Its rooms lie above each other, and each uses
//! only those below it: `commands`; `study` and `sweep`; `grid`; `run`; `config`; `data`; `checkpoint` and `report`;
//! `plot`; `machine`.
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

pub use checkpoint::{load_params, save_params};
pub use commands::{Args, run};
pub use config::Config;
pub use grid::Outcome;
pub use machine::error::{Error, ExitCode, Result};
pub use machine::output::note;
pub use run::evaluation::{Clusters, Evaluation, Latents};
pub use run::files::metrics_csv::Metrics;
pub use run::stored::{Run, Stored, Which};
pub use run::trained::Trained;
pub use sweep::{Sweep, SweepCell};
