//! Writing SVG elements: escaping, short numbers, text that fits.

use std::fmt::{Arguments, Write};

/// A generic stack: the viewer's own sans-serif font, so that nothing is embedded or fetched.
const FONTS: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";

/// How a piece of text is set.
#[derive(Debug, Clone, Copy)]
pub struct Style<'a> {
    /// Font size in user units.
    pub size: f64,
    /// `text-anchor`: `start`, `middle` or `end`.
    pub anchor: &'static str,
    /// Colour.
    pub fill: &'a str,
    /// Bold face.
    pub bold: bool,
    /// Turned a quarter to the left, so that it reads upwards.
    pub turned: bool,
    /// A white edge around the letters, for text on top of data.
    pub halo: bool,
}

/// Smaller print than this cannot be read where a panel is shown 360 px wide.
const SMALLEST: f64 = 12.0;
/// Numbers on an axis, names in a legend.
pub const SMALL: Style<'static> =
    Style { size: 18.0, anchor: "middle", fill: "#333", bold: false, turned: false, halo: false };
/// Names of axes and panels.
pub const NORMAL: Style<'static> = Style { size: 19.0, fill: "#111", ..SMALL };

/// A document under construction; it is drawn from top to bottom and its height is known at the end.
#[derive(Debug)]
pub struct Svg {
    width: f64,
    title: String,
    background: bool,
    body: String,
}

impl Svg {
    /// An empty document without a visible title and without a background.
    pub fn bare(width: f64, title: &str) -> Self {
        Svg { width, title: escape(title), background: false, body: String::new() }
    }

    /// The same on white.
    pub fn blank(width: f64, title: &str) -> Self {
        Svg { background: true, ..Svg::bare(width, title) }
    }

    /// Width in user units.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// Appends one element as it stands.
    pub fn push(&mut self, element: Arguments<'_>) {
        self.body.write_fmt(element).expect("a String takes any text");
        self.body.push('\n');
    }

    /// Appends text centred vertically on `y`.
    pub fn text(&mut self, (x, y): (f64, f64), style: Style<'_>, text: &str) {
        let Style { size, anchor, fill, bold, turned, halo } = style;
        // `dominant-baseline` is not supported everywhere; a third of the size is half the height of a capital.
        let dy = num(0.35 * size);
        let (x, y) = (num(x), num(y));
        let turn = if turned { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
        let bold = if bold { " font-weight=\"bold\"" } else { "" };
        let halo = if halo {
            " stroke=\"#fff\" stroke-width=\"4\" stroke-linejoin=\"round\" paint-order=\"stroke\""
        } else {
            ""
        };
        let (size, text) = (num(size), escape(text));
        self.push(format_args!(
            "<text x=\"{x}\" y=\"{y}\" dy=\"{dy}\" font-size=\"{size}\" text-anchor=\"{anchor}\" \
             fill=\"{fill}\"{bold}{halo}{turn}>{text}</text>"
        ));
    }

    /// The same within `width`: smaller where it is longer, cut where even the smallest print is.
    pub fn text_within(&mut self, place: (f64, f64), style: Style<'_>, text: &str, width: f64) {
        let (size, text) = fitted(text, style.size, width);
        self.text(place, Style { size, ..style }, &text);
    }

    /// Appends a straight line.
    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), stroke: &str) {
        let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(num);
        self.push(format_args!("<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"{stroke}\"/>"));
    }

    /// Appends a rectangle given by its left and upper edge, width and height, with further attributes as they stand.
    pub fn rectangle(&mut self, class: &str, place: [f64; 4], fill: &str, more: &str) {
        let [x, y, width, height] = place.map(num);
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"{more}/>"
        ));
    }

    /// The whole document, `height` units high.
    pub fn finish(self, height: f64) -> String {
        let (width, height) = (num(self.width), num(height));
        let white = format!("<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n");
        let background = if self.background { white.as_str() } else { "" };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" \
             role=\"img\" font-family=\"{FONTS}\">\n<title>{}</title>\n{background}{}</svg>\n",
            self.title, self.body
        )
    }
}

/// A coordinate to a tenth of a unit, without trailing zeros.
pub fn num(value: f64) -> String {
    // Adding 0 turns −0 into 0.
    ((value * 10.0).round() / 10.0 + 0.0).to_string()
}

/// The path through the places, broken where there is none. A place between two gaps becomes a step of length 0, which
/// round caps make visible.
pub fn polyline(places: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let (mut path, mut pen_down) = (String::new(), false);
    for place in places {
        if let Some((x, y)) = place {
            let command = if pen_down { "L" } else { "M" };
            path.push_str(&format!("{command}{} {}", num(x), num(y)));
            path.push_str(if pen_down { "" } else { "h0" });
        }
        pen_down = place.is_some();
    }
    path
}

/// The document as part of another one: `own` is put before its ids, which are unique within it alone.
pub fn own_ids(document: &str, own: &str) -> String {
    [" id=\"", "href=\"#", "url(#"]
        .iter()
        .fold(document.to_string(), |text, at| text.replace(at, &format!("{at}{own}")))
}

/// Text as XML character data or attribute value; what XML 1.0 cannot hold becomes U+FFFD.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\0'..' ' | '\u{7f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

/// An upper estimate of the width of `text`: the font is the viewer's, so this follows a wide one.
pub fn text_width(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | 'I' | 't' | 'f' | ' ' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '(' | ')' | '[' | ']' => {
            0.4
        }
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.98,
        'A'..='Z' | '=' | '+' | '<' | '>' => 0.8,
        '\u{2e80}'.. => 1.0,
        _ => 0.63,
    };
    size * text.chars().map(em).sum::<f64>()
}

/// `text` and a size of at most `size` at which it fits in `width`; cut if that is below the smallest print.
pub fn fitted(text: &str, size: f64, width: f64) -> (f64, String) {
    let fitting = width / text_width(text, 1.0);
    if fitting >= SMALLEST.min(size) {
        return (size.min(fitting), text.to_string());
    }
    let size = size.min(SMALLEST);
    (size, fit(text, size, width))
}

/// `text` itself where it fits in `width`, otherwise its beginning and an ellipsis.
fn fit(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_string();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if text_width(&kept, size) + size > width {
            kept.pop();
            break;
        }
    }
    kept.trim_end().to_string() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::xml::elements;

    #[test]
    fn text_is_escaped_and_stays_well_formed() {
        let hostile = "a<b & \"c\" 'd' ]]> \0\u{1b}\u{ffff}\n</svg>";
        let mut svg = Svg::blank(300.0, hostile);
        svg.text((1.0, 2.0), SMALL, hostile);
        let document = svg.finish(100.0);
        assert!(
            document.contains("a&lt;b &amp; &quot;c&quot; &#39;d&#39; ]]&gt; \u{fffd}\u{fffd}\u{fffd} &lt;/svg&gt;")
        );
        assert_eq!(elements(&document).iter().filter(|e| e.name == "text").count(), 1);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([1.0, 0.1 + 0.2, -0.01, 1e6, 33.333].map(num), ["1", "0.3", "0", "1000000", "33.3"]);
    }

    #[test]
    fn fitted_text_is_never_wider_than_its_place() {
        let text = "a rather long title with WIDE letters, 日本語 and (narrow) ones";
        for width in [20.0, 60.0, 200.0, 400.0] {
            assert!(text_width(&fit(text, 10.0, width), 10.0) <= width);
        }
        assert_eq!(fit(text, 10.0, 2000.0), text);
        // Smaller print comes before a cut.
        for part in [0.7, 0.77, 0.8, 0.93] {
            let (size, whole) = fitted(text, 18.0, part * text_width(text, 18.0));
            assert!(whole == text && (size - part * 18.0).abs() < 1e-9, "{whole} at {size}");
        }
        assert_eq!(fitted(text, 18.0, 100.0), (SMALLEST, fit(text, SMALLEST, 100.0)));
    }
}
