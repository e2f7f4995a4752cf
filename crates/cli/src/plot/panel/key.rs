//! Legends shared by the panels of a figure.

use super::super::look::Look;
use super::super::svg::{SMALL, Style, Svg, fitted, num, text_width};
use super::{MARGIN, WIDTH};

/// Height of one line of entries.
const LINE: f64 = 28.0;
/// Width of the sample before a name, and the gap after the name.
const SAMPLE: f64 = 40.0;
const GAP: f64 = 26.0;

/// One entry of a legend.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Printed behind the sample.
    pub name: String,
    /// The look of the series.
    pub look: Look,
    /// What is drawn of it.
    pub mark: Mark,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A line.
    Line,
    /// Points.
    Points,
    /// Points joined by a line.
    JoinedPoints,
    /// A line in its band.
    Band,
}

impl Key {
    /// The elements of the sample, 34 units wide and 14 high around `(x + 17, y)`.
    fn sample(&self, (x, y): (f64, f64)) -> String {
        let (colour, [x, y, middle]) = (self.look.colour(), [x, y, x + 17.0].map(num));
        let line = || format!("<path class=\"key\" d=\"M{x} {y} h34\" {}/>", self.look.stroke());
        let point = || {
            let marker = self.look.marker(6.0);
            format!("<path class=\"key\" d=\"M{middle} {y}{marker}\" fill=\"{colour}\"/>")
        };
        let band = || format!("<path d=\"M{x} {y}m0-7h34v14h-34z\" fill=\"{colour}\" fill-opacity=\"0.2\"/>");
        match self.mark {
            Mark::Line => line(),
            Mark::Points => point(),
            Mark::JoinedPoints => line() + &point(),
            Mark::Band => band() + &line(),
        }
    }
}

/// The sample of an entry as a small SVG of 38 × 18, for a legend that is set as text.
pub fn key_sample(key: &Key) -> String {
    let sample = key.sample((2.0, 9.0));
    format!(
        "<svg class=\"sample\" viewBox=\"0 0 38 18\" width=\"38\" height=\"18\" aria-hidden=\"true\">{sample}</svg>"
    )
}

/// The legend as an SVG document as wide as a panel, for pages that hold only images.
pub fn legend(keys: &[Key]) -> String {
    let mut svg = Svg::blank(WIDTH, "legend");
    let bottom = draw_keys(&mut svg, 4.0, keys);
    svg.finish(bottom + 4.0)
}

/// Sets the entries in lines from left to right, from `y` downwards; returns where the band ends.
pub fn draw_keys(svg: &mut Svg, y: f64, keys: &[Key]) -> f64 {
    let (mut x, mut line) = (MARGIN, y + LINE / 2.0);
    let page = svg.width();
    for key in keys {
        let (size, name) = fitted(&key.name, SMALL.size, page - 2.0 * MARGIN - SAMPLE);
        let width = SAMPLE + text_width(&name, size);
        if x > MARGIN && x + width > page - MARGIN {
            (x, line) = (MARGIN, line + LINE);
        }
        svg.push(format_args!("{}", key.sample((x - 2.0, line))));
        svg.text((x + SAMPLE - 2.0, line), Style { anchor: "start", size, ..SMALL }, &name);
        x += width + GAP;
    }
    if keys.is_empty() { y } else { line + LINE / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::xml::elements;

    #[test]
    fn the_legend_and_the_samples_show_every_series_in_its_look() {
        let key = |i, mark| Key { name: format!("model <{i}>"), look: Look::new(i), mark };
        let marks = [Mark::Line, Mark::Points, Mark::JoinedPoints, Mark::Band];
        let keys: Vec<Key> = marks.into_iter().enumerate().map(|(i, mark)| key(i, mark)).collect();
        let document = legend(&keys);
        let found = elements(&document);
        assert_eq!(found.iter().filter(|e| e.get("class") == "key").count(), 5);
        for key in &keys {
            assert!(document.contains(&key.look.colour()));
            elements(&key_sample(key));
        }
    }
}
