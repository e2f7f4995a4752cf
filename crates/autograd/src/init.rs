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
    /// A weight of `shape` for a layer with `fan_in` inputs and `fan_out` outputs.
    pub fn weight(self, shape: impl Into<Shape>, [fan_in, fan_out]: [usize; 2], rng: &mut Stream) -> Tensor {
        let bound = match self {
            Init::Glorot => (6.0 / (fan_in + fan_out) as f64).sqrt(),
            Init::Torch => 1.0 / (fan_in as f64).sqrt(),
        };
        uniform(shape.into(), bound, rng)
    }

    /// A bias for a layer with `fan_in` inputs.
    pub fn bias(self, shape: impl Into<Shape>, fan_in: usize, rng: &mut Stream) -> Tensor {
        match self {
            Init::Glorot => Tensor::zeros(shape),
            Init::Torch => uniform(shape.into(), 1.0 / (fan_in as f64).sqrt(), rng),
        }
    }
}

fn uniform(shape: Shape, bound: f64, rng: &mut Stream) -> Tensor {
    let mut out = Tensor::scratch(shape);
    fill_uniform(rng, out.as_mut_slice());
    out.map(|u| (2.0 * u - 1.0) * bound as Real)
}
