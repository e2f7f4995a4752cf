//! Normal distributions with full covariance, given by a triangular factor.

use elbo_autograd::Var;

use super::distribution::{Distribution, Kl};
use super::normal::{StandardNormal, StandardNormalKl, half_log_two_pi};
use crate::Noise;

/// `N(loc, L·Lᵀ)` with `L = diag(diag) + lower`, `diag > 0`; `diag` is the diagonal of L and not a standard deviation:
/// that of coordinate i is the norm of row i. Its log-determinant is `Σᵢ ln diagᵢ`.
#[derive(Debug, Clone, Copy)]
pub struct TrilNormal<'t> {
    /// Mean, `[.., d]`.
    pub loc: Var<'t>,
    /// Diagonal of L, positive, `[.., d]`.
    pub diag: Var<'t>,
    /// Entries of L below its diagonal, row by row, `[.., d(d−1)/2]`.
    pub lower: Var<'t>,
}

impl<'t> TrilNormal<'t> {
    /// `loc + L·ε` with `ε ~ N(0, I)`: differentiable in all parameters; `∂z/∂ε = L`.
    pub fn rsample(&self, noise: &mut Noise) -> Var<'t> {
        let eps = self.loc.tape().constant(noise.for_latent(self.loc.shape()));
        self.loc + eps.tril_product(self.diag, self.lower)
    }
}

impl<'t> Distribution<'t> for TrilNormal<'t> {
    /// `−½‖L⁻¹(x − loc)‖² − Σᵢ ln Lᵢᵢ − (d/2) ln 2π`
    #[track_caller]
    fn log_prob(&self, x: Var<'t>) -> Var<'t> {
        let eps = (x - self.loc).tril_solve(self.diag, self.lower);
        StandardNormal.log_prob(eps) - self.diag.log().sum_last()
    }

    /// [`TrilNormal::rsample`]
    fn sample(&self, noise: &mut Noise) -> Var<'t> {
        self.rsample(noise)
    }

    /// `loc`
    fn mean(&self) -> Var<'t> {
        self.loc
    }

    /// `Σᵢ ln Lᵢᵢ + (d/2) ln 2πe`
    fn entropy(&self) -> Var<'t> {
        (self.diag.log() + (half_log_two_pi() + 0.5)).sum_last()
    }
}

/// `½(‖L‖²_F + ‖loc‖² − d) − Σᵢ ln Lᵢᵢ`
impl<'t> Kl<'t, StandardNormal> for TrilNormal<'t> {
    fn kl(&self, _p: &StandardNormal) -> Var<'t> {
        self.loc.binary(StandardNormalKl, self.diag) + 0.5 * self.lower.square().sum_last()
    }
}
