//! Panels of the figures of a study.

use crate::plot::panel::{Line, Lines, Scale};

/// A panel of lines, behind the end of its file's name.
pub fn lines(stem: &str, title: &str, x: Scale, y: Scale, series: Vec<Line>) -> (String, String) {
    (stem.to_string(), Lines { title: title.into(), x, y, series, reference: None }.draw())
}
