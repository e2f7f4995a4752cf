//! Independent binary variables given by their logits.

use elbo_autograd::Var;

use super::Kl;

/// `Πᵢ Bernoulli(σ(logitsᵢ))` over the last axis.
#[derive(Debug, Clone, Copy)]
pub struct Bernoulli<'t> {
    /// Log-odds of a one, `[.., d]`.
    pub logits: Var<'t>,
}

impl<'t> Bernoulli<'t> {
    /// `Σᵢ xᵢ·lᵢ − softplus(lᵢ)`; x and the logits broadcast.
    #[track_caller]
    pub fn log_prob(&self, x: Var<'t>) -> Var<'t> {
        let shape = self.logits.shape().broadcast(&x.shape()).expect("data and logits broadcast");
        self.logits.broadcast_to(shape).bernoulli_log_prob(x)
    }

    /// `Σᵢ softplus(lᵢ) − lᵢ σ(lᵢ)`
    pub fn entropy(&self) -> Var<'t> {
        (self.logits.softplus() - self.logits * self.logits.sigmoid()).sum_last()
    }

    /// Probability of a one: `σ(logits)`.
    pub fn mean(&self) -> Var<'t> {
        self.logits.sigmoid()
    }
}

/// `Σᵢ σ(lᵢ)(lᵢ − mᵢ) − softplus(lᵢ) + softplus(mᵢ)` for q with logits l and p with logits m
impl<'t> Kl<'t, Bernoulli<'t>> for Bernoulli<'t> {
    fn kl(&self, p: &Bernoulli<'t>) -> Var<'t> {
        (self.mean() * (self.logits - p.logits) - self.logits.softplus() + p.logits.softplus()).sum_last()
    }
}
