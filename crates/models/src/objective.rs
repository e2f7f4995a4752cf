//! A bound as a sum of named terms.

use elbo_autograd::Var;
use elbo_tensor::Real;

/// One summand of a loss: `weight · value`, the value in nats per data point, `[b]`; in squared units where
/// the likelihood is a squared error.
#[derive(Debug, Clone, Copy)]
pub struct Term<'t> {
    /// Name in logs and tables.
    pub name: &'static str,
    /// Factor within the loss.
    pub weight: Real,
    /// Value of each data point, `[b]`.
    pub value: Var<'t>,
}

/// The loss of a batch: a weighted sum of named terms, each `[b]`; for a bound the loss is −ELBO, in nats.
///
/// The first term is the negative log-likelihood, the others are divergences. A value with an axis of samples in front,
/// `[m, b]`, counts as its mean over them.
#[derive(Debug, Clone)]
pub struct Objective<'t> {
    terms: Vec<Term<'t>>,
    clusters: Option<Var<'t>>,
    latent: Option<Var<'t>>,
}

impl<'t> Objective<'t> {
    /// Starts with the negative log-likelihood: `recon = −log_px`.
    pub fn nll(log_px: Var<'t>) -> Self {
        Self { terms: Vec::new(), clusters: None, latent: None }.plus(1.0, "recon", -log_px)
    }

    /// Adds `weight · value`.
    pub fn plus(mut self, weight: Real, name: &'static str, value: Var<'t>) -> Self {
        let value = if value.shape().len() == 2 { value.mean(0) } else { value };
        self.terms.push(Term { name, weight, value });
        self
    }

    /// Reports the posterior over clusters `q(y|x)`, probabilities `[b, k]`.
    pub fn with_clusters(mut self, probs: Var<'t>) -> Self {
        self.clusters = Some(probs);
        self
    }

    /// Reports the means of `q(z|x)`, `[b, d]`.
    pub fn with_latent(mut self, means: Var<'t>) -> Self {
        self.latent = Some(means);
        self
    }

    /// Multiplies the weights of the divergences, all terms but the first, by `factor`.
    pub fn with_divergences_times(mut self, factor: Real) -> Self {
        self.terms.iter_mut().skip(1).for_each(|term| term.weight *= factor);
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

    /// Posterior means of the latent, if the model has one that does not depend on a cluster.
    pub fn latent(&self) -> Option<Var<'t>> {
        self.latent
    }

    /// `Σ weight · term`, one value a data point: `[b]`.
    #[expect(clippy::missing_panics_doc, reason = "an objective starts with one term")]
    pub fn per_point(&self) -> Var<'t> {
        let weighted = self.terms.iter().map(|t| if t.weight == 1.0 { t.value } else { t.weight * t.value });
        weighted.reduce(|a, b| a + b).expect("an objective starts with one term")
    }
}
