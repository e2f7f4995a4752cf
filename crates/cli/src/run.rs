//! A run: its directory and files, training and fitting, evaluation, and the trained model read back.

pub mod advance;
pub mod dir;
pub mod evaluation;
pub mod figures;
pub mod files;
pub mod fit;
mod fitting;
pub mod metric;
pub mod network;
pub mod progress;
pub mod setup;
mod state;
pub mod stored;
pub mod trained;
pub mod training;
