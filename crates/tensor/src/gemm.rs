//! Matrix products `C ← A·B + β·C` of strided views into row-major C.
//!
//! Small products run unpacked. Large ones are split over the current rayon pool, along rows or columns of C and never
//! along the inner dimension, and their parts are packed; where there is neither AVX2 nor AVX-512, and in the f64
//! build, `matrixmultiply` packs and multiplies. In which order the terms of an element are added does not depend on
//! the split, so the bits are the same at any number of threads.

mod block;
#[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
mod packed;
mod unpacked;
mod vector;

use crate::parallel::{Disjoint, split};
use crate::{Mat, Real};
use block::Product;

/// From this many multiply-adds on, B is packed, and an inner dimension above 256 is summed in blocks: another
/// threshold gives other bits.
const PACKED_FROM: usize = 2 << 20;
/// From this many multiply-adds on, a second thread pays.
const PARALLEL_FROM: usize = 4 << 20;
/// A parallel product is divided at multiples of these, so that no register block is cut: ours have 6 or 12 rows and 16
/// or 32 columns, `matrixmultiply`'s for NEON, which rounds otherwise at edges, 8 of both.
const ROW_UNIT: usize = 24;
const COLUMN_UNIT: usize = 32;

/// `C ← A·B + β·C` with `A: [m, k]`, `B: [k, n]`, `C: [m, n]` row-major; for β = 0, C is not read.
#[track_caller]
pub fn gemm(a: Mat<'_>, b: Mat<'_>, beta: Real, c: &mut [Real]) {
    let (m, k, n) = checked(&a, &b, c);
    let work = m * k * n;
    if work < PACKED_FROM {
        return unpacked::run(a, b, beta, c);
    }
    let threads = if work < PARALLEL_FROM { 1 } else { rayon::current_num_threads() };
    let out = Disjoint::new(c);
    let by_rows = m >= n;
    let (count, unit) = if by_rows { (m, ROW_UNIT) } else { (n, COLUMN_UNIT) };
    split(count, unit, threads, &|range| {
        let (rows, cols) = if by_rows { (range, 0..n) } else { (0..m, range) };
        // SAFETY: the ranges of `split` are disjoint and inside the matrices, whose extents `checked` has verified; the
        // rows or the columns of a view are contiguous.
        unsafe { large(&Product::new(a, b, beta, out.pointer()).part(rows, 0..k, cols)) };
    });
}

/// `C ← A·B + β·C` in f64, in every build: for statistics and checks.
#[track_caller]
pub fn dgemm(a: Mat<'_, f64>, b: Mat<'_, f64>, beta: f64, c: &mut [f64]) {
    let (m, k, n) = checked(&a, &b, c);
    // SAFETY: `checked` has verified the extents of all three matrices.
    unsafe {
        matrixmultiply::dgemm(
            m,
            k,
            n,
            1.0,
            a.data.as_ptr(),
            a.row_stride as isize,
            a.col_stride as isize,
            b.data.as_ptr(),
            b.row_stride as isize,
            b.col_stride as isize,
            beta,
            c.as_mut_ptr(),
            n as isize,
            1,
        );
    }
}

#[track_caller]
fn checked<T>(a: &Mat<'_, T>, b: &Mat<'_, T>, c: &[T]) -> (usize, usize, usize) {
    assert_eq!(a.cols, b.rows, "product of {}×{} and {}×{}", a.rows, a.cols, b.rows, b.cols);
    assert_eq!(Some(c.len()), a.rows.checked_mul(b.cols), "{} elements for a {}×{} product", c.len(), a.rows, b.cols);
    (a.rows, a.cols, b.cols)
}

/// # Safety
/// All elements that the product names must be in bounds, none of its extents 0, one of B's strides 1, and C must
/// overlap neither A nor B.
unsafe fn large(p: &Product) {
    #[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
    {
        use crate::cpu::{Level, level};
        // SAFETY: the caller's promise; `level` has found the instructions.
        match level() {
            Level::Avx512 => return unsafe { packed::avx512(p) },
            Level::Avx2 => return unsafe { packed::avx2(p) },
            Level::Baseline => {}
        }
    }
    // SAFETY: the caller's promise.
    unsafe { by_matrixmultiply(p) }
}

/// # Safety
/// As for `large`.
unsafe fn by_matrixmultiply(p: &Product) {
    #[cfg(feature = "f64")]
    use matrixmultiply::dgemm as product;
    #[cfg(not(feature = "f64"))]
    use matrixmultiply::sgemm as product;
    let [rsa, csa, rsb, csb, rsc] = [p.rsa, p.csa, p.rsb, p.csb, p.rsc].map(|stride| stride as isize);
    // SAFETY: the caller's promise.
    unsafe { product(p.m, p.k, p.n, 1.0, p.a, rsa, csa, p.b, rsb, csb, p.beta, p.c, rsc, 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Purpose, fill_normal, stream};

    /// Every form and size class against a plain triple loop in f64, with and without accumulation.
    #[test]
    fn every_form_equals_the_triple_loop() {
        let mut rng = stream(1, Purpose::Test, 0);
        let shapes = [
            [1, 1, 1],
            [3, 5, 2],
            [64, 2, 32],
            [64, 32, 4],
            [32, 128, 128],
            [32, 128, 256],
            [7, 33, 17],
            [100, 512, 10],
            [9, 40, 70],
            [10, 10, 64],
            [16, 300, 31],
            [128, 32, 2],
            [100, 784, 300],
            [130, 150, 130],
            [300, 70, 513],
            [5, 0, 3],
        ];
        for [m, k, n] in shapes {
            let mut fill = |len: usize| {
                let mut v = vec![0.0; len];
                fill_normal(&mut rng, &mut v);
                v
            };
            let (a, b, c0) = (fill(m * k), fill(k * n), fill(m * n));
            for (ta, tb, beta) in [(false, false, 0.0), (true, false, 1.0), (false, true, 0.5), (true, true, 0.0)] {
                let av = if ta { Mat::new(&a, k, m).t() } else { Mat::new(&a, m, k) };
                let bv = if tb { Mat::new(&b, n, k).t() } else { Mat::new(&b, k, n) };
                let mut c = c0.clone();
                if beta == 0.0 {
                    c.fill(Real::NAN); // must not be read
                }
                gemm(av, bv, beta, &mut c);
                for i in 0..m {
                    for j in 0..n {
                        let mut exact = if beta == 0.0 { 0.0 } else { f64::from(beta) * f64::from(c0[i * n + j]) };
                        let mut size = 1.0 + exact.abs();
                        for p in 0..k {
                            let term = f64::from(av.data[i * av.row_stride + p * av.col_stride])
                                * f64::from(bv.data[p * bv.row_stride + j * bv.col_stride]);
                            exact += term;
                            size += term.abs();
                        }
                        let error = (f64::from(c[i * n + j]) - exact).abs();
                        let unit = f64::from(Real::EPSILON) * 8.0;
                        assert!(error <= unit * size, "{m}×{k}×{n} {ta} {tb} β={beta} at {i},{j}: {error}");
                    }
                }
            }
        }
    }

    /// One thread and three give the same bits (three, so that the blocks are uneven).
    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let mut rng = stream(2, Purpose::Test, 0);
        for [m, k, n] in [[1000, 784, 64], [64, 1000, 784], [257, 333, 301], [1000, 512, 512]] {
            let (mut a, mut b) = (vec![0.0; m * k], vec![0.0; k * n]);
            fill_normal(&mut rng, &mut a);
            fill_normal(&mut rng, &mut b);
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut c = vec![1.0; m * n];
                pool.install(|| gemm(Mat::new(&a, m, k), Mat::new(&b, k, n), 0.3, &mut c));
                let mut d = vec![0.0; m * n];
                pool.install(|| gemm(Mat::new(&a, k, m).t(), Mat::new(&b, n, k).t(), 0.0, &mut d));
                (c, d)
            };
            assert!(run(1) == run(3), "{m}×{k}×{n}");
        }
    }
}
