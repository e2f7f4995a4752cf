//! Figures as SVG text: plain data in, one self-contained document out.
//!
//! The functions here are pure: no files, no clock, no fonts to load, the same bytes for the same data. Values that cannot
//! be drawn (NaN, infinite, not positive on a log axis) are left out, and a figure without any value says so.
//!
//! A run directory gets full figures with their own legends ([`curves()`], [`scatter()`], [`image_grid()`], [`confusion()`]); a
//! report gets small panels ([`panel`]) that the page lays out as its width allows.

mod axis;
mod confusion;
mod curves;
mod digits;
mod frame;
mod grid;
mod legend;
mod look;
pub mod panel;
mod scatter;
mod shade;
mod svg;
#[cfg(test)]
pub mod xml;

pub use confusion::confusion;
pub use curves::{Panel, Series, curves};
pub use digits::digits;
pub use grid::image_grid;
pub use look::Look;
pub use scatter::{Class, scatter};
pub use svg::escape;

/// The colours of Okabe and Ito (2008), which stay apart under every common colour blindness; their yellow is left out
/// because a thin yellow line cannot be read on white.
const PALETTE: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"];
/// Width of a figure in user units; every size of text is chosen to stay legible when this is shown 400 px wide.
const WIDTH: f64 = 960.0;
/// Free space at the edges of a figure.
const MARGIN: f64 = 16.0;
