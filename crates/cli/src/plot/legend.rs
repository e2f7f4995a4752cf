//! Legends: a band of their own above the plots, so that they never cover data.

use super::look::{dash_pattern, marker_shape};
use super::svg::{SMALL, Style, Svg, fitted, num, text_width};
use super::{MARGIN, PALETTE};

/// Height of one line of entries.
const LINE: f64 = 28.0;
/// Width of the sample before a name, and the gap after the name.
const SAMPLE: f64 = 40.0;
const GAP: f64 = 26.0;

/// What stands for a series: its place in the palette, and for lines the dash pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// A line of series `index`.
    Line { index: usize, dashed: bool },
    /// A point of class `index`.
    Point { index: usize },
}

/// Colour of series `index`; beyond the palette the colours repeat with other dashes or shapes.
pub fn colour(index: usize) -> &'static str {
    PALETTE[index % PALETTE.len()]
}

/// The `stroke-dasharray` attribute of series `index`.
pub fn dashes(index: usize, dashed: bool) -> &'static str {
    dash_pattern(if dashed { 1 } else { [0, 2, 3][index / PALETTE.len() % 3] })
}

/// The outline of a point of class `index` with radius about `r`, centred on the origin.
pub fn marker(index: usize, r: f64) -> String {
    marker_shape(index / PALETTE.len(), r)
}

/// Draws the entries from `y` downwards; returns where the band ends.
pub fn legend(svg: &mut Svg, y: f64, entries: &[(&str, Sample)]) -> f64 {
    let names: Vec<&str> = entries.iter().map(|(name, _)| *name).collect();
    flow(svg, y, &names, |svg, i, (x, y)| match entries[i].1 {
        Sample::Line { index, dashed } => svg.push(format_args!(
            "<path class=\"key\" d=\"M{} {} h30\" stroke=\"{}\" stroke-width=\"3\"{}/>",
            num(x),
            num(y),
            colour(index),
            dashes(index, dashed)
        )),
        Sample::Point { index } => svg.push(format_args!(
            "<path class=\"key\" transform=\"translate({} {})\" d=\"{}\" fill=\"{}\"/>",
            num(x + 22.0),
            num(y),
            marker(index, 7.0),
            colour(index)
        )),
    })
}

/// Sets names in lines from left to right, each behind a sample that `draw` places for its index from the given point to
/// the right; returns where the band ends.
pub fn flow(svg: &mut Svg, y: f64, names: &[&str], draw: impl Fn(&mut Svg, usize, (f64, f64))) -> f64 {
    let (mut x, mut line) = (MARGIN, y + LINE / 2.0);
    let page = svg.width();
    for (i, name) in names.iter().enumerate() {
        let (size, name) = fitted(name, SMALL.size, page - 2.0 * MARGIN - SAMPLE);
        let width = SAMPLE + text_width(&name, size);
        if x > MARGIN && x + width > page - MARGIN {
            (x, line) = (MARGIN, line + LINE);
        }
        draw(svg, i, (x, line));
        svg.text((x + SAMPLE - 2.0, line), Style { anchor: "start", size, ..SMALL }, &name);
        x += width + GAP;
    }
    if names.is_empty() { y } else { line + LINE / 2.0 }
}
