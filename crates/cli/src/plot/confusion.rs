//! Confusion matrices as heat maps.

use super::shade::{hex, text_on};
use super::svg::{NORMAL, SMALL, Style, Svg, text_width};
use super::{MARGIN, WIDTH};

/// Counts in smaller print than this are left out.
const SMALLEST_COUNT: f64 = 10.0;
/// Largest length of the name of a row or column.
const LONGEST_NAME: f64 = 220.0;

/// Draws `counts[cluster][label]`, shaded by each cell's share of its row, with the counts where there is room for them.
///
/// Panics if the names do not match the counts.
#[track_caller]
pub fn confusion(title: &str, counts: &[Vec<u64>], cluster_names: &[String], label_names: &[String]) -> String {
    let (rows, columns) = (cluster_names.len(), label_names.len());
    assert_eq!(counts.len(), rows, "confusion: clusters");
    assert!(counts.iter().all(|row| row.len() == columns), "confusion: labels");
    let mut svg = Svg::new(WIDTH, title);
    if rows * columns == 0 {
        svg.text((WIDTH / 2.0, 90.0), SMALL, "no data");
        return svg.finish(130.0);
    }
    let longest =
        |names: &[String]| names.iter().map(|name| text_width(name, SMALL.size)).fold(0.0, f64::max).min(LONGEST_NAME);
    let left = MARGIN + 1.5 * NORMAL.size + longest(cluster_names) + 10.0;
    let cell_width = f64::min((WIDTH - 2.0 * MARGIN - left) / columns as f64, 84.0);
    let cell_height = (760.0 / rows as f64).clamp(7.5, 46.0);
    // Names that are wider than their column are turned.
    let turned = longest(label_names) > cell_width - 4.0;
    let names_height = if turned { longest(label_names) + 8.0 } else { 1.4 * SMALL.size };
    let top = Svg::TITLE_HEIGHT + 1.5 * NORMAL.size + names_height + 4.0;
    let (width, height) = (cell_width * columns as f64, cell_height * rows as f64);

    svg.text((left + width / 2.0, Svg::TITLE_HEIGHT + 0.7 * NORMAL.size), NORMAL, "label");
    svg.text((MARGIN + NORMAL.size / 2.0, top + height / 2.0), Style { turned: true, ..NORMAL }, "cluster");
    let column_room = if turned { cell_width } else { f64::INFINITY };
    for (j, name) in label_names.iter().enumerate().step_by(every(column_room)) {
        let x = left + (j as f64 + 0.5) * cell_width;
        let (anchor, y) = if turned { ("start", top - 8.0) } else { ("middle", top - 0.8 * SMALL.size) };
        svg.text_within((x, y), Style { anchor, turned, ..SMALL }, name, LONGEST_NAME);
    }
    for (i, name) in cluster_names.iter().enumerate().step_by(every(cell_height)) {
        let y = top + (i as f64 + 0.5) * cell_height;
        svg.text_within((left - 8.0, y), Style { anchor: "end", ..SMALL }, name, LONGEST_NAME);
    }

    let widest = counts.iter().flatten().map(|count| text_width(&count.to_string(), 1.0)).fold(0.0, f64::max);
    let size = f64::min((cell_width - 6.0) / widest, cell_height - 4.0).min(SMALL.size);
    // The lightest shade lies under all cells, so that the many empty ones take no space in the file.
    let area = [left, top, width, height];
    svg.push(format_args!("<g shape-rendering=\"crispEdges\">"));
    svg.rectangle("area", area, &hex(0.0), "");
    let place = |i: usize, j: usize| (left + j as f64 * cell_width, top + i as f64 * cell_height);
    for (i, j, share) in shares(counts).filter(|&(_, _, share)| share > 0.0) {
        let (x, y) = place(i, j);
        svg.rectangle("cell", [x, y, cell_width, cell_height], &hex(share), "");
    }
    svg.push(format_args!("</g>"));
    svg.rectangle("border", area, "none", " stroke=\"#999\"");
    if size >= SMALLEST_COUNT {
        for (i, j, share) in shares(counts) {
            let (x, y) = place(i, j);
            let style = Style { size, fill: text_on(share), ..SMALL };
            svg.text((x + cell_width / 2.0, y + cell_height / 2.0), style, &counts[i][j].to_string());
        }
    }
    let bottom = top + height + 14.0;
    scale(&mut svg, (left, bottom));
    svg.finish(bottom + 2.0 * SMALL.size + MARGIN)
}

/// The meaning of the shades, in a band of its own.
fn scale(svg: &mut Svg, (left, y): (f64, f64)) {
    const STEPS: usize = 20;
    let (step, height) = (8.0, SMALL.size);
    let start = Style { anchor: "start", ..SMALL };
    svg.text((left, y + height / 2.0), start, "0 %");
    let x = left + 44.0;
    for i in 0..STEPS {
        let place = [x + i as f64 * step, y, step, height];
        svg.rectangle("scale", place, &hex(i as f64 / (STEPS - 1) as f64), "");
    }
    svg.rectangle("border", [x, y, STEPS as f64 * step, height], "none", " stroke=\"#999\"");
    svg.text((x + STEPS as f64 * step + 8.0, y + height / 2.0), start, "100 % of the cluster");
}

/// Row, column and share of its row of each cell; the shares of an empty row are 0.
fn shares(counts: &[Vec<u64>]) -> impl Iterator<Item = (usize, usize, f64)> {
    counts.iter().enumerate().flat_map(|(i, row)| {
        let total = row.iter().map(|&count| count as f64).sum::<f64>().max(1.0);
        row.iter().enumerate().map(move |(j, &count)| (i, j, count as f64 / total))
    })
}

/// Names are written at every m-th row or column, with m = 1, 2, 5, 10, … such that they do not touch.
fn every(room: f64) -> usize {
    [1, 2, 5, 10, 20, 50].into_iter().find(|&m| m as f64 * room >= 1.1 * SMALL.size).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::xml::elements;

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|i| i.to_string()).collect()
    }

    #[test]
    fn counts_are_printed_where_there_is_room() {
        let counts =
            |n: usize| -> Vec<Vec<u64>> { (0..n).map(|i| (0..n).map(|j| (i * n + j) as u64 * 9).collect()).collect() };
        let small = confusion("ten", &counts(10), &names(10), &names(10));
        assert!(small.contains(">891<") && small.contains(">9<"));
        let large = confusion("hundred", &counts(100), &names(100), &names(100));
        assert!(!large.contains(">891<"));
        // Only the very first count is 0.
        assert_eq!(elements(&large).iter().filter(|e| e.get("class") == "cell").count(), 100 * 100 - 1);
    }

    #[test]
    fn cells_and_names_stay_on_the_page() {
        let long: Vec<String> = (0..37).map(|i| format!("a long name for class number {i}")).collect();
        for (clusters, labels) in
            [(names(1), names(1)), (long.clone(), names(10)), (names(100), long), (names(2), names(100))]
        {
            let counts = vec![vec![3; labels.len()]; clusters.len()];
            let elements = elements(&confusion("t", &counts, &clusters, &labels));
            for e in elements.iter().filter(|e| ["cell", "area"].contains(&e.get("class"))) {
                assert!(e.number("x") >= 0.0 && e.number("x") + e.number("width") <= WIDTH);
                assert!(e.number("y") + e.number("height") <= elements[0].number("height"));
            }
        }
    }

    #[test]
    fn shades_follow_the_share_of_the_row_and_empty_rows_are_light() {
        let counts = vec![vec![1, 0], vec![2_000_000, 1_000_000], vec![0, 0]];
        let elements = elements(&confusion("t", &counts, &names(3), &names(2)));
        let fills: Vec<&str> = elements.iter().filter(|e| e.get("class") == "cell").map(|e| e.get("fill")).collect();
        assert_eq!(fills, ["#08306b", "#3182bd", "#9ecae1"]);
        assert!(confusion("t", &[], &[], &names(3)).contains(">no data<"));
    }
}
