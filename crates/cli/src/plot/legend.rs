//! Legends: a band of their own above the plots, so that they never cover data.

use super::svg::{SMALL, Style, Svg, fit, num, text_width};
use super::{MARGIN, PALETTE, WIDTH};

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
    const ROUNDS: [&str; 3] = ["", " stroke-dasharray=\"2 4\"", " stroke-dasharray=\"14 4 3 4\""];
    if dashed { " stroke-dasharray=\"8 5\"" } else { ROUNDS[index / PALETTE.len() % ROUNDS.len()] }
}

/// The outline of a point of class `index` with radius about `r`, centred on the origin: disc, square, triangle, diamond.
pub fn marker(index: usize, r: f64) -> String {
    let path = |points: [(f64, f64); 4]| {
        let [a, b, c, d] = points.map(|(x, y)| format!("{} {}", num(r * x), num(r * y)));
        format!("M{a}L{b}L{c}L{d}Z")
    };
    match index / PALETTE.len() % 4 {
        0 => format!("M-{r} 0a{r} {r} 0 1 0 {} 0a{r} {r} 0 1 0 -{} 0Z", 2.0 * r, 2.0 * r),
        1 => path([(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
        2 => path([(0.0, -1.2), (0.6, -0.1), (1.1, 0.9), (-1.1, 0.9)]),
        _ => path([(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]),
    }
}

/// Draws the entries from `y` downwards, filling lines from left to right; returns where the band ends.
pub fn legend(svg: &mut Svg, y: f64, entries: &[(&str, Sample)]) -> f64 {
    let (mut x, mut line) = (MARGIN, y + LINE / 2.0);
    for &(name, sample) in entries {
        let name = fit(name, SMALL.size, WIDTH - 2.0 * MARGIN - SAMPLE);
        let width = SAMPLE + text_width(&name, SMALL.size);
        if x > MARGIN && x + width > WIDTH - MARGIN {
            (x, line) = (MARGIN, line + LINE);
        }
        match sample {
            Sample::Line { index, dashed } => svg.push(format_args!(
                "<path class=\"key\" d=\"M{} {} h30\" stroke=\"{}\" stroke-width=\"3\"{}/>",
                num(x),
                num(line),
                colour(index),
                dashes(index, dashed)
            )),
            Sample::Point { index } => svg.push(format_args!(
                "<path class=\"key\" transform=\"translate({} {})\" d=\"{}\" fill=\"{}\"/>",
                num(x + 22.0),
                num(line),
                marker(index, 7.0),
                colour(index)
            )),
        }
        svg.text((x + SAMPLE - 2.0, line), Style { anchor: "start", ..SMALL }, &name);
        x += width + GAP;
    }
    if entries.is_empty() { y } else { line + LINE / 2.0 }
}
