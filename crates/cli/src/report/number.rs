//! Numbers in reports.

use crate::plot::digits;

/// A number to four significant digits, three below 1.
pub fn number(value: f64) -> String {
    digits(value, 4)
}
