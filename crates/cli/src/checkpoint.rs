//! Checkpoints: weights that other programs can read, the state that continues a run bit for bit, and the arrays that
//! are both for a model that is fitted by iterations.
//!
//! All carry a SHA-256 over every byte of the file, so damage of any kind is refused, never loaded.

mod arrays;
mod params;
mod state;
mod weights;

pub use arrays::{Notes, StoredArrays, load_arrays, save_arrays};
pub use params::{fill, load_params, save_params, save_values};
pub use state::{load_state, save_state};
pub use weights::{NamedTensor, StoredTensor, Weights, load_weights, save_weights};

use std::path::Path;
use std::{fs, io};

use crate::machine::error::{Error, Result};

/// Version of what the headers of weights note: a file of a later one is refused, one without any is of before
/// there were versions.
pub const FORMAT: u32 = 1;

/// All bytes of the checkpoint `path`.
fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => Error::checkpoint(path, "checkpoint is missing"),
        _ => Error::system("read", path, &cause),
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    /// Asserts that `parse` accepts `bytes` and refuses them with any single bit flipped, cut to any shorter length and
    /// with a byte more.
    pub(super) fn assert_damage_is_refused<T: Debug>(bytes: &[u8], parse: impl Fn(&[u8]) -> Result<T, String>) {
        let mut damaged = bytes.to_vec();
        for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            damaged[at] ^= 1 << bit;
            assert!(parse(&damaged).is_err(), "bit {bit} of byte {at} flipped");
            damaged[at] ^= 1 << bit;
        }
        for length in 0..bytes.len() {
            assert!(parse(&bytes[..length]).is_err(), "cut to {length} bytes");
        }
        damaged.push(0);
        assert!(parse(&damaged).is_err(), "a byte more");
        parse(bytes).expect("the undamaged file");
    }
}
