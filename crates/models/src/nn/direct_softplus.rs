//! `ln(1 + eˣ)` computed as it is written, elementwise: what a softplus without `ln_1p` gives.

use elbo_autograd::{Case, Op};
use elbo_tensor::{Tensor, math};

/// `ln(1 + eˣ)` with the sum rounded to the scalar: in single precision it is a multiple of 2⁻²³ for small results, and
/// exactly 0 for x below −16.6. It exists to show what comes of that.
#[derive(Debug)]
pub(crate) struct DirectSoftplus;

impl Op<1> for DirectSoftplus {
    /// `x` above 30, where `eˣ` might overflow.
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.map(|x| if x > 30.0 { x } else { (1.0 + x.exp()).ln() })
    }
    /// `dy · σ(x)`
    fn vjp(&self, _wrt: usize, [x]: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        dy.zip(x, |dy, x| dy * math::sigmoid(x))
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])], [Case::of(&[5]).within(40.0, 50.0)]]
    }
}

#[cfg(test)]
mod tests {
    use elbo_tensor::{Real, Tensor};

    use super::*;

    #[test]
    fn the_sum_with_1_loses_what_ln_1p_keeps() {
        // Half of the scalar's epsilon.
        let lost = (Real::EPSILON / 2.0).ln();
        let x = Tensor::from_slice([2], &[lost + 0.1, lost - 0.1]);
        let y = DirectSoftplus.forward([&x]);
        assert!((y.as_slice()[0] / Real::EPSILON - 1.0).abs() < 1e-6 && y.as_slice()[1] == 0.0, "{y:?}");
        assert!(x.softplus().as_slice().iter().all(|&y| y > 0.0));
    }
}
