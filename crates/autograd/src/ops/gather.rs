//! One chosen column per row.

use elbo_tensor::Tensor;

use crate::{Case, Op, Var};

/// `y[i] = x[i, index[i]]: [n, d] → [n]`
#[derive(Debug)]
pub struct Gather {
    /// The column taken from each row.
    pub index: Vec<u32>,
}

impl Op<1> for Gather {
    #[track_caller]
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        let width = x.shape().last();
        assert_eq!(x.shape().rows(), self.index.len(), "one index a row");
        assert!(self.index.iter().all(|&i| (i as usize) < width), "gather index beyond {width} columns");
        Tensor::from_fn([self.index.len()], |row| x.as_slice()[row * width + self.index[row] as usize])
    }
    /// `dy[i]` at `[i, index[i]]`, 0 elsewhere.
    fn vjp(&self, _wrt: usize, [x]: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        let width = x.shape().last();
        let mut dx = Tensor::zeros(x.shape());
        for (row, (&column, &dy)) in self.index.iter().zip(dy.as_slice()).enumerate() {
            dx.as_mut_slice()[row * width + column as usize] = dy;
        }
        dx
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[self.index.len(), 4])]]
    }
}

impl Var<'_> {
    /// `y[i] = x[i, index[i]]`
    #[track_caller]
    pub fn gather(self, index: Vec<u32>) -> Self {
        self.unary(Gather { index })
    }
}
