//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::check_grad::CheckGrad;
use super::data::Data;
use super::eval::Eval;
use super::export::Export;
use super::reproduce::Reproduce;
use super::settings::Settings;
use super::sweep::Sweep;
use super::train::Train;

/// What each exit code means; shown under every help text.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  2  usage, configuration, an output directory that is foreign or in use, another configuration on --resume
  3  missing or malformed data
  4  training diverged
  5  the system failed to read or write
  6  the run directory is locked by a living process
  7  a checkpoint is damaged
  8  a check failed, or cells of a sweep failed or diverged
  130, 143  stopped by SIGINT, SIGTERM after a checkpoint";

/// Train and compare generative latent-variable models.
#[derive(Debug, Parser)]
#[command(name = "elbo", version, after_help = EXIT_CODES, propagate_version = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a model by a recipe, into a run directory
    #[command(after_help = EXIT_CODES)]
    Train(Train),
    /// Recompute the metrics of a run from its checkpoint
    #[command(after_help = EXIT_CODES)]
    Eval(Eval),
    /// Write what a trained model says of each row
    #[command(subcommand, after_help = EXIT_CODES)]
    Export(Export),
    /// Re-run a published study and hold it against its source, number by number
    #[command(after_help = EXIT_CODES)]
    Reproduce(Reproduce),
    /// Run a recipe with a table [sweep] once for every combination of its values
    #[command(subcommand, after_help = EXIT_CODES)]
    Sweep(Sweep),
    /// Compare the gradient of a model's loss with finite differences
    #[command(after_help = EXIT_CODES)]
    CheckGrad(CheckGrad),
    /// List the built-in recipes, or print one
    Recipes {
        /// The recipe to print, as TOML
        name: Option<String>,
    },
    /// List every setting of a recipe with its default, what it allows and what it means
    Settings(Settings),
    /// Find, describe and download data sets
    #[command(subcommand)]
    Data(Data),
}

/// Arguments that several commands share.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// Folder in which data sets are looked for before the others: itself, then its subfolder NAME
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Number of threads; results do not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Say nothing on stderr but errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more on stderr
    #[arg(short, long)]
    pub verbose: bool,
}
