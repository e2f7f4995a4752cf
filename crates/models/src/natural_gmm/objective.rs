//! The objective of an M-step and its gradient, in closed form and through the tape.

use elbo_autograd::{Params, Tape, Var};
use elbo_tensor::{Real, Tensor};

use super::layout::Layout;

/// `J(θ) + R(θ)` with `J = ψ(θ) − θ·η̂`, whose gradient is `η(θ) − η̂`, and
/// `R = l2‖θ‖² + Σⱼ (uprⱼ tr Λⱼ − lwrⱼ ln|Λⱼ|)`; J is convex and its minimum is the mixture of mean coordinates η̂.
#[derive(Debug, Clone)]
pub struct Objective {
    /// Extents and order of all coordinates.
    pub layout: Layout,
    /// Mean coordinates η̂ in the order of the layout.
    pub target: Vec<Real>,
    /// Weight of `tr Λⱼ` for each component, `[k]`.
    pub upr: Vec<Real>,
    /// Weight of `−ln|Λⱼ|` for each component, `[k]`.
    pub lwr: Vec<Real>,
    /// Weight of `‖θ‖²` over the anchored coordinates.
    pub l2: Real,
}

impl Objective {
    /// The objective, a scalar, as a formula of η₁ `[k, d]`, η₂ `[k, d]` and θ_Z `[k − 1]` (none if k = 1).
    pub fn value<'t>(&self, eta1: Var<'t>, eta2: Var<'t>, logits: Option<Var<'t>>) -> Var<'t> {
        let (tape, Layout { k, d }) = (eta1.tape(), self.layout);
        let constant = |shape: &[usize], values: &[Real]| tape.constant(Tensor::from_slice(shape, values));
        // θⱼ = θ_X + Θⱼ; the anchor's own row is not added twice.
        let differences = tape.constant(Tensor::from_fn([k, 1], |j| if j == 0 { 0.0 } else { 1.0 }));
        let component = |eta: Var<'t>| eta.reshape([k * d]).slice(0..d) + differences * eta;
        let (n, precision) = (component(eta1), -2.0 * component(eta2));
        let log_det = precision.log().sum_last();
        let psi = 0.5 * ((n.square() / precision).sum_last() - log_det);
        let logits_of_all = logits.map(|logits| tape.constant(Tensor::zeros([1])).concat(logits));
        let log_partition = logits_of_all.map_or(psi, |logits| psi + logits).log_sum_exp();

        let [target1, target2, target_z] = self.layout.parts(&self.target);
        let inner = (eta1 * constant(&[k, d], target1)).sum_all() + (eta2 * constant(&[k, d], target2)).sum_all();
        let penalty = constant(&[k], &self.upr) * precision.sum_last() - constant(&[k], &self.lwr) * log_det;
        let squares = eta1.square().sum_all() + eta2.square().sum_all();
        let rest = penalty.sum_all() + self.l2 * squares;
        let value = log_partition - inner + rest;
        match logits {
            Some(z) => value - (z * constant(&[k - 1], target_z)).sum_all() + self.l2 * z.square().sum_all(),
            None => value,
        }
    }

    /// The gradient through the tape, in the order of the layout.
    ///
    /// # Panics
    /// If `theta` has not [`Layout::len`] coordinates.
    pub fn autodiff(&self, theta: &[Real]) -> Vec<Real> {
        let (params, Layout { k, d }) = (Params::new(), self.layout);
        let tape = Tape::new(&params);
        let [eta1, eta2, logits] = self.layout.parts(theta);
        let leaf = |shape: &[usize], values| tape.variable(Tensor::from_slice(shape, values));
        let (eta1, eta2) = (leaf(&[k, d], eta1), leaf(&[k, d], eta2));
        let logits = (k > 1).then(|| leaf(&[k - 1], logits));
        let grads = tape.backward(self.value(eta1, eta2, logits));
        let of = |leaf: Var<'_>| grads.of(leaf).expect("the objective depends on every coordinate").as_slice().to_vec();
        [Some(eta1), Some(eta2), logits].into_iter().flatten().flat_map(of).collect()
    }
}
