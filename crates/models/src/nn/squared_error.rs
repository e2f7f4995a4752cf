//! Squared distances.

use elbo_autograd::{Case, Op};
use elbo_tensor::{Real, Tensor};

/// `weight · Σᵢ (xᵢ − mᵢ)²`: x and m broadcast to `[.., d]` → `[..]`.
#[derive(Debug)]
pub(crate) struct SquaredError {
    /// Factor.
    pub weight: Real,
}

impl Op<2> for SquaredError {
    fn forward(&self, [x, m]: [&Tensor; 2]) -> Tensor {
        let weight = self.weight;
        x.zip(m, move |x, m| weight * (x - m) * (x - m)).sum_last()
    }
    /// `dy · 2 weight (x − m)`, `dy · 2 weight (m − x)`
    fn vjp(&self, wrt: usize, x: [&Tensor; 2], _y: &Tensor, dy: &Tensor) -> Tensor {
        let double = 2.0 * self.weight;
        let slope = x[wrt].zip(x[1 - wrt], move |x, m| double * (x - m));
        let column = dy.clone().reshape(slope.shape().with_last(1));
        slope.update(&column, |slope, dy| slope * dy)
    }
    fn cases(&self) -> Vec<[Case; 2]> {
        vec![
            [Case::of(&[3, 4]), Case::of(&[3, 4])],
            [Case::of(&[3, 4]), Case::of(&[2, 1, 4])],
            [Case::of(&[2, 3, 4]), Case::of(&[1])],
        ]
    }
}
