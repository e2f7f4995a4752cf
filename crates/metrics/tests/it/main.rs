//! The metrics against laws and stored values. One binary, because linking one for every file costs minutes.

mod density;
mod laws;
mod probe;
mod sklearn;
mod summary;
mod support;
