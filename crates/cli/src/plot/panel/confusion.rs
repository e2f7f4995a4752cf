//! Small confusion matrices.

use super::matrix::{Cell, Names, draw};

/// A panel of counts of points by cluster and label.
#[derive(Debug, Clone, PartialEq)]
pub struct Confusion {
    /// Printed above the cells.
    pub title: String,
    /// What the rows are.
    pub row_axis: String,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// What the columns are.
    pub column_axis: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// `counts[row][column]`.
    pub counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// The panel as an SVG document, shaded by each cell's share of its row. Panics if the names do
    /// not match the counts.
    #[track_caller]
    pub fn draw(&self) -> String {
        let cells: Vec<Vec<Cell>> = self
            .counts
            .iter()
            .map(|row| {
                let total = row.iter().map(|&count| count as f64).sum::<f64>().max(1.0);
                row.iter().map(|&n| Cell { share: Some(n as f64 / total), text: n.to_string() }).collect()
            })
            .collect();
        let rows = Names { axis: &self.row_axis, names: &self.rows };
        let columns = Names { axis: &self.column_axis, names: &self.columns };
        draw(&self.title, rows, columns, &cells, "counts; shade: share of the row")
    }
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
            let confusion = Confusion {
                title: "clusters".into(),
                row_axis: "cluster".into(),
                rows: names(rows),
                column_axis: "label".into(),
                columns: names(columns),
                counts: counts.collect(),
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
        let confusion = Confusion {
            title: "clusters".into(),
            row_axis: "cluster".into(),
            rows: names(3),
            column_axis: "label".into(),
            columns: names(2),
            counts: vec![vec![1, 0], vec![2000, 1000], vec![0, 0]],
        };
        let document = confusion.draw();
        let found = elements(&document);
        let fills: Vec<&str> = found.iter().filter(|e| e.get("class") == "cell").map(|e| e.get("fill")).collect();
        assert_eq!(fills, ["#08306b", "#f7fbff", "#3182bd", "#9ecae1", "#f7fbff", "#f7fbff"]);
        assert!([">2000<", ">cluster<", ">label<"].iter().all(|text| document.contains(text)));
    }
}
