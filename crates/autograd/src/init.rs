//! Initial values of linear layers.

use elbo_tensor::{Real, Shape, Stream, Tensor, fill_uniform};

/// How a linear layer `y = x·W + b` starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// `W ~ U(±√(6 / (in + out)))`, `b = 0` (Glorot and Bengio 2010, eq. 16).
    Glorot,
    /// `W, b ~ U(±1/√in)`: the default of PyTorch's `nn.Linear`.
    Torch,
}

impl Init {
    /// A weight for `fan_in` inputs, of which it multiplies the `rows` first, and layers of `fan_outs` outputs side by
    /// side: `[rows, Σ fan_outs]`.
    pub fn weight(self, rows: usize, fan_in: usize, fan_outs: &[usize], rng: &mut Stream) -> Tensor {
        let bound = |&fan_out: &usize| match self {
            Init::Glorot => (6.0 / (fan_in + fan_out) as f64).sqrt(),
            Init::Torch => 1.0 / (fan_in as f64).sqrt(),
        };
        let bounds: Vec<Real> = fan_outs.iter().flat_map(|out| vec![bound(out) as Real; *out]).collect();
        uniform([rows, bounds.len()].into(), rng)
            .zip(&Tensor::from_slice([bounds.len()], &bounds), |u, bound| u * bound)
    }

    /// A bias for a layer with `fan_in` inputs.
    pub fn bias(self, shape: impl Into<Shape>, fan_in: usize, rng: &mut Stream) -> Tensor {
        match self {
            Init::Glorot => Tensor::zeros(shape),
            Init::Torch => uniform(shape.into(), rng).map(|u| u * (1.0 / (fan_in as f64).sqrt()) as Real),
        }
    }
}

/// `U(−1, 1)`
fn uniform(shape: Shape, rng: &mut Stream) -> Tensor {
    let mut out = Tensor::scratch(shape);
    fill_uniform(rng, out.as_mut_slice());
    out.map(|u| 2.0 * u - 1.0)
}
