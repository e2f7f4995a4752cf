//! Log-density of a diagonal normal.

use elbo_tensor::{Real, Tensor};

use crate::{Case, Op, Var};

/// `Σᵢ −½((xᵢ − mᵢ)/sᵢ)² − ln sᵢ − ½ ln 2π`: x, mean m and standard deviation s broadcast to `[.., d]` → `[..]`.
#[derive(Debug)]
pub struct NormalLogProb;

/// `(x − m) / s`
fn standardized([x, loc, scale]: [&Tensor; 3]) -> Tensor {
    x.zip(loc, |x, m| x - m).zip(scale, |v, s| v / s)
}

impl Op<3> for NormalLogProb {
    fn forward(&self, args: [&Tensor; 3]) -> Tensor {
        let half_log_two_pi = 0.5 * (2.0 * std::f64::consts::PI).ln() as Real;
        let z = standardized(args);
        let constant = z.shape().last() as Real * half_log_two_pi;
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

impl Var<'_> {
    /// `ln N(self; loc, diag scale²)`, summed over the last axis; `scale` is a standard deviation.
    #[track_caller]
    pub fn normal_log_prob(self, loc: Self, scale: Self) -> Self {
        self.ternary(NormalLogProb, loc, scale)
    }
}
