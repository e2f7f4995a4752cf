//! The tensor: a shape over a contiguous row-major window of a shared, recycled buffer.

use std::fmt;
use std::ops::Range;

use crate::buffer::Buffer;
use crate::{Mat, Real, Shape};

/// A dense row-major tensor of rank ≤ 4. Cloning and reshaping share memory; writing to shared memory copies it first.
#[derive(Clone)]
pub struct Tensor {
    shape: Shape,
    start: usize,
    buffer: Buffer,
}

impl Tensor {
    /// A tensor with unspecified contents, for results that are written completely before they are read.
    pub fn scratch(shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        Self { shape, start: 0, buffer: Buffer::take(shape.size()) }
    }

    /// Every element `value`.
    pub fn full(shape: impl Into<Shape>, value: Real) -> Self {
        let mut out = Self::scratch(shape);
        out.as_mut_slice().fill(value);
        out
    }

    /// Every element 0.
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        Self::full(shape, 0.0)
    }

    /// A rank-0 tensor.
    pub fn scalar(value: Real) -> Self {
        Self::full([], value)
    }

    /// A copy of `values` in row-major order.
    ///
    /// # Panics
    /// If there are not as many values as the shape has elements.
    #[track_caller]
    pub fn from_slice(shape: impl Into<Shape>, values: &[Real]) -> Self {
        let mut out = Self::scratch(shape);
        assert_eq!(values.len(), out.len(), "{} values for shape {:?}", values.len(), out.shape);
        out.as_mut_slice().copy_from_slice(values);
        out
    }

    /// Element i of the row-major order is `f(i)`.
    pub fn from_fn(shape: impl Into<Shape>, mut f: impl FnMut(usize) -> Real) -> Self {
        let mut out = Self::scratch(shape);
        out.as_mut_slice().iter_mut().enumerate().for_each(|(i, v)| *v = f(i));
        out
    }

    /// The `n` by `n` identity.
    pub fn eye(n: usize) -> Self {
        Self::from_fn([n, n], |i| if i / n == i % n { 1.0 } else { 0.0 })
    }

    /// Extents of the axes.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.size()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements in row-major order.
    pub fn as_slice(&self) -> &[Real] {
        &self.buffer.as_slice()[self.start..self.start + self.shape.size()]
    }

    /// The elements for writing; copies them first if another tensor shares them.
    ///
    /// # Panics
    /// Never: a buffer that was copied has one owner.
    pub fn as_mut_slice(&mut self) -> &mut [Real] {
        let len = self.len();
        if !self.buffer.is_unique() {
            let mut own = Buffer::take(len);
            own.get_mut().expect("a buffer just taken has one owner")[..len].copy_from_slice(self.as_slice());
            (self.buffer, self.start) = (own, 0);
        }
        &mut self.buffer.get_mut().expect("made unique above")[self.start..self.start + len]
    }

    /// The only element of a one-element tensor.
    ///
    /// # Panics
    /// If there is not exactly one element.
    #[track_caller]
    pub fn item(&self) -> Real {
        assert_eq!(self.len(), 1, "item of shape {:?}", self.shape);
        self.as_slice()[0]
    }

    /// The same elements under another shape of the same size.
    ///
    /// # Panics
    /// If the sizes differ.
    #[track_caller]
    pub fn reshape(mut self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        assert_eq!(shape.size(), self.len(), "cannot reshape {:?} to {shape:?}", self.shape);
        self.shape = shape;
        self
    }

    /// Elements `range` of the row-major order as a tensor of `shape` that shares this one's memory.
    ///
    /// # Panics
    /// If the range exceeds the elements, or is not as long as `shape` has elements.
    #[track_caller]
    pub fn window(&self, range: Range<usize>, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        assert!(range.end <= self.len() && range.len() == shape.size(), "window {range:?} as {shape:?}");
        Self { shape, start: self.start + range.start, buffer: self.buffer.clone() }
    }

    /// All axes but the last flattened into rows: `[rows, last]`.
    pub fn as_mat(&self) -> Mat<'_> {
        Mat::new(self.as_slice(), self.shape.rows(), self.shape.last())
    }

    /// Whether every element is finite.
    pub fn is_finite(&self) -> bool {
        // The exponent is all ones only for ±∞ and NaN; x·0 is NaN exactly for them.
        self.as_slice().chunks(4096).all(|c| c.iter().fold(0.0, |acc: Real, x| acc + x * 0.0) == 0.0)
    }

    pub(crate) fn is_unique(&mut self) -> bool {
        self.buffer.is_unique()
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 16;
        write!(f, "Tensor{:?} {:?}", self.shape, &self.as_slice()[..self.len().min(SHOWN)])?;
        if self.len() > SHOWN { write!(f, " …") } else { Ok(()) }
    }
}

impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.as_slice() == other.as_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_to_a_clone_leaves_the_original() {
        let a = Tensor::from_slice([2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let mut b = a.clone();
        b.as_mut_slice()[0] = 9.0;
        assert_eq!(a.as_slice(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(b.as_slice(), [9.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn a_window_shares_until_written() {
        let a = Tensor::from_fn([4, 3], |i| i as Real);
        let mut w = a.window(3..9, [2, 3]);
        assert_eq!(w.as_slice(), [3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        w.as_mut_slice()[0] = -1.0;
        assert_eq!(a.as_slice()[3], 3.0);
    }

    #[test]
    fn finiteness_sees_every_kind() {
        for bad in [Real::NAN, Real::INFINITY, Real::NEG_INFINITY] {
            let mut t = Tensor::full([10_000], Real::MAX);
            assert!(t.is_finite());
            t.as_mut_slice()[9_999] = bad;
            assert!(!t.is_finite());
        }
    }
}
