//! Factor analysis: `z ~ N(0, I)`, `x | z ~ N(μ + W z, Ψ)` with a diagonal Ψ, fitted on the covariance matrix.

mod em;
mod gradient;
mod harmonium;
mod options;
mod statistics;

use crate::linear_gaussian::{MOST_COVARIANCES, at_most_columns};
use crate::{Estimator, EstimatorFacts, EstimatorOptions, Invalid};

pub use em::FactorAnalysis;
pub use gradient::GradientFactorAnalysis;
pub use harmonium::Harmonium;
pub use options::{FactorAnalysisOptions, FactorSolver, Rotation};

impl EstimatorOptions for FactorAnalysisOptions {
    fn facts(&self) -> EstimatorFacts {
        EstimatorFacts {
            kind: "factor-analysis",
            seed: self.seed,
            max_iterations: self.max_iter,
            clusters: 1,
            shows_collapse: false,
        }
    }
    fn fits(&self, width: usize) -> Result<(), Invalid> {
        at_most_columns(self.latents, width)?;
        let covariances = if self.solver == FactorSolver::Em { width.saturating_mul(width) } else { 0 };
        if covariances > MOST_COVARIANCES {
            let advice = "train.solver = \"gradient\" needs none";
            return Err(Invalid(format!("{width} columns have too many covariances; {advice}")));
        }
        Ok(())
    }
    fn build(&self, width: usize) -> Box<dyn Estimator> {
        match self.solver {
            FactorSolver::Em => Box::new(FactorAnalysis::new(self.clone()).of_width(width)),
            FactorSolver::Gradient => Box::new(GradientFactorAnalysis::new(self.clone()).of_width(width)),
        }
    }
}
