//! The command line.

mod sweep;

pub use sweep::{Sweep, SweepCell, SweepDir, SweepRecipe};

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

/// What each exit code means; shown under every help text.
const EXIT_CODES: &str = "\
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
    Settings {
        /// Show the settings of this model only
        kind: Option<String>,
    },
    /// Find, describe and download data sets
    #[command(subcommand)]
    Data(Data),
}

/// Arguments of `elbo train`.
#[derive(Debug, clap::Args)]
pub struct Train {
    /// A built-in recipe (see `elbo recipes`) or a TOML file
    pub recipe: String,
    /// Train on another data set: a name (see `elbo data ls`) or a table, a file .csv, .npy or .npz
    #[arg(long, value_name = "NAME|FILE")]
    pub data: Option<String>,
    /// The table's column of labels: its name, its number from 0, or `last` (the key `data.label_column`)
    #[arg(long, value_name = "COLUMN")]
    pub label_column: Option<String>,
    /// Set a key of the recipe, e.g. `model.k=20` or `train.lr=3e-4`; repeatable
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append)]
    pub set: Vec<String>,
    /// Seed of everything random in training (the key `train.seed`)
    #[arg(long, allow_negative_numbers = true)]
    pub seed: Option<String>,
    /// Run directory [default: runs/RECIPE-HASH, with the hash of the configuration]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Continue the run in the run directory
    #[arg(long)]
    pub resume: bool,
    /// Start a new run at a checkpoint (.state) of another run of the same model, with its optimiser and step count
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub from: Option<PathBuf>,
    /// Where the rest of the arguments are the same for every command
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `elbo eval`.
#[derive(Debug, clap::Args)]
pub struct Eval {
    /// A run directory
    pub run: PathBuf,
    /// Evaluate on another data set of the same columns: the test split of a named one, or all rows of a table, which may
    /// lack the labels
    #[arg(long, value_name = "NAME|FILE")]
    pub data: Option<String>,
    /// The table's column of labels: its name, its number from 0, or `last` (the key `data.label_column`)
    #[arg(long, value_name = "COLUMN")]
    pub label_column: Option<String>,
    /// Which checkpoint to evaluate
    #[arg(long, value_enum, default_value = "last")]
    pub checkpoint: Which,
    /// Also estimate the test log-likelihood by the importance-weighted bound with K samples of the latent
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub iwae: Option<u32>,
    /// Test rows of that bound [default: all]
    #[arg(long, value_name = "N", requires = "iwae", value_parser = clap::value_parser!(u32).range(1..))]
    pub iwae_rows: Option<u32>,
    /// Where the rest of the arguments are the same for every command
    #[command(flatten)]
    pub common: Common,
}

/// Subcommands of `elbo export`.
#[derive(Debug, Subcommand)]
pub enum Export {
    /// Latents, clusters with their probabilities, and labels: of every row of a table, of the test rows of a named set
    #[command(after_help = EXIT_CODES)]
    Latents(Latents),
}

/// Arguments of `elbo export latents`.
#[derive(Debug, clap::Args)]
pub struct Latents {
    /// A run directory
    pub run: PathBuf,
    /// The file: .npz and .csv hold everything, .npy the latents only (without latents the probabilities)
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// Rows of other data of the same columns: a table, which may lack the labels, or a set by name
    #[arg(long, value_name = "DATA")]
    pub data: Option<String>,
    /// Which checkpoint
    #[arg(long, value_enum, default_value = "last")]
    pub checkpoint: Which,
    /// Where the rest of the arguments are the same for every command
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `elbo reproduce`.
#[derive(Debug, clap::Args)]
pub struct Reproduce {
    /// beta-sweep, toy-density, mnist-clustering, modified-m2-nan or gmm-stability
    pub study: String,
    /// A first look in less than two minutes; nothing is judged
    #[arg(long, conflicts_with = "full")]
    pub quick: bool,
    /// More of the source's budget, where the default is less
    #[arg(long)]
    pub full: bool,
    /// Number of seeds [default: the study's own]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: Option<u64>,
    /// Set a key of every run, e.g. `data.layout=grid`; repeatable. With other settings nothing is judged
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append)]
    pub set: Vec<String>,
    /// Directory of the study; the same command again continues there [default: studies/STUDY, of a first look studies/STUDY-quick]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Show what would be run and how long it takes
    #[arg(long)]
    pub dry_run: bool,
    /// Where the rest of the arguments are the same for every command
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `elbo check-grad`.
#[derive(Debug, clap::Args)]
pub struct CheckGrad {
    /// Kind of the model, e.g. gmvae
    pub model: String,
    /// Set a key of the model, e.g. `model.posterior=full`; repeatable
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append)]
    pub set: Vec<String>,
    /// Seed of the point at which the gradient is taken
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// A checkpoint of a run.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Which {
    /// The newest one
    Last,
    /// The one with the lowest loss on the validation split
    Best,
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

/// Subcommands of `elbo data`.
#[derive(Debug, Subcommand)]
pub enum Data {
    /// List the data sets that can be used by name
    Ls {
        /// Folder in which data sets are looked for before the others
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Show rows, shape, labels and checksum of a data set
    Describe {
        /// Name of the data set, or a table: a file .csv, .npy or .npz
        name: String,
        /// The table's column of labels: its name, its number from 0, or `last`
        #[arg(long, value_name = "COLUMN")]
        label_column: Option<String>,
        /// Folder in which data sets are looked for before the others
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Download a data set into the cache (needs a build with `--features download`)
    Fetch {
        /// Name of the data set
        name: String,
    },
}
