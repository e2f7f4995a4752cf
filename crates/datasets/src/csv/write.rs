//! Tables as text.

use std::io::{self, Write};

use crate::{Elements, Field};

/// Writes `fields` side by side under a header: a field of shape `[n]` is a column of its name, one of shape `[n, d]`
/// the columns `name0` to `name{d-1}`. Numbers are written so that they read back to the bit.
///
/// # Errors
/// Those of `w`.
///
/// # Panics
/// If a field has no axis, if its elements do not have its shape, or if fields differ in their number of rows.
#[track_caller]
pub fn write(w: impl Write, fields: &[Field<'_>]) -> io::Result<()> {
    let rows = fields.first().map_or(0, |field| field.shape[0]);
    for Field { name, shape, elements } in fields {
        assert!(shape[0] == rows, "csv::write: {name} has {} rows, not {rows}", shape[0]);
        let count: usize = shape.iter().product();
        assert!(
            elements.len() == count,
            "csv::write: {} elements of {name} do not have the shape {shape:?}",
            elements.len()
        );
    }
    let mut writer = ::csv::Writer::from_writer(w);
    writer.write_record(fields.iter().flat_map(columns))?;
    for row in 0..rows {
        for field in fields {
            let width = width(field);
            for index in row * width..(row + 1) * width {
                match field.elements {
                    Elements::F32(all) => writer.write_field(format!("{:?}", all[index])),
                    Elements::F64(all) => writer.write_field(format!("{:?}", all[index])),
                    Elements::U32(all) => writer.write_field(all[index].to_string()),
                    Elements::Text(all) => writer.write_field(all[index]),
                }?;
            }
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}

fn width(field: &Field<'_>) -> usize {
    field.shape[1..].iter().product()
}

fn columns(field: &Field<'_>) -> Vec<String> {
    match field.shape {
        [_] => vec![field.name.to_owned()],
        _ => (0..width(field)).map(|column| format!("{}{column}", field.name)).collect(),
    }
}
