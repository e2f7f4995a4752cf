//! The commands, one file each.

mod args;
mod check_grad;
mod data;
mod eval;
mod export;
mod recipes;
mod reproduce;
mod settings;
mod sweep;
mod train;

use clap::{Parser, Subcommand};

use crate::machine::error::Result;
use args::EXIT_CODES;
use check_grad::CheckGrad;
use data::Data;
use eval::Eval;
use export::Export;
use reproduce::Reproduce;
use settings::Settings;
use sweep::Sweep;
use train::Train;

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

/// Runs a command.
///
/// # Errors
/// What the user is told, with the exit code.
pub fn run(args: Args) -> Result<()> {
    match args.command {
        Command::Train(args) => train::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Reproduce(args) => reproduce::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::CheckGrad(args) => check_grad::run(&args),
        Command::Recipes { name } => recipes::run(name.as_deref()),
        Command::Settings(args) => settings::run(&args),
        Command::Data(args) => data::run(&args),
    }
}
