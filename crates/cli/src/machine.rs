//! What the command needs of the machine it runs on: errors and their exit codes, files, locks, signals, output.

pub mod cache_dir;
pub mod error;
#[cfg(feature = "download")]
pub mod fetch;
pub mod files;
pub mod interrupt;
pub mod lock;
pub mod output;
