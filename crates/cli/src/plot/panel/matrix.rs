//! Cells in rows and columns, shaded and printed: what heat maps and confusion matrices share.

use super::super::shade::{hex, text_on};
use super::super::svg::{NORMAL, SMALL, Style, text_width};
use super::{TITLE, WIDTH, titled};

/// Largest length of the name of a row or column.
const LONGEST_NAME: f64 = 190.0;
/// Numbers in smaller print than this are left out.
const SMALLEST_NUMBER: f64 = 10.0;
/// Free space at the edges.
const EDGE: f64 = 8.0;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Depth of its shade in [0, 1]; `None` leaves it white.
    pub share: Option<f64>,
    /// Printed in it where there is room.
    pub text: String,
}

/// Names of an axis and of its rows or columns.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// What the rows or columns are, with the unit where there is one.
    pub axis: &'a str,
    /// One name each.
    pub names: &'a [String],
}

impl Names<'_> {
    fn longest(&self) -> f64 {
        self.names.iter().map(|name| text_width(name, SMALL.size)).fold(0.0, f64::max).min(LONGEST_NAME)
    }
}

/// Draws `cells[row][column]` with `note` below, which explains the shades. Panics if the names do not match the cells.
#[track_caller]
pub fn draw(title: &str, rows: Names<'_>, columns: Names<'_>, cells: &[Vec<Cell>], note: &str) -> String {
    assert_eq!(cells.len(), rows.names.len(), "rows of {title}");
    assert!(cells.iter().all(|row| row.len() == columns.names.len()), "columns of {title}");
    let mut svg = titled(title, WIDTH);
    if cells.iter().all(Vec::is_empty) {
        svg.text((WIDTH / 2.0, TITLE + 40.0), NORMAL, "no data");
        return svg.finish(TITLE + 80.0);
    }
    let left = EDGE + 1.4 * NORMAL.size + rows.longest() + 10.0;
    let cell_width = f64::min((WIDTH - EDGE - left) / columns.names.len() as f64, 92.0);
    // Numbers stand in cells that are wide enough, of up to a hundred rows, which are then as high as text.
    let widest = cells.iter().flatten().map(|cell| text_width(&cell.text, 1.0)).fold(0.0, f64::max);
    let size = (cell_width - 8.0) / widest;
    let printed = size >= SMALLEST_NUMBER && rows.names.len() <= 100;
    let least = if printed { 1.1 * SMALL.size } else { 4.0 };
    let cell_height = (420.0 / rows.names.len() as f64).clamp(least, 46.0);
    let size = size.min(cell_height - 3.0).min(SMALL.size);
    // Names that are wider than their column are turned.
    let turned = columns.longest() > cell_width - 4.0;
    let names_height = if turned { columns.longest() + 8.0 } else { 1.5 * SMALL.size };
    let top = TITLE + 1.5 * NORMAL.size + names_height;
    let (width, height) = (cell_width * columns.names.len() as f64, cell_height * rows.names.len() as f64);

    svg.text_within((left + width / 2.0, TITLE + 0.7 * NORMAL.size), NORMAL, columns.axis, WIDTH - left);
    let place = (EDGE + NORMAL.size / 2.0, top + height / 2.0);
    svg.text_within(place, Style { turned: true, ..NORMAL }, rows.axis, f64::max(height, 120.0));
    let column_room = if turned { cell_width } else { f64::INFINITY };
    for (j, name) in columns.names.iter().enumerate().step_by(every(column_room)) {
        let x = left + (j as f64 + 0.5) * cell_width;
        let (anchor, y) = if turned { ("start", top - 7.0) } else { ("middle", top - 0.75 * SMALL.size) };
        svg.text_within((x, y), Style { anchor, turned, ..SMALL }, name, LONGEST_NAME);
    }
    for (i, name) in rows.names.iter().enumerate().step_by(every(cell_height)) {
        let place = (left - 8.0, top + (i as f64 + 0.5) * cell_height);
        svg.text_within(place, Style { anchor: "end", ..SMALL }, name, LONGEST_NAME);
    }

    if !printed {
        svg.rectangle("area", [left, top, width, height], &hex(0.0), "");
    }
    // White gaps keep neighbours of one shade apart.
    let gap = f64::min(1.0, 0.1 * f64::min(cell_width, cell_height));
    for (i, row) in cells.iter().enumerate() {
        // Many cells without numbers are mostly empty ones: the area below shows those.
        for (j, cell) in row.iter().enumerate().filter(|(_, cell)| printed || cell.share != Some(0.0)) {
            let (x, y) = (left + j as f64 * cell_width, top + i as f64 * cell_height);
            let fill = cell.share.map_or("#fff".to_string(), hex);
            svg.rectangle("cell", [x + gap, y + gap, cell_width - 2.0 * gap, cell_height - 2.0 * gap], &fill, "");
            if printed {
                let style = Style { size, fill: cell.share.map_or("#000", text_on), ..SMALL };
                svg.text((x + cell_width / 2.0, y + cell_height / 2.0), style, &cell.text);
            }
        }
    }
    let bottom = top + height + 1.1 * SMALL.size;
    let style = Style { anchor: "start", fill: "#555", size: 16.0, ..SMALL };
    svg.text((left.min(WIDTH - EDGE - text_width(note, 16.0)).max(EDGE), bottom), style, note);
    svg.finish(bottom + SMALL.size)
}

/// Names are written at every m-th row or column, with m = 1, 2, 5, 10, … such that they do not touch.
fn every(room: f64) -> usize {
    [1, 2, 5, 10, 20, 50, 100, 200].into_iter().find(|&m| m as f64 * room >= 1.1 * SMALL.size).unwrap_or(500)
}
