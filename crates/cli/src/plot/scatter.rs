//! Scatter plots of two-dimensional data or latent codes, coloured by class.

use super::frame::{Frame, Scaling, Slot, draw_empty};
use super::legend::{Sample, colour, legend, marker};
use super::svg::{SMALL, Style, Svg, num};
use super::{MARGIN, WIDTH};

/// More points than this only fill the page and the file.
const MOST_POINTS: usize = 4000;

/// The points of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Printed in the legend.
    pub name: String,
    /// The points; those with a coordinate that is not finite are left out.
    pub points: Vec<(f64, f64)>,
}

/// Draws the points with equal units on both axes. Of more than 4,000 points every m-th of each class is drawn, and the
/// figure states m.
pub fn scatter(title: &str, [x_label, y_label]: [&str; 2], classes: &[Class]) -> String {
    let mut svg = Svg::new(WIDTH, title);
    let keys: Vec<_> =
        classes.iter().enumerate().map(|(index, c)| (c.name.as_str(), Sample::Point { index })).collect();
    let mut top = legend(&mut svg, Svg::TITLE_HEIGHT, &keys) + 6.0;

    let every = classes.iter().map(|class| class.points.len()).sum::<usize>().div_ceil(MOST_POINTS).max(1);
    if every > 1 {
        let note = Style { anchor: "start", ..SMALL };
        svg.text((MARGIN, top + SMALL.size / 2.0), note, &format!("1 point in {every} is drawn"));
        top += 1.6 * SMALL.size;
    }
    let slot = Slot { x: MARGIN / 2.0, y: top, width: WIDTH - MARGIN, height: 700.0 };
    let drawn = |class: &'_ Class| class.points.iter().copied().step_by(every).collect::<Vec<_>>();
    let scaling = Scaling { equal_units: true, ..Scaling::default() };
    let Some(frame) = Frame::around(slot, classes.iter().flat_map(drawn), scaling) else {
        draw_empty(&mut svg, slot);
        return svg.finish(top + slot.height);
    };
    frame.draw(&mut svg, x_label, y_label);
    for (index, class) in classes.iter().enumerate() {
        let (colour, marker) = (colour(index), marker(index, 4.0));
        svg.push(format_args!("<defs><path id=\"class{index}\" d=\"{marker}\"/></defs>"));
        svg.push(format_args!("<g fill=\"{colour}\" fill-opacity=\"0.65\">"));
        for (x, y) in drawn(class).into_iter().filter_map(|point| frame.at(point)) {
            svg.push(format_args!("<use href=\"#class{index}\" x=\"{}\" y=\"{}\"/>", num(x), num(y)));
        }
        svg.push(format_args!("</g>"));
    }
    svg.finish(top + slot.height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::xml::elements;

    fn class(name: &str, points: Vec<(f64, f64)>) -> Class {
        Class { name: name.into(), points }
    }

    fn places(document: &str) -> Vec<(f64, f64)> {
        let points = elements(document).into_iter().filter(|e| e.name == "use");
        points.map(|e| (e.number("x"), e.number("y"))).collect()
    }

    #[test]
    fn points_lie_inside_the_area_and_units_are_equal() {
        let square = [(0.0, 0.0), (1e3, 0.0), (0.0, 1e3), (f64::NAN, 1.0), (5.0, f64::NEG_INFINITY)];
        for offset in [0.0, -1e4] {
            let moved = square.iter().map(|(x, y)| (x + offset, y - offset)).collect();
            let document = scatter("t", ["x1", "x2"], &[class("a", moved)]);
            let [a, b, c] = places(&document)[..] else { panic!("three points can be drawn") };
            assert!(((b.0 - a.0) - (a.1 - c.1)).abs() <= 0.3, "{a:?} {b:?} {c:?}");
            let all = elements(&document);
            let area = all.iter().find(|e| e.get("class") == "area").expect("a plot area");
            let (left, top) = (area.number("x"), area.number("y"));
            for (x, y) in [a, b, c] {
                assert!(x >= left && x <= left + area.number("width") && y >= top && y <= top + area.number("height"));
            }
        }
    }

    #[test]
    fn many_points_are_thinned_and_the_figure_says_so() {
        let cloud = |n: u32| (0..n).map(|i| (f64::from(i % 97), f64::from(i % 89))).collect();
        let document = scatter("t", ["x", "y"], &[class("a", cloud(9_000)), class("b", cloud(1_000))]);
        assert_eq!(places(&document).len(), 3_000 + 334);
        assert!(document.contains("1 point in 3 is drawn"));
    }

    #[test]
    fn one_point_none_and_many_classes_are_drawn() {
        assert_eq!(places(&scatter("t", ["x", "y"], &[class("a", vec![(2.0, 7.0)])])).len(), 1);
        assert!(scatter("t", ["x", "y"], &[]).contains(">no data<"));
        let classes: Vec<Class> = (0..30).map(|i| class(&i.to_string(), vec![(f64::from(i), 0.0)])).collect();
        assert_eq!(places(&scatter("t", ["x", "y"], &classes)).len(), 30);
    }
}
