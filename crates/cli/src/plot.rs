//! Figures as SVG text: plain data in, one self-contained document out.
//!
//! The functions here are pure: no files, no clock, no fonts to load, the same bytes for the same data. Values that
//! cannot be drawn (NaN, infinite, not positive on a log axis) are left out, and a figure without any value says so.
//!
//! A figure is a [`panel`]. A report lays its panels out as the width of its page allows; several panels in one file
//! are a [`sheet`](panel::sheet()).

mod axis;
mod digits;
mod frame;
mod look;
pub mod panel;
mod shade;
mod svg;
#[cfg(test)]
pub mod xml;

pub use digits::digits;
pub use look::Look;
pub use svg::{escape, own_ids};
