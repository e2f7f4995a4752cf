//! Weights in the safetensors format, readable from Python.
//!
//! `__metadata__` has the one key `elbo`, whose value is JSON: `{"sha256": …, "metadata": {…}}`. One key, because the
//! format keeps its metadata in a hash map, whose order would change the bytes from run to run. The checksum stands at
//! a fixed place and is taken over the whole file with zeros in that place.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use data_encoding::HEXLOWER;
use elbo_tensor::Real;
use safetensors::tensor::{Dtype, Metadata, View};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::FORMAT;
use crate::machine::error::{Error, Result};
use crate::machine::files;

const KEY: &str = "elbo";
/// What follows the eight bytes of the header's length in every file we write, up to the checksum.
const OPENING: &[u8] = br#"{"__metadata__":{"elbo":"{\"sha256\":\""#;
/// Where the 64 hexadecimal digits of the checksum begin.
const CHECKSUM: usize = 8 + OPENING.len();
const DIGITS: usize = 64;
const ZEROS: [u8; DIGITS] = [b'0'; DIGITS];

/// A number as the format stores it.
pub trait Scalar: Copy {
    /// Its name in the format.
    const DTYPE: Dtype;
    /// Appends its bytes.
    fn write(self, bytes: &mut Vec<u8>);
    /// The numbers in `bytes`.
    fn read(bytes: &[u8]) -> Vec<Self>;
}

impl Scalar for f32 {
    const DTYPE: Dtype = Dtype::F32;
    fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
    fn read(bytes: &[u8]) -> Vec<Self> {
        bytes.as_chunks().0.iter().map(|value| Self::from_le_bytes(*value)).collect()
    }
}

impl Scalar for f64 {
    const DTYPE: Dtype = Dtype::F64;
    fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
    fn read(bytes: &[u8]) -> Vec<Self> {
        bytes.as_chunks().0.iter().map(|value| Self::from_le_bytes(*value)).collect()
    }
}

/// A tensor to be saved: row-major values under a name.
#[derive(Debug, Clone, Copy)]
pub struct NamedTensor<'a, T = Real> {
    /// Unique in its file.
    pub name: &'a str,
    /// Length of each axis.
    pub shape: &'a [usize],
    /// As many values as the product of `shape`.
    pub data: &'a [T],
}

/// A tensor that was loaded: row-major values.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTensor<T = Real> {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// As many values as the product of `shape`.
    pub data: Vec<T>,
}

/// What a file of weights holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights<T = Real> {
    /// Tensors by name.
    pub tensors: BTreeMap<String, StoredTensor<T>>,
    /// What the writer noted beside them.
    pub metadata: BTreeMap<String, String>,
}

impl<T> Weights<T> {
    /// Version of the format that the writer noted; 0 if it was of before there were versions.
    pub fn format(&self) -> u32 {
        self.metadata.get("format").and_then(|version| version.parse().ok()).unwrap_or(0)
    }
}

/// The value of [`KEY`]; `sha256` comes first, so that its place is known before anything is parsed.
#[derive(Serialize, Deserialize)]
struct Note {
    sha256: String,
    metadata: BTreeMap<String, String>,
}

impl<T: Scalar> View for NamedTensor<'_, T> {
    fn dtype(&self) -> Dtype {
        T::DTYPE
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = Vec::with_capacity(self.data_len());
        self.data.iter().for_each(|value| value.write(&mut bytes));
        bytes.into()
    }

    fn data_len(&self) -> usize {
        size_of_val(self.data)
    }
}

/// Hexadecimal SHA-256 of `bytes` with zeros in the place of the checksum.
fn checksum(bytes: &[u8]) -> String {
    let digest = Sha256::new()
        .chain_update(&bytes[..CHECKSUM])
        .chain_update(ZEROS)
        .chain_update(&bytes[CHECKSUM + DIGITS..])
        .finalize();
    HEXLOWER.encode(&digest)
}

/// Replaces `path` by `tensors` and `metadata`, atomically. Equal content gives equal bytes, whatever the order of
/// `tensors`.
///
/// # Errors
/// Exit code 5 if the system cannot write.
///
/// # Panics
/// If two tensors have one name or the data of a tensor does not fill its shape.
#[track_caller]
pub fn save_weights<T: Scalar>(
    path: &Path,
    tensors: &[NamedTensor<'_, T>],
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let named: BTreeMap<&str, NamedTensor<'_, T>> = tensors.iter().map(|tensor| (tensor.name, *tensor)).collect();
    assert_eq!(named.len(), tensors.len(), "two tensors have the same name");
    let note = Note { sha256: String::from_utf8_lossy(&ZEROS).into(), metadata: metadata.clone() };
    let note = serde_json::to_string(&note).expect("text is JSON");
    let bytes = safetensors::serialize(named, Some(HashMap::from([(KEY.to_string(), note)])));
    let mut bytes = bytes.unwrap_or_else(|cause| panic!("{cause}"));
    assert!(bytes[8..].starts_with(OPENING), "the metadata comes first in the header");
    let checksum = checksum(&bytes);
    bytes[CHECKSUM..CHECKSUM + DIGITS].copy_from_slice(checksum.as_bytes());
    files::write_atomic(path, &bytes)
}

/// The weights that [`save_weights`] wrote to `path`.
///
/// # Errors
/// Exit code 7 if the file is missing, was not written by this program, was cut, lengthened or changed in any bit, or
/// holds numbers of another precision; 5 if the system cannot read.
pub fn load_weights<T: Scalar>(path: &Path) -> Result<Weights<T>> {
    let bytes = super::read(path)?;
    parse(&bytes).map_err(|message| Error::checkpoint(path, message))
}

fn parse<T: Scalar>(bytes: &[u8]) -> std::result::Result<Weights<T>, String> {
    // The checksum comes before the parser: damaged lengths and offsets never reach it.
    let stored = bytes.get(CHECKSUM..CHECKSUM + DIGITS).filter(|_| bytes[8..CHECKSUM] == *OPENING);
    let stored = stored.ok_or("not a file of weights written by elbo, or cut to its first bytes")?;
    if stored != checksum(bytes).as_bytes() {
        return Err("checkpoint is damaged: its checksum does not match".into());
    }
    let malformed = |cause: &dyn std::fmt::Display| format!("checkpoint is malformed: {cause}");
    let (length, rest) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().map_err(|cause| malformed(&cause))?);
    let split = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let (header, data) = split.ok_or_else(|| malformed(&"the header is longer than the file"))?;
    let header: Metadata = serde_json::from_slice(header).map_err(|cause| malformed(&cause))?;
    if header.data_len() != data.len() {
        return Err(malformed(&format_args!("{} bytes of data instead of {}", data.len(), header.data_len())));
    }
    let note = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY)).map_or("", String::as_str);
    let note: Note = serde_json::from_str(note).map_err(|cause| malformed(&cause))?;
    let mut weights = Weights { tensors: BTreeMap::new(), metadata: note.metadata };
    let found = weights.format();
    if found > FORMAT {
        return Err(format!("checkpoint has format version {found}, this program reads up to {FORMAT}"));
    }
    for (name, info) in header.tensors() {
        if info.dtype != T::DTYPE {
            return Err(format!("tensor `{name}` is {}, this program computes with {}", info.dtype, T::DTYPE));
        }
        let values = T::read(&data[info.data_offsets.0..info.data_offsets.1]);
        weights.tensors.insert(name, StoredTensor { shape: info.shape.clone(), data: values });
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_damage_is_refused;
    use super::*;
    use crate::machine::error::ExitCode;
    use std::fs;

    const W: NamedTensor<'static> =
        NamedTensor { name: "q_y.0.weight", shape: &[2, 3], data: &[1.0, -0.0, 1e-40, Real::MAX, 0.1, -7.5] };
    const B: NamedTensor<'static> = NamedTensor { name: "q_y.0.bias", shape: &[2], data: &[0.25, -0.5] };
    const SCALAR: NamedTensor<'static> = NamedTensor { name: "ß \"temperature\"", shape: &[], data: &[3.0] };
    const EMPTY: NamedTensor<'static> = NamedTensor { name: "unused", shape: &[0, 4], data: &[] };

    fn notes() -> BTreeMap<String, String> {
        [("model", "gmvae"), ("epoch", "20"), ("text", "\"quoted\"\nand \\ more")]
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .into()
    }

    fn saved(tensors: &[NamedTensor<'_>]) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("best.safetensors");
        save_weights(&path, tensors, &notes()).unwrap();
        (dir, path)
    }

    #[test]
    fn weights_return_bit_for_bit() {
        let tensors = [W, B, SCALAR, EMPTY];
        let (_dir, path) = saved(&tensors);
        let loaded = load_weights::<Real>(&path).unwrap();
        assert_eq!(loaded.metadata, notes());
        assert_eq!(loaded.tensors.len(), tensors.len());
        for tensor in tensors {
            let stored = &loaded.tensors[tensor.name];
            let bits = |data: &[Real]| data.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(stored.shape, tensor.shape);
            assert_eq!(bits(&stored.data), bits(tensor.data));
        }
    }

    #[test]
    fn equal_weights_are_equal_files_in_any_order() {
        let (_dir, path) = saved(&[W, B, SCALAR]);
        let bytes = fs::read(&path).unwrap();
        for _ in 0..20 {
            let (_dir, path) = saved(&[SCALAR, B, W]);
            assert_eq!(fs::read(path).unwrap(), bytes);
        }
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_refused() {
        let (_dir, path) = saved(&[W, B]);
        let mut bytes = fs::read(&path).unwrap();
        assert_damage_is_refused(&bytes, parse::<Real>);
        bytes.pop();
        fs::write(&path, bytes).unwrap();
        let error = load_weights::<Real>(&path).unwrap_err();
        assert_eq!(error.code(), ExitCode::Checkpoint);
        assert!(error.to_string().ends_with("best.safetensors: checkpoint is damaged: its checksum does not match"));
    }

    #[test]
    fn the_reference_reader_agrees() {
        let (_dir, path) = saved(&[W, B]);
        let bytes = fs::read(path).unwrap();
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let tensor = read.tensor(W.name).unwrap();
        assert_eq!((tensor.shape(), tensor.dtype()), (W.shape, Real::DTYPE));
        assert_eq!(tensor.data(), View::data(&W).as_ref());
    }

    /// `bytes` with the header replaced and its length and checksum made right: damage that only malice can make.
    fn forged(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        let checksum = checksum(&bytes);
        bytes[CHECKSUM..CHECKSUM + DIGITS].copy_from_slice(checksum.as_bytes());
        bytes
    }

    #[test]
    fn a_forged_header_with_a_right_checksum_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("forged.safetensors");
        let opening = String::from_utf8_lossy(OPENING).to_string() + &"0".repeat(DIGITS);
        let head = opening.clone() + r#"\",\"metadata\":{}}"}"#;
        let huge = r#","a":{"dtype":"F32","shape":[2305843009213693951],"data_offsets":[0,9223372036854775804]}}"#;
        let other = r#","a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}"#;
        let gap = r#","a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
        let overflow = r#","a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#;
        for (header, data) in [
            (head.clone() + huge, &[0u8; 4][..]),
            (head.clone() + other, &[0; 1]),
            (head.clone() + gap, &[0; 8]),
            (head.clone() + overflow, &[]),
            (head.clone() + "}", &[0; 4]),
            (head, &[]),
            (opening, &[]),
        ] {
            fs::write(&path, forged(&header, data)).unwrap();
            let error = load_weights::<Real>(&path).unwrap_err();
            assert_eq!(error.code(), ExitCode::Checkpoint, "{header}: {error}");
            assert!(!error.to_string().contains("checksum"), "{header}: {error}");
        }
        let mut long = forged("", &[OPENING, &[b'0'; DIGITS]].concat());
        long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        let right = checksum(&long);
        long[CHECKSUM..CHECKSUM + DIGITS].copy_from_slice(right.as_bytes());
        fs::write(&path, long).unwrap();
        assert!(load_weights::<Real>(&path).unwrap_err().to_string().contains("longer than the file"));
    }

    #[test]
    #[should_panic(expected = "same name")]
    fn two_tensors_with_one_name_are_a_bug_of_the_caller() {
        saved(&[W, W]);
    }

    #[test]
    #[should_panic(expected = "tensor")]
    fn data_that_does_not_fill_its_shape_is_a_bug_of_the_caller() {
        saved(&[NamedTensor { shape: &[3, 3], ..W }]);
    }
}
