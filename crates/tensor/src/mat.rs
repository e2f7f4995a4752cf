//! Views of matrices.

use crate::Real;

/// A view of a row-major matrix or of its transpose, so that one of its strides is 1; transposing it costs nothing.
#[derive(Debug, Clone, Copy)]
pub struct Mat<'a, T = Real> {
    pub(crate) data: &'a [T],
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) row_stride: usize,
    pub(crate) col_stride: usize,
}

impl<'a, T> Mat<'a, T> {
    /// The row-major view of `rows * cols` elements.
    ///
    /// # Panics
    /// If there are not `rows * cols` elements.
    #[track_caller]
    pub fn new(data: &'a [T], rows: usize, cols: usize) -> Self {
        assert_eq!(Some(data.len()), rows.checked_mul(cols), "{} elements for a {rows}×{cols} matrix", data.len());
        Self { data, rows, cols, row_stride: cols, col_stride: 1 }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        Self { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a build without overflow checks 2³² · 2³² wraps to the length 0.
    #[test]
    #[cfg(target_pointer_width = "64")]
    #[should_panic(expected = "0 elements for a 4294967296×4294967296 matrix")]
    fn extents_whose_product_wraps_are_refused() {
        let _ = Mat::<f32>::new(&[], 1 << 32, 1 << 32);
    }
}
