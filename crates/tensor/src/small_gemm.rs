//! Unpacked products for matrices that fit the cache: C is computed in register blocks of a few rows by a few vectors,
//! reading A element by element (any strides) and B in rows.
//!
//! When B is the transpose of a row-major matrix its rows are not contiguous. Then either B is copied into rows first,
//! or, when the inner dimension is long, each element of C is a dot product of two contiguous rows.

use crate::cpu::{Level, level};
use crate::{Mat, Real};

/// A vector register: the operations a product needs.
trait Vector: Copy {
    const LANES: usize;
    /// # Safety
    /// `at` must be valid for `LANES` reads.
    unsafe fn load(at: *const Real) -> Self;
    /// # Safety
    /// `at` must be valid for `count` reads; further lanes become 0.
    unsafe fn load_first(at: *const Real, count: usize) -> Self;
    /// # Safety
    /// `at` must be valid for `count` writes.
    unsafe fn store_first(self, at: *mut Real, count: usize);
    fn splat(x: Real) -> Self;
    /// `self · b + c`.
    fn mul_add(self, b: Self, c: Self) -> Self;
    fn sum(self) -> Real;
}

#[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
mod x86 {
    //! The methods are `inline(always)` and reached only from functions compiled for the instruction set.
    use super::{Real, Vector};
    use std::arch::x86_64::*;

    impl Vector for __m512 {
        const LANES: usize = 16;
        #[inline(always)]
        unsafe fn load(at: *const Real) -> Self {
            unsafe { _mm512_loadu_ps(at) }
        }
        #[inline(always)]
        unsafe fn load_first(at: *const Real, count: usize) -> Self {
            unsafe { _mm512_maskz_loadu_ps(mask(count), at) }
        }
        #[inline(always)]
        unsafe fn store_first(self, at: *mut Real, count: usize) {
            unsafe { _mm512_mask_storeu_ps(at, mask(count), self) }
        }
        #[inline(always)]
        fn splat(x: Real) -> Self {
            unsafe { _mm512_set1_ps(x) }
        }
        #[inline(always)]
        fn mul_add(self, b: Self, c: Self) -> Self {
            unsafe { _mm512_fmadd_ps(self, b, c) }
        }
        #[inline(always)]
        fn sum(self) -> Real {
            unsafe { _mm512_reduce_add_ps(self) }
        }
    }

    #[inline(always)]
    fn mask(count: usize) -> __mmask16 {
        if count >= 16 { !0 } else { (1 << count) - 1 }
    }

    impl Vector for __m256 {
        const LANES: usize = 8;
        #[inline(always)]
        unsafe fn load(at: *const Real) -> Self {
            unsafe { _mm256_loadu_ps(at) }
        }
        #[inline(always)]
        unsafe fn load_first(at: *const Real, count: usize) -> Self {
            unsafe { _mm256_maskload_ps(at, first(count)) }
        }
        #[inline(always)]
        unsafe fn store_first(self, at: *mut Real, count: usize) {
            unsafe { _mm256_maskstore_ps(at, first(count), self) }
        }
        #[inline(always)]
        fn splat(x: Real) -> Self {
            unsafe { _mm256_set1_ps(x) }
        }
        #[inline(always)]
        fn mul_add(self, b: Self, c: Self) -> Self {
            unsafe { _mm256_fmadd_ps(self, b, c) }
        }
        #[inline(always)]
        fn sum(self) -> Real {
            unsafe {
                let four = _mm_add_ps(_mm256_castps256_ps128(self), _mm256_extractf128_ps::<1>(self));
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
            }
        }
    }

    /// All bits set in the first `count` lanes.
    #[inline(always)]
    fn first(count: usize) -> __m256i {
        unsafe {
            let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(count.min(8) as i32), lane)
        }
    }
}

/// Four lanes in plain Rust, for every other machine and the f64 build.
#[derive(Clone, Copy)]
struct Plain([Real; 4]);

impl Vector for Plain {
    const LANES: usize = 4;
    #[inline(always)]
    unsafe fn load(at: *const Real) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { at.cast::<[Real; 4]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn load_first(at: *const Real, count: usize) -> Self {
        // SAFETY: the caller's promise.
        Self(std::array::from_fn(|l| if l < count { unsafe { *at.add(l) } } else { 0.0 }))
    }
    #[inline(always)]
    unsafe fn store_first(self, at: *mut Real, count: usize) {
        for l in 0..count.min(4) {
            // SAFETY: the caller's promise.
            unsafe { *at.add(l) = self.0[l] };
        }
    }
    #[inline(always)]
    fn splat(x: Real) -> Self {
        Self([x; 4])
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        // Without a fused instruction `mul_add` would be a library call.
        Self(std::array::from_fn(|l| {
            if cfg!(target_arch = "aarch64") { self.0[l].mul_add(b.0[l], c.0[l]) } else { self.0[l] * b.0[l] + c.0[l] }
        }))
    }
    #[inline(always)]
    fn sum(self) -> Real {
        (self.0[0] + self.0[2]) + (self.0[1] + self.0[3])
    }
}

/// Pointers and strides of one product; B's rows are contiguous (`rows`) or its columns are (`dots`).
#[derive(Clone, Copy)]
struct Product {
    m: usize,
    k: usize,
    n: usize,
    a: *const Real,
    rsa: usize,
    csa: usize,
    b: *const Real,
    ldb: usize,
    beta: Real,
    c: *mut Real,
}

/// `C ← A·B + β·C` without packing.
pub(crate) fn run(a: Mat<'_>, b: Mat<'_>, beta: Real, c: &mut [Real]) {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    let mut product = Product {
        m,
        k,
        n,
        a: a.data.as_ptr(),
        rsa: a.row_stride,
        csa: a.col_stride,
        b: b.data.as_ptr(),
        ldb: b.row_stride,
        beta,
        c: c.as_mut_ptr(),
    };
    if b.col_stride == 1 || n == 1 && b.row_stride == 1 {
        product.ldb = if n == 1 { b.row_stride } else { product.ldb };
        // SAFETY: `gemm` has checked the extents; B's rows are contiguous.
        return unsafe { dispatch::<true>(level(), &product) };
    }
    if a.col_stride == 1 && b.row_stride == 1 && k >= 4 * m.max(8) {
        product.ldb = b.col_stride;
        // SAFETY: `gemm` has checked the extents; A's rows and B's columns are contiguous.
        return unsafe { dispatch::<false>(level(), &product) };
    }
    let mut rows = crate::Tensor::scratch([k, n]);
    copy_into_rows(b, rows.as_mut_slice());
    product.b = rows.as_slice().as_ptr();
    product.ldb = n;
    // SAFETY: as above; `rows` lives until the product is done.
    unsafe { dispatch::<true>(level(), &product) }
}

/// Copies a view into row-major order, in tiles so that both sides stay in the cache.
fn copy_into_rows(b: Mat<'_>, out: &mut [Real]) {
    const TILE: usize = 16;
    for i0 in (0..b.rows).step_by(TILE) {
        for j0 in (0..b.cols).step_by(TILE) {
            for i in i0..(i0 + TILE).min(b.rows) {
                for j in j0..(j0 + TILE).min(b.cols) {
                    out[i * b.cols + j] = b.data[i * b.row_stride + j * b.col_stride];
                }
            }
        }
    }
}

/// # Safety
/// The extents and strides of `p` must be in bounds, the layout must be the one `ROWS` names, and the machine must have
/// the instructions of `level`.
unsafe fn dispatch<const ROWS: bool>(level: Level, p: &Product) {
    #[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
    {
        use std::arch::x86_64::{__m256, __m512};
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        unsafe fn avx512<const ROWS: bool>(p: &Product) {
            // SAFETY: the caller's promise.
            unsafe { if ROWS { rows::<__m512, 8, 2>(p) } else { dots::<__m512, 4, 4>(p) } }
        }
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2<const ROWS: bool>(p: &Product) {
            // SAFETY: the caller's promise.
            unsafe { if ROWS { rows::<__m256, 6, 2>(p) } else { dots::<__m256, 2, 4>(p) } }
        }
        // SAFETY: the caller's promise.
        unsafe {
            match level {
                Level::Avx512 => return avx512::<ROWS>(p),
                Level::Avx2 => return avx2::<ROWS>(p),
                Level::Baseline => {}
            }
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(feature = "f64"))))]
    let _ = level;
    // SAFETY: the caller's promise.
    unsafe { if ROWS { rows::<Plain, 4, 2>(p) } else { dots::<Plain, 2, 4>(p) } }
}

/// Blocks of `R` rows by `W` vectors of C. The columns run outside, so that a panel of B stays in the first cache.
#[inline(always)]
unsafe fn rows<V: Vector, const R: usize, const W: usize>(p: &Product) {
    let mut j = 0;
    while j < p.n {
        let width = (p.n - j).min(W * V::LANES);
        let mut i = 0;
        // SAFETY: i + R ≤ m (or i < m) and j + width ≤ n.
        unsafe {
            while i + R <= p.m {
                row_block::<V, R, W>(p, i, j, width);
                i += R;
            }
            while i + 2 <= p.m {
                row_block::<V, 2, W>(p, i, j, width);
                i += 2;
            }
            if i < p.m {
                row_block::<V, 1, W>(p, i, j, width);
            }
        }
        j += width;
    }
}

#[inline(always)]
unsafe fn row_block<V: Vector, const R: usize, const W: usize>(p: &Product, i: usize, j: usize, width: usize) {
    // SAFETY: the block lies inside C, its rows inside A and its columns inside B.
    unsafe {
        if width == W * V::LANES {
            accumulate::<V, R, W>(p, i, j, width, |at, _| V::load(at));
        } else if width > V::LANES {
            accumulate::<V, R, W>(p, i, j, width, |at, count| V::load_first(at, count));
        } else if width == V::LANES {
            accumulate::<V, R, 1>(p, i, j, width, |at, _| V::load(at));
        } else {
            accumulate::<V, R, 1>(p, i, j, width, |at, count| V::load_first(at, count));
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
        let a = p.a.add(i * p.rsa);
        let mut b = p.b.add(j);
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
            b = b.wrapping_add(p.ldb);
        }
        for (r, sums) in sums.iter().enumerate() {
            for (w, &sum) in sums.iter().enumerate() {
                let c = p.c.add((i + r) * p.n + j + w * V::LANES);
                let old = if p.beta == 0.0 { V::splat(0.0) } else { V::load_first(c, left(w)) };
                V::splat(p.beta).mul_add(old, sum).store_first(c, left(w));
            }
        }
    }
}

/// Blocks of `R` rows of A by `W` columns of B, each element a dot product of contiguous vectors.
#[inline(always)]
unsafe fn dots<V: Vector, const R: usize, const W: usize>(p: &Product) {
    // SAFETY: the blocks tile C.
    unsafe {
        let mut i = 0;
        while i + R <= p.m {
            dots_row::<V, R, W>(p, i);
            i += R;
        }
        while i < p.m {
            dots_row::<V, 1, W>(p, i);
            i += 1;
        }
    }
}

#[inline(always)]
unsafe fn dots_row<V: Vector, const R: usize, const W: usize>(p: &Product, i: usize) {
    // SAFETY: i + R ≤ m by the caller; the columns are walked inside n.
    unsafe {
        let mut j = 0;
        while j + W <= p.n {
            dot_block::<V, R, W>(p, i, j);
            j += W;
        }
        while j < p.n {
            dot_block::<V, R, 1>(p, i, j);
            j += 1;
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
                *column = load(p.b.add((j + w) * p.ldb + q));
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
                let c = p.c.add((i + r) * p.n + j + w);
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
                    let (b, ldb) = if rows { (b.as_ptr(), n) } else { (transposed.as_ptr(), k) };
                    let (a, c_at) = (a.as_ptr(), c.as_mut_ptr());
                    let p = Product { m, k, n, a, rsa: k, csa: 1, b, ldb, beta: 2.0, c: c_at };
                    // SAFETY: the extents and strides are those of the vectors, and the machine has the level.
                    unsafe { if rows { dispatch::<true>(level, &p) } else { dispatch::<false>(level, &p) } }
                    assert_eq!(c, want, "{m}×{k}×{n} {level:?} rows: {rows}");
                }
            }
        }
    }
}
