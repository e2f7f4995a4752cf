//! Arrays in the format that every NumPy reads.

use std::io::{self, Write};

use super::MAGIC;
use crate::Elements;

/// Spaces that NumPy leaves in a header so that the first extent can grow in place to 20 digits.
const GROWTH: usize = 21;
/// Where the elements begin is a multiple of this.
const ALIGNMENT: usize = 64;

/// Writes `elements` as an array of `shape`: format 1.0, C order, little-endian; the bytes that `numpy.save` writes.
///
/// # Errors
/// Those of `w`.
///
/// # Panics
/// If the number of elements is not the product of the extents.
#[track_caller]
pub fn write(w: &mut impl Write, shape: &[usize], elements: Elements<'_>) -> io::Result<()> {
    let count: usize = shape.iter().product();
    assert!(elements.len() == count, "npy::write: {} elements do not have the shape {shape:?}", elements.len());
    w.write_all(&header(shape, &descr(elements)))?;
    let mut block = Vec::new();
    for range in (0..count).step_by(1 << 14).map(|start| start..count.min(start + (1 << 14))) {
        block.clear();
        match elements {
            Elements::F32(all) => block.extend(all[range].iter().flat_map(|x| x.to_le_bytes())),
            Elements::F64(all) => block.extend(all[range].iter().flat_map(|x| x.to_le_bytes())),
            Elements::U32(all) => block.extend(all[range].iter().flat_map(|x| x.to_le_bytes())),
            Elements::Text(all) => {
                let longest = longest(all);
                for text in &all[range] {
                    let padding = std::iter::repeat_n(0, longest - text.chars().count());
                    block.extend(text.chars().map(u32::from).chain(padding).flat_map(u32::to_le_bytes));
                }
            }
        }
        w.write_all(&block)?;
    }
    Ok(())
}

/// NumPy's name of the element type.
fn descr(elements: Elements<'_>) -> String {
    match elements {
        Elements::F32(_) => "<f4".into(),
        Elements::F64(_) => "<f8".into(),
        Elements::U32(_) => "<u4".into(),
        Elements::Text(all) => format!("<U{}", longest(all)),
    }
}

/// Characters of the longest text; NumPy's text has at least one.
fn longest(all: &[&str]) -> usize {
    all.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1)
}

fn header(shape: &[usize], descr: &str) -> Vec<u8> {
    let extents = match shape {
        [extent] => format!("({extent},)"),
        _ => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    };
    let growth = shape.first().map_or(0, |extent| GROWTH.saturating_sub(extent.to_string().len()));
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {extents}, }}{}", " ".repeat(growth));
    let before = MAGIC.len() + 4;
    let length = (before + text.len() + 1).next_multiple_of(ALIGNMENT) - before;
    let version_and_length = [1, 0, length as u8, (length >> 8) as u8];
    let text = format!("{text:<width$}\n", width = length - 1);
    [MAGIC, &version_and_length, text.as_bytes()].concat()
}
