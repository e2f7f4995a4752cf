//! Reductions and broadcasting. Sums run in a fixed order: in lanes within a chunk, chunk after chunk, so the bits
//! do not depend on the number of threads.

use crate::cpu::vectorize;
use crate::parallel::pass;
use crate::{Real, Shape, Tensor, transpose_rows};

/// Lanes of a running sum; a multiple of every vector width.
const LANES: usize = 32;

/// Elements after which [`lane_fold`] finishes its lanes and starts anew.
const BLOCK: usize = 64 * LANES;

/// The sum of [`lane_block`] over blocks of `BLOCK` elements.
#[inline(always)]
fn lane_fold<const N: usize>(
    a: &[Real],
    b: &[Real],
    step: impl Fn([Real; N], Real, Real) -> [Real; N],
    finish: impl Fn([Real; N]) -> Real,
) -> Real {
    let mut sum = 0.0;
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        sum += lane_block(a, b, &step, &finish);
    }
    sum
}

/// `Σₗ finish(stateₗ)`, added pairwise, of `LANES` states that start at 0 and take the elements in turn by `step`.
#[inline(always)]
fn lane_block<const N: usize>(
    a: &[Real],
    b: &[Real],
    step: impl Fn([Real; N], Real, Real) -> [Real; N],
    finish: impl Fn([Real; N]) -> Real,
) -> Real {
    let mut states = [[0.0; LANES]; N];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for l in 0..LANES {
            let state = step(states.each_ref().map(|lanes| lanes[l]), a[l], b[l]);
            states.iter_mut().zip(state).for_each(|(lanes, value)| lanes[l] = value);
        }
    }
    for (l, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
        let state = step(states.each_ref().map(|lanes| lanes[l]), a, b);
        states.iter_mut().zip(state).for_each(|(lanes, value)| lanes[l] = value);
    }
    let mut sums = [0.0; LANES];
    for l in 0..LANES {
        sums[l] = finish(states.each_ref().map(|lanes| lanes[l]));
    }
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            sums[l] += sums[l + width];
        }
        width /= 2;
    }
    sums[0]
}

impl Tensor {
    /// Sum over the last axis: `[.., d] → [..]`.
    pub fn sum_last(&self) -> Self {
        if self.shape().last() < LANES / 2 {
            let mut out = Self::scratch(self.shape().without_last());
            short_row_sums(self.as_slice(), self.shape().last(), out.as_mut_slice());
            return out;
        }
        self.zip_sum_last(self, |x, _| x)
    }

    /// For each row of the last axis `Σᵢ f(aᵢ, bᵢ)` over the elements of two tensors: `[.., d] → [..]`.
    /// `other` may also be the shape of the trailing axes alone; its rows are then used again and again.
    #[inline]
    #[track_caller]
    pub fn zip_sum_last(&self, other: &Self, f: impl Fn(Real, Real) -> Real + Sync) -> Self {
        self.zip_fold_last(
            other,
            #[inline(always)]
            move |[sum], a, b| [sum + f(a, b)],
            #[inline(always)]
            |[sum]| sum,
        )
    }

    /// For each row of the last axis a sum that is taken in parts: `step` adds an element of both tensors to the `N`
    /// numbers of a part, which start at 0, and the row's value is the sum of `finish` over its parts, each of at most
    /// 64 elements: `[.., d] → [..]`. `other` is as for [`Tensor::zip_sum_last`].
    ///
    /// # Panics
    /// If the shape of `other` is not the end of this one.
    #[inline]
    #[track_caller]
    pub fn zip_fold_last<const N: usize>(
        &self,
        other: &Self,
        step: impl Fn([Real; N], Real, Real) -> [Real; N] + Sync,
        finish: impl Fn([Real; N]) -> Real + Sync,
    ) -> Self {
        let shape = self.shape();
        assert!(shape.ends_with(&other.shape()), "a fold over the last axis of {shape:?} and {:?}", other.shape());
        if shape.last() < LANES / 2 {
            // A short row is no work for vectors: they go over all rows at once, then each row is added up.
            let terms = self.zip(
                other,
                #[inline(always)]
                move |a, b| finish(step([0.0; N], a, b)),
            );
            return terms.sum_last();
        }
        let mut out = Self::scratch(shape.without_last());
        let (a, b, last) = (self.as_slice(), other.as_slice(), shape.last());
        pass(
            out.as_mut_slice(),
            1,
            1,
            shape.size(),
            #[inline(always)]
            |range, out| {
                for (row, y) in range.zip(out) {
                    let (at, again) = (row * last, row * last % b.len().max(1));
                    *y = lane_fold(&a[at..at + last], &b[again..again + last], &step, &finish);
                }
            },
        );
        out
    }

    /// Sum of all elements.
    pub fn sum_all(&self) -> Real {
        let x = self.as_slice();
        vectorize(
            #[inline(always)]
            || lane_fold(x, x, |[sum], x, _| [sum + x], |[sum]| sum),
        )
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
    ///
    /// # Panics
    /// If `shape` does not broadcast to this shape.
    #[track_caller]
    pub fn unbroadcast_to(self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        if self.shape() == shape {
            return self;
        }
        let mut sum = self;
        while sum.shape().len() > shape.len() {
            sum = if sum.shape()[0] == 1 { sum.clone().reshape(sum.shape().without(0)) } else { sum.sum_axis(0) };
        }
        for axis in 0..shape.len() {
            if shape[axis] == 1 && sum.shape()[axis] != 1 {
                sum = sum.sum_axis(axis).reshape(sum.shape().with(axis, 1));
            }
        }
        assert_eq!(sum.shape(), shape, "cannot sum back to this shape");
        sum
    }

    /// The transpose of each matrix of a batch: `[.., m, n] → [.., n, m]`.
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn transpose(&self) -> Self {
        let shape = self.shape();
        let [.., m, n] = shape[..] else { panic!("transpose of {shape:?}") };
        let mut out = Self::scratch(shape.transposed());
        let matrices = self.as_slice().chunks_exact((m * n).max(1));
        for (y, x) in out.as_mut_slice().chunks_exact_mut((m * n).max(1)).zip(matrices) {
            transpose_rows(x, n, n, y);
        }
        out
    }

    /// Columns `range` of the last axis: `[.., d] → [.., range.len()]`.
    ///
    /// # Panics
    /// If the range exceeds the last axis.
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

    /// The transpose of [`Tensor::columns`]: these columns from `start` on in rows of `last` elements, else 0:
    /// `[.., w] → [.., last]` with `start + w ≤ last`.
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

/// `out[i] = Σⱼ x[i, j]` of rows shorter than a vector.
fn short_row_sums(x: &[Real], width: usize, out: &mut [Real]) {
    /// Of a width known to the compiler, which then adds several rows at once.
    #[inline(always)]
    fn of<const WIDTH: usize>(x: &[Real], out: &mut [Real]) {
        vectorize(
            #[inline(always)]
            || {
                for (y, row) in out.iter_mut().zip(x.as_chunks::<WIDTH>().0) {
                    *y = row.iter().sum();
                }
            },
        );
    }
    match width {
        0 => out.fill(0.0),
        2 => of::<2>(x, out),
        3 => of::<3>(x, out),
        4 => of::<4>(x, out),
        _ => out.iter_mut().zip(x.chunks_exact(width)).for_each(|(y, row)| *y = row.iter().sum()),
    }
}

/// `out[j] = Σᵢ x[i, j]`: rows are added in blocks of fixed size, in parallel over column ranges.
fn column_sums(x: &[Real], columns: usize, out: &mut [Real]) {
    if LANES.is_multiple_of(columns.max(1)) {
        return narrow_column_sums(x, columns, out);
    }
    if let Ok(out) = out.try_into() {
        return short_column_sums::<3>(x, out);
    }
    pass(
        out,
        1,
        64,
        x.len(),
        #[inline(always)]
        |range, out| {
            out.fill(0.0);
            for row in x.chunks_exact(columns.max(1)) {
                out.iter_mut().zip(&row[range.clone()]).for_each(|(y, &x)| *y += x);
            }
        },
    );
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
    for row in lanes.chunks_exact(columns.max(1)).chain(rest.chunks_exact(columns.max(1))) {
        out.iter_mut().zip(row).for_each(|(y, &x)| *y += x);
    }
}

/// [`column_sums`] of rows that fit no vector, of a width that the compiler knows.
fn short_column_sums<const WIDTH: usize>(x: &[Real], out: &mut [Real; WIDTH]) {
    let sum = |sum: [Real; WIDTH], row: &[Real; WIDTH]| std::array::from_fn(|j| sum[j] + row[j]);
    *out = x.as_chunks::<WIDTH>().0.iter().fold([0.0; WIDTH], sum);
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

    /// Whole numbers, so that every order of summation is exact; widths around the vectors' and beyond a block.
    #[test]
    fn sums_over_rows_and_columns_are_the_plain_ones() {
        for width in (0..70).chain([2048, 2049, 5000]) {
            let x = Tensor::from_fn([7, width], |i| (i % 13) as Real - 5.0);
            let at = |row: usize, column: usize| ((row * width + column) % 13) as Real - 5.0;
            let rows: Vec<Real> = (0..7).map(|row| (0..width).map(|column| at(row, column)).sum()).collect();
            let columns: Vec<Real> = (0..width).map(|column| (0..7).map(|row| at(row, column)).sum()).collect();
            assert!(x.sum_last().as_slice() == rows, "rows of {width}");
            assert!(x.sum_axis(0).as_slice() == columns, "{width} columns");
            assert_eq!(x.sum_all(), rows.iter().sum(), "all of [7, {width}]");
            let folded = x.zip_fold_last(&x, |[sum, count], x, _| [sum + x, count + 1.0], |[sum, count]| sum + count);
            let counted: Vec<Real> = rows.iter().map(|sum| sum + width as Real).collect();
            assert!(folded.as_slice() == counted, "folds of {width}");
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
