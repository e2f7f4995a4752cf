//! Small figures, one SVG each, which a page or a sheet lays out side by side under one legend.
//!
//! All have the same width, so that text has the same size in all of them: 18 units of 560, which is 12 px where three
//! stand in a row of 1,180 px and 11 px on a page of 400 px. A title has room for about 45 characters.

mod images;
mod key;
mod lines;
mod marks;
mod matrix;
mod points;
mod sheet;
mod strip;

pub use images::Images;
pub use key::{Key, Mark, key_sample, legend};
pub use lines::{Line, Lines, Reference};
pub use marks::{Marked, Marks, Spot};
pub use matrix::{Cells, Matrix, Names};
pub use points::{Cloud, Ellipse, Points, Polyline, align};
pub use sheet::sheet;
pub use strip::Strip;

use super::frame::{Frame, Range, Scaling, Slot, draw_empty};
use super::svg::{NORMAL, Style, Svg, num};

/// Width of a panel in user units.
const WIDTH: f64 = 560.0;
/// Free space at the edges.
const MARGIN: f64 = 16.0;
/// Height of the title.
const TITLE: f64 = 38.0;
/// Height of a panel with axes.
const HEIGHT: f64 = 440.0;

/// One axis: its name with the unit, and how it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    label: String,
    range: Range,
}

impl Scale {
    /// A linear axis that covers the data. `label` names the quantity and its unit: "KL (nats)".
    pub fn new(label: &str) -> Self {
        Scale { label: label.to_string(), range: Range::default() }
    }

    /// The same axis, logarithmic.
    pub fn log(mut self) -> Self {
        self.range.log = true;
        self
    }

    /// The same axis over `lo < hi` whatever the data, so that panels can be compared; what lies outside is not drawn.
    pub fn limits(mut self, lo: f64, hi: f64) -> Self {
        self.range.limits = Some((lo, hi));
        self
    }
}

/// An empty panel with its title.
fn titled(title: &str, width: f64) -> Svg {
    let mut svg = Svg::blank(width, title);
    let style = Style { bold: true, ..NORMAL };
    svg.text_within((width / 2.0, TITLE / 2.0 + 1.0), style, title, width - 12.0);
    svg
}

/// A panel with axes around the points; `draw` adds what lies on the plot area. Without points it says "no data".
fn framed(
    title: &str,
    [x, y]: [&Scale; 2],
    equal_units: bool,
    points: impl Iterator<Item = (f64, f64)>,
    draw: impl FnOnce(&mut Svg, &Frame),
) -> String {
    let mut svg = titled(title, WIDTH);
    let slot = Slot { x: 4.0, y: TITLE, width: WIDTH - 4.0, height: HEIGHT - TITLE };
    match Frame::around(slot, points, Scaling { x: x.range, y: y.range, equal_units }) {
        Some(frame) => {
            frame.draw(&mut svg, &x.label, &y.label);
            draw(&mut svg, &frame);
        }
        None => draw_empty(&mut svg, slot),
    }
    svg.finish(HEIGHT)
}

/// Opens a group whose content is cut at the plot area; the caller closes it.
fn open_clipped(svg: &mut Svg, frame: &Frame) {
    let Slot { x, y, width, height } = frame.area();
    let [x, y, width, height] = [x, y, width, height].map(num);
    svg.push(format_args!(
        "<clipPath id=\"plot\"><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/></clipPath>"
    ));
    svg.push(format_args!("<g clip-path=\"url(#plot)\">"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Look;
    use crate::plot::xml::elements;

    #[test]
    fn every_panel_has_a_title_named_axes_and_text_within_its_page() {
        let look = Look::new(1);
        let (x, y) = (Scale::new("KL (nats)").log(), Scale::new("reconstruction (nats)"));
        let points: Vec<(f64, f64)> = (1..9).map(|i| (f64::from(i), f64::from(i * i))).collect();
        let line = Line { points: points.clone(), ..Line::new(look) };
        let lines = Lines { title: "lines".into(), x: x.clone(), y: y.clone(), series: vec![line], reference: None };
        let cloud = Cloud { look, points: points.clone() };
        let scatter = Points { clouds: vec![cloud], ..Points::new("points", Scale::new("x1"), Scale::new("x2")) };
        let spots = points.iter().map(|&at| Spot { at, x_range: None, y_range: None, label: "β = 1".into() }).collect();
        let series = vec![Marked { look, joined: true, spots }];
        let marks = Marks { title: "marks".into(), x, y, series };
        for (document, labels) in [
            (lines.draw(), ["KL (nats)", "reconstruction (nats)"]),
            (scatter.draw(), ["x1", "x2"]),
            (marks.draw(), ["KL (nats)", "reconstruction (nats)"]),
        ] {
            assert!(labels.iter().all(|label| document.contains(&format!(">{label}</text>"))), "{document}");
            for text in elements(&document).iter().filter(|e| e.name == "text") {
                assert!((0.0..=WIDTH).contains(&text.number("x")) && (0.0..=HEIGHT).contains(&text.number("y")));
            }
        }
    }
}
