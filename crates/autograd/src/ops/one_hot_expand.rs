//! Every row beside every one-hot code.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `y[k, i] = [xᵢ; eₖ]: [b, d] → [classes, b, d + classes]`: each row once per class, joined with its code.
#[derive(Debug)]
pub struct OneHotExpand {
    /// Number of classes.
    pub classes: usize,
}

impl Op<1> for OneHotExpand {
    #[track_caller]
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        let [b, d] = x.shape()[..] else { panic!("one-hot expansion of {:?}", x.shape()) };
        let mut out = Tensor::zeros([self.classes, b, d + self.classes]);
        for (at, row) in out.as_mut_slice().chunks_exact_mut(d + self.classes).enumerate() {
            row[..d].copy_from_slice(&x.as_slice()[at % b * d..][..d]);
            row[d + at / b] = 1.0;
        }
        out
    }
    /// The columns of x, summed over the classes.
    fn vjp(&self, _wrt: usize, [x]: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        dy.columns(0..x.shape().last()).sum_axis(0)
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])]]
    }
}

impl Var<'_> {
    /// Each row once per class, joined with the class's one-hot code.
    #[track_caller]
    pub fn one_hot_expand(self, classes: usize) -> Self {
        self.unary(OneHotExpand { classes })
    }
}
