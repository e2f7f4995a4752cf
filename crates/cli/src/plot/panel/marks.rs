//! Labelled points with error bars: one quantity against another.

use super::super::frame::{Frame, Slot};
use super::super::look::Look;
use super::super::svg::{SMALL, Style, Svg, num, polyline, text_width};
use super::{Scale, framed};

/// A panel of labelled points.
#[derive(Debug, Clone, PartialEq)]
pub struct Marks {
    /// Printed above the plot area.
    pub title: String,
    /// The horizontal axis.
    pub x: Scale,
    /// The vertical axis.
    pub y: Scale,
    /// The points by series.
    pub series: Vec<Marked>,
}

/// The points of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Marked {
    /// Colour, dashes and shape.
    pub look: Look,
    /// Joins the points in their order.
    pub joined: bool,
    /// The points.
    pub spots: Vec<Spot>,
}

/// One point with its ranges.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    /// The point, such as a median over seeds.
    pub at: (f64, f64),
    /// Ends of the horizontal error bar.
    pub x_range: Option<(f64, f64)>,
    /// Ends of the vertical error bar.
    pub y_range: Option<(f64, f64)>,
    /// Printed beside the point where nothing else is printed; empty for none.
    pub label: String,
}

impl Spot {
    /// The error bars, each from end to end.
    fn bars(&self) -> impl Iterator<Item = [(f64, f64); 2]> {
        let (x, y) = self.at;
        let across = self.x_range.map(|(lo, hi)| [(lo, y), (hi, y)]);
        let upright = self.y_range.map(|(lo, hi)| [(x, lo), (x, hi)]);
        across.into_iter().chain(upright)
    }
}

impl Marks {
    /// The panel as an SVG document.
    pub fn draw(&self) -> String {
        let spots = || self.series.iter().flat_map(|series| &series.spots);
        let extent = spots().flat_map(|spot| spot.bars().flatten().chain([spot.at]));
        framed(&self.title, [&self.x, &self.y], false, extent, |svg, frame| {
            self.series.iter().for_each(|series| series.draw(svg, frame));
            let drawn = self.series.iter().flat_map(|series| series.boxes(frame)).collect();
            let labels = self.series.iter().flat_map(|series| series.labels(frame)).collect();
            label(svg, frame.area(), labels, drawn);
        })
    }
}

impl Marked {
    fn draw(&self, svg: &mut Svg, frame: &Frame) {
        let colour = self.look.colour();
        let bars = self.spots.iter().flat_map(Spot::bars);
        let bars: String = bars.map(|ends| polyline(ends.iter().map(|&end| frame.at(end)))).collect();
        svg.push(format_args!(
            "<path class=\"bars\" d=\"{bars}\" fill=\"none\" stroke=\"{colour}\" \
             stroke-width=\"1.8\" stroke-opacity=\"0.5\"/>"
        ));
        if self.joined {
            let path = polyline(self.spots.iter().map(|spot| frame.at(spot.at)));
            svg.push(format_args!("<path class=\"series\" d=\"{path}\" {}/>", self.look.stroke()));
        }
        let marker = self.look.marker(6.0);
        let places = self.spots.iter().filter_map(|spot| frame.at(spot.at));
        let markers: String = places.map(|(x, y)| format!("M{} {}{marker}", num(x), num(y))).collect();
        svg.push(format_args!("<path class=\"markers\" d=\"{markers}\" fill=\"{colour}\" stroke=\"#fff\"/>"));
    }

    /// Place, text and colour of the labels.
    fn labels(&self, frame: &Frame) -> impl Iterator<Item = ((f64, f64), &str, String)> {
        self.spots.iter().filter_map(|spot| Some((frame.at(spot.at)?, spot.label.as_str(), self.look.text_colour())))
    }

    /// What labels should not cover: a box for each marker, small ones along the bars and the line.
    fn boxes(&self, frame: &Frame) -> Vec<Slot> {
        let markers = self.spots.iter().filter_map(|spot| frame.at(spot.at)).map(|place| around(place, 14.0, 14.0));
        let bars = self.spots.iter().flat_map(Spot::bars);
        let joints = self.spots.windows(2).filter(|_| self.joined).map(|pair| [pair[0].at, pair[1].at]);
        let steps = bars.chain(joints).filter_map(|[a, b]| frame.at(a).zip(frame.at(b))).flat_map(|(a, b)| {
            let count = ((b.0 - a.0).hypot(b.1 - a.1) / 6.0).ceil().max(1.0);
            let between = move |a: f64, b: f64, i: i32| a + (b - a) * f64::from(i) / count;
            (0..=count as i32).map(move |i| around((between(a.0, b.0, i), between(a.1, b.1, i)), 6.0, 6.0))
        });
        markers.chain(steps).collect()
    }
}

/// Prints each label beside its point, in the direction where it covers least of what is drawn and of earlier labels.
fn label(svg: &mut Svg, area: Slot, places: Vec<((f64, f64), &str, String)>, drawn: Vec<Slot>) {
    let mut labels: Vec<Slot> = Vec::new();
    for ((x, y), text, colour) in places.into_iter().filter(|(_, text, _)| !text.is_empty()) {
        let (width, height) = (text_width(text, SMALL.size), SMALL.size);
        let (dx, dy) = (width / 2.0 + 10.0, height / 2.0 + 9.0);
        let boxes = DIRECTIONS.iter().flat_map(|&(right, down)| {
            [1.0, 1.8].map(|far| around((x + right * dx, y + far * down * dy), width, height))
        });
        let covered = |found: &Slot| {
            let outside = width * height - overlap(found, &area);
            let of = |others: &[Slot]| others.iter().map(|other| overlap(found, other)).sum::<f64>();
            // A label over a line can be read, one over a label cannot.
            of(&drawn) + 10.0 * (outside + of(&labels))
        };
        // The first of the best, since a minimum of equal numbers is the first.
        let best = boxes.min_by(|a, b| covered(a).total_cmp(&covered(b))).expect("sixteen places");
        let centre = (best.x + best.width / 2.0, best.y + best.height / 2.0);
        svg.text(centre, Style { halo: true, fill: &colour, ..SMALL }, text);
        labels.push(best);
    }
}

/// Where a label may stand, right and down of its point.
const DIRECTIONS: [(f64, f64); 8] =
    [(1.0, -1.0), (1.0, 1.0), (-1.0, -1.0), (-1.0, 1.0), (1.0, 0.0), (-1.0, 0.0), (0.0, -1.0), (0.0, 1.0)];

fn around((x, y): (f64, f64), width: f64, height: f64) -> Slot {
    Slot { x: x - width / 2.0, y: y - height / 2.0, width, height }
}

/// The area two boxes share.
fn overlap(a: &Slot, b: &Slot) -> f64 {
    let shared =
        |a: f64, b: f64, wide_a: f64, wide_b: f64| (f64::min(a + wide_a, b + wide_b) - f64::max(a, b)).max(0.0);
    shared(a.x, b.x, a.width, b.width) * shared(a.y, b.y, a.height, b.height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::xml::{Element, elements};

    fn panel(points: &[(f64, f64)]) -> Marks {
        let spot = |(i, &(x, y)): (usize, &(f64, f64))| Spot {
            at: (x, y),
            x_range: Some((x - 0.3, x + 0.4)),
            y_range: Some((y - 0.2, y + 0.5)),
            label: format!("β = {i}"),
        };
        let spots = points.iter().enumerate().map(spot).collect();
        let series = vec![Marked { look: Look::new(1), joined: true, spots }];
        Marks { title: "trade-off".into(), x: Scale::new("KL (nats)"), y: Scale::new("recon (nats)"), series }
    }

    #[test]
    fn points_and_bars_lie_inside_the_area() {
        let found = elements(&panel(&[(0.1, 8.0), (1.0, 5.0), (5.0, 3.3)]).draw());
        let one = |class: &str| found.iter().find(|e| e.get("class") == class).expect("an element of the class");
        let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| one("area").number(name));
        let area = Slot { x, y, width, height };
        for (class, count) in [("bars", 12), ("series", 3), ("markers", 3)] {
            let places = one(class).places();
            assert_eq!(places.len(), count, "{class}");
            assert!(places.into_iter().all(|place| area.contains(place)), "{class}");
        }
    }

    #[test]
    fn labels_of_near_points_do_not_cover_each_other() {
        let points = [(1.0, 1.0), (1.02, 1.01), (1.0, 1.2), (2.0, 2.0), (5.0, 5.0)];
        let found = elements(&panel(&points).draw());
        let labels: Vec<&Element> = found.iter().filter(|e| e.get("paint-order") == "stroke").collect();
        assert_eq!(labels.len(), 5);
        let boxes: Vec<Slot> = labels
            .iter()
            .map(|e| around((e.number("x"), e.number("y")), text_width("β = 0", SMALL.size), SMALL.size))
            .collect();
        for (i, a) in boxes.iter().enumerate() {
            assert!(boxes[..i].iter().all(|b| overlap(a, b) < 1.0), "{boxes:?}");
        }
    }
}
