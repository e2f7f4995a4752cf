//! Trainer state: anything serialisable, by bincode behind our own header.
//!
//! | bytes | content |
//! |---|---|
//! | 0..8 | magic |
//! | 8..12 | format version, u32 |
//! | 12..16 | bytes of a `Real`, u32 |
//! | 16..24 | length of the payload, u64 |
//! | 24..56 | SHA-256 of bytes 0..24 and the payload |
//! | 56.. | payload |
//!
//! Numbers are little-endian.

use std::path::Path;

use bincode::Options;
use elbo_tensor::Real;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::machine::error::{Error, Result};
use crate::machine::files;

/// The first byte is no text and no other magic; the last two reveal a transfer that rewrote line ends.
const MAGIC: [u8; 8] = *b"\xe1bost\x00\r\n";
const VERSION: u32 = 1;
const PREFIX: usize = 24;
const HEADER: usize = 56;

/// Fixed-width integers, and never more bytes than `limit`, whatever lengths the payload claims.
fn format(limit: u64) -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding().with_limit(limit)
}

/// The first bytes of a file whose payload has `length` bytes.
fn prefix(length: u64) -> [u8; PREFIX] {
    let mut prefix = [0; PREFIX];
    prefix[..8].copy_from_slice(&MAGIC);
    prefix[8..12].copy_from_slice(&VERSION.to_le_bytes());
    prefix[12..16].copy_from_slice(&(size_of::<Real>() as u32).to_le_bytes());
    prefix[16..].copy_from_slice(&length.to_le_bytes());
    prefix
}

fn checksum(prefix: &[u8], payload: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(prefix).chain_update(payload).finalize().into()
}

/// Replaces `path` by `state`, atomically. Equal states give equal bytes, as long as `S` holds no hash map.
///
/// # Errors
/// Exit code 5 if the system cannot write.
///
/// # Panics
/// If bincode cannot express `S`, for instance a sequence of unknown length.
pub fn save_state<S: Serialize>(path: &Path, state: &S) -> Result<()> {
    let length = format(u64::MAX).serialized_size(state).expect("the state is a type that bincode can express");
    let mut bytes = Vec::with_capacity(HEADER + length as usize);
    bytes.extend(prefix(length));
    bytes.resize(HEADER, 0);
    format(length).serialize_into(&mut bytes, state).expect("its size was just computed");
    let checksum = checksum(&bytes[..PREFIX], &bytes[HEADER..]);
    bytes[PREFIX..HEADER].copy_from_slice(&checksum);
    files::write_atomic(path, &bytes)
}

/// The state that [`save_state`] wrote to `path`.
///
/// # Errors
/// Exit code 7 if the file is missing, is no state, has another version or precision, was cut, lengthened or changed in
/// any bit, or holds another type; 5 if the system cannot read.
pub fn load_state<S: DeserializeOwned>(path: &Path) -> Result<S> {
    parse(&super::read(path)?).map_err(|message| Error::checkpoint(path, message))
}

fn parse<S: DeserializeOwned>(bytes: &[u8]) -> std::result::Result<S, String> {
    if !bytes.starts_with(&MAGIC) {
        return Err("not a trainer state of elbo".into());
    }
    let Some((header, payload)) = bytes.split_at_checked(HEADER) else {
        return Err(format!("checkpoint is damaged: {} bytes, less than its header of {HEADER}", bytes.len()));
    };
    let (found, stored) = header.split_at(PREFIX);
    let number = |at: usize| u32::from_le_bytes([found[at], found[at + 1], found[at + 2], found[at + 3]]);
    let (version, width, ours) = (number(8), number(12), size_of::<Real>());
    if version != VERSION {
        return Err(format!("checkpoint has format version {version}, this program reads {VERSION}"));
    }
    if width as usize != ours {
        return Err(format!("checkpoint has numbers of {width} bytes, this program computes with {ours}"));
    }
    if found != prefix(payload.len() as u64) {
        return Err(format!("checkpoint is damaged: its {} bytes of state are not what it announces", payload.len()));
    }
    if stored != checksum(found, payload) {
        return Err("checkpoint is damaged: its checksum does not match".into());
    }
    let state = format(payload.len() as u64).deserialize(payload);
    state.map_err(|cause| format!("checkpoint holds another kind of state: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_damage_is_refused;
    use super::*;
    use crate::machine::error::ExitCode;
    use serde::Deserialize;
    use std::fs;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct State {
        epoch: u64,
        names: Vec<String>,
        weights: Vec<Real>,
        best: Option<f64>,
    }

    fn state() -> State {
        // Values that only exact storage keeps: a subnormal, both zeros, the ends of the range.
        let weights = vec![1e-40, 0.0, -0.0, Real::MAX, Real::MIN_POSITIVE, Real::NEG_INFINITY, 0.1];
        State { epoch: 7, names: vec!["q_y.0.weight".into(), "β".into()], weights, best: Some(96.5) }
    }

    fn saved() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("last.state");
        save_state(&path, &state()).unwrap();
        (dir, path)
    }

    #[test]
    fn state_returns_bit_for_bit_and_equal_states_are_equal_files() {
        let (_dir, path) = saved();
        let first = fs::read(&path).unwrap();
        let loaded: State = load_state(&path).unwrap();
        let bits = |state: &State| state.weights.iter().map(|w| w.to_bits()).collect::<Vec<_>>();
        assert_eq!(loaded, state());
        assert_eq!(bits(&loaded), bits(&state()));
        save_state(&path, &loaded).unwrap();
        assert_eq!(fs::read(&path).unwrap(), first);
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_refused() {
        let (_dir, path) = saved();
        assert_damage_is_refused(&fs::read(&path).unwrap(), parse::<State>);
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        let (_dir, path) = saved();
        let good = fs::read(&path).unwrap();
        let with = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = good.clone();
            change(&mut bytes);
            fs::write(&path, bytes).unwrap();
            let error = load_state::<State>(&path).unwrap_err();
            assert_eq!(error.code(), ExitCode::Checkpoint);
            error.to_string()
        };
        assert!(with(&|bytes| bytes[0] = b'e').contains("not a trainer state"));
        assert!(with(&|bytes| bytes[8] = 9).contains("format version 9, this program reads 1"));
        assert!(with(&|bytes| bytes[12] = 2).contains("numbers of 2 bytes"));
        assert!(with(&|bytes| bytes[23] = 255).contains("not what it announces"));
        assert!(with(&|bytes| bytes[60] ^= 1).contains("checksum"));
        assert!(with(&|bytes| bytes.clear()).contains("not a trainer state"));
        fs::remove_file(&path).unwrap();
        assert!(load_state::<State>(&path).unwrap_err().to_string().ends_with("last.state: checkpoint is missing"));
    }

    #[test]
    fn a_payload_of_another_type_or_with_impossible_lengths_is_refused() {
        let (_dir, path) = saved();
        assert!(load_state::<(u64, u8)>(&path).unwrap_err().to_string().contains("another kind of state"));
        // Read as `State`, this claims 2^64 − 1 names.
        save_state(&path, &(7u64, u64::MAX)).unwrap();
        let error = load_state::<State>(&path).unwrap_err();
        assert_eq!(error.code(), ExitCode::Checkpoint, "{error}");
    }
}
