//! Random streams keyed by (seed, purpose, index).
//!
//! Every consumer of randomness opens its own stream, so that resuming a run needs no generator state and
//! drawing more often for one purpose (say, evaluation) cannot change another (training).

use rand::SeedableRng;
use rand::distr::{Distribution, StandardUniform};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::Real;

/// The generator behind every random number: ChaCha with 8 rounds.
pub type Stream = ChaCha8Rng;

/// What a random stream is for. Two purposes never share numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Purpose {
    /// Initial values of parameters.
    Init = 1,
    /// Order of the training rows, one stream a pass over the data.
    Shuffle = 2,
    /// Dynamic binarisation of training batches, one stream a step.
    Binarize = 3,
    /// Noise of the model (reparameterised samples), one stream a step.
    Noise = 4,
    /// Everything random in an evaluation, one stream an epoch.
    Evaluate = 5,
    /// Generation of a synthetic data set.
    Data = 6,
    /// Samples drawn for a figure.
    Figure = 7,
    /// Random points and directions of tests.
    Test = 8,
    /// Importance-weighted bounds.
    Bound = 9,
}

/// The stream of `purpose` number `index` under `seed`: ChaCha8 keyed by the seed, with (purpose, index) as its
/// 64-bit stream number (16 bits of purpose, 48 of index).
pub fn stream(seed: u64, purpose: Purpose, index: u64) -> Stream {
    debug_assert!(index < 1 << 48, "stream index {index} exceeds 48 bits");
    let mut stream = ChaCha8Rng::seed_from_u64(seed);
    stream.set_stream(((purpose as u64) << 48) | index);
    stream
}

/// Fills `out` with independent standard normals.
pub fn fill_normal(stream: &mut Stream, out: &mut [Real]) {
    out.iter_mut().for_each(|v| *v = StandardNormal.sample(stream));
}

/// A uniform on `[0, 1)` with 53 bits, in every build: for choices among many rows.
pub fn uniform(stream: &mut Stream) -> f64 {
    StandardUniform.sample(stream)
}

/// Fills `out` with independent uniforms on `[0, 1)`.
pub fn fill_uniform(stream: &mut Stream, out: &mut [Real]) {
    out.iter_mut().for_each(|v| *v = StandardUniform.sample(stream));
}
