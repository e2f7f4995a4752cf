//! Curves in panels side by side: learning curves, entropies, accuracies.

use super::frame::{Frame, Range, Scaling, Slot, draw_empty};
use super::legend::{Sample, colour, dashes, legend};
use super::svg::{NORMAL, Style, Svg, polyline};
use super::{MARGIN, WIDTH};

/// Height of a panel's title, and of the gap below a panel.
const PANEL_TITLE: f64 = 34.0;
const PANEL_GAP: f64 = 14.0;

/// One plot area with its own axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Printed above the plot area.
    pub title: String,
    /// Name of the horizontal axis, with the unit.
    pub x_label: String,
    /// Name of the vertical axis, with the unit.
    pub y_label: String,
    /// The curves; none, or none with a value, gives a panel that says "no data".
    pub series: Vec<Series>,
    /// Logarithmic vertical axis; values that are not positive are then left out.
    pub y_log: bool,
}

/// One curve. A series has the same colour in all panels of a figure: it goes by its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Printed in the legend.
    pub name: String,
    /// Points in drawing order; the line is broken at a value that cannot be drawn. One point alone is a dot.
    pub points: Vec<(f64, f64)>,
    /// Dashed line, for references.
    pub dashed: bool,
}

/// Draws the panels in rows of up to three, below a legend shared by all.
pub fn curves(title: &str, panels: &[Panel]) -> String {
    let mut svg = Svg::new(WIDTH, title);
    let mut keys: Vec<(&str, Sample)> = Vec::new();
    for series in panels.iter().flat_map(|panel| &panel.series) {
        if !keys.iter().any(|(name, _)| *name == series.name) {
            keys.push((&series.name, Sample::Line { index: keys.len(), dashed: series.dashed }));
        }
    }
    let top = legend(&mut svg, Svg::TITLE_HEIGHT, &keys) + 4.0;

    let columns = if panels.len() == 4 { 2 } else { panels.len().clamp(1, 3) };
    let width = (WIDTH - MARGIN) / columns as f64;
    let height = [430.0, 350.0, 310.0][columns - 1];
    let row = PANEL_TITLE + height + PANEL_GAP;
    for (i, panel) in panels.iter().enumerate() {
        let (x, y) = (MARGIN / 2.0 + (i % columns) as f64 * width, top + (i / columns) as f64 * row);
        let heading = Style { bold: true, ..NORMAL };
        svg.text_within((x + width / 2.0, y + PANEL_TITLE / 2.0), heading, &panel.title, width);
        let slot = Slot { x, y: y + PANEL_TITLE, width, height };
        draw_panel(&mut svg, slot, panel, |name| keys.iter().position(|(key, _)| *key == name).unwrap_or(0));
    }
    svg.finish(top + panels.len().div_ceil(columns) as f64 * row)
}

fn draw_panel(svg: &mut Svg, slot: Slot, panel: &Panel, index_of: impl Fn(&str) -> usize) {
    let scaling = Scaling { y: Range { log: panel.y_log, limits: None }, ..Scaling::default() };
    let points = panel.series.iter().flat_map(|series| series.points.iter().copied());
    let Some(frame) = Frame::around(slot, points, scaling) else {
        return draw_empty(svg, slot);
    };
    frame.draw(svg, &panel.x_label, &panel.y_label);
    for series in &panel.series {
        let path = polyline(series.points.iter().map(|&point| frame.at(point)));
        if !path.is_empty() {
            let index = index_of(&series.name);
            let (colour, dashes) = (colour(index), dashes(index, series.dashed));
            let width = if series.points.len() == 1 { 8.0 } else { 2.5 };
            svg.push(format_args!(
                "<path class=\"series\" d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" \
                 stroke-linecap=\"round\" stroke-linejoin=\"round\"{dashes}/>"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::xml::{Element, elements};

    fn series(name: &str, points: &[(f64, f64)]) -> Series {
        Series { name: name.into(), points: points.to_vec(), dashed: false }
    }

    fn panel(series: Vec<Series>, y_log: bool) -> Panel {
        Panel { title: "loss".into(), x_label: "epoch".into(), y_label: "nats".into(), series, y_log }
    }

    fn of_class<'a>(elements: &'a [Element], class: &str) -> Vec<&'a Element> {
        elements.iter().filter(|e| e.get("class") == class).collect()
    }

    /// The coordinates of the subpaths of a curve.
    fn subpaths(path: &Element) -> Vec<Vec<(f64, f64)>> {
        let point = |text: &str| {
            let (x, y) = text.trim_end_matches("h0").split_once(' ').expect("two coordinates");
            (x.parse().expect("x"), y.parse().expect("y"))
        };
        path.get("d").split('M').skip(1).map(|sub| sub.split('L').map(point).collect()).collect()
    }

    #[test]
    fn every_point_lies_inside_its_plot_area() {
        for y_log in [false, true] {
            let wave: Vec<(f64, f64)> =
                (0..200).map(|i| (f64::from(i), 1.0 + 1e4 * (f64::from(i) * 0.37).sin().powi(2))).collect();
            let panels: Vec<Panel> =
                (0..7).map(|i| panel(vec![series("a", &wave[i..]), series("b", &wave[..3])], y_log)).collect();
            let elements = elements(&curves("wave", &panels));
            let (areas, paths) = (of_class(&elements, "area"), of_class(&elements, "series"));
            assert_eq!((areas.len(), paths.len()), (7, 14));
            for (i, path) in paths.iter().enumerate() {
                let area = areas[i / 2];
                let (left, top) = (area.number("x"), area.number("y"));
                for (x, y) in subpaths(path).concat() {
                    assert!((left - 0.1..=left + area.number("width") + 0.1).contains(&x), "{x} {area:?}");
                    assert!((top - 0.1..=top + area.number("height") + 0.1).contains(&y), "{y} {area:?}");
                }
            }
        }
    }

    #[test]
    fn the_line_breaks_where_a_value_cannot_be_drawn() {
        let points =
            [(1.0, 4.0), (2.0, f64::NAN), (3.0, 3.0), (4.0, 2.0), (5.0, f64::INFINITY), (6.0, 1.0), (7.0, -1.0)];
        let lengths = |y_log| {
            let elements = elements(&curves("gaps", &[panel(vec![series("a", &points)], y_log)]));
            subpaths(of_class(&elements, "series")[0]).iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(lengths(false), [1, 2, 2]);
        assert_eq!(lengths(true), [1, 2, 1]);
    }

    #[test]
    fn a_panel_without_values_says_so() {
        for series_ in [vec![], vec![series("a", &[])], vec![series("a", &[(1.0, f64::NAN)])]] {
            let document = curves("t", &[panel(series_, false)]);
            assert!(document.contains(">no data<"));
            assert!(of_class(&elements(&document), "series").is_empty());
        }
        elements(&curves("no panel at all", &[]));
    }

    #[test]
    fn a_series_keeps_its_colour_in_every_panel() {
        let line = [(0.0, 0.0), (1.0, 1.0)];
        let first = panel(vec![series("train", &line), series("valid", &line)], false);
        let second = panel(vec![series("valid", &line), series("test", &line)], false);
        let elements = elements(&curves("t", &[first, second]));
        let strokes: Vec<&str> = of_class(&elements, "series").iter().map(|e| e.get("stroke")).collect();
        assert_eq!(strokes[1], strokes[2]);
        assert!(strokes[0] != strokes[1] && strokes[2] != strokes[3] && strokes[0] != strokes[3]);
        assert_eq!(of_class(&elements, "key").len(), 3);
    }

    #[test]
    fn the_legend_ends_above_the_panels() {
        let names: Vec<Series> =
            (0..40).map(|i| series(&format!("series number {i}"), &[(0.0, 1.0), (1.0, 2.0)])).collect();
        let elements = elements(&curves("many", &[panel(names, false)]));
        let area = of_class(&elements, "area")[0].number("y");
        let lines = of_class(&elements, "key")
            .iter()
            .map(|e| e.get("d").split(' ').nth(1).expect("y").parse().expect("y"))
            .collect::<Vec<f64>>();
        assert!(lines.iter().all(|&y| y + 14.0 < area), "{lines:?} {area}");
        assert_eq!(lines.len(), 40);
    }
}
