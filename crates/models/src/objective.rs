//! A bound as a sum of named terms.

use elbo_autograd::Var;
use elbo_tensor::Real;

/// One summand of a loss: `weight · value`, the value in nats per data point, `[b]`.
#[derive(Debug, Clone, Copy)]
pub struct Term<'t> {
    /// Name in logs and tables.
    pub name: &'static str,
    /// Factor within the loss.
    pub weight: Real,
    /// Value of each data point, `[b]`.
    pub value: Var<'t>,
}

/// The loss of a batch: a weighted sum of named terms, each `[b]` in nats; for a bound the loss is −ELBO.
#[derive(Debug, Clone)]
pub struct Objective<'t> {
    terms: Vec<Term<'t>>,
    clusters: Option<Var<'t>>,
}

impl<'t> Objective<'t> {
    /// Starts with the negative log-likelihood: `recon = −log_px`.
    pub fn nll(log_px: Var<'t>) -> Self {
        Self { terms: vec![Term { name: "recon", weight: 1.0, value: -log_px }], clusters: None }
    }

    /// Adds `weight · value`.
    pub fn plus(mut self, weight: Real, name: &'static str, value: Var<'t>) -> Self {
        self.terms.push(Term { name, weight, value });
        self
    }

    /// Reports the posterior over clusters `q(y|x)`, probabilities `[b, k]`.
    pub fn with_clusters(mut self, probs: Var<'t>) -> Self {
        self.clusters = Some(probs);
        self
    }

    /// The terms in the order in which they were added.
    pub fn terms(&self) -> &[Term<'t>] {
        &self.terms
    }

    /// Posterior over clusters, if the model has any.
    pub fn clusters(&self) -> Option<Var<'t>> {
        self.clusters
    }

    /// `Σ weight · term`, one value a data point: `[b]`.
    pub fn per_point(&self) -> Var<'t> {
        let weighted = self.terms.iter().map(|t| if t.weight == 1.0 { t.value } else { t.weight * t.value });
        weighted.reduce(|a, b| a + b).expect("an objective starts with one term")
    }
}
