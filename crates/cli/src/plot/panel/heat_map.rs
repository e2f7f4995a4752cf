//! Tables of numbers as heat maps.

use super::super::axis::bounds;
use super::super::digits::digits;
use super::matrix::{Cell, Names, draw};

/// A panel of numbers in rows and columns, such as metrics by β; the shades run from the smallest to the largest number
/// of each row, since rows are different quantities.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    /// Printed above the cells.
    pub title: String,
    /// What the rows are.
    pub row_axis: String,
    /// Names of the rows, with their units.
    pub rows: Vec<String>,
    /// What the columns are.
    pub column_axis: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// `values[row][column]`; a value that is not finite is printed on white.
    pub values: Vec<Vec<f64>>,
}

impl HeatMap {
    /// The panel as an SVG document; numbers have room in up to eight columns and are left out of more. Panics if the
    /// names do not match the values.
    #[track_caller]
    pub fn draw(&self) -> String {
        let cells = self.values.iter().map(|row| {
            let range = bounds(row.iter().copied().filter(|v| v.is_finite()));
            let share = |v: f64| range.filter(|_| v.is_finite()).map(|(lo, hi)| share(v, lo, hi));
            row.iter().map(|&v| Cell { share: share(v), text: short(v) }).collect()
        });
        let cells: Vec<Vec<Cell>> = cells.collect();
        let rows = Names { axis: &self.row_axis, names: &self.rows };
        let columns = Names { axis: &self.column_axis, names: &self.columns };
        draw(&self.title, rows, columns, &cells, "shade: smallest to largest of the row")
    }
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

    fn map(values: Vec<Vec<f64>>) -> HeatMap {
        let names = |n: usize| (0..n).map(|i| format!("name {i}")).collect();
        HeatMap {
            title: "metrics".into(),
            row_axis: "metric".into(),
            rows: names(values.len()),
            column_axis: "β".into(),
            columns: names(values.first().map_or(0, Vec::len)),
            values,
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
