//! The files of a run that hold its numbers.

pub mod events;
pub mod metrics_csv;
pub mod steps_csv;
pub mod summary;
