//! Elementwise passes: maps of one, two and three tensors of one shape, and the named functions as methods.
//!
//! Large tensors are split over the current rayon pool; every element is computed alone, so the result does not
//! depend on the split.
//!
//! A closure that is too long for the compiler's taste is not inlined into the vectorised loop and then runs a hundred
//! times slower; hence `#[inline(always)]` on every closure of this chain, and on callers' closures that call `math`.

use crate::cpu::vectorize;
use crate::parallel::{Disjoint, split, threads_for};
use crate::{Real, Tensor, math};

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

    /// `f` of the elements of two tensors of one shape.
    #[inline]
    #[track_caller]
    pub fn zip(&self, other: &Self, f: impl Fn(Real, Real) -> Real + Sync) -> Self {
        assert_eq!(self.shape(), other.shape(), "zip of different shapes");
        let mut out = Self::scratch(self.shape());
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
        out
    }

    /// `f` of the elements of three tensors of one shape.
    #[inline]
    #[track_caller]
    pub fn zip3(&self, b: &Self, c: &Self, f: impl Fn(Real, Real, Real) -> Real + Sync) -> Self {
        assert!(self.shape() == b.shape() && self.shape() == c.shape(), "zip3 of different shapes");
        let mut out = Self::scratch(self.shape());
        let (a, b, c) = (self.as_slice(), b.as_slice(), c.as_slice());
        pass(
            out.as_mut_slice(),
            #[inline(always)]
            |range, out| {
                for (((y, &a), &b), &c) in out.iter_mut().zip(&a[range.clone()]).zip(&b[range.clone()]).zip(&c[range]) {
                    *y = f(a, b, c);
                }
            },
        );
        out
    }

    /// Replaces every element by `f` of it and the element of `other` of the same shape; in place if not shared.
    #[inline]
    #[track_caller]
    pub fn update(mut self, other: &Self, f: impl Fn(Real, Real) -> Real + Sync) -> Self {
        assert_eq!(self.shape(), other.shape(), "update with another shape");
        if !self.is_unique() {
            return self.zip(other, f);
        }
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
        self
    }

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
