//! Where a model's randomness comes from: a keyed stream, or numbers recorded elsewhere.

use std::collections::VecDeque;

use elbo_tensor::{Shape, Stream, Tensor, fill_normal};

/// A source of standard normals.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // there is one value a step, and boxing it would allocate
pub enum Noise {
    /// Drawn from a random stream.
    Stream(Stream),
    /// Replayed in order: what another system drew, so that values and gradients can be compared.
    Recorded(VecDeque<Tensor>),
}

impl Noise {
    /// Independent standard normals of `shape`.
    #[track_caller]
    pub fn normal(&mut self, shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        match self {
            Noise::Stream(stream) => {
                let mut out = Tensor::scratch(shape);
                fill_normal(stream, out.as_mut_slice());
                out
            }
            Noise::Recorded(queue) => {
                let next = queue.pop_front().expect("more noise asked for than was recorded");
                assert_eq!(next.shape(), shape, "recorded noise has another shape");
                next
            }
        }
    }
}

impl From<Stream> for Noise {
    fn from(stream: Stream) -> Self {
        Noise::Stream(stream)
    }
}
