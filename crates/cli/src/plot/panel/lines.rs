//! Lines over a common horizontal axis, with quantile bands and reference lines.

use super::super::frame::{Frame, Slot};
use super::super::look::Look;
use super::super::svg::{SMALL, Style, Svg, fitted, num, polyline, text_width};
use super::{Scale, framed, open_clipped};

/// More points than this would only fill the file: a panel is shown some 400 px wide.
const MOST_POINTS: usize = 700;

/// A panel of lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    /// Printed above the plot area.
    pub title: String,
    /// The horizontal axis.
    pub x: Scale,
    /// The vertical axis.
    pub y: Scale,
    /// The lines, faint ones drawn first.
    pub series: Vec<Line>,
    /// A level to compare with.
    pub reference: Option<Reference>,
}

/// One line, with its band.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Colour, dashes, shape of the markers.
    pub look: Look,
    /// Points in drawing order; the line is broken at a value that cannot be drawn. Of a line with more than 700 points
    /// the smallest and largest of each run of points are kept, so that no peak is lost.
    pub points: Vec<(f64, f64)>,
    /// `(x, lower, upper)`: an area behind the line, for quantiles over seeds.
    pub band: Vec<(f64, f64, f64)>,
    /// Draws a marker at each point.
    pub markers: bool,
}

impl Line {
    /// A line without points yet.
    pub fn new(look: Look) -> Self {
        Line { look, points: Vec::new(), band: Vec::new(), markers: false }
    }
}

/// A grey line across the plot area with its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Where it crosses the vertical axis.
    pub y: f64,
    /// Printed along it; empty for none.
    pub label: String,
}

impl Lines {
    /// The panel as an SVG document. The axes cover lines, bands and the reference.
    pub fn draw(&self) -> String {
        let data: Vec<(f64, f64)> = self.series.iter().flat_map(Line::extent).collect();
        let level = self.reference.iter().filter_map(|reference| Some((data.first()?.0, reference.y)));
        let points = data.iter().copied().chain(level);
        framed(&self.title, [&self.x, &self.y], false, points, |svg, frame| {
            open_clipped(svg, frame);
            self.series.iter().for_each(|line| line.draw_band(svg, frame));
            let (behind, before): (Vec<&Line>, Vec<&Line>) = self.series.iter().partition(|line| line.look.is_faint());
            behind.into_iter().chain(before).for_each(|line| line.draw(svg, frame));
            svg.push(format_args!("</g>"));
            // A marker on the frame is seen whole.
            self.series.iter().for_each(|line| line.draw_markers(svg, frame));
            // On top, since a label below a line could not be read.
            let places: Vec<(f64, f64)> = data.iter().filter_map(|&point| frame.at(point)).collect();
            self.reference.iter().for_each(|reference| reference.draw(svg, frame, &places));
        })
    }
}

impl Line {
    fn extent(&self) -> impl Iterator<Item = (f64, f64)> {
        let edges = self.band.iter().flat_map(|&(x, lower, upper)| [(x, lower), (x, upper)]);
        self.points.iter().copied().chain(edges)
    }

    fn draw_band(&self, svg: &mut Svg, frame: &Frame) {
        let edges: Vec<_> = self.band.iter().map(|&(x, lo, hi)| frame.at((x, lo)).zip(frame.at((x, hi)))).collect();
        for run in edges.split(Option::is_none).filter(|run| run.len() > 1) {
            let (lower, upper): (Vec<_>, Vec<_>) = run.iter().flatten().copied().unzip();
            let outline = polyline(lower.into_iter().chain(upper.into_iter().rev()).map(Some));
            let colour = self.look.colour();
            svg.push(format_args!("<path class=\"band\" d=\"{outline}Z\" fill=\"{colour}\" fill-opacity=\"0.16\"/>"));
        }
    }

    fn draw(&self, svg: &mut Svg, frame: &Frame) {
        let points = thinned(&self.points);
        let path = polyline(points.iter().map(|&point| frame.at(point)));
        if !path.is_empty() {
            svg.push(format_args!("<path class=\"series\" d=\"{path}\" {}/>", self.look.stroke()));
        }
    }

    fn draw_markers(&self, svg: &mut Svg, frame: &Frame) {
        if self.markers {
            let marker = self.look.marker(5.0);
            let places = thinned(&self.points).into_iter().filter_map(|point| frame.at(point));
            let markers = places.filter(|&place| frame.area().contains(place));
            let markers: String = markers.map(|(x, y)| format!("M{} {}{marker}", num(x), num(y))).collect();
            svg.push(format_args!("<path class=\"markers\" d=\"{markers}\" fill=\"{}\"/>", self.look.colour()));
        }
    }
}

impl Reference {
    /// The label stands where it covers least of the `places` of the data.
    fn draw(&self, svg: &mut Svg, frame: &Frame, places: &[(f64, f64)]) {
        let Slot { x: left, y: top, width, height } = frame.area();
        let Some(y) = frame.y_at(self.y).filter(|&y| frame.area().contains((left, y))) else { return };
        svg.push(format_args!(
            "<path class=\"reference\" d=\"M{} {}h{}\" stroke=\"#555\" stroke-width=\"1.5\" stroke-dasharray=\"5 4\"/>",
            num(left),
            num(y),
            num(width)
        ));
        if self.label.is_empty() {
            return;
        }
        let (size, text) = fitted(&self.label, SMALL.size, width - 12.0);
        let (text_width, text_height) = (text_width(&text, size), 1.5 * size);
        let boxes = [1.0, 0.0].into_iter().flat_map(|side| {
            let x = left + 6.0 + side * (width - 12.0 - text_width);
            [y - text_height, y].map(|y| Slot { x, y, width: text_width, height: text_height })
        });
        let inside = |slot: &Slot| slot.y >= top && slot.y + slot.height <= top + height;
        let covered = |slot: &Slot| places.iter().filter(|&&place| slot.contains(place)).count();
        let Some(best) = boxes.filter(inside).min_by_key(covered) else { return };
        let place = (best.x, best.y + best.height / 2.0);
        svg.text(place, Style { size, fill: "#555", halo: true, anchor: "start", ..SMALL }, &text);
    }
}

/// At most about [`MOST_POINTS`] of the points: of each run of neighbours those with the smallest
/// and the largest value.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let run = (2 * points.len()).div_ceil(MOST_POINTS);
    points.chunks(run).flat_map(extremes).collect()
}

/// The lowest and the highest point in their order; a point that cannot be drawn if there is no other.
fn extremes(run: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let finite = || run.iter().enumerate().filter(|(_, (_, y))| y.is_finite());
    let by_value = |a: &(usize, &(f64, f64)), b: &(usize, &(f64, f64))| a.1.1.total_cmp(&b.1.1);
    match (finite().min_by(by_value), finite().max_by(by_value)) {
        (Some((i, &low)), Some((j, &high))) if i < j => vec![low, high],
        (Some((i, &low)), Some((j, &high))) if i > j => vec![high, low],
        (Some((_, &only)), _) => vec![only],
        _ => run[..1].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::xml::{Element, elements};

    fn panel(series: Vec<Line>, log: bool) -> Lines {
        let axis = |label| if log { Scale::new(label).log() } else { Scale::new(label) };
        Lines { title: "loss".into(), x: axis("epoch"), y: axis("loss (nats)"), series, reference: None }
    }

    fn of_class<'a>(elements: &'a [Element], class: &str) -> Vec<&'a Element> {
        elements.iter().filter(|e| e.get("class") == class).collect()
    }

    #[test]
    fn lines_bands_and_markers_lie_inside_the_area() {
        let wave = |i: u32| 1.0 + 1e3 * (f64::from(i) * 0.37).sin().powi(2);
        for log in [false, true] {
            let line = Line {
                points: (1..2000).map(|i| (f64::from(i), wave(i))).collect(),
                band: (1..50).map(|i| (f64::from(i), 0.5 * wave(i), 2.0 * wave(i))).collect(),
                markers: true,
                look: Look::new(3),
            };
            let found = elements(&panel(vec![line], log).draw());
            let area = of_class(&found, "area")[0];
            let slot = ["x", "y", "width", "height"].map(|name| area.number(name));
            let slot = Slot { x: slot[0], y: slot[1], width: slot[2], height: slot[3] };
            for class in ["series", "band", "markers"] {
                let [path] = of_class(&found, class)[..] else { panic!("one {class}") };
                assert!(path.places().len() > 40);
                assert!(path.places().into_iter().all(|place| slot.contains(place)), "{class}");
            }
        }
    }

    #[test]
    fn a_long_line_is_thinned_and_keeps_its_peaks() {
        let mut points: Vec<(f64, f64)> = (0..50_000).map(|i| (f64::from(i), f64::from(i % 7))).collect();
        points[23_456].1 = 900.0;
        points[34_567].1 = -900.0;
        let kept = thinned(&points);
        assert!(kept.len() <= MOST_POINTS + 2, "{}", kept.len());
        assert!(kept.contains(&points[23_456]) && kept.contains(&points[34_567]));
        assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_line_and_its_band_break_at_values_that_cannot_be_drawn() {
        let points = vec![(1.0, 4.0), (2.0, f64::NAN), (3.0, 3.0), (4.0, 2.0)];
        let band = [1.0, 2.0, f64::NAN, 4.0, 5.0].iter().map(|&x| (x, x - 0.5, x + 0.5)).collect();
        let found = elements(&panel(vec![Line { points, band, ..Line::new(Look::GREY) }], false).draw());
        assert_eq!(of_class(&found, "series")[0].get("d").matches('M').count(), 2);
        assert_eq!(of_class(&found, "band").len(), 2);
        assert!(panel(vec![Line::new(Look::GREY)], false).draw().contains(">no data<"));
    }

    #[test]
    fn faint_lines_are_drawn_behind_and_a_reference_has_its_label() {
        let points = vec![(1.0, 1.0), (9.0, 2.0)];
        let strong = Line { points: points.clone(), ..Line::new(Look::new(0)) };
        let faint = Line { points, ..Line::new(Look::new(0).faint()) };
        let mut panel = panel(vec![strong, faint], false);
        panel.reference = Some(Reference { y: 2.5, label: "best attainable".into() });
        let document = panel.draw();
        let found = elements(&document);
        assert_eq!(of_class(&found, "series")[0].get("stroke-width"), "1.4");
        assert_eq!(of_class(&found, "reference").len(), 1);
        assert!(document.contains(">best attainable<"));
    }
}
