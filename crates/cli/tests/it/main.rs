//! The command from outside, one file a subject. One binary, because linking one for every file costs minutes.

mod commands;
mod estimators;
mod formats;
mod hostile;
mod resume;
mod studies;
mod support;
mod sweep_failures;
mod sweeps;
mod tables;
