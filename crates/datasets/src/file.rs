//! What all readers of files need: an open regular file with its size, and what its first bytes look like.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use crate::DataError;

/// Bytes that are read at once: a multiple of every element's size.
pub(crate) const BLOCK: usize = 1 << 16;

/// The file at `path` and its size in bytes; `wanted` is what was looked for there.
pub(crate) fn open(path: &Path, wanted: &str) -> Result<(File, u64), DataError> {
    let failed = |error| DataError::from_io(path, wanted, error);
    let metadata = fs::metadata(path).map_err(failed)?;
    // A pipe or a device has no size to check against, and reading it might never end.
    if !metadata.is_file() {
        return Err(DataError::malformed(path, 0, "not a regular file"));
    }
    Ok((File::open(path).map_err(failed)?, metadata.len()))
}

/// The first `count` bytes of `file`, or all if it has fewer; it is then back at its start.
pub(crate) fn start(path: &Path, file: &mut File, count: u64) -> Result<Vec<u8>, DataError> {
    let mut start = Vec::new();
    let read = file.take(count).read_to_end(&mut start).and_then(|_| file.rewind());
    read.map_err(|source| DataError::Io { path: path.to_owned(), source })?;
    Ok(start)
}

/// Bytes of a file that are read one after the other, unpacked on the way if they are packed.
pub(crate) struct Source<'a> {
    /// The file, for messages.
    pub(crate) path: PathBuf,
    pub(crate) reader: Box<dyn Read + 'a>,
    /// What unpacks the bytes, if anything does, so that offsets count unpacked ones.
    pub(crate) packed: Option<&'static str>,
    /// Bytes on disk.
    pub(crate) size: u64,
    /// Bytes read so far, unpacked.
    pub(crate) position: u64,
}

impl Source<'_> {
    pub(crate) fn malformed(&self, offset: u64, reason: String) -> DataError {
        DataError::Malformed { path: self.path.clone(), offset, unpacked: self.packed.is_some(), reason }
    }

    fn no_memory(&self, bytes: usize) -> DataError {
        let source = io::Error::new(io::ErrorKind::OutOfMemory, format!("no memory for {bytes} bytes"));
        DataError::Io { path: self.path.clone(), source }
    }

    /// The last `count` elements of the data, of `size` bytes each: `decode` appends those of a block of bytes.
    /// `announced` is what the header says about their number.
    pub(crate) fn elements<T>(
        &mut self,
        count: usize,
        size: usize,
        announced: &str,
        mut decode: impl FnMut(&mut Vec<T>, &[u8]) -> Result<(), DataError>,
    ) -> Result<Vec<T>, DataError> {
        let mut elements = Vec::new();
        let mut block = vec![0; BLOCK];
        while elements.len() < count {
            let block = &mut block[..BLOCK.min((count - elements.len()) * size)];
            if self.fill(block)? < block.len() {
                let end = self.position;
                return Err(self.malformed(end, format!("{announced}, but the data end after {end}")));
            }
            // What is packed may lie about its size: memory then grows with what has truly arrived.
            let more = if self.packed.is_some() { (2 * elements.len()).max(BLOCK).min(count) } else { count };
            elements
                .try_reserve_exact(more.saturating_sub(elements.len()))
                .map_err(|_| self.no_memory(count * size_of::<T>()))?;
            decode(&mut elements, block)?;
        }
        let end = self.position;
        // The checksum of what is packed is looked at only when more is asked for.
        if self.fill(&mut [0])? != 0 {
            return Err(self.malformed(end, format!("{announced}, but the data go on")));
        }
        Ok(elements)
    }

    /// Fills `out` as far as the data go; the number of bytes got.
    pub(crate) fn fill(&mut self, out: &mut [u8]) -> Result<usize, DataError> {
        let mut got = 0;
        while got < out.len() {
            match self.reader.read(&mut out[got..]) {
                Ok(0) => break,
                Ok(count) => got += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(self.position + got as u64, error)),
            }
        }
        self.position += got as u64;
        Ok(got)
    }

    /// A failure to read: of the file's content where what unpacks it found it broken, else of the system.
    fn failed(&self, offset: u64, error: io::Error) -> DataError {
        match (self.packed, error.kind()) {
            (Some(packed), io::ErrorKind::UnexpectedEof) => {
                let size = self.size;
                self.malformed(offset, format!("the {packed} is truncated: its {size} bytes end in mid-stream"))
            }
            (Some(packed), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
                self.malformed(offset, format!("the {packed} is corrupt ({error})"))
            }
            _ => DataError::Io { path: self.path.clone(), source: error },
        }
    }
}

/// What compressed data of `size` bytes may unpack to: 16 MiB in any case, and a hundred times their size. MNIST has a
/// ratio of 5; deflate could reach 1032, but no set of data does.
pub(crate) fn unpacked_limit(size: u64) -> u64 {
    size.saturating_mul(100).saturating_add(16 << 20)
}

/// What a header of `header` bytes and an array of elements of `size` bytes take, if memory could hold it.
pub(crate) fn total_bytes(header: u64, size: u64, shape: &[u64]) -> Option<u64> {
    let bytes = shape.iter().try_fold(size, |product, &extent| product.checked_mul(extent))?;
    bytes.checked_add(header).filter(|&total| isize::try_from(total).is_ok())
}

/// `shape` as messages show it.
pub(crate) fn shown_shape(shape: &[u64]) -> String {
    shape.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ")
}

/// What data that are not what was wanted seem to be, by their first bytes.
pub(crate) fn describe(start: &[u8]) -> String {
    const SIGNATURES: [(&[u8], &str); 8] = [
        (b"\x1f\x8b", "gzip data"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\xfd7zXZ", "an xz file"),
        (b"\x28\xb5\x2f\xfd", "a zstd file"),
        (b"BZh", "a bzip2 file"),
        (b"\x93NUMPY", "a NumPy file"),
        (b"\xff\xfe", "UTF-16 text"),
        (b"\xfe\xff", "UTF-16 text"),
    ];
    if start.is_empty() {
        return "there are no data".into();
    }
    if let Some((_, name)) = SIGNATURES.iter().find(|(signature, _)| start.starts_with(signature)) {
        return format!("this looks like {name}");
    }
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    if text.starts_with(b"<") {
        return "this looks like an HTML page".into();
    }
    if text.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        return "this looks like text".into();
    }
    let magic: String = start.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("the magic number is 0x{magic}")
}
