//! Normal distributions with diagonal covariance.

use elbo_autograd::{Case, Op, Var};
use elbo_tensor::{Real, Shape, Tensor, math};

use super::distribution::{Distribution, Kl};
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
    /// [`DiagNormal::transform`] of `ε ~ N(0, I)`: differentiable in both parameters.
    pub fn rsample(&self, noise: &mut Noise) -> Var<'t> {
        self.transform(self.loc.tape().constant(noise.for_latent(self.shape())))
    }

    /// `loc + scale ⊙ z`: what makes a standard normal z this normal.
    pub fn transform(&self, z: Var<'t>) -> Var<'t> {
        self.loc + self.scale * z
    }

    /// `[.., d]`
    fn shape(&self) -> Shape {
        self.loc.shape().broadcast(&self.scale.shape()).expect("loc and scale broadcast")
    }
}

impl<'t> Distribution<'t> for DiagNormal<'t> {
    /// `Σᵢ −½((xᵢ − locᵢ)/scaleᵢ)² − ln scaleᵢ − ½ ln 2π`
    #[track_caller]
    fn log_prob(&self, x: Var<'t>) -> Var<'t> {
        x.ternary(NormalLogProb, self.loc, self.scale)
    }

    /// [`DiagNormal::rsample`]
    fn sample(&self, noise: &mut Noise) -> Var<'t> {
        self.rsample(noise)
    }

    /// `loc`
    fn mean(&self) -> Var<'t> {
        self.loc.broadcast_to(self.shape())
    }

    /// `Σᵢ ln scaleᵢ + ½ ln 2πe`
    fn entropy(&self) -> Var<'t> {
        (self.scale.broadcast_to(self.shape()).log() + (half_log_two_pi() + 0.5)).sum_last()
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
        self.loc.binary(StandardNormalKl, self.scale)
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

/// `Σᵢ −½((xᵢ − mᵢ)/sᵢ)² − ln sᵢ − ½ ln 2π`: x, mean m and standard deviation s broadcast to `[.., d]` → `[..]`.
#[derive(Debug)]
pub(crate) struct NormalLogProb;

/// `(x − m) / s`
fn standardized([x, loc, scale]: [&Tensor; 3]) -> Tensor {
    x.zip(loc, |x, m| x - m).zip(scale, |v, s| v / s)
}

impl Op<3> for NormalLogProb {
    fn forward(&self, args: [&Tensor; 3]) -> Tensor {
        let z = standardized(args);
        let constant = z.shape().last() as Real * half_log_two_pi();
        // Rows of the scale are summed before they broadcast.
        let repeats = (z.shape().last() / args[2].shape().last()) as Real;
        let log_scale = args[2].ln().sum_last().map(|sum| repeats * sum + constant);
        z.zip_sum_last(&z, |z, _| -0.5 * z * z).update(&log_scale, |y, c| y - c)
    }
    /// `−dy · z/s`, `dy · z/s`, `dy · (z² − 1)/s` with `z = (x − m)/s`
    fn vjp(&self, wrt: usize, args: [&Tensor; 3], _y: &Tensor, dy: &Tensor) -> Tensor {
        let z = standardized(args);
        match wrt {
            0 => z.zip_scaled(args[2], dy, |z, s| -z / s),
            1 => z.zip_scaled(args[2], dy, |z, s| z / s),
            _ => z.zip_scaled(args[2], dy, |z, s| (z * z - 1.0) / s),
        }
    }
    fn cases(&self) -> Vec<[Case; 3]> {
        let of = |x: &[usize], loc: &[usize], scale: &[usize]| {
            [Case::of(x), Case::of(loc), Case::of(scale).within(0.3, 2.0)]
        };
        vec![
            of(&[3, 4], &[3, 4], &[3, 4]),
            of(&[2, 3, 4], &[2, 1, 4], &[4]),
            of(&[3, 4], &[2, 3, 4], &[1, 4]),
            of(&[3, 4], &[1], &[3, 1]),
        ]
    }
}

/// `½ Σᵢ mᵢ² + sᵢ² − 1 − ln sᵢ² = KL(N(m, diag s²) ‖ N(0, I))`: mean m and standard deviation s `[.., d]` → `[..]`.
#[derive(Debug)]
pub(crate) struct StandardNormalKl;

impl Op<2> for StandardNormalKl {
    fn forward(&self, [loc, scale]: [&Tensor; 2]) -> Tensor {
        let shape = loc.shape().broadcast(&scale.shape()).expect("loc and scale broadcast");
        let (loc, scale) = (loc.broadcast_to(shape), scale.broadcast_to(shape));
        loc.zip_sum_last(
            &scale,
            #[inline(always)]
            |m, s: Real| 0.5 * (m * m + s * s - 1.0) - math::ln(s),
        )
    }
    /// `dy · m`, `dy · (s − 1/s)`
    fn vjp(&self, wrt: usize, args: [&Tensor; 2], _y: &Tensor, dy: &Tensor) -> Tensor {
        let shape = args[0].shape().broadcast(&args[1].shape()).expect("loc and scale broadcast");
        let x = args[wrt].broadcast_to(shape);
        match wrt {
            0 => x.zip_scaled(&x, dy, |m, _| m),
            _ => x.zip_scaled(&x, dy, |s, _| s - 1.0 / s),
        }
    }
    fn cases(&self) -> Vec<[Case; 2]> {
        let of = |loc: &[usize], scale: &[usize]| [Case::of(loc), Case::of(scale).within(0.3, 2.0)];
        vec![of(&[3, 4], &[3, 4]), of(&[2, 3, 4], &[4]), of(&[4], &[2, 1, 4])]
    }
}
