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

pub use args::Args;

use rayon::ThreadPoolBuilder;

use crate::machine::error::{Error, ExitCode, Result};
use args::{Command, Common};

/// Runs a command.
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

/// Sets up the threads; this thread is one of them. Returns their number.
fn use_threads(common: &Common) -> Result<usize> {
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = common.threads.map_or_else(available, usize::from);
    let pool = ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global();
    pool.map_err(|cause| Error::new(ExitCode::System, format_args!("cannot start threads: {cause}")))?;
    Ok(threads)
}
