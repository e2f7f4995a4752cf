//! What the command lines of several commands share.

use std::path::PathBuf;

use rayon::ThreadPoolBuilder;

use crate::machine::error::{Error, ExitCode, Result};

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

impl Common {
    /// Sets up the threads; this thread is one of them. Returns their number.
    pub fn use_threads(&self) -> Result<usize> {
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.map_or_else(available, usize::from);
        let pool = ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global();
        pool.map_err(|cause| Error::new(ExitCode::System, format_args!("cannot start threads: {cause}")))?;
        Ok(threads)
    }
}
