//! What an epoch says of itself.

use crate::Iteration;
use crate::dist::natural::MixtureNatural;
use crate::mixture::Statistics;

/// What an epoch gathers.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: usize,
    log_likelihood: f64,
    counts: Vec<f64>,
    /// Norm of the last gradient before clipping; none if no step was taken.
    pub norm: Option<f64>,
    /// Steps that the guard shortened.
    pub shortened: usize,
    /// Lines for the log.
    pub events: Vec<String>,
}

impl Report {
    /// Adds the E-step of a batch of `rows` rows.
    pub fn add(&mut self, statistics: &Statistics, rows: usize) {
        self.rows += rows;
        self.log_likelihood += rows as f64 * statistics.log_likelihood;
        self.counts.resize(statistics.counts.len(), 0.0);
        self.counts.iter_mut().zip(&statistics.counts).for_each(|(sum, count)| *sum += count);
    }

    /// `log_likelihood` and `active`, the components with a row's worth of responsibility, of the E-steps; the other
    /// values of the mixture at the end.
    pub fn finish(mut self, mixture: Option<&MixtureNatural>, done: bool) -> Iteration {
        let active = self.counts.iter().filter(|&&count| count >= 1.0).count();
        let mut values = vec![("log_likelihood", self.log_likelihood / self.rows as f64), ("active", active as f64)];
        if let Some(mixture) = mixture {
            let precisions = || mixture.components().iter().flat_map(|c| c.eta2().precisions());
            let least_weight = mixture.log_weights().into_iter().fold(f64::INFINITY, f64::min).exp();
            values.push(("min_weight", least_weight));
            values.push(("min_precision", precisions().fold(f64::INFINITY, f64::min)));
            values.push(("max_precision", precisions().fold(0.0, f64::max)));
        }
        values.extend(self.norm.map(|norm| ("gradient_norm", norm)));
        if self.shortened > 0 {
            self.events.push(format!("{} steps were shortened to keep η₂ < 0", self.shortened));
        }
        Iteration { values, events: self.events, done }
    }
}
