//! A run: its directory and files, training and fitting, evaluation, and the trained model read back.

pub mod dir;
pub mod evaluation;
pub mod figures;
pub mod files;
pub mod fitting;
pub mod progress;
pub mod setup;
pub mod state;
pub mod stored;
pub mod training;
