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
use crate::parallel::{Disjoint, split, threads_for};
use crate::{Real, Shape, Tensor, math};
use rows::{ROOM, Row, Rows, is_narrow, run};

/// Elements that [`update3`] loads together.
const LANES: usize = 32;
/// Ranges of a parallel pass start at multiples of this many elements (whole cache lines).
const UNIT: usize = 1024;

/// Runs `work(range, out[range])` over the whole of `out`, vectorised and in parallel where it pays.
#[inline]
fn pass(out: &mut [Real], work: impl Fn(std::ops::Range<usize>, &mut [Real]) + Sync) {
    let len = out.len();
    match threads_for(len) {
        1 => vectorize(
            #[inline(always)]
            || work(0..len, out),
        ),
        threads => {
            let out = Disjoint::new(out);
            split(len, UNIT, threads, &|range| {
                // SAFETY: `split` hands out disjoint ranges of `0..len`.
                let out = unsafe { out.range(range.clone()) };
                vectorize(
                    #[inline(always)]
                    || work(range, out),
                );
            });
        }
    }
}

/// Runs `work(row number, row of out)` over all rows of the last axis, vectorised and in parallel where it pays.
#[inline]
fn rows_pass(shape: Shape, out: &mut [Real], work: impl Fn(usize, &mut [Real]) + Sync) {
    let width = shape.last();
    if width == 0 {
        return;
    }
    let target = Disjoint::new(out);
    split(shape.rows(), 1, threads_for(shape.size()), &|range| {
        // SAFETY: `split` hands out disjoint ranges of rows.
        let out = unsafe { target.range(range.start * width..range.end * width) };
        vectorize(
            #[inline(always)]
            || {
                for (at, y) in range.zip(out.chunks_exact_mut(width)) {
                    work(at, y);
                }
            },
        );
    });
}

/// [`rows_pass`] for rows shorter than a vector: `work` gets several rows of `out` at once, and those of each source,
/// repeated so that all lie alike.
#[inline]
fn narrow_pass<const N: usize>(
    shape: Shape,
    out: &mut [Real],
    sources: [&Rows<'_>; N],
    work: impl Fn(&mut [Real], [&[Real]; N]) + Sync,
) {
    let (width, run) = (shape.last(), run(&shape));
    let target = Disjoint::new(out);
    split(shape.rows(), 1, threads_for(shape.size()), &|range| {
        // SAFETY: `split` hands out disjoint ranges of rows.
        let out = unsafe { target.range(range.start * width..range.end * width) };
        vectorize(
            #[inline(always)]
            || {
                let mut rooms = [[0.0; ROOM]; N];
                let mut at = range.start;
                while at < range.end {
                    let count = (run - at % run).min(ROOM / width).min(range.end - at);
                    let y = &mut out[(at - range.start) * width..][..count * width];
                    let mut room = rooms.iter_mut();
                    let laid =
                        sources.map(|source| source.lay(at, count, room.next().expect("a room for each source")));
                    work(y, laid);
                    at += count;
                }
            },
        );
    });
}

impl Tensor {
    /// `f` of every element.
    #[inline]
    pub fn map(&self, f: impl Fn(Real) -> Real + Sync) -> Self {
        let mut out = Self::scratch(self.shape());
        let x = self.as_slice();
        pass(
            out.as_mut_slice(),
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
        let shape = self.shape().broadcast(&other.shape());
        let shape = shape.unwrap_or_else(|| panic!("cannot broadcast {:?} with {:?}", self.shape(), other.shape()));
        let mut out = Self::scratch(shape);
        if self.shape() == other.shape() {
            let (a, b) = (self.as_slice(), other.as_slice());
            pass(
                out.as_mut_slice(),
                #[inline(always)]
                |range, out| {
                    for ((y, &a), &b) in out.iter_mut().zip(&a[range.clone()]).zip(&b[range]) {
                        *y = f(a, b);
                    }
                },
            );
            return out;
        }
        let (a, b) = (Rows::of(self, &shape), Rows::of(other, &shape));
        if is_narrow(&shape) {
            narrow_pass(
                shape,
                out.as_mut_slice(),
                [&a, &b],
                #[inline(always)]
                |y, [a, b]| {
                    for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
                        *y = f(a, b);
                    }
                },
            );
            return out;
        }
        rows_pass(
            shape,
            out.as_mut_slice(),
            #[inline(always)]
            |at, y| match (a.row(at), b.row(at)) {
                (Row::Full(a), Row::Full(b)) => y.iter_mut().zip(a).zip(b).for_each(
                    #[inline(always)]
                    |((y, &a), &b)| *y = f(a, b),
                ),
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

    /// Replaces every element by `f` of it and the element of `other`, which broadcasts to this shape; in place if
    /// the memory is not shared.
    ///
    /// # Panics
    /// If `other` does not broadcast to this shape.
    #[inline]
    #[track_caller]
    pub fn update(mut self, other: &Self, f: impl Fn(Real, Real) -> Real + Sync) -> Self {
        if !self.is_unique() {
            return self.zip(other, f);
        }
        let shape = self.shape();
        assert_eq!(shape.broadcast(&other.shape()), Some(shape), "cannot broadcast {:?} to {shape:?}", other.shape());
        if shape == other.shape() {
            let b = other.as_slice();
            pass(
                self.as_mut_slice(),
                #[inline(always)]
                |range, out| {
                    for (y, &b) in out.iter_mut().zip(&b[range]) {
                        *y = f(*y, b);
                    }
                },
            );
            return self;
        }
        let b = Rows::of(other, &shape);
        if is_narrow(&shape) {
            narrow_pass(
                shape,
                self.as_mut_slice(),
                [&b],
                #[inline(always)]
                |y, [b]| {
                    for (y, &b) in y.iter_mut().zip(b) {
                        *y = f(*y, b);
                    }
                },
            );
            return self;
        }
        if let (Some(b), 1) = (b.only_row(), threads_for(shape.size())) {
            let out = self.as_mut_slice();
            vectorize(
                #[inline(always)]
                || {
                    for row in out.chunks_exact_mut(b.len()) {
                        for (y, &b) in row.iter_mut().zip(b) {
                            *y = f(*y, b);
                        }
                    }
                },
            );
            return self;
        }
        rows_pass(
            shape,
            self.as_mut_slice(),
            #[inline(always)]
            |at, y| match b.row(at) {
                Row::Full(b) => y.iter_mut().zip(b).for_each(
                    #[inline(always)]
                    |(y, &b)| *y = f(*y, b),
                ),
                Row::Single(b) => y.iter_mut().for_each(
                    #[inline(always)]
                    |y| *y = f(*y, b),
                ),
            },
        );
        self
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
        let source = Rows::of(self, &shape);
        if is_narrow(&shape) {
            narrow_pass(shape, out.as_mut_slice(), [&source], |y, [x]| y.copy_from_slice(x));
            return out;
        }
        rows_pass(shape, out.as_mut_slice(), |at, y| match source.row(at) {
            Row::Full(x) => y.copy_from_slice(x),
            Row::Single(x) => y.fill(x),
        });
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
        let wide;
        let other = if other.shape().last() == shape.last() {
            other
        } else {
            wide = other.broadcast_to(shape);
            &wide
        };
        let mut out = Self::scratch(shape);
        if other.shape() == shape && threads_for(shape.size()) == 1 {
            let width = shape.last().max(1);
            let (a, b) = (self.as_slice().chunks_exact(width), other.as_slice().chunks_exact(width));
            let y = out.as_mut_slice().chunks_exact_mut(width);
            vectorize(
                #[inline(always)]
                || {
                    for (((y, a), b), &scale) in y.zip(a).zip(b).zip(rows.as_slice()) {
                        for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
                            *y = f(a, b) * scale;
                        }
                    }
                },
            );
            return out;
        }
        let (a, b, r) = (Rows::of(self, &shape), Rows::of(other, &shape), Rows::of(&rows, &shape));
        rows_pass(
            shape,
            out.as_mut_slice(),
            #[inline(always)]
            |at, y| {
                let (Row::Full(a), Row::Full(b), scale) = (a.row(at), b.row(at), r.row(at).first()) else {
                    panic!("zip_scaled of {shape:?}: the last axis cannot stretch")
                };
                for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
                    *y = f(a, b) * scale;
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

    /// `ln(1 + x)`.
    pub fn ln_1p(&self) -> Self {
        self.map(
            #[inline(always)]
            |x| math::ln_1p(x),
        )
    }

    /// `eˣ − 1`.
    pub fn expm1(&self) -> Self {
        self.map(
            #[inline(always)]
            |x| math::expm1(x),
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
