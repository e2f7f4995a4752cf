//! Clouds of points in the plane with equal units, with ellipses and polylines on them.

use super::super::axis::{bounds, drawable};
use super::super::frame::Frame;
use super::super::look::Look;
use super::super::svg::{SMALL, Style, Svg, num, polyline};
use super::{Scale, framed, open_clipped};

/// More points than this in a panel only fill the page and the file.
const MOST_POINTS: usize = 700;

/// A panel of points; one unit is equally long on both axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    /// Printed above the plot area.
    pub title: String,
    /// The horizontal axis; linear.
    pub x: Scale,
    /// The vertical axis; linear.
    pub y: Scale,
    /// The points by class. Of more than 700 in all, every m-th of each class is drawn, and the panel states m.
    pub clouds: Vec<Cloud>,
    /// Outlines of normal distributions.
    pub ellipses: Vec<Ellipse>,
    /// Lines such as the image of a grid.
    pub polylines: Vec<Polyline>,
}

/// The points of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct Cloud {
    /// Colour and shape.
    pub look: Look,
    /// The points; those that are not finite or lie outside the limits are left out.
    pub points: Vec<(f64, f64)>,
}

/// `{x : (x − mean)ᵀ cov⁻¹ (x − mean) = sigmas²}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ellipse {
    /// Colour and dashes.
    pub look: Look,
    /// The centre.
    pub mean: (f64, f64),
    /// The covariance matrix, symmetric.
    pub cov: [[f64; 2]; 2],
    /// Radius in standard deviations.
    pub sigmas: f64,
}

/// Points joined in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Polyline {
    /// Colour and dashes.
    pub look: Look,
    /// The line is broken at a point that is not finite.
    pub points: Vec<(f64, f64)>,
}

/// Gives all panels the axes that cover the points of all, so that they can be compared.
pub fn align(panels: &mut [Points]) {
    let points: Vec<(f64, f64)> =
        panels.iter().flat_map(|panel| &panel.clouds).flat_map(|cloud| cloud.points.iter().copied()).collect();
    let x = bounds(points.iter().map(|point| point.0).filter(|&v| drawable(v)));
    let y = bounds(points.iter().map(|point| point.1).filter(|&v| drawable(v)));
    for panel in panels {
        (panel.x.range.limits, panel.y.range.limits) = (x, y);
    }
}

impl Points {
    /// A panel without points yet.
    pub fn new(title: &str, x: Scale, y: Scale) -> Self {
        Points { title: title.to_string(), x, y, clouds: Vec::new(), ellipses: Vec::new(), polylines: Vec::new() }
    }

    /// The panel as an SVG document.
    pub fn draw(&self) -> String {
        let every = self.clouds.iter().map(|cloud| cloud.points.len()).sum::<usize>().div_ceil(MOST_POINTS).max(1);
        let drawn = self.clouds.iter().flat_map(|cloud| cloud.points.iter().copied().step_by(every));
        let corners = self.ellipses.iter().flat_map(Ellipse::corners);
        let joined = self.polylines.iter().flat_map(|line| line.points.iter().copied());
        let extent = drawn.chain(corners).chain(joined);
        framed(&self.title, [&self.x, &self.y], true, extent, |svg, frame| {
            open_clipped(svg, frame);
            self.clouds.iter().for_each(|cloud| cloud.draw(svg, frame, every));
            for line in &self.polylines {
                let path = polyline(line.points.iter().map(|&point| frame.at(point)));
                svg.push(format_args!("<path class=\"line\" d=\"{path}\" {}/>", line.look.stroke()));
            }
            self.ellipses.iter().for_each(|ellipse| ellipse.draw(svg, frame));
            svg.push(format_args!("</g>"));
            if every > 1 {
                let area = frame.area();
                let style = Style { anchor: "end", fill: "#555", halo: true, ..SMALL };
                let place = (area.x + area.width - 6.0, area.y + area.height - 0.7 * SMALL.size);
                svg.text(place, style, &format!("1 point in {every}"));
            }
        })
    }
}

impl Cloud {
    /// One path for all points, which takes a third of the space of one element each.
    fn draw(&self, svg: &mut Svg, frame: &Frame, every: usize) {
        let places = self.points.iter().step_by(every).filter_map(|&point| frame.at(point));
        let seen = places.filter(|&place| frame.area().contains(place));
        svg.push(format_args!("<path class=\"cloud\" {}/>", self.look.points(3.2, seen)));
    }
}

impl Ellipse {
    /// Opposite corners of the box around it.
    fn corners(&self) -> [(f64, f64); 2] {
        let [dx, dy] = [self.cov[0][0], self.cov[1][1]].map(|var| self.sigmas * var.max(0.0).sqrt());
        let (x, y) = self.mean;
        [(x - dx, y - dy), (x + dx, y + dy)]
    }

    /// Along the eigenvectors of the covariance, which lie at an angle of ½ atan2(2b, a − c) for [[a, b], [b, c]].
    fn draw(&self, svg: &mut Svg, frame: &Frame) {
        let [[a, b], [_, c]] = self.cov;
        let (middle, spread) = ((a + c) / 2.0, ((a - c) / 2.0).hypot(b));
        let [long, short] = [middle + spread, middle - spread].map(|var| self.sigmas * var.max(0.0).sqrt());
        let (mx, my) = self.mean;
        let (Some(centre), Some(end)) = (frame.at(self.mean), frame.at((mx + long, my))) else { return };
        // The length of one unit on the page, the same on both axes; the page's vertical axis points down.
        let unit = if long > 0.0 { (end.0 - centre.0) / long } else { 0.0 };
        let angle = -(2.0 * b).atan2(a - c).to_degrees() / 2.0;
        let [cx, cy, rx, ry, angle] = [centre.0, centre.1, unit * long, unit * short, angle].map(num);
        svg.push(format_args!(
            "<ellipse cx=\"{cx}\" cy=\"{cy}\" rx=\"{rx}\" ry=\"{ry}\" transform=\"rotate({angle} {cx} {cy})\" {}/>",
            self.look.stroke()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::xml::{Element, elements};

    fn panel(clouds: Vec<Cloud>) -> Points {
        Points { clouds, ..Points::new("data", Scale::new("x1"), Scale::new("x2")) }
    }

    fn drawn(document: &str) -> Vec<(f64, f64)> {
        elements(document).iter().filter(|e| e.get("class") == "cloud").flat_map(Element::places).collect()
    }

    #[test]
    fn units_are_equal_and_points_outside_the_limits_are_left_out() {
        let points = vec![(0.0, 0.0), (4.0, 0.0), (0.0, 4.0), (f64::NAN, 1.0), (90.0, 0.0)];
        let mut panel = panel(vec![Cloud { look: Look::new(0), points }]);
        (panel.x, panel.y) = (panel.x.limits(-5.0, 5.0), panel.y.limits(-5.0, 5.0));
        let [a, b, c] = drawn(&panel.draw())[..] else { panic!("three points can be seen") };
        assert!(((b.0 - a.0) - (a.1 - c.1)).abs() <= 0.3 && b.0 - a.0 > 50.0, "{a:?} {b:?} {c:?}");
    }

    #[test]
    fn aligned_panels_show_the_points_of_one_at_the_places_of_the_other() {
        let cloud = |points: &[(f64, f64)]| vec![Cloud { look: Look::new(0), points: points.to_vec() }];
        let mut panels =
            [panel(cloud(&[(0.0, 0.0), (4.0, 1.0)])), panel(cloud(&[(4.0, 1.0), (-50.0, 300.0), (f64::NAN, 1e200)]))];
        align(&mut panels);
        let [a, b] = panels.map(|panel| drawn(&panel.draw()));
        assert_eq!((a.len(), b.len(), a[1]), (2, 2, b[0]));
    }

    #[test]
    fn many_points_are_thinned_and_the_panel_says_so() {
        let cloud =
            |n: u32| Cloud { look: Look::new(n as usize), points: (0..n).map(|i| (f64::from(i), 0.0)).collect() };
        let document = panel(vec![cloud(1_000), cloud(400)]).draw();
        assert_eq!(drawn(&document).len(), 700);
        assert!(document.contains(">1 point in 2<"));
    }

    #[test]
    fn an_ellipse_has_the_axes_of_its_covariance() {
        // Standard deviations 3 and 1 along directions turned by 30 degrees.
        let (cos, sin) = (30f64.to_radians().cos(), 30f64.to_radians().sin());
        let cov = [[9.0 * cos * cos + sin * sin, 8.0 * cos * sin], [8.0 * cos * sin, 9.0 * sin * sin + cos * cos]];
        let mut panel = panel(vec![Cloud { look: Look::new(0), points: vec![(-9.0, -9.0), (9.0, 9.0)] }]);
        panel.ellipses = vec![Ellipse { look: Look::new(1), mean: (1.0, -2.0), cov, sigmas: 2.0 }];
        let found = elements(&panel.draw());
        let ellipse = found.iter().find(|e| e.name == "ellipse").expect("an ellipse");
        let places: Vec<_> = found.iter().filter(|e| e.get("class") == "cloud").flat_map(Element::places).collect();
        let unit = (places[1].0 - places[0].0) / 18.0;
        assert!((ellipse.number("rx") - 6.0 * unit).abs() < 0.2 && (ellipse.number("ry") - 2.0 * unit).abs() < 0.2);
        assert!(ellipse.get("transform").starts_with("rotate(-30 "), "{ellipse:?}");
    }
}
