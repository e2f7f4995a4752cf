//! Where a model's randomness comes from: a keyed stream, or numbers recorded elsewhere.

use std::collections::VecDeque;

use elbo_tensor::{Real, Shape, Stream, Tensor, fill_normal, fill_uniform};

/// A source of standard normals and of uniforms, and how many samples of each latent variable are drawn from it.
#[derive(Debug)]
pub struct Noise {
    source: Source,
    samples: usize,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // there is one value a step, and boxing it would allocate
enum Source {
    Stream(Stream),
    Recorded(VecDeque<Tensor>),
}

impl Noise {
    /// Replays tensors in order: what another system drew, so that values and gradients can be compared.
    pub fn recorded(tensors: impl IntoIterator<Item = Tensor>) -> Self {
        Self { source: Source::Recorded(tensors.into_iter().collect()), samples: 1 }
    }

    /// The same source with `samples` samples of each latent variable: with more than one, what depends on them has
    /// an axis of this extent in front.
    pub fn with_samples(self, samples: usize) -> Self {
        Self { samples, ..self }
    }

    /// Independent standard normals of `shape`.
    #[track_caller]
    pub fn normal(&mut self, shape: impl Into<Shape>) -> Tensor {
        self.draw(shape.into(), fill_normal)
    }

    /// Independent uniforms on `[0, 1)` of `shape`.
    #[track_caller]
    pub fn uniform(&mut self, shape: impl Into<Shape>) -> Tensor {
        self.draw(shape.into(), fill_uniform)
    }

    #[track_caller]
    fn draw(&mut self, shape: Shape, fill: fn(&mut Stream, &mut [Real])) -> Tensor {
        match &mut self.source {
            Source::Stream(stream) => {
                let mut out = Tensor::scratch(shape);
                fill(stream, out.as_mut_slice());
                out
            }
            Source::Recorded(queue) => {
                let next = queue.pop_front().expect("more noise asked for than was recorded");
                assert_eq!(next.shape(), shape, "recorded noise has another shape");
                next
            }
        }
    }

    /// The shape of all samples of a variable of `shape`: `shape`, or `[samples, ..shape]`.
    #[track_caller]
    pub fn sampled(&self, shape: Shape) -> Shape {
        if self.samples == 1 { shape } else { shape.stacked(self.samples) }
    }

    /// Independent standard normals for every sample of a latent variable of `shape`, of the shape [`Noise::sampled`].
    #[track_caller]
    pub fn for_latent(&mut self, shape: Shape) -> Tensor {
        self.normal(self.sampled(shape))
    }
}

impl From<Stream> for Noise {
    fn from(stream: Stream) -> Self {
        Self { source: Source::Stream(stream), samples: 1 }
    }
}
