//! Placeholder.
mod settings;
pub use settings::{Domain, Setting, Settings, Value};
