//! IDX files of unsigned bytes, plain or gzip: the format of MNIST and its successors.
//!
//! A file is a magic number (two zero bytes, the type `0x08`, the number of dimensions), the dimensions as big-endian
//! `u32`, then the bytes, row-major (Y. LeCun, C. Cortes, C. Burges, *The MNIST database*). Files come from anywhere,
//! so nothing is allocated before the announced size has been weighed against the size on disk.

use std::fs;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::file::{self, BLOCK, Source};
use crate::{DataError, Dataset, Labels, Values};

/// What an IDX file of bytes holds.
struct Kind {
    name: &'static str,
    /// What the dimensions count, outermost first.
    dimensions: &'static [&'static str],
}

const IMAGES: Kind = Kind { name: "images", dimensions: &["images", "rows", "columns"] };
const LABELS: Kind = Kind { name: "labels", dimensions: &["labels"] };

impl Kind {
    fn magic(&self) -> u32 {
        0x0800 + self.dimensions.len() as u32
    }
}

/// Reads a file of images `[n, rows, columns]` as an unlabelled data set named after the file.
///
/// # Errors
/// [`DataError`] if the file is missing, cannot be read, or is not exactly such a file.
pub fn read_images(path: impl AsRef<Path>) -> Result<Dataset, DataError> {
    let path = path.as_ref();
    let (dims, bytes) = read(path, &IMAGES)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Dataset::new(name, &dims[1..], Values::Bytes(bytes), None)
}

/// Reads a file of labels `[n]`. The number of classes is the largest label plus one.
///
/// # Errors
/// [`DataError`] if the file is missing, cannot be read, or is not exactly such a file.
pub fn read_labels(path: impl AsRef<Path>) -> Result<Labels, DataError> {
    let (_, bytes) = read(path.as_ref(), &LABELS)?;
    let classes = bytes.iter().max().map_or(0, |&label| usize::from(label) + 1);
    Ok(Labels { values: bytes.into_iter().map(u32::from).collect(), classes })
}

/// Whether `dir` holds an IDX file of images under a name that [`load_folder`] looks for.
pub fn is_folder(dir: impl AsRef<Path>) -> bool {
    ["train-images", "t10k-images"].iter().any(|stem| matches!(find(dir.as_ref(), stem, 3), Ok(Some(_))))
}

/// Reads a folder in the layout of MNIST: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-…` and
/// `t10k-labels-…`, each plain or with `.gz` (plain wins), also spelt `train-images.idx3-ubyte`. Label files may be
/// absent. Gives (train, test), named after the folder, with as many classes as either of them needs.
///
/// # Errors
/// [`DataError`] if a file of images is missing, if a file cannot be read or is malformed, if images and labels differ
/// in number, or if the images of train and test differ in size.
pub fn load_folder(dir: impl AsRef<Path>) -> Result<(Dataset, Dataset), DataError> {
    let dir = dir.as_ref();
    let metadata = fs::metadata(dir).map_err(|error| DataError::from_io(dir, "a folder of IDX files", error))?;
    if !metadata.is_dir() {
        return Err(DataError::NotFound { path: dir.to_owned(), wanted: "a folder of IDX files, not a file".into() });
    }
    // What is missing is found before anything large is read.
    let train_path = images_path(dir, "train")?;
    let test_path = images_path(dir, "t10k")?;
    let labels = |stem| find(dir, stem, 1)?.map(|path| Ok((read_labels(&path)?, path))).transpose();
    let (mut train_labels, mut test_labels) = (labels("train-labels")?, labels("t10k-labels")?);
    let classes = [&train_labels, &test_labels].into_iter().flatten().map(|(labels, _)| labels.classes).max();
    for (labels, _) in [&mut train_labels, &mut test_labels].into_iter().flatten() {
        labels.classes = classes.unwrap_or(0);
    }
    let name = dir.canonicalize().ok().and_then(|dir| Some(dir.file_name()?.to_string_lossy().into_owned()));
    let name = name.unwrap_or_else(|| dir.display().to_string());
    let train = labelled(&name, &train_path, train_labels)?;
    let test = labelled(&name, &test_path, test_labels)?;
    if train.shape() != test.shape() {
        let reason = format!("test images are {:?}, but train images {:?}", test.shape(), train.shape());
        return Err(DataError::malformed(test_path, 8, reason));
    }
    Ok((train, test))
}

fn images_path(dir: &Path, split: &str) -> Result<PathBuf, DataError> {
    find(dir, &format!("{split}-images"), 3)?.ok_or_else(|| DataError::NotFound {
        path: dir.to_owned(),
        wanted: format!("{split}-images-idx3-ubyte or {split}-images-idx3-ubyte.gz"),
    })
}

fn find(dir: &Path, stem: &str, rank: usize) -> Result<Option<PathBuf>, DataError> {
    for end in ["", ".gz"] {
        for joint in ["-", "."] {
            let path = dir.join(format!("{stem}{joint}idx{rank}-ubyte{end}"));
            if path.try_exists().map_err(|source| DataError::Io { path: path.clone(), source })? {
                return Ok(Some(path));
            }
        }
    }
    Ok(None)
}

fn labelled(name: &str, images: &Path, labels: Option<(Labels, PathBuf)>) -> Result<Dataset, DataError> {
    let (dims, bytes) = read(images, &IMAGES)?;
    let labels = match labels {
        Some((labels, path)) if labels.values.len() != dims[0] => {
            let reason = format!("{} labels for the {} images of {}", labels.values.len(), dims[0], images.display());
            return Err(DataError::malformed(path, 4, reason));
        }
        labels => labels.map(|(labels, _)| labels),
    };
    Dataset::new(name, &dims[1..], Values::Bytes(bytes), labels)
}

/// The dimensions and the bytes of an IDX file.
fn read(path: &Path, kind: &Kind) -> Result<(Vec<usize>, Vec<u8>), DataError> {
    let mut source = open(path, kind)?;
    let header = read_header(&mut source, kind)?;
    let dims: Vec<u64> = header[4..].as_chunks().0.iter().map(|word| u64::from(u32::from_be_bytes(*word))).collect();
    if let Some(at) = dims.iter().position(|&n| n == 0) {
        let reason = format!("the number of {} is 0; it must be positive", kind.dimensions[at]);
        return Err(source.malformed(4 + 4 * at as u64, reason));
    }
    let (shape, size) = (file::shown_shape(&dims), source.size);
    let total = file::total_bytes(header.len() as u64, 1, &dims)
        .ok_or_else(|| source.malformed(4, format!("the dimensions {shape} overflow")))?;
    let announced = format!("the header announces {shape} {}, {total} bytes in all", kind.name);
    if source.packed.is_none() && size != total {
        return Err(source.malformed(size.min(total), format!("{announced}, but the file has {size}")));
    }
    if source.packed.is_some() && total > file::unpacked_limit(size) {
        let advice = "(gzip bomb?); if it is meant, unpack it";
        return Err(source.malformed(4, format!("{announced}: too much for a gzip file of {size} bytes {advice}")));
    }
    let bytes = source.elements(total as usize - header.len(), 1, &announced, |bytes, block| {
        bytes.extend_from_slice(block);
        Ok(())
    })?;
    Ok((dims.into_iter().map(|n| n as usize).collect(), bytes))
}

/// The file at `path`, unpacked on the way if it is gzip.
fn open(path: &Path, kind: &Kind) -> Result<Source<'static>, DataError> {
    let (mut file, size) = file::open(path, &format!("an IDX file of {}", kind.name))?;
    let packed = file::start(path, &mut file, 2)? == [0x1f, 0x8b];
    let file = BufReader::with_capacity(BLOCK, file);
    let reader: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    Ok(Source { path: path.to_owned(), reader, packed: packed.then_some("gzip file"), size, position: 0 })
}

/// Magic number and dimensions.
fn read_header(source: &mut Source<'_>, kind: &Kind) -> Result<Vec<u8>, DataError> {
    let mut header = vec![0; 4 + 4 * kind.dimensions.len()];
    let got = source.fill(&mut header)?;
    if !header[..got].starts_with(&kind.magic().to_be_bytes()) {
        let (what, name, magic) = (describe(&header[..got]), kind.name, kind.magic());
        return Err(source.malformed(0, format!("{what}, not IDX {name} (magic 0x{magic:08x})")));
    }
    if got < header.len() {
        let length = header.len();
        return Err(source.malformed(got as u64, format!("the data end within the header of {length} bytes")));
    }
    Ok(header)
}

/// What a file that is not the IDX file wanted seems to be, by its first bytes.
fn describe(start: &[u8]) -> String {
    if let Some(kind) = [IMAGES, LABELS].iter().find(|kind| start.starts_with(&kind.magic().to_be_bytes())) {
        return format!("these are IDX {} (magic 0x{:08x})", kind.name, kind.magic());
    }
    if let [0, 0, element @ (0x08 | 0x09 | 0x0b..=0x0e), rank, ..] = start {
        return format!("this is IDX of element type 0x{element:02x} and {rank} dimensions");
    }
    let hint = if start.starts_with(b"\x1f\x8b") { " (packed twice?)" } else { "" };
    file::describe(start) + hint
}
