//! Normal distributions with diagonal covariance.

use elbo_autograd::Var;
use elbo_tensor::Real;

use super::Kl;
use crate::Noise;

/// `½ ln 2π`
pub(super) fn half_log_two_pi() -> Real {
    0.5 * (2.0 * std::f64::consts::PI).ln() as Real
}

/// `N(loc, diag scale²)`; `loc` and `scale` broadcast to `[.., d]`, and one of them has the full event.
#[derive(Debug, Clone, Copy)]
pub struct DiagNormal<'t> {
    /// Mean.
    pub loc: Var<'t>,
    /// Standard deviation.
    pub scale: Var<'t>,
}

/// `N(0, I)` over the last axis.
#[derive(Debug, Clone, Copy)]
pub struct StandardNormal;

impl<'t> DiagNormal<'t> {
    /// `Σᵢ −½((xᵢ − locᵢ)/scaleᵢ)² − ln scaleᵢ − ½ ln 2π`
    pub fn log_prob(&self, x: Var<'t>) -> Var<'t> {
        x.normal_log_prob(self.loc, self.scale)
    }

    /// `Σᵢ ln scaleᵢ + ½ ln 2πe`
    pub fn entropy(&self) -> Var<'t> {
        let shape = self.loc.shape().broadcast(&self.scale.shape()).expect("loc and scale broadcast");
        (self.scale.broadcast_to(shape).log() + (half_log_two_pi() + 0.5)).sum_last()
    }

    /// [`DiagNormal::transform`] of `ε ~ N(0, I)`: differentiable in both parameters.
    pub fn rsample(&self, noise: &mut Noise) -> Var<'t> {
        let shape = self.loc.shape().broadcast(&self.scale.shape()).expect("loc and scale broadcast");
        self.transform(self.loc.tape().constant(noise.for_latent(shape)))
    }

    /// `loc + scale ⊙ z`: what makes a standard normal z this normal.
    pub fn transform(&self, z: Var<'t>) -> Var<'t> {
        self.loc + self.scale * z
    }
}

impl StandardNormal {
    /// `Σᵢ −½xᵢ² − ½ ln 2π`
    pub fn log_prob<'t>(&self, x: Var<'t>) -> Var<'t> {
        (-0.5 * x.square() - half_log_two_pi()).sum_last()
    }
}

/// `½ Σᵢ locᵢ² + scaleᵢ² − 1 − ln scaleᵢ²`
impl<'t> Kl<'t, StandardNormal> for DiagNormal<'t> {
    fn kl(&self, _p: &StandardNormal) -> Var<'t> {
        self.loc.standard_normal_kl(self.scale)
    }
}

/// `Σᵢ ln(sᵢ/rᵢ) + (rᵢ² + (locᵢ − mᵢ)²)/2sᵢ² − ½` for q = N(loc, r²) and p = N(m, s²)
impl<'t> Kl<'t, DiagNormal<'t>> for DiagNormal<'t> {
    fn kl(&self, p: &DiagNormal<'t>) -> Var<'t> {
        let ratio = self.scale / p.scale;
        let shift = (self.loc - p.loc) / p.scale;
        (0.5 * (ratio.square() + shift.square() - 1.0) - ratio.log()).sum_last()
    }
}
