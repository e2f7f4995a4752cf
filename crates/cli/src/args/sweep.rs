//! The command line of `elbo sweep`.

use std::path::PathBuf;

use clap::{ArgAction, Subcommand};

use super::{Common, EXIT_CODES};

/// Subcommands of `elbo sweep`.
#[derive(Debug, Subcommand)]
pub enum Sweep {
    /// Write the plan of a sweep, or append the cells that its recipe has gained, and list the cells
    #[command(after_help = EXIT_CODES)]
    Plan(SweepRecipe),
    /// Plan, then run the cells that wait, together with other processes that do the same; ends when none is left to start
    #[command(after_help = EXIT_CODES)]
    Run(SweepRecipe),
    /// Like run for a sweep that was begun, and run again what has failed
    #[command(after_help = EXIT_CODES)]
    Resume(SweepRecipe),
    /// Show how each cell stands
    #[command(after_help = EXIT_CODES)]
    Status(SweepDir),
    /// Write results.csv from the cells that are finished
    #[command(after_help = EXIT_CODES)]
    Collect(SweepDir),
    /// Run a single cell of a plan, as a job array of a cluster does; one that has failed is run again
    #[command(after_help = EXIT_CODES)]
    Exec(SweepCell),
}

/// Arguments of `elbo sweep plan`, `run` and `resume`.
#[derive(Debug, clap::Args)]
pub struct SweepRecipe {
    /// A built-in recipe (see `elbo recipes`) or a TOML file with a table `[sweep]`; to resume, also the directory of the sweep
    pub recipe: String,
    /// Set a key of every cell, e.g. `train.epochs=5`; repeatable
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append)]
    pub set: Vec<String>,
    /// Directory of the sweep [default: sweeps/RECIPE]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Where the rest of the arguments are the same for every command
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `elbo sweep status` and `collect`.
#[derive(Debug, clap::Args)]
pub struct SweepDir {
    /// The recipe of the sweep, or its directory
    pub recipe: String,
    /// Directory of the sweep [default: sweeps/RECIPE]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `elbo sweep exec`.
#[derive(Debug, clap::Args)]
pub struct SweepCell {
    /// Directory of the sweep, or its plan.json
    pub plan: PathBuf,
    /// Number of the cell, from 0 [default: the environment variable SLURM_ARRAY_TASK_ID]
    #[arg(long, value_name = "I")]
    pub index: Option<usize>,
    /// Where the rest of the arguments are the same for every command
    #[command(flatten)]
    pub common: Common,
}
