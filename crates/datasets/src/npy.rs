//! NPY files: one array of numbers, as NumPy saves it.
//!
//! A file is the magic bytes `\x93NUMPY`, a version, the length of a header, the header, and the elements one after
//! the other (R. Kern, *A simple file format for NumPy arrays*, NumPy Enhancement Proposal 1). Versions 1.0 to 3.0 are
//! read, in both orders and both byte orders, of floats of 4 and 8 bytes, integers of 1 to 8 bytes, and bool. Python
//! objects are never read. Files come from anywhere, so nothing is allocated before the announced size has been weighed
//! against what there is.

mod header;
mod write;

use std::io::BufReader;
use std::path::Path;

use elbo_tensor::Real;

use crate::file::{self, BLOCK, Source};
use crate::rounding::Roundings;
use crate::{DataError, Place};
use header::Header;

pub use write::write;

/// The bytes before the length of the header.
const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy itself reads no header above 10,000 bytes.
const LONGEST_HEADER: u64 = 1 << 16;
/// The most numbers of a row: each column has its moments.
const WIDEST: u64 = 1 << 26;

/// An array of finite numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its extents, outermost first; at least one, all positive.
    pub shape: Vec<usize>,
    /// Its values in C order: the last index runs fastest.
    pub values: Vec<Real>,
    /// Places in a row, from 0, whose rounding error as [`Real`] is more than 1 % of their standard deviation.
    pub coarse: Vec<usize>,
}

/// Reads an NPY file.
///
/// # Errors
/// [`DataError`] if the file is missing, cannot be read, is not exactly such a file, has no rows or no axis, or holds a
/// number that is not finite as a [`Real`], which is named by the row and its place in the row.
pub fn read(path: impl AsRef<Path>) -> Result<Array, DataError> {
    let (source, size) = open(path.as_ref())?;
    read_numbers(source, size)
}

/// The open file at `path` and its size.
fn open(path: &Path) -> Result<(Source<'static>, u64), DataError> {
    let (file, size) = file::open(path, "an NPY file")?;
    let reader = Box::new(BufReader::with_capacity(BLOCK, file));
    Ok((Source { path: path.to_owned(), reader, packed: None, size, position: 0 }, size))
}

/// The array in `source`, which has `length` bytes, or so it is said.
pub(crate) fn read_numbers(source: Source<'_>, length: u64) -> Result<Array, DataError> {
    let mut roundings = Roundings::default();
    let kept = |column, number| Some(roundings.add(column, number)).filter(|kept| kept.is_finite());
    let (shape, values) = read_as(source, length, kept)?;
    Ok(Array { shape, values, coarse: roundings.coarse() })
}

/// Reads the column `column`, counted from 0, of an NPY file whose rows are lists of numbers, as labels: numbers as
/// text, exact for floats and for integers up to 2⁵³.
///
/// # Errors
/// As [`read`].
///
/// # Panics
/// If the rows are no lists of more than `column` numbers.
pub fn read_label_column(path: impl AsRef<Path>, column: usize) -> Result<Vec<String>, DataError> {
    let (source, size) = open(path.as_ref())?;
    read_labels(source, size, Some(column))
}

/// The labels in `source` as text: its column `column`, or without one the only number of each row.
pub(crate) fn read_labels(source: Source<'_>, length: u64, column: Option<usize>) -> Result<Vec<String>, DataError> {
    let path = source.path.clone();
    let (shape, values) = read_as(source, length, |_, number| Some(number).filter(|number| number.is_finite()))?;
    let width = shape[1..].iter().product();
    if column.is_none() && width != 1 {
        return Err(DataError::malformed(path, 0, format!("labels have the shape {shape:?}; one a row is wanted")));
    }
    Ok(values.chunks_exact(width).map(|row| row[column.unwrap_or(0)].to_string()).collect())
}

/// Shape and values in C order. `convert` makes a value of a number and its place in the row, or finds it unfit.
fn read_as<T: Copy>(
    mut source: Source<'_>,
    length: u64,
    mut convert: impl FnMut(usize, f64) -> Option<T>,
) -> Result<(Vec<usize>, Vec<T>), DataError> {
    let header = read_header(&mut source, length)?;
    let shape = checked_shape(&source, &header, length)?;
    let layout = Layout { rows: shape[0], row: &shape[1..], fortran: header.fortran };
    let (element, path) = (header.element, source.path.clone());
    let announced = format!("the header announces {length} bytes in all");
    let values = source.elements(shape.iter().product(), element.size, &announced, |values, block| {
        for bytes in block.chunks_exact(element.size) {
            let number = element.value(bytes);
            let (row, column) = layout.place(values.len());
            let Some(value) = convert(column, number) else {
                let place = Place::Entry { row, column };
                return Err(DataError::Table { path: path.clone(), place, reason: unfit(number) });
            };
            values.push(value);
        }
        Ok(())
    })?;
    let values = layout.in_c_order(values);
    Ok((shape, values))
}

/// Why `number` is no value of a table.
pub(crate) fn unfit(number: f64) -> String {
    if number.is_finite() {
        format!("{number:e} is too large for a number of {} bits", 8 * size_of::<Real>())
    } else {
        format!("{number} is not finite")
    }
}

/// The header, whose end is then the position of `source`.
fn read_header(source: &mut Source<'_>, length: u64) -> Result<Header, DataError> {
    let mut start = [0; 12];
    let got = source.fill(&mut start[..8])?;
    if got < 8 || !start.starts_with(MAGIC) {
        let what = file::describe(&start[..got]);
        return Err(source.malformed(0, format!("{what}, not an NPY file")));
    }
    let major = start[6];
    let width = match major {
        1 => 2,
        2 | 3 => 4,
        _ => return Err(source.malformed(6, format!("format version {major} is unknown; 1, 2 and 3 are read"))),
    };
    let got = source.fill(&mut start[8..8 + width])?;
    let bytes = start[8..8 + width].iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte));
    if got < width || bytes > length.saturating_sub(source.position) {
        let reason = format!("the header announces {bytes} bytes for itself, but there are {length} in all");
        return Err(source.malformed(8, reason));
    }
    if bytes > LONGEST_HEADER {
        return Err(source.malformed(8, format!("the header has {bytes} bytes; at most {LONGEST_HEADER} are read")));
    }
    let begin = source.position;
    let mut text = vec![0; bytes as usize];
    if source.fill(&mut text)? < text.len() {
        return Err(source.malformed(source.position, "the data end within the header".into()));
    }
    Header::parse(&text).map_err(|(at, reason)| source.malformed(begin + at as u64, reason))
}

/// The shape, if it is that of a table and needs as many bytes as follow.
fn checked_shape(source: &Source<'_>, header: &Header, length: u64) -> Result<Vec<usize>, DataError> {
    let shown = file::shown_shape(&header.shape);
    let begin = source.position;
    if header.shape.is_empty() {
        return Err(source.malformed(begin, "the array is a single number; a table has rows".into()));
    }
    if header.shape.contains(&0) {
        return Err(source.malformed(begin, format!("the array has no values: its shape is {shown}")));
    }
    let total = file::total_bytes(begin, header.element.size as u64, &header.shape)
        .ok_or_else(|| source.malformed(begin, format!("the shape {shown} overflows")))?;
    if total != length {
        let reason = format!("the header announces {shown} elements, {total} bytes in all, but the data have {length}");
        return Err(source.malformed(length.min(total), reason));
    }
    let width: u64 = header.shape[1..].iter().product();
    if width > WIDEST {
        return Err(source.malformed(begin, format!("a row has {width} numbers; at most {WIDEST} are read")));
    }
    Ok(header.shape.iter().map(|&extent| extent as usize).collect())
}

/// How the values of a file lie in it.
struct Layout<'a> {
    rows: usize,
    /// The shape of a row.
    row: &'a [usize],
    fortran: bool,
}

impl Layout<'_> {
    fn width(&self) -> usize {
        self.row.iter().product()
    }

    /// Row and column of the value that stands at `index` in the file.
    fn place(&self, index: usize) -> (usize, usize) {
        let mut step = self.width();
        if !self.fortran {
            return (index / step, index % step);
        }
        // From the first index of a row, whose step is the largest in C order, to the last.
        let (mut rest, mut column) = (index / self.rows, 0);
        for extent in self.row {
            step /= extent;
            column += rest % extent * step;
            rest /= extent;
        }
        (index % self.rows, column)
    }

    fn in_c_order<T: Copy>(&self, values: Vec<T>) -> Vec<T> {
        if !self.fortran {
            return values;
        }
        let mut ordered = values.clone();
        for (index, value) in values.into_iter().enumerate() {
            let (row, column) = self.place(index);
            ordered[row * self.width() + column] = value;
        }
        ordered
    }
}
