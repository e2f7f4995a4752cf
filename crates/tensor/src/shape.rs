//! Shapes of rank ≤ 4 and the broadcasting rule.

use std::fmt;
use std::ops::Deref;

/// Extents of the axes, outermost first; at most four.
#[derive(Clone, Copy)]
pub struct Shape {
    dims: [usize; Shape::MAX_RANK],
    rank: usize,
}

impl Shape {
    /// Largest number of axes.
    pub const MAX_RANK: usize = 4;

    /// The shape with these extents.
    ///
    /// # Panics
    /// If there are more than [`Shape::MAX_RANK`] extents.
    #[track_caller]
    pub fn new(extents: &[usize]) -> Self {
        assert!(extents.len() <= Self::MAX_RANK, "rank {} exceeds {}", extents.len(), Self::MAX_RANK);
        let mut dims = [1; Self::MAX_RANK];
        dims[..extents.len()].copy_from_slice(extents);
        Self { dims, rank: extents.len() }
    }

    /// Number of elements.
    pub fn size(&self) -> usize {
        self.iter().product()
    }

    /// Extent of the last axis (1 for a scalar).
    pub fn last(&self) -> usize {
        self.dims[..self.rank].last().copied().unwrap_or(1)
    }

    /// Product of all extents but the last.
    pub fn rows(&self) -> usize {
        self.dims[..self.rank.saturating_sub(1)].iter().product()
    }

    /// The shape with its last extent replaced.
    pub fn with_last(self, extent: usize) -> Self {
        self.with(self.rank - 1, extent)
    }

    /// The shape with the extent of `axis` replaced.
    pub(crate) fn with(mut self, axis: usize, extent: usize) -> Self {
        self.dims[axis] = extent;
        self
    }

    /// The shape with its last two axes exchanged.
    pub fn transposed(mut self) -> Self {
        self.dims[..self.rank].swap(self.rank - 2, self.rank - 1);
        self
    }

    /// The shape with an axis of `extent` in front.
    ///
    /// # Panics
    /// If the rank is [`Shape::MAX_RANK`] already.
    #[track_caller]
    pub fn stacked(mut self, extent: usize) -> Self {
        assert!(self.rank < Self::MAX_RANK, "an axis in front of {self:?}");
        self.rank += 1;
        self.dims.rotate_right(1);
        self.with(0, extent)
    }

    /// The shape without its last axis.
    pub fn without_last(&self) -> Self {
        Self::new(&self[..self.rank.saturating_sub(1)])
    }

    /// The shape with `axis` removed.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn without(&self, axis: usize) -> Self {
        assert!(axis < self.rank, "axis {axis} of {self:?}");
        let mut out = Self { dims: [1; Self::MAX_RANK], rank: self.rank - 1 };
        for (to, from) in (0..self.rank).filter(|&i| i != axis).enumerate() {
            out.dims[to] = self.dims[from];
        }
        out
    }

    /// The common shape of two operands: axes are aligned at the end, and an extent of 1 stretches.
    pub fn broadcast(&self, other: &Self) -> Option<Self> {
        let rank = self.rank.max(other.rank);
        let mut out = Self { dims: [1; Self::MAX_RANK], rank };
        for axis in 0..rank {
            out.dims[axis] = match (self.aligned(axis, rank), other.aligned(axis, rank)) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => return None,
            };
        }
        Some(out)
    }

    /// Extent of this shape at `axis` of a shape of `rank` axes, aligned at the end.
    pub(crate) fn aligned(&self, axis: usize, rank: usize) -> usize {
        (axis + self.rank).checked_sub(rank).map_or(1, |axis| self.dims[axis])
    }

    /// (outer, extent, inner): the element count before, at and after `axis`.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn around(&self, axis: usize) -> (usize, usize, usize) {
        assert!(axis < self.rank, "axis {axis} of {self:?}");
        (self[..axis].iter().product(), self[axis], self[axis + 1..].iter().product())
    }
}

impl PartialEq for Shape {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        // Axes beyond the rank have extent 1. Spelt out, because comparing the arrays calls memcmp.
        let ([a, b, c, d], [e, f, g, h]) = (self.dims, other.dims);
        self.rank == other.rank && a == e && b == f && c == g && d == h
    }
}

impl Eq for Shape {}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.dims[..self.rank]
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self[..].fmt(f)
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    #[track_caller]
    fn from(extents: [usize; N]) -> Self {
        Self::new(&extents)
    }
}

impl From<&[usize]> for Shape {
    #[track_caller]
    fn from(extents: &[usize]) -> Self {
        Self::new(extents)
    }
}
