//! Rows of grey images.

use super::super::grid::draw_images;
use super::{TITLE, titled};

/// A panel of images, a row for each cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    /// Printed above the images.
    pub title: String,
    /// Printed before each row.
    pub row_labels: Vec<String>,
    /// Images in a row.
    pub columns: usize,
    /// Height and width of an image in pixels.
    pub sides: (usize, usize),
    /// `[rows, columns, height, width]` in row-major order; 0 is black and 1 white.
    pub pixels: Vec<f64>,
}

impl Images {
    /// The panel as an SVG document with one embedded PNG. Panics if the number of pixels does not match.
    #[track_caller]
    pub fn draw(&self) -> String {
        let mut svg = titled(&self.title);
        let bottom = draw_images(&mut svg, TITLE + 2.0, &self.row_labels, self.columns, self.sides, &self.pixels);
        svg.finish(bottom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::xml::elements;

    #[test]
    fn images_and_labels_stay_on_the_page() {
        let row_labels: Vec<String> = (0..10).map(|y| format!("y = {y}, mostly 7 (n = 1012)")).collect();
        let images =
            Images { title: "samples".into(), row_labels, columns: 10, sides: (28, 28), pixels: vec![0.5; 78_400] };
        let found = elements(&images.draw());
        let image = found.iter().find(|e| e.name == "image").expect("an image");
        assert!(image.number("x") + image.number("width") <= found[0].number("width"));
        assert!(image.number("y") + image.number("height") <= found[0].number("height"));
        assert_eq!(found.iter().filter(|e| e.name == "text").count(), 11);
    }
}
