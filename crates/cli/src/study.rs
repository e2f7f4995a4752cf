//! The published studies: each is a grid of runs, what is measured on a finished run, and a report that holds it
//! against its source.

mod beta_sweep;
mod experiment;
mod figure;
mod gmm_stability;
mod judge;
mod list;
mod mnist_clustering;
mod modified_m2_nan;
mod results;
mod run;
#[cfg(test)]
mod tests;
mod text;
mod toy_density;

use elbo_datasets::Splits;

use crate::machine::error::Result;
use crate::report::Report;
use crate::run::dir::RunDir;
use crate::run::fit::Finished;
pub use experiment::{Experiment, From, Legacy, Request, Scale};
pub use list::all;
pub use results::Results;
pub use run::prepare;

/// A run that came to its end or diverged, for measuring.
pub struct Done<'a> {
    /// Which one.
    pub experiment: &'a Experiment,
    /// Its data.
    pub splits: &'a Splits,
    /// Its directory.
    pub dir: &'a RunDir,
    /// What came out.
    pub finished: &'a Finished,
}

/// What was measured on a run: numbers for `results.csv`, and whatever the figures need.
pub type Measured = (Vec<(String, f64)>, serde_json::Value);

/// A published study.
pub trait Study: Sync {
    /// Name on the command line.
    fn name(&self) -> &'static str;
    /// One line for help texts.
    fn about(&self) -> &'static str;
    /// The keys that `--set` cannot change, because the study varies them or reads what they lead to.
    fn fixed(&self) -> Vec<&'static str> {
        Vec::new()
    }
    /// Every run, errors of configuration found.
    fn experiments(&self, request: &Request<'_>) -> Result<Vec<Experiment>>;
    /// Measures a run at its end.
    fn measure(&self, done: &Done<'_>) -> Result<Measured>;
    /// Measures a run that diverged: nothing, unless the divergence is what the study is about.
    fn measure_diverged(&self, _done: &Done<'_>) -> Result<Measured> {
        Ok((Vec::new(), serde_json::Value::Null))
    }
    /// The report over all runs, with its verdicts if the request is to be judged.
    fn report(&self, results: &Results<'_>, request: &Request<'_>) -> Report;
}
