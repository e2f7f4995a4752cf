//! Elementwise passes: maps of one, two and three tensors of one shape, and the named functions as methods.
//!
//! Large tensors are split over the current rayon pool; every element is computed alone, so the result does not
//! depend on the split.
//!
//! A closure that is too long for the compiler's taste is not inlined into the vectorised loop and then runs a hundred
//! times slower; hence `#[inline(always)]` on every closure of this chain, and on callers' closures that call `math`.
//! A number that a closure captures must move into it: behind a reference it might be what the loop writes, and
//! nothing is vectorised.

mod rows;

use crate::cpu::vectorize;
use crate::parallel::{Disjoint, pass, split, threads_for};
use crate::{Real, Shape, Tensor, math};
use rows::{ROOM, Row, Rows, is_narrow, run};

/// Elements that [`update3`] loads together.
const LANES: usize = 32;
/// Ranges of a parallel pass start at multiples of this many elements (whole cache lines).
const UNIT: usize = 1024;

/// One pass over `out` and the rows of `sources` that line up with it: `full` gets a stretch of `out` and as long a one
/// of each source, `row` the number of a row, the row of `out`, and the rows of the sources.
#[inline]
fn pass_beside<const N: usize>(
    out: &mut Tensor,
    sources: [&Tensor; N],
    full: impl Fn(&mut [Real], [&[Real]; N]) + Sync,
    row: impl Fn(usize, &mut [Real], &[Rows<'_>; N]) + Sync,
) {
    let shape = out.shape();
    let (width, size, out) = (shape.last(), shape.size(), out.as_mut_slice());
    if sources.iter().all(|source| source.shape() == shape) {
        let sources = sources.map(Tensor::as_slice);
        return pass(
            out,
            1,
            UNIT,
            size,
            #[inline(always)]
            |range, y| full(y, sources.map(|x| &x[range.clone()])),
        );
    }
    let rows = sources.map(|source| Rows::of(source, &shape));
    if !is_narrow(&shape) {
        return pass(
            out,
            width,
            1,
            size,
            #[inline(always)]
            |range, out| {
                for (at, y) in range.zip(out.chunks_exact_mut(width.max(1))) {
                    row(at, y, &rows);
                }
            },
        );
    }
    pass(
        out,
        width,
        1,
        size,
        #[inline(always)]
        |range, out| {
            // Of rows shorter than a vector several go at once, those of each source repeated so that all lie alike.
            let (run, mut rooms, mut at) = (run(&shape), [[0.0; ROOM]; N], range.start);
            while at < range.end {
                let count = (run - at % run).min(ROOM / width).min(range.end - at);
                let y = &mut out[(at - range.start) * width..][..count * width];
                let mut room = rooms.iter_mut();
                let laid =
                    rows.each_ref().map(|rows| rows.lay(at, count, room.next().expect("a room for each source")));
                full(y, laid);
                at += count;
            }
        },
    );
}

/// `y ← f(a, b)`
#[inline(always)]
fn combine(y: &mut [Real], a: &[Real], b: &[Real], f: impl Fn(Real, Real) -> Real) {
    for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
        *y = f(a, b);
    }
}

/// `y ← f(a, b) · scale`
#[inline(always)]
fn combine_scaled(y: &mut [Real], a: &[Real], b: &[Real], scale: Real, f: impl Fn(Real, Real) -> Real) {
    for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
        *y = f(a, b) * scale;
    }
}

/// `y ← f(y, b)`
#[inline(always)]
fn change(y: &mut [Real], b: &[Real], f: impl Fn(Real, Real) -> Real) {
    for (y, &b) in y.iter_mut().zip(b) {
        *y = f(*y, b);
    }
}

impl Tensor {
    /// `f` of every element.
    #[inline]
    pub fn map(&self, f: impl Fn(Real) -> Real + Sync) -> Self {
        let mut out = Self::scratch(self.shape());
        let (x, size) = (self.as_slice(), self.len());
        pass(
            out.as_mut_slice(),
            1,
            UNIT,
            size,
            #[inline(always)]
            |range, out| {
                for (y, &x) in out.iter_mut().zip(&x[range]) {
                    *y = f(x);
                }
            },
        );
        out
    }

    /// `f` of the elements of two tensors, broadcast to their common shape.
    ///
    /// # Panics
    /// If the shapes do not broadcast to a common one.
    #[inline]
    #[track_caller]
    pub fn zip(&self, other: &Self, f: impl Fn(Real, Real) -> Real + Sync) -> Self {
        let mut out = Self::scratch(self.common_shape(other));
        pass_beside(
            &mut out,
            [self, other],
            #[inline(always)]
            |y, [a, b]| combine(y, a, b, &f),
            #[inline(always)]
            |at, y, [a, b]| match (a.row(at), b.row(at)) {
                (Row::Full(a), Row::Full(b)) => combine(y, a, b, &f),
                (Row::Full(a), Row::Single(b)) => y.iter_mut().zip(a).for_each(
                    #[inline(always)]
                    |(y, &a)| *y = f(a, b),
                ),
                (Row::Single(a), Row::Full(b)) => y.iter_mut().zip(b).for_each(
                    #[inline(always)]
                    |(y, &b)| *y = f(a, b),
                ),
                (Row::Single(a), Row::Single(b)) => y.fill(f(a, b)),
            },
        );
        out
    }

    /// [`Tensor::zip`] in the memory of this tensor, if it is not shared and has the common shape.
    ///
    /// # Panics
    /// If the shapes do not broadcast to a common one.
    #[inline]
    #[track_caller]
    pub fn update(mut self, other: &Self, f: impl Fn(Real, Real) -> Real + Sync) -> Self {
        if !self.is_unique() || self.common_shape(other) != self.shape() {
            return self.zip(other, f);
        }
        let shape = self.shape();
        if other.shape() != shape
            && !is_narrow(&shape)
            && threads_for(shape.size()) == 1
            && let Some(b) = Rows::of(other, &shape).only_row()
        {
            let rows = self.as_mut_slice().chunks_exact_mut(b.len());
            vectorize(
                #[inline(always)]
                || {
                    for row in rows {
                        change(row, b, &f);
                    }
                },
            );
            return self;
        }
        pass_beside(
            &mut self,
            [other],
            #[inline(always)]
            |y, [b]| change(y, b, &f),
            #[inline(always)]
            |at, y, [b]| match b.row(at) {
                Row::Full(b) => change(y, b, &f),
                Row::Single(b) => y.iter_mut().for_each(
                    #[inline(always)]
                    |y| *y = f(*y, b),
                ),
            },
        );
        self
    }

    #[track_caller]
    fn common_shape(&self, other: &Self) -> Shape {
        let shape = self.shape().broadcast(&other.shape());
        shape.unwrap_or_else(|| panic!("cannot broadcast {:?} with {:?}", self.shape(), other.shape()))
    }

    /// The elements repeated along axes of extent 1 (or missing in front) to fill `shape`.
    ///
    /// # Panics
    /// If this shape does not broadcast to `shape`.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        if shape == self.shape() {
            return self.clone();
        }
        assert_eq!(self.shape().broadcast(&shape), Some(shape), "cannot broadcast {:?} to {shape:?}", self.shape());
        let mut out = Self::scratch(shape);
        pass_beside(
            &mut out,
            [self],
            |y, [x]| y.copy_from_slice(x),
            |at, y, [x]| match x.row(at) {
                Row::Full(x) => y.copy_from_slice(x),
                Row::Single(x) => y.fill(x),
            },
        );
        out
    }

    /// `f(a, b) · r` for every element a of this tensor `[.., d]`, b of `other` (which broadcasts to this shape) and r
    /// of `rows` `[..]`: the gradient of a sum over the last axis.
    ///
    /// # Panics
    /// If `other` does not broadcast to this shape, or `rows` does not have one element a row.
    #[inline]
    #[track_caller]
    pub fn zip_scaled(&self, other: &Self, rows: &Self, f: impl Fn(Real, Real) -> Real + Sync) -> Self {
        let shape = self.shape();
        assert_eq!(shape.broadcast(&other.shape()), Some(shape), "cannot broadcast {:?} to {shape:?}", other.shape());
        let rows = rows.clone().reshape(shape.with_last(1));
        if is_narrow(&shape) {
            return self.zip(other, f).update(&rows, |x, scale| x * scale);
        }
        let mut out = Self::scratch(shape);
        let (width, size) = (shape.last().max(1), shape.size());
        let y = out.as_mut_slice();
        if other.shape() == shape && threads_for(size) == 1 {
            let (a, b) = (self.as_slice().chunks_exact(width), other.as_slice().chunks_exact(width));
            let y = y.chunks_exact_mut(width);
            vectorize(
                #[inline(always)]
                || {
                    for (((y, a), b), &scale) in y.zip(a).zip(b).zip(rows.as_slice()) {
                        combine_scaled(y, a, b, scale, &f);
                    }
                },
            );
            return out;
        }
        let (a, b, scales) = (self.as_slice(), Rows::of(other, &shape), rows.as_slice());
        pass(
            y,
            width,
            1,
            size,
            #[inline(always)]
            |range, y| {
                let a = a[range.start * width..].chunks_exact(width);
                for (((y, a), &scale), at) in y.chunks_exact_mut(width).zip(a).zip(&scales[range.clone()]).zip(range) {
                    match b.row(at) {
                        Row::Full(b) => combine_scaled(y, a, b, scale, &f),
                        Row::Single(b) => y.iter_mut().zip(a).for_each(
                            #[inline(always)]
                            |(y, &a)| *y = f(a, b) * scale,
                        ),
                    }
                }
            },
        );
        out
    }
}

/// The attribute on the closures is what gets the functions inlined.
#[allow(clippy::redundant_closure)]
impl Tensor {
    /// `eˣ`.
    pub fn exp(&self) -> Self {
        self.map(
            #[inline(always)]
            |x| math::exp(x),
        )
    }

    /// Natural logarithm.
    pub fn ln(&self) -> Self {
        self.map(
            #[inline(always)]
            |x| math::ln(x),
        )
    }

    /// Hyperbolic tangent.
    pub fn tanh(&self) -> Self {
        self.map(
            #[inline(always)]
            |x| math::tanh(x),
        )
    }

    /// `1 / (1 + e⁻ˣ)`.
    pub fn sigmoid(&self) -> Self {
        self.map(
            #[inline(always)]
            |x| math::sigmoid(x),
        )
    }

    /// `ln(1 + eˣ)`.
    pub fn softplus(&self) -> Self {
        self.map(
            #[inline(always)]
            |x| math::softplus(x),
        )
    }
}

/// `(a, b, c) ← f(a, b, c, g)` elementwise, in one parallel pass over four slices of one length: the shape of an
/// optimiser's update.
///
/// # Panics
/// If the slices differ in length.
#[inline]
#[track_caller]
pub fn update3(
    a: &mut [Real],
    b: &mut [Real],
    c: &mut [Real],
    g: &[Real],
    f: impl Fn(Real, Real, Real, Real) -> (Real, Real, Real) + Sync,
) {
    let len = g.len();
    assert!(a.len() == len && b.len() == len && c.len() == len, "update3 of different lengths");
    let (a, b, c) = (Disjoint::new(a), Disjoint::new(b), Disjoint::new(c));
    split(len, UNIT, threads_for(len), &|range| {
        // SAFETY: `split` hands out disjoint ranges of `0..len`.
        let (a, b, c) = unsafe { (a.range(range.clone()), b.range(range.clone()), c.range(range.clone())) };
        vectorize(
            #[inline(always)]
            || {
                let (a, a_rest) = a.as_chunks_mut::<LANES>();
                let (b, b_rest) = b.as_chunks_mut::<LANES>();
                let (c, c_rest) = c.as_chunks_mut::<LANES>();
                let (g, g_rest) = g[range].as_chunks::<LANES>();
                for (((a, b), c), g) in a.iter_mut().zip(b).zip(c).zip(g) {
                    // Copies that cannot alias: otherwise the compiler gives up on vectorising.
                    let (mut x, mut y, mut z) = (*a, *b, *c);
                    for l in 0..LANES {
                        (x[l], y[l], z[l]) = f(x[l], y[l], z[l], g[l]);
                    }
                    (*a, *b, *c) = (x, y, z);
                }
                for (((a, b), c), &g) in a_rest.iter_mut().zip(b_rest).zip(c_rest).zip(g_rest) {
                    (*a, *b, *c) = f(*a, *b, *c, g);
                }
            },
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zip_is_broadcasting_then_combining() {
        let shapes: [&[usize]; 9] =
            [&[2, 3, 4, 5], &[5], &[1], &[], &[4, 5], &[3, 1, 5], &[2, 1, 4, 1], &[1, 3, 1, 1], &[3, 4, 1]];
        for (a, b) in shapes.iter().flat_map(|a| shapes.iter().map(move |b| (a, b))) {
            let (x, y) = (Tensor::from_fn(*a, |i| i as Real), Tensor::from_fn(*b, |i| 100.0 * i as Real));
            let shape = x.shape().broadcast(&y.shape()).unwrap();
            let (wide_x, wide_y) = (x.broadcast_to(shape), y.broadcast_to(shape));
            let want: Vec<Real> = wide_x.as_slice().iter().zip(wide_y.as_slice()).map(|(x, y)| x - y).collect();
            assert_eq!(x.zip(&y, |x, y| x - y).as_slice(), want, "{a:?} with {b:?}");
            if x.shape() == shape {
                assert_eq!(x.update(&y, |x, y| x - y).as_slice(), want, "{a:?} updated with {b:?}");
            }
        }
    }

    /// Rows of every width up to beyond a vector's, and more of them than are laid side by side, against plain indices.
    #[test]
    fn narrow_rows_line_up_like_wide_ones() {
        for width in 1..20 {
            let shape = Shape::from([3, 300, width]);
            let a = Tensor::from_fn(shape, |i| i as Real);
            let sources: [&[usize]; 6] =
                [&[width], &[300, width], &[3, 1, width], &[300, 1], &[3, 1, 1], &[1, 300, width]];
            for source in sources {
                let b = Tensor::from_fn(source, |i| 0.5 + i as Real);
                let index = |at: usize| {
                    let place = [at / width / 300, at / width % 300, at % width];
                    let skipped = place.len() - source.len();
                    let axes = source.iter().zip(&place[skipped..]);
                    axes.fold(0, |index, (&extent, &i)| index * extent + if extent == 1 { 0 } else { i })
                };
                let want: Vec<Real> = (0..a.len()).map(|at| at as Real - (0.5 + index(at) as Real)).collect();
                assert!(a.zip(&b, |a, b| a - b).as_slice() == want, "{source:?} to {shape:?}");
                assert!(b.zip(&a, |b, a| a - b).as_slice() == want, "{shape:?} to {source:?}");
                let copy = a.map(|a| a);
                assert!(copy.update(&b, |a, b| a - b).as_slice() == want, "{shape:?} updated with {source:?}");
                let rows = Tensor::from_fn([3, 300], |row| row as Real);
                let scaled: Vec<Real> = want.iter().enumerate().map(|(at, x)| x * (at / width) as Real).collect();
                assert!(a.zip_scaled(&b, &rows, |a, b| a - b).as_slice() == scaled, "{source:?} scaled");
            }
        }
    }

    #[test]
    fn zip_scaled_scales_rows() {
        let (a, b) = (Tensor::from_fn([2, 3, 4], |i| i as Real), Tensor::from_fn([3, 4], |i| 1.0 + i as Real));
        let rows = Tensor::from_fn([2, 3], |i| i as Real);
        let want = a.zip(&b, |a, b| a * b).zip(&rows.clone().reshape([2, 3, 1]), |x, r| x * r);
        assert_eq!(a.zip_scaled(&b, &rows, |a, b| a * b), want);
    }
}
