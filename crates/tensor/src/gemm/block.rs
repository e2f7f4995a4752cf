//! Blocks of C that are summed in registers: a few rows by a few vectors, A read element by element and B in rows.

use std::ops::Range;

use super::vector::Vector;
use crate::{Mat, Real};

/// Pointers and strides of `C ← A·B + β·C` with the rows of C contiguous; for β = 0, C is not read.
#[derive(Clone, Copy)]
pub(super) struct Product {
    pub m: usize,
    pub k: usize,
    pub n: usize,
    pub a: *const Real,
    pub rsa: usize,
    pub csa: usize,
    pub b: *const Real,
    pub rsb: usize,
    pub csb: usize,
    pub beta: Real,
    pub c: *mut Real,
    pub rsc: usize,
}

impl Product {
    /// The product of two views into a row-major C that begins at `c`.
    pub fn new(a: Mat<'_>, b: Mat<'_>, beta: Real, c: *mut Real) -> Self {
        Self {
            m: a.rows,
            k: a.cols,
            n: b.cols,
            a: a.data.as_ptr(),
            rsa: a.row_stride,
            csa: a.col_stride,
            b: b.data.as_ptr(),
            rsb: b.row_stride,
            csb: b.col_stride,
            beta,
            c,
            rsc: b.cols,
        }
    }

    /// The terms `inner` of the rows and columns of C named.
    ///
    /// # Safety
    /// The ranges must lie within `m`, `k` and `n`, and these within the matrices.
    pub unsafe fn part(&self, rows: Range<usize>, inner: Range<usize>, cols: Range<usize>) -> Self {
        // SAFETY: the first elements of the parts are elements of the matrices.
        unsafe {
            Self {
                m: rows.len(),
                k: inner.len(),
                n: cols.len(),
                a: self.a.add(rows.start * self.rsa + inner.start * self.csa),
                b: self.b.add(inner.start * self.rsb + cols.start * self.csb),
                c: self.c.add(rows.start * self.rsc + cols.start),
                ..*self
            }
        }
    }
}

/// The columns `j .. j + width` of C, at most two vectors, in blocks of `R` rows and then of 4, 2 and 1.
///
/// # Safety
/// All elements that the product names must be in bounds, B's rows contiguous (`csb` is not looked at) and, if
/// `PADDED`, readable to the end of their last vector; the machine must have the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn columns<V: Vector, const R: usize, const PADDED: bool>(p: &Product, j: usize, width: usize) {
    let mut i = 0;
    // SAFETY: a block of r rows begins only where r rows are left.
    unsafe {
        while i + R <= p.m {
            tile::<V, R, PADDED>(p, i, j, width);
            i += R;
        }
        while i + 4 <= p.m {
            tile::<V, 4, PADDED>(p, i, j, width);
            i += 4;
        }
        while i + 2 <= p.m {
            tile::<V, 2, PADDED>(p, i, j, width);
            i += 2;
        }
        if i < p.m {
            tile::<V, 1, PADDED>(p, i, j, width);
        }
    }
}

#[inline(always)]
unsafe fn tile<V: Vector, const R: usize, const PADDED: bool>(p: &Product, i: usize, j: usize, width: usize) {
    // SAFETY: the tile lies inside C, its rows inside A and its columns inside B.
    unsafe {
        match (width > V::LANES, PADDED || width.is_multiple_of(V::LANES)) {
            (true, true) => accumulate::<V, R, 2>(p, i, j, width, |at, _| V::load(at)),
            (true, false) => accumulate::<V, R, 2>(p, i, j, width, |at, count| V::load_first(at, count)),
            (false, true) => accumulate::<V, R, 1>(p, i, j, width, |at, _| V::load(at)),
            (false, false) => accumulate::<V, R, 1>(p, i, j, width, |at, count| V::load_first(at, count)),
        }
    }
}

#[inline(always)]
unsafe fn accumulate<V: Vector, const R: usize, const W: usize>(
    p: &Product,
    i: usize,
    j: usize,
    width: usize,
    load: impl Fn(*const Real, usize) -> V,
) {
    let mut sums = [[V::splat(0.0); W]; R];
    let left = |w: usize| width.saturating_sub(w * V::LANES);
    // SAFETY: the caller's promise.
    unsafe {
        let c = p.c.add(i * p.rsc + j);
        if p.beta != 0.0 {
            // C is read after the loop, with a stride that no hardware foresees.
            (0..R).for_each(|r| (0..W).for_each(|w| V::prefetch(c.wrapping_add(r * p.rsc + w * V::LANES))));
        }
        // Wrapping, because without terms there may be nothing at these places.
        let a = p.a.wrapping_add(i * p.rsa);
        let mut b = p.b.wrapping_add(j);
        for q in 0..p.k {
            let mut row = [V::splat(0.0); W];
            for (w, row) in row.iter_mut().enumerate() {
                *row = load(b.add(w * V::LANES), left(w));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = V::splat(*a.add(r * p.rsa + q * p.csa));
                for (sum, row) in sums.iter_mut().zip(row) {
                    *sum = x.mul_add(row, *sum);
                }
            }
            b = b.wrapping_add(p.rsb);
        }
        for (r, sums) in sums.iter().enumerate() {
            for (w, &sum) in sums.iter().enumerate() {
                let c = c.add(r * p.rsc + w * V::LANES);
                let old = if p.beta == 0.0 { V::splat(0.0) } else { V::load_first(c, left(w)) };
                V::splat(p.beta).mul_add(old, sum).store_first(c, left(w));
            }
        }
    }
}
