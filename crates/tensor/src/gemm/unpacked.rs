//! Products of matrices that fit the cache, in register blocks, without packing.
//!
//! When B is the transpose of a row-major matrix its rows are not contiguous. Then either B is copied into rows first,
//! or, when the inner dimension is long, each element of C is a dot product of two contiguous rows.

use super::block::{Product, columns};
use super::vector::{Plain, Vector};
use crate::cpu::{Level, level};
use crate::{Mat, Real, Tensor, transpose_rows};

/// `C ← A·B + β·C` without packing.
pub(super) fn run(a: Mat<'_>, b: Mat<'_>, beta: Real, c: &mut [Real]) {
    let mut p = Product::new(a, b, beta, c.as_mut_ptr());
    if p.csb == 1 || p.n == 1 {
        // SAFETY: `gemm` has checked the extents; B's rows are contiguous.
        return unsafe { dispatch::<true>(level(), &p) };
    }
    if p.csa == 1 && p.rsb == 1 && p.k >= 4 * p.m.max(8) {
        // SAFETY: `gemm` has checked the extents; A's rows and B's columns are contiguous.
        return unsafe { dispatch::<false>(level(), &p) };
    }
    let mut rows = Tensor::scratch([p.k, p.n]);
    transpose_rows(b.data, p.k, p.k, rows.as_mut_slice());
    p.b = rows.as_slice().as_ptr();
    (p.rsb, p.csb) = (p.n, 1);
    // SAFETY: as above; `rows` lives until the product is done.
    unsafe { dispatch::<true>(level(), &p) }
}

/// # Safety
/// The extents and strides of `p` must be in bounds, the layout must be the one `BY_ROWS` names, and the machine must
/// have the instructions of `level`.
unsafe fn dispatch<const BY_ROWS: bool>(level: Level, p: &Product) {
    #[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
    {
        use std::arch::x86_64::{__m256, __m512};
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        unsafe fn avx512<const BY_ROWS: bool>(p: &Product) {
            // SAFETY: the caller's promise.
            unsafe { if BY_ROWS { by_rows::<__m512, 8>(p) } else { dots::<__m512, 4, 4>(p) } }
        }
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2<const BY_ROWS: bool>(p: &Product) {
            // SAFETY: the caller's promise.
            unsafe { if BY_ROWS { by_rows::<__m256, 6>(p) } else { dots::<__m256, 2, 4>(p) } }
        }
        // SAFETY: the caller's promise.
        unsafe {
            match level {
                Level::Avx512 => return avx512::<BY_ROWS>(p),
                Level::Avx2 => return avx2::<BY_ROWS>(p),
                Level::Baseline => {}
            }
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(feature = "f64"))))]
    let _ = level;
    // SAFETY: the caller's promise.
    unsafe { if BY_ROWS { by_rows::<Plain, 4>(p) } else { dots::<Plain, 2, 4>(p) } }
}

/// Blocks of `R` rows by two vectors of C. The columns run outside, so that a panel of B stays in the first cache.
#[inline(always)]
unsafe fn by_rows<V: Vector, const R: usize>(p: &Product) {
    for j in (0..p.n).step_by(2 * V::LANES) {
        // SAFETY: the columns lie inside C and B; the rest is the caller's promise.
        unsafe { columns::<V, R, false>(p, j, (p.n - j).min(2 * V::LANES)) };
    }
}

/// Blocks of `R` rows of A by `W` columns of B, each element a dot product of contiguous vectors.
#[inline(always)]
unsafe fn dots<V: Vector, const R: usize, const W: usize>(p: &Product) {
    let whole = p.m - p.m % R;
    // SAFETY: the blocks tile C.
    unsafe {
        for i in (0..whole).step_by(R) {
            dots_row::<V, R, W>(p, i);
        }
        for i in whole..p.m {
            dots_row::<V, 1, W>(p, i);
        }
    }
}

#[inline(always)]
unsafe fn dots_row<V: Vector, const R: usize, const W: usize>(p: &Product, i: usize) {
    let whole = p.n - p.n % W;
    // SAFETY: i + R ≤ m by the caller; the columns are walked inside n.
    unsafe {
        for j in (0..whole).step_by(W) {
            dot_block::<V, R, W>(p, i, j);
        }
        for j in whole..p.n {
            dot_block::<V, R, 1>(p, i, j);
        }
    }
}

#[inline(always)]
unsafe fn dot_block<V: Vector, const R: usize, const W: usize>(p: &Product, i: usize, j: usize) {
    let mut sums = [[V::splat(0.0); W]; R];
    // SAFETY: the caller's promise; `q` advances in whole vectors and one partial one.
    unsafe {
        let mut q = 0;
        while q < p.k {
            let count = p.k - q;
            let load = |at: *const Real| if count >= V::LANES { V::load(at) } else { V::load_first(at, count) };
            let mut column = [V::splat(0.0); W];
            for (w, column) in column.iter_mut().enumerate() {
                *column = load(p.b.add((j + w) * p.csb + q));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = load(p.a.add((i + r) * p.rsa + q));
                for (sum, column) in sums.iter_mut().zip(column) {
                    *sum = x.mul_add(column, *sum);
                }
            }
            q += V::LANES;
        }
        for (r, sums) in sums.iter().enumerate() {
            for (w, sum) in sums.iter().enumerate() {
                let c = p.c.add((i + r) * p.rsc + j + w);
                *c = sum.sum() + if p.beta == 0.0 { 0.0 } else { p.beta * *c };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each instruction set that this machine has, on sizes that leave remainders in every direction.
    #[test]
    fn every_level_computes_the_same_product() {
        #[allow(unused_mut)]
        let mut levels = vec![Level::Baseline];
        #[cfg(target_arch = "x86_64")]
        match level() {
            Level::Avx512 => levels.extend([Level::Avx2, Level::Avx512]),
            Level::Avx2 => levels.push(Level::Avx2),
            Level::Baseline => {}
        }
        for [m, k, n] in [[1, 1, 1], [9, 5, 3], [13, 70, 37], [8, 16, 32], [17, 33, 16], [3, 129, 65]] {
            let a: Vec<Real> = (0..m * k).map(|i| (i % 13) as Real - 6.0).collect();
            let b: Vec<Real> = (0..k * n).map(|i| (i % 11) as Real - 5.0).collect();
            let transposed: Vec<Real> = (0..k * n).map(|i| b[i % k * n + i / k]).collect();
            // Small whole numbers: every order of summation is exact.
            let entry = |i: usize, j: usize| (0..k).map(|q| a[i * k + q] * b[q * n + j]).sum::<Real>();
            let want: Vec<Real> = (0..m * n).map(|at| 2.0 + entry(at / n, at % n)).collect();
            for &level in &levels {
                for rows in [true, false] {
                    let mut c = vec![1.0; m * n];
                    let b = if rows { Mat::new(&b, k, n) } else { Mat::new(&transposed, n, k).t() };
                    let p = Product::new(Mat::new(&a, m, k), b, 2.0, c.as_mut_ptr());
                    // SAFETY: the extents and strides are those of the vectors, and the machine has the level.
                    unsafe { if rows { dispatch::<true>(level, &p) } else { dispatch::<false>(level, &p) } }
                    assert_eq!(c, want, "{m}×{k}×{n} {level:?} rows: {rows}");
                }
            }
        }
    }
}
