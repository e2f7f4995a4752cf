//! Several panels in one file.

use super::super::svg::{NORMAL, Style, Svg, num, own_ids};
use super::key::{Key, draw_keys};
use super::{HEIGHT, MARGIN, WIDTH};

/// The title, and the height of its band.
const TITLE: Style<'static> = Style { size: 23.0, bold: true, ..NORMAL };
const TITLE_HEIGHT: f64 = 48.0;

/// Panels with axes below a title and a legend, as one SVG document: three in a row, then smaller, or four in two rows.
pub fn sheet(title: &str, keys: &[Key], panels: &[String]) -> String {
    let (columns, scale) = match panels.len() {
        0 | 1 => (1, 1.0),
        2 | 4 => (2, 1.0),
        _ => (3, 0.7),
    };
    let (width, height) = (scale * WIDTH, scale * HEIGHT);
    let page = columns as f64 * width;
    let mut svg = Svg::blank(page, title);
    svg.text_within((page / 2.0, 32.0), TITLE, title, page - 2.0 * MARGIN);
    let top = draw_keys(&mut svg, TITLE_HEIGHT, keys) + 6.0;
    for (i, panel) in panels.iter().enumerate() {
        let place = ((i % columns) as f64 * width, top + (i / columns) as f64 * height);
        svg.push(format_args!(
            "<g transform=\"translate({} {}) scale({scale})\">{}</g>",
            num(place.0),
            num(place.1),
            own_ids(panel, &format!("panel{i}-"))
        ));
    }
    svg.finish(top + panels.len().div_ceil(columns) as f64 * height)
}

#[cfg(test)]
mod tests {
    use super::super::{Line, Lines, Mark, Scale};
    use super::*;
    use crate::plot::Look;
    use crate::plot::xml::{Element, elements};

    fn panel(points: &[(f64, f64)]) -> String {
        let line = Line { points: points.to_vec(), ..Line::new(Look::new(0)) };
        let (x, y) = (Scale::new("epoch"), Scale::new("nats"));
        Lines { title: "loss".into(), x, y, series: vec![line], reference: None }.draw()
    }

    fn keys(n: usize) -> Vec<Key> {
        (0..n).map(|i| Key { name: format!("series number {i}"), look: Look::new(i), mark: Mark::Line }).collect()
    }

    /// Left and upper edge and scale of a panel.
    fn place(group: &Element) -> [f64; 3] {
        let numbers = group.get("transform").split(|c: char| !(c.is_ascii_digit() || c == '.'));
        let numbers: Vec<f64> = numbers.filter_map(|text| text.parse().ok()).collect();
        numbers.try_into().expect("x, y and scale")
    }

    #[test]
    fn panels_fill_the_page_below_the_legend_and_do_not_overlap() {
        for count in 0..=11 {
            let found = elements(&sheet("curves", &keys(40), &vec![panel(&[(1.0, 2.0), (2.0, 3.0)]); count]));
            let (page, bottom) = (found[0].number("width"), found[0].number("height"));
            let legend = found.iter().filter(|e| e.get("class") == "key").map(|e| e.places()[0].1).fold(0.0, f64::max);
            let places: Vec<[f64; 3]> =
                found.iter().filter(|e| e.get("transform").starts_with("translate")).map(place).collect();
            assert_eq!(places.len(), count);
            for (i, &[x, y, scale]) in places.iter().enumerate() {
                let (right, lower) = (x + scale * WIDTH, y + scale * HEIGHT);
                assert!(y > legend + 14.0 && right <= page + 0.1 && lower <= bottom + 0.1, "{count}: {places:?}");
                let apart = |&[a, b, _]: &[f64; 3]| a >= right - 0.1 || a < x || b >= lower - 0.1 || b < y;
                assert!(places[i + 1..].iter().all(apart), "{count}: {places:?}");
            }
        }
    }

    #[test]
    fn each_panel_is_clipped_at_its_own_area() {
        // The second plot area begins further right, behind longer labels.
        let found = elements(&sheet("curves", &[], &[panel(&[(1.0, 2.0)]), panel(&[(1.0, 2.345e8)])]));
        let ids: Vec<&str> = found.iter().filter(|e| e.name == "clipPath").map(|e| e.get("id")).collect();
        let used: Vec<&str> = found.iter().map(|e| e.get("clip-path")).filter(|text| !text.is_empty()).collect();
        assert_eq!(ids, ["panel0-plot", "panel1-plot"]);
        assert_eq!(used, ["url(#panel0-plot)", "url(#panel1-plot)"]);
    }
}
