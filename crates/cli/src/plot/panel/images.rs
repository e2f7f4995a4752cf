//! Rows of grey images.

use data_encoding::BASE64;

use super::super::svg::{SMALL, Style, num, text_width};
use super::{MARGIN, TITLE, WIDTH, titled};

/// Largest share of the width that row labels may take, and the largest drawn side of an image.
const LABELS: f64 = 0.45;
const LARGEST_SIDE: f64 = 64.0;

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
    /// `[rows, columns, height, width]` in row-major order; 0 is black and 1 white, values outside are clamped and NaN
    /// is black.
    pub pixels: Vec<f64>,
}

impl Images {
    /// The panel as an SVG document with one embedded PNG. Panics if the number of pixels does not match.
    #[track_caller]
    pub fn draw(&self) -> String {
        self.draw_over(WIDTH)
    }

    /// The same over a page of another width, where larger images or more of them have room.
    #[track_caller]
    pub fn draw_over(&self, page: f64) -> String {
        let (rows, columns, (height, width)) = (self.row_labels.len(), self.columns, self.sides);
        let expected = rows * columns * height * width;
        assert_eq!(self.pixels.len(), expected, "pixels for {rows}x{columns} images of {height}x{width}");
        let mut svg = titled(&self.title, page);
        let top = TITLE + 2.0;
        if self.pixels.is_empty() {
            svg.text((page / 2.0, top + 40.0), SMALL, "no data");
            return svg.finish(top + 80.0);
        }
        // White lines between the images, about as thin as a stroke of a digit.
        let gap = (height.min(width) / 14).max(1);
        let (sheet_height, sheet_width) = (rows * (height + gap) - gap, columns * (width + gap) - gap);

        let labels =
            self.row_labels.iter().map(|label| text_width(label, SMALL.size)).fold(0.0, f64::max).min(LABELS * page);
        let left = MARGIN + labels + 12.0;
        let unit = f64::min((page - MARGIN - left) / sheet_width as f64, LARGEST_SIDE / height.max(width) as f64);
        let drawn_height = unit * sheet_height as f64;
        svg.push(format_args!(
            "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering: pixelated\" href=\"data:image/png;base64,{}\"/>",
            num(left),
            num(top),
            num(unit * sheet_width as f64),
            num(drawn_height),
            BASE64.encode(&encode_png(sheet_height, sheet_width, &self.sheet(gap, sheet_height, sheet_width)))
        ));
        // Where rows are lower than the text, only every m-th can be labelled.
        let step = unit * (height + gap) as f64;
        let every = (1.15 * SMALL.size / step).ceil().max(1.0) as usize;
        for (row, label) in self.row_labels.iter().enumerate().step_by(every) {
            let y = top + row as f64 * step + unit * height as f64 / 2.0;
            svg.text_within((left - 10.0, y), Style { anchor: "end", ..SMALL }, label, labels);
        }
        svg.finish(top + drawn_height + MARGIN)
    }

    /// All images on one white sheet, 8 bits a pixel.
    fn sheet(&self, gap: usize, sheet_height: usize, sheet_width: usize) -> Vec<u8> {
        let (columns, (height, width)) = (self.columns, self.sides);
        let mut sheet = vec![255; sheet_height * sheet_width];
        for (line, source) in self.pixels.chunks_exact(width).enumerate() {
            let (image, y) = (line / height, line % height);
            let start = ((image / columns) * (height + gap) + y) * sheet_width + (image % columns) * (width + gap);
            for (to, &from) in sheet[start..start + width].iter_mut().zip(source) {
                // A conversion of floats saturates and takes NaN to 0.
                *to = (from * 255.0).round() as u8;
            }
        }
        sheet
    }
}

fn encode_png(height: usize, width: usize, grey: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width as u32, height as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(grey)).expect("a Vec takes any valid image");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::xml::elements;

    fn images(rows: usize, columns: usize, sides: (usize, usize), pixels: Vec<f64>) -> Images {
        let row_labels = (0..rows).map(|y| format!("y = {y}, mostly '7' (n = 512)")).collect();
        Images { title: "samples".into(), row_labels, columns, sides, pixels }
    }

    #[test]
    fn images_stand_in_their_row_and_column_of_the_sheet() {
        // Four 1x2 images in two columns; NaN and values out of range are clamped.
        let four = images(2, 2, (1, 2), vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0, f64::NAN, 7.0]);
        assert_eq!(four.sheet(1, 3, 5), [0, 51, 255, 102, 153, 255, 255, 255, 255, 255, 204, 255, 255, 0, 255]);
    }

    #[test]
    fn the_png_holds_the_pixels() {
        let grey: Vec<u8> = (0..6).map(|i| i * 50).collect();
        let bytes = encode_png(2, 3, &grey);
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a header");
        let mut back = vec![0; reader.output_buffer_size().expect("a size")];
        let info = reader.next_frame(&mut back).expect("an image");
        assert_eq!((info.width, info.height, back), (3, 2, grey));
    }

    #[test]
    fn images_and_labels_stay_on_the_page_at_every_size() {
        for (rows, columns, sides) in [(1, 1, (28, 28)), (10, 10, (28, 28)), (100, 20, (28, 28)), (3, 60, (4, 16))] {
            let pixels = vec![0.5; rows * columns * sides.0 * sides.1];
            let images = images(rows, columns, sides, pixels);
            for document in [images.draw(), images.draw_over(960.0)] {
                let elements = elements(&document);
                let (root, image) = (&elements[0], elements.iter().find(|e| e.name == "image").expect("an image"));
                assert!(image.number("x") + image.number("width") <= root.number("width"));
                assert!(image.number("y") + image.number("height") <= root.number("height"));
                let baselines: Vec<f64> =
                    elements.iter().filter(|e| e.name == "text").skip(1).map(|e| e.number("y")).collect();
                assert!(
                    baselines.windows(2).all(|pair| pair[1] - pair[0] >= SMALL.size),
                    "labels overlap: {baselines:?}"
                );
            }
        }
        assert!(images(0, 10, (28, 28), vec![]).draw().contains(">no data<"));
    }
}
