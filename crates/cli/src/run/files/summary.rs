//! `summary.json`: how a run has ended.

use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::data;

/// A finished run, in what its summary tells.
pub struct Ended {
    /// Name and value of every metric at the end, the epoch among them.
    pub last: Vec<(String, f64)>,
    /// Whether a model that sees all rows at once came to its tolerance, if it has one.
    pub converged: Option<bool>,
    /// Loss on the validation split and epoch of the best checkpoint.
    pub best: Option<(f64, u64)>,
    /// Steps taken; iterations of a model that sees all rows at once.
    pub steps: u64,
    /// Seconds over all processes.
    pub elapsed: f64,
    /// [`Preparation::log_density_shift`](crate::data::Preparation::log_density_shift) of its rows.
    pub log_density_shift: Option<f64>,
    /// Names of the figures.
    pub figures: Vec<&'static str>,
}

impl Ended {
    /// Epochs; iterations of a model that sees all rows at once.
    pub fn epochs(&self) -> u64 {
        self.last.iter().find(|(name, _)| name == "epoch").map_or(0, |(_, epoch)| *epoch as u64)
    }

    /// The summary of a run of `config`.
    pub fn summary(&self, config: &Config) -> Value {
        let last = self.last.iter().map(|(name, value)| (name.clone(), json!(value)));
        json!({
            "status": "finished",
            "model": config.kind(),
            "data": data::title(config.section("data")),
            "epochs": self.epochs(),
            "steps": self.steps,
            "elapsed_s": self.elapsed,
            "converged": self.converged,
            "last": last.collect::<Map<String, Value>>(),
            "log_density_shift": self.log_density_shift,
            "best": self.best.map(|(loss, epoch)| json!({"epoch": epoch, "valid_loss": loss})),
            "figures": self.figures,
        })
    }
}
