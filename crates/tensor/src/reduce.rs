//! Reductions and broadcasting. Sums run in a fixed order: in lanes within a chunk, chunk after chunk, so the bits
//! do not depend on the number of threads.

use crate::cpu::vectorize;
use crate::parallel::{Disjoint, split, threads_for};
use crate::{Real, Shape, Tensor};

/// Lanes of a running sum; a multiple of every vector width.
const LANES: usize = 32;

/// `Σᵢ f(aᵢ, bᵢ)`: `LANES` running sums, added pairwise at the end.
#[inline(always)]
fn lane_sum(a: &[Real], b: &[Real], f: impl Fn(Real, Real) -> Real) -> Real {
    let mut lanes = [0.0; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for l in 0..LANES {
            lanes[l] += f(a[l], b[l]);
        }
    }
    for ((lane, &a), &b) in lanes.iter_mut().zip(a_rest).zip(b_rest) {
        *lane += f(a, b);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
        width /= 2;
    }
    lanes[0]
}

impl Tensor {
    /// Sum over the last axis: `[.., d] → [..]`.
    pub fn sum_last(&self) -> Self {
        self.zip_sum_last(self, |x, _| x)
    }

    /// For each row of the last axis `Σᵢ f(aᵢ, bᵢ)` over the elements of two tensors: `[.., d] → [..]`.
    /// `other` may also be the shape of the trailing axes alone; its rows are then used again and again.
    #[inline]
    #[track_caller]
    pub fn zip_sum_last(&self, other: &Self, f: impl Fn(Real, Real) -> Real + Sync) -> Self {
        let shape = self.shape();
        assert!(shape.ends_with(&other.shape()), "zip_sum_last of {shape:?} and {:?}", other.shape());
        let mut out = Self::scratch(shape.without_last());
        if shape.last() < LANES / 2 {
            // A short row is no work for vectors: they go over all rows at once, then each row is added up.
            let terms = self.zip(other, f);
            for (y, row) in out.as_mut_slice().iter_mut().zip(terms.as_slice().chunks_exact(shape.last().max(1))) {
                *y = row.iter().sum();
            }
            return out;
        }
        let (a, b, last) = (self.as_slice(), other.as_slice(), shape.last());
        let target = Disjoint::new(out.as_mut_slice());
        split(shape.rows(), 1, threads_for(shape.size()), &|range| {
            // SAFETY: `split` hands out disjoint ranges.
            let target = unsafe { target.range(range.clone()) };
            vectorize(
                #[inline(always)]
                || {
                    for (row, y) in range.zip(target) {
                        let (at, again) = (row * last, row * last % b.len().max(1));
                        *y = lane_sum(&a[at..at + last], &b[again..again + last], &f);
                    }
                },
            );
        });
        out
    }

    /// Sum of all elements.
    pub fn sum_all(&self) -> Real {
        /// Chunk whose lane sum is one term of the total.
        const CHUNK: usize = 4096;
        let chunks = self.as_slice().chunks(CHUNK);
        chunks.map(|c| vectorize(|| lane_sum(c, c, |x, _| x))).sum()
    }

    /// Sum over `axis`, which disappears.
    #[track_caller]
    pub fn sum_axis(&self, axis: usize) -> Self {
        let shape = self.shape();
        if axis + 1 == shape.len() {
            return self.sum_last();
        }
        let (outer, extent, inner) = shape.around(axis);
        let mut out = Self::scratch(shape.without(axis));
        let x = self.as_slice();
        for o in 0..outer {
            let source = &x[o * extent * inner..(o + 1) * extent * inner];
            column_sums(source, inner, &mut out.as_mut_slice()[o * inner..(o + 1) * inner]);
        }
        out
    }

    /// The transpose of [`Tensor::broadcast_to`]: sums over the axes that `shape` does not have or has with extent 1.
    #[track_caller]
    pub fn unbroadcast_to(self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        let mut sum = self;
        while sum.shape().len() > shape.len() {
            sum = sum.sum_axis(0);
        }
        for axis in 0..shape.len() {
            if shape[axis] == 1 && sum.shape()[axis] != 1 {
                let mut kept = sum.shape();
                kept = Shape::new(&(0..kept.len()).map(|a| if a == axis { 1 } else { kept[a] }).collect::<Vec<_>>());
                sum = sum.sum_axis(axis).reshape(kept);
            }
        }
        assert_eq!(sum.shape(), shape, "cannot sum back to this shape");
        sum
    }

    /// The transpose of each matrix of a batch: `[.., m, n] → [.., n, m]`.
    #[track_caller]
    pub fn transpose(&self) -> Self {
        let shape = self.shape();
        let [.., m, n] = shape[..] else { panic!("transpose of {shape:?}") };
        let mut out = Self::scratch(shape.transposed());
        let matrices = self.as_slice().chunks_exact((m * n).max(1));
        for (y, x) in out.as_mut_slice().chunks_exact_mut((m * n).max(1)).zip(matrices) {
            for i in 0..m {
                for j in 0..n {
                    y[j * m + i] = x[i * n + j];
                }
            }
        }
        out
    }

    /// Columns `range` of the last axis: `[.., d] → [.., range.len()]`.
    #[track_caller]
    pub fn columns(&self, range: std::ops::Range<usize>) -> Self {
        let last = self.shape().last();
        assert!(range.end <= last, "columns {range:?} of {:?}", self.shape());
        let mut out = Self::scratch(self.shape().with_last(range.len()));
        let rows = self.as_slice().chunks_exact(last.max(1));
        for (y, x) in out.as_mut_slice().chunks_exact_mut(range.len().max(1)).zip(rows) {
            y.copy_from_slice(&x[range.clone()]);
        }
        out
    }

    /// The transpose of [`Tensor::columns`]: these columns at `range.start` of rows of `last` elements, else 0.
    pub fn into_columns(&self, start: usize, last: usize) -> Self {
        let width = self.shape().last();
        let mut out = Self::zeros(self.shape().with_last(last));
        let rows = self.as_slice().chunks_exact(width.max(1));
        for (y, x) in out.as_mut_slice().chunks_exact_mut(last.max(1)).zip(rows) {
            y[start..start + width].copy_from_slice(x);
        }
        out
    }
}

/// `out[j] = Σᵢ x[i, j]`: rows are added in blocks of fixed size, in parallel over column ranges.
fn column_sums(x: &[Real], columns: usize, out: &mut [Real]) {
    if LANES.is_multiple_of(columns.max(1)) {
        return narrow_column_sums(x, columns, out);
    }
    let target = Disjoint::new(out);
    split(columns, 64, threads_for(x.len()), &|range| {
        // SAFETY: `split` hands out disjoint ranges.
        let out = unsafe { target.range(range.clone()) };
        vectorize(|| {
            out.fill(0.0);
            for row in x.chunks_exact(columns.max(1)) {
                out.iter_mut().zip(&row[range.clone()]).for_each(|(y, &x)| *y += x);
            }
        });
    });
}

/// [`column_sums`] where whole rows fill `LANES`: the rows of a chunk are added side by side.
fn narrow_column_sums(x: &[Real], columns: usize, out: &mut [Real]) {
    let mut lanes = [0.0; LANES];
    let (whole, rest) = x.as_chunks::<LANES>();
    vectorize(
        #[inline(always)]
        || {
            for chunk in whole {
                for l in 0..LANES {
                    lanes[l] += chunk[l];
                }
            }
        },
    );
    out.fill(0.0);
    for (l, lane) in lanes.iter().chain(rest).enumerate() {
        out[l % columns] += lane;
    }
}

/// `Σ x²` in f64, which finite f32 values cannot overflow; not finite exactly if an element is not (in the f32 build).
pub fn sum_of_squares(x: &[Real]) -> f64 {
    vectorize(
        #[inline(always)]
        || {
            let mut lanes = [0.0; LANES];
            let (whole, rest) = x.as_chunks::<LANES>();
            for chunk in whole {
                for l in 0..LANES {
                    let wide = f64::from(chunk[l]);
                    lanes[l] += wide * wide;
                }
            }
            rest.iter().map(|&x| f64::from(x).powi(2)).chain(lanes).sum()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_then_summing_back_multiplies_by_the_repeats() {
        let target = Shape::from([2, 3, 4, 5]);
        for shape in [&[5][..], &[1, 5], &[4, 1], &[3, 1, 1], &[2, 1, 4, 1], &[], &[1, 1, 1, 1], &[2, 3, 4, 5]] {
            let x = Tensor::from_fn(shape, |i| 1.0 + i as Real);
            let wide = x.broadcast_to(target);
            for at in 0..target.size() {
                let (mut rest, mut index, mut stride) = (at, 0, 1);
                for axis in (0..4).rev() {
                    let extent = x.shape().aligned(axis, 4);
                    index += if extent == 1 { 0 } else { rest % target[axis] * stride };
                    stride *= extent;
                    rest /= target[axis];
                }
                assert_eq!(wide.as_slice()[at], x.as_slice()[index], "{shape:?} at {at}");
            }
            let repeats = (target.size() / x.len()) as Real;
            assert_eq!(wide.unbroadcast_to(x.shape()), x.map(|v| v * repeats));
        }
    }

    #[test]
    fn sums_agree_along_every_axis() {
        let x = Tensor::from_fn([3, 4, 70], |i| (i % 11) as Real);
        for axis in 0..3 {
            assert_eq!(x.sum_axis(axis).sum_all(), x.sum_all());
        }
        assert_eq!(x.sum_axis(1).as_slice()[1], (0..4).map(|i| ((70 * i + 1) % 11) as Real).sum());
    }
}
