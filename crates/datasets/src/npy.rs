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
use crate::{DataError, LabelColumn, Place, Table};
use header::{Element, Header};

pub use write::write;

/// The bytes before the length of the header.
const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy itself reads no header above 10,000 bytes.
const LONGEST_HEADER: u64 = 1 << 16;
/// The most numbers of a row: each column has its moments.
const WIDEST: u64 = 1 << 26;

/// Reads an NPY file as a table, whose rows the first axis counts. The numbers in the column `labels` become labels:
/// text that is exact for floats and for integers up to 2⁵³.
///
/// # Errors
/// [`DataError`] if the file is missing, cannot be read, is not exactly such a file, has no rows or no axis, has no
/// column `labels` or none beside it, or holds a number that is not finite as a [`Real`], which is named by the row and
/// its place in the row.
pub fn read(path: impl AsRef<Path>, labels: Option<LabelColumn<'_>>) -> Result<Table, DataError> {
    let path = path.as_ref();
    let (file, size) = file::open(path, "an NPY file")?;
    let reader = Box::new(BufReader::with_capacity(BLOCK, file));
    let source = Source { path: path.to_owned(), reader, packed: None, size, position: 0 };
    read_table(source, size, path, labels)
}

/// The table in `source`, which has `length` bytes, or so it is said, and is an array of the file `path`.
pub(crate) fn read_table(
    mut source: Source<'_>,
    length: u64,
    path: &Path,
    labels: Option<LabelColumn<'_>>,
) -> Result<Table, DataError> {
    let layout = read_layout(&mut source, length)?;
    let row = if layout.row.is_empty() { vec![1] } else { layout.row.clone() };
    let found = labels.map_or(Ok(None), |labels| labels.find_in_rows(&row));
    let label = found.map_err(|reason| DataError::malformed(path, 0, reason))?;
    let (mut texts, mut roundings) = (Vec::new(), Roundings::default());
    let mut values = read_values(source, length, &layout, |column, number| {
        if label == Some(column) {
            // As [`Real`] two labels may be one.
            texts.push(number.to_string());
        }
        Some(roundings.add(column, number)).filter(|kept| kept.is_finite())
    })?;
    let coarse = roundings.coarse().into_iter().filter(|&column| label != Some(column));
    let coarse = coarse.map(|column| format!("column {column}")).collect();
    let mut table = Table { path: path.to_owned(), shape: row, coarse, ..Table::default() };
    if let Some(label) = label {
        let mut columns = (0..layout.width()).cycle();
        values.retain(|_| columns.next() != Some(label));
        table.shape[0] -= 1;
        table.labels = Some(texts);
    }
    Ok(Table { values, ..table })
}

/// The labels in `source`, one a row, as text.
pub(crate) fn read_labels(mut source: Source<'_>, length: u64) -> Result<Vec<String>, DataError> {
    let path = source.path.clone();
    let layout = read_layout(&mut source, length)?;
    let values = read_values(source, length, &layout, |_, number| Some(number).filter(|number| number.is_finite()))?;
    if layout.width() != 1 {
        let shape = [&[layout.rows], &layout.row[..]].concat();
        return Err(DataError::malformed(path, 0, format!("labels have the shape {shape:?}; one a row is wanted")));
    }
    Ok(values.iter().map(f64::to_string).collect())
}

/// The values in C order. `convert` makes a value of a number and its place in the row, or finds it unfit.
fn read_values<T: Copy>(
    mut source: Source<'_>,
    length: u64,
    layout: &Layout,
    mut convert: impl FnMut(usize, f64) -> Option<T>,
) -> Result<Vec<T>, DataError> {
    let (element, path) = (layout.element, source.path.clone());
    let announced = format!("the header announces {length} bytes in all");
    let values = source.elements(layout.rows * layout.width(), element.size, &announced, |values, block| {
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
    Ok(layout.in_c_order(values))
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

/// How the values lie, if the header's shape is that of a table and needs as many bytes as follow.
fn read_layout(source: &mut Source<'_>, length: u64) -> Result<Layout, DataError> {
    let header = read_header(source, length)?;
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
    let row = header.shape[1..].iter().map(|&extent| extent as usize).collect();
    Ok(Layout { element: header.element, rows: header.shape[0] as usize, row, fortran: header.fortran })
}

/// How the values of a file lie in it.
struct Layout {
    element: Element,
    rows: usize,
    /// The shape of a row.
    row: Vec<usize>,
    fortran: bool,
}

impl Layout {
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
        for extent in &self.row {
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
