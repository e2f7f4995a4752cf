//! Cells in rows and columns, shaded and printed: heat maps and confusion matrices.

use super::super::axis::bounds;
use super::super::digits::digits;
use super::super::shade::{hex, text_on};
use super::super::svg::{NORMAL, SMALL, Style, text_width};
use super::{TITLE, WIDTH, titled};

/// Largest length of the name of a row or column.
const LONGEST_NAME: f64 = 190.0;
/// Numbers in smaller print than this are left out.
const SMALLEST_NUMBER: f64 = 10.0;
/// Free space at the edges.
const EDGE: f64 = 8.0;

/// A panel of shaded cells with names at two sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Printed above the cells.
    pub title: String,
    /// The names of the rows.
    pub rows: Names,
    /// The names of the columns.
    pub columns: Names,
    /// What is in the cells.
    pub cells: Cells,
}

/// Names of an axis and of its rows or columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Names {
    axis: String,
    names: Vec<String>,
}

/// `[row][column]`
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// Counts of points, such as those of a cluster with a label, shaded by their share of the row.
    Counts(Vec<Vec<u64>>),
    /// Numbers, such as metrics by β, shaded from the smallest to the largest of each row, since rows are different
    /// quantities; one that is not finite is printed on white.
    Values(Vec<Vec<f64>>),
}

/// One cell as it is drawn.
struct Cell {
    /// Depth of its shade in [0, 1]; `None` leaves it white.
    share: Option<f64>,
    /// Printed in it where there is room.
    text: String,
}

impl Names {
    /// The names of what `axis` says, with the unit where there is one.
    pub fn new(axis: &str, names: impl IntoIterator<Item = String>) -> Self {
        Self { axis: axis.into(), names: names.into_iter().collect() }
    }

    fn longest(&self) -> f64 {
        self.names.iter().map(|name| text_width(name, SMALL.size)).fold(0.0, f64::max).min(LONGEST_NAME)
    }
}

impl Cells {
    /// What explains the shades.
    fn note(&self) -> &'static str {
        match self {
            Self::Counts(_) => "counts; shade: share of the row",
            Self::Values(_) => "shade: smallest to largest of the row",
        }
    }

    fn drawn(&self) -> Vec<Vec<Cell>> {
        let counted = |row: &Vec<u64>| {
            let total = row.iter().map(|&count| count as f64).sum::<f64>().max(1.0);
            row.iter().map(|&n| Cell { share: Some(n as f64 / total), text: n.to_string() }).collect()
        };
        let valued = |row: &Vec<f64>| {
            let range = bounds(row.iter().copied().filter(|v| v.is_finite()));
            let share = |v: f64| range.filter(|_| v.is_finite()).map(|(lo, hi)| share(v, lo, hi));
            row.iter().map(|&v| Cell { share: share(v), text: short(v) }).collect()
        };
        match self {
            Self::Counts(rows) => rows.iter().map(counted).collect(),
            Self::Values(rows) => rows.iter().map(valued).collect(),
        }
    }
}

impl Matrix {
    /// The panel as an SVG document; numbers are left out where they have no room. Panics if the names do not match
    /// the cells.
    #[track_caller]
    pub fn draw(&self) -> String {
        let Self { title, rows, columns, .. } = self;
        let (cells, note) = (self.cells.drawn(), self.cells.note());
        assert_eq!(cells.len(), rows.names.len(), "rows of {title}");
        assert!(cells.iter().all(|row| row.len() == columns.names.len()), "columns of {title}");
        let mut svg = titled(&self.title, WIDTH);
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

        svg.text_within((left + width / 2.0, TITLE + 0.7 * NORMAL.size), NORMAL, &columns.axis, WIDTH - left);
        let place = (EDGE + NORMAL.size / 2.0, top + height / 2.0);
        svg.text_within(place, Style { turned: true, ..NORMAL }, &rows.axis, f64::max(height, 120.0));
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
}

/// Names are written at every m-th row or column, with m = 1, 2, 5, 10, … such that they do not touch.
fn every(room: f64) -> usize {
    [1, 2, 5, 10, 20, 50, 100, 200].into_iter().find(|&m| m as f64 * room >= 1.1 * SMALL.size).unwrap_or(500)
}

/// Three digits, below 1 three decimals: shares and scores differ in the third.
fn short(value: f64) -> String {
    if value.abs() < 1.0 { format!("{value:.3}") } else { digits(value, 3) }
}

/// Where a value lies between two, short of the darkest shade so that neighbouring numbers stay readable.
fn share(value: f64, lo: f64, hi: f64) -> f64 {
    if hi > lo { 0.85 * (value / (hi - lo) - lo / (hi - lo)) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::xml::elements;

    #[test]
    fn names_and_cells_of_many_clusters_and_labels_stay_on_the_page_and_apart() {
        for (rows, columns) in [(1, 1), (40, 10), (100, 100), (2, 300), (3000, 10)] {
            let names = |n: usize| (0..n).map(|i| format!("class number {i}")).collect::<Vec<_>>();
            let counts = (0..rows).map(|i| (0..columns).map(|j| if (i + j) % 7 == 1 { 0 } else { 123_456 }).collect());
            let confusion = Matrix {
                title: "clusters".into(),
                rows: Names::new("cluster", names(rows)),
                columns: Names::new("label", names(columns)),
                cells: Cells::Counts(counts.collect()),
            };
            let document = confusion.draw();
            let found = elements(&document);
            assert!(document.len() < 3_000_000 && found[0].number("height") < 12_500.0, "{rows} {columns}");
            for e in found.iter().filter(|e| e.get("class") == "cell") {
                assert!(e.number("x") >= 0.0 && e.number("x") + e.number("width") <= 560.0, "{e:?}");
                assert!(e.number("y") + e.number("height") <= found[0].number("height"), "{e:?}");
                assert!(e.number("width") > 0.0 && e.number("height") > 0.0, "{e:?}");
            }
            let size = |e: &crate::plot::xml::Element| e.number("font-size");
            for (anchor, along) in [("end", "y"), ("start", "x")] {
                let of_names = found.iter().filter(|e| e.get("text-anchor") == anchor && e.get("fill") == "#333");
                let names: Vec<_> = of_names.collect();
                let apart = |pair: &[&crate::plot::xml::Element]| {
                    pair[1].number(along) - pair[0].number(along) >= size(pair[0])
                };
                assert!(names.windows(2).all(apart), "{rows} {columns}: names overlap");
            }
        }
    }

    #[test]
    fn counts_are_printed_and_shaded_by_the_share_of_their_row() {
        let names = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        let confusion = Matrix {
            title: "clusters".into(),
            rows: Names::new("cluster", names(3)),
            columns: Names::new("label", names(2)),
            cells: Cells::Counts(vec![vec![1, 0], vec![2000, 1000], vec![0, 0]]),
        };
        let document = confusion.draw();
        let found = elements(&document);
        let fills: Vec<&str> = found.iter().filter(|e| e.get("class") == "cell").map(|e| e.get("fill")).collect();
        assert_eq!(fills, ["#08306b", "#f7fbff", "#3182bd", "#9ecae1", "#f7fbff", "#f7fbff"]);
        assert!([">2000<", ">cluster<", ">label<"].iter().all(|text| document.contains(text)));
    }

    fn map(values: Vec<Vec<f64>>) -> Matrix {
        let names = |n: usize| (0..n).map(|i| format!("name {i}")).collect::<Vec<_>>();
        Matrix {
            title: "metrics".into(),
            rows: Names::new("metric", names(values.len())),
            columns: Names::new("β", names(values.first().map_or(0, Vec::len))),
            cells: Cells::Values(values),
        }
    }

    #[test]
    fn shades_run_from_smallest_to_largest_of_a_row() {
        let found = elements(&map(vec![vec![1.0, 2.0], vec![10.0, f64::NAN], vec![0.0, 4.0]]).draw());
        let rows: Vec<&str> = found.iter().filter(|e| e.get("class") == "cell").map(|e| e.get("fill")).collect();
        assert!(rows[0] == rows[4] && rows[1] == rows[5] && rows[0] != rows[1] && rows[3] == "#fff");
    }

    #[test]
    fn numbers_and_names_stay_on_the_page() {
        for (rows, columns) in [(1, 1), (4, 6), (12, 3), (30, 8)] {
            let values: Vec<Vec<f64>> =
                (0..rows).map(|i| (0..columns).map(|j| f64::from(i * j) - 7.123).collect()).collect();
            let document = map(values).draw();
            let found = elements(&document);
            for e in found.iter().filter(|e| e.get("class") == "cell") {
                assert!(e.number("x") >= 0.0 && e.number("x") + e.number("width") <= 560.0);
                assert!(e.number("y") + e.number("height") <= found[0].number("height"));
            }
            assert!(document.contains(">−7.12<") && document.contains(">β<") && document.contains(">metric<"));
        }
        assert!(map(vec![]).draw().contains(">no data<"));
    }
}
