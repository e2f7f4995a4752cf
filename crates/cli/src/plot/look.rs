//! How a series looks: the same colour, dashes and shape wherever it is drawn.

use super::shade::between;
use super::svg::num;

/// The colours of Okabe and Ito (2008), which stay apart under every common colour blindness; their yellow is left out
/// because a thin yellow line cannot be read on white.
const PALETTE: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"];

/// Colours for an ordered setting, dark to light: they keep their order in grey and with every colour vision, and even
/// the lightest has a contrast of 3 with white.
const ORDERED: [[f64; 3]; 4] = [[36.0, 8.0, 74.0], [108.0, 26.0, 118.0], [172.0, 52.0, 138.0], [226.0, 100.0, 152.0]];
const GREY: &str = "#767676";

/// Colour and pattern of a series. The caller chooses it by name once for a whole study, so that a model has
/// one colour in every figure; the pattern (dashes of lines, shapes of points) is the second channel for
/// readers who see no colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    ink: Ink,
    pattern: usize,
    faint: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Ink {
    Palette(usize),
    Ordered(f64),
    Grey,
}

impl Look {
    /// Grey and solid, for what the figure compares with.
    pub const GREY: Look = Look { ink: Ink::Grey, pattern: 0, faint: false };

    /// Colour and pattern number `index`; 28 of them differ.
    pub const fn new(index: usize) -> Self {
        Look { ink: Ink::Palette(index), pattern: index, faint: false }
    }

    /// Value number `index` of `count` values of an ordered setting, such as β: dark to light.
    pub fn ordered(index: usize, count: usize) -> Self {
        Look { ink: Ink::Ordered(index as f64 / (count.max(2) - 1) as f64), pattern: index, faint: false }
    }

    /// The same colour with another pattern: 0 is a solid line and a disc.
    pub const fn pattern(self, pattern: usize) -> Self {
        Look { pattern, ..self }
    }

    /// Thin and pale, for curves behind those that matter.
    pub const fn faint(self) -> Self {
        Look { faint: true, ..self }
    }

    /// Whether the series stands behind others.
    pub fn is_faint(self) -> bool {
        self.faint
    }

    /// The colour as `#rrggbb`.
    pub fn colour(self) -> String {
        match self.ink {
            Ink::Palette(index) => PALETTE[index % PALETTE.len()].to_string(),
            Ink::Grey => GREY.to_string(),
            Ink::Ordered(place) => {
                let [r, g, b] = between(&ORDERED, place).map(|v| v.round() as u8);
                format!("#{r:02x}{g:02x}{b:02x}")
            }
        }
    }

    /// The same darker, for text on white: a contrast of 4.5 needs it.
    pub fn text_colour(self) -> String {
        let colour = self.colour();
        let channel = |at: usize| u32::from_str_radix(&colour[at..at + 2], 16).expect("a colour is #rrggbb") * 3 / 4;
        format!("#{:02x}{:02x}{:02x}", channel(1), channel(3), channel(5))
    }

    /// The attributes of a line: colour, width, dashes.
    pub fn stroke(self) -> String {
        // Solid, dashed, dotted, dash-dotted.
        let dashes = ["", " stroke-dasharray=\"8 5\"", " stroke-dasharray=\"2 5\"", " stroke-dasharray=\"14 5 3 5\""];
        let (width, opacity) = if self.faint { ("1.4", " stroke-opacity=\"0.6\"") } else { ("2.6", "") };
        format!(
            "fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\"{opacity} \
             stroke-linejoin=\"round\" stroke-linecap=\"round\"{}",
            self.colour(),
            dashes[self.pattern % 4]
        )
    }

    /// Attributes and data of a path that puts a point with radius about `r` at every place. A disc is a stroke of
    /// length 0 with round caps, which takes a quarter of the space of its outline.
    pub fn points(self, r: f64, places: impl Iterator<Item = (f64, f64)>) -> String {
        let colour = self.colour();
        let disc = self.pattern.is_multiple_of(4);
        let shape = if disc { "h0".to_string() } else { self.marker(r) };
        let path: String = places.map(|(x, y)| format!("M{} {}{shape}", num(x), num(y))).collect();
        if disc {
            let width = num(2.0 * r);
            format!(
                "d=\"{path}\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linecap=\"round\" \
                 stroke-opacity=\"0.55\""
            )
        } else {
            format!("d=\"{path}\" fill=\"{colour}\" fill-opacity=\"0.55\"")
        }
    }

    /// The outline of a point, a disc, square, triangle or diamond, with radius about `r` around the origin.
    pub fn marker(self, r: f64) -> String {
        let corners: &[(f64, f64)] = match self.pattern % 4 {
            0 => return format!("m-{r} 0a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0-{d} 0z", r = num(r), d = num(2.0 * r)),
            1 => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            2 => &[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
            _ => &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
        };
        // Relative steps, so that the outline may follow a move to any place.
        let mut last = (0.0, 0.0);
        let mut path = String::new();
        for (i, &(x, y)) in corners.iter().enumerate() {
            let command = if i == 0 { "m" } else { "l" };
            path.push_str(&format!("{command}{} {}", num(r * (x - last.0)), num(r * (y - last.1))));
            last = (x, y);
        }
        path + "z"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::shade::luminance;

    #[test]
    fn twenty_eight_looks_differ_and_ordered_colours_become_lighter() {
        let looks: std::collections::BTreeSet<String> = (0..28).map(|i| Look::new(i).stroke()).collect();
        assert_eq!(looks.len(), 28);
        let rgb = |place: f64| luminance(between(&ORDERED, place));
        let lights: Vec<f64> = (0..=10).map(|i| rgb(f64::from(i) / 10.0)).collect();
        assert!(lights.windows(2).all(|pair| pair[0] < pair[1]), "{lights:?}");
        assert!(1.05 / (lights[10] + 0.05) >= 3.0, "the lightest colour cannot be seen on white");
        assert_eq!(
            (Look::ordered(0, 1).colour().as_str(), Look::ordered(5, 6).colour().as_str()),
            ("#24084a", "#e26498")
        );
    }

    #[test]
    fn outlines_are_paths_relative_to_where_the_pen_stands() {
        for pattern in 0..4 {
            let path = Look::new(pattern).marker(5.0);
            assert!(path.starts_with('m') && path.ends_with('z') && !path.contains(char::is_uppercase), "{path}");
        }
    }
}
