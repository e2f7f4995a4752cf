//! The distribution of one number over seeds in a strip that fits into a table.

use super::super::axis::bounds;
use super::super::look::Look;
use super::super::svg::{Svg, num};

const WIDTH: f64 = 260.0;
const HEIGHT: f64 = 26.0;
/// Free space at the ends, for half a mark.
const EDGE: f64 = 9.0;

/// Our values, the reference band and the value of the source on one common scale without numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Strip {
    /// Colour of our values.
    pub look: Look,
    /// One value for each seed: dots, with a bar at their median.
    pub values: Vec<f64>,
    /// The band in which our median should lie, open where an end is absent.
    pub band: Option<(Option<f64>, Option<f64>)>,
    /// The value of the source: a hollow diamond.
    pub source: Option<f64>,
}

impl Strip {
    /// The strip as an SVG document of 260 × 26 without background.
    pub fn draw(&self) -> String {
        let mut svg = Svg::bare(WIDTH, &self.description());
        let ends = self.band.into_iter().flat_map(|(low, high)| [low, high]).flatten();
        let all = self.values.iter().copied().chain(ends).chain(self.source).filter(|v| v.is_finite());
        let middle = HEIGHT / 2.0;
        let Some((lo, hi)) = bounds(all) else { return svg.finish(HEIGHT) };
        let at = |v: f64| {
            let share = if hi > lo { v / (hi - lo) - lo / (hi - lo) } else { 0.5 };
            EDGE + share * (WIDTH - 2.0 * EDGE)
        };
        if let Some((low, high)) = self.band {
            let (left, right) = (low.map_or(0.0, at), high.map_or(WIDTH, at));
            // A band that is a single number is still seen.
            let width = f64::max(right - left, 2.0);
            svg.rectangle("band", [left, 3.0, width, HEIGHT - 6.0], "#8a8a8a", " fill-opacity=\"0.35\" rx=\"2\"");
        }
        svg.line((0.0, middle), (WIDTH, middle), "#8a8a8a");
        let colour = self.look.colour();
        let mut sorted: Vec<f64> = self.values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        // Spread over the height by the golden ratio, so that near dots are seen apart.
        let height = |i: usize| middle + 14.0 * ((i as f64 * 0.618_034).fract() - 0.5);
        let dots = sorted.iter().enumerate().map(|(i, &v)| (at(v), height(i)));
        svg.push(format_args!("<path class=\"dots\" {}/>", self.look.pattern(0).points(2.2, dots)));
        if let Some(median) = median(&sorted) {
            svg.push(format_args!(
                "<path class=\"median\" d=\"M{} 2v{}\" stroke=\"{colour}\" stroke-width=\"3\"/>",
                num(at(median)),
                HEIGHT - 4.0
            ));
        }
        if let Some(source) = self.source.filter(|v| v.is_finite()) {
            // Without a hue, since every hue may belong to a model; white and dark, to be seen on any background.
            svg.push(format_args!(
                "<path class=\"source\" d=\"M{} {middle}m-7 0l7-7l7 7l-7 7z\" \
                 fill=\"#fff\" stroke=\"#333\" stroke-width=\"2\"/>",
                num(at(source))
            ));
        }
        svg.finish(HEIGHT)
    }

    /// What the strip shows, for readers who do not see it.
    fn description(&self) -> String {
        let source = if self.source.is_some() { " and the value of the source" } else { "" };
        format!("{} values, their median{source}", self.values.len())
    }
}

/// The middle of sorted values.
fn median(sorted: &[f64]) -> Option<f64> {
    let n = sorted.len();
    (n > 0).then(|| sorted[(n - 1) / 2] / 2.0 + sorted[n / 2] / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::xml::elements;

    #[test]
    fn every_mark_lies_on_the_strip_in_the_order_of_the_numbers() {
        let strip = Strip {
            look: Look::new(0),
            values: vec![3.0, 1.0, f64::NAN, 2.0, 10.0],
            band: Some((Some(1.5), None)),
            source: Some(4.0),
        };
        let found = elements(&strip.draw());
        let at = |class: &str| found.iter().find(|e| e.get("class") == class).expect("the mark").places();
        let (dots, median, source) = (at("dots"), at("median")[0].0, at("source")[0].0);
        assert_eq!(dots.len(), 4);
        assert!(dots[1].0 < median && median < dots[2].0 && dots[2].0 < source && source < dots[3].0);
        assert!(dots.iter().all(|&(x, _)| (EDGE..=WIDTH - EDGE).contains(&x)));
    }

    #[test]
    fn equal_numbers_and_none_are_drawn() {
        let strip = |values| Strip { look: Look::new(0), values, band: None, source: None };
        assert!(strip(vec![0.5; 3]).draw().contains("M130 "));
        elements(&strip(vec![]).draw());
    }
}
