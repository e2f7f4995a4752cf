//! Divergence of a diagonal normal from the standard normal.

use elbo_tensor::{Real, Tensor, math};

use crate::{Case, Op, Var};

/// `½ Σᵢ mᵢ² + sᵢ² − 1 − ln sᵢ² = KL(N(m, diag s²) ‖ N(0, I))`: mean m and standard deviation s `[.., d]` → `[..]`.
#[derive(Debug)]
pub struct StandardNormalKl;

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

impl Var<'_> {
    /// `KL(N(self, diag scale²) ‖ N(0, I))`, summed over the last axis; `scale` is a standard deviation.
    #[track_caller]
    pub fn standard_normal_kl(self, scale: Self) -> Self {
        self.binary(StandardNormalKl, scale)
    }
}
