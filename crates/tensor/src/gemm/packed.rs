//! Large products on x86: B is packed, a block at a time, into panels that are read from one end to the other; A is
//! read where it lies, an element for a whole row of a register block.
//!
//! Each element of C is summed in the order of `matrixmultiply`'s fused kernels: from 0 over each block of the inner
//! dimension, and the blocks into C. For β of 0 or 1 the bits are therefore the same, but for the sign of a zero.

use std::arch::x86_64::{__m256, __m512};

use super::block::{Product, columns};
use super::vector::Shuffle;
use crate::{Real, Tensor};

/// Terms of the inner dimension summed at a time, as in `matrixmultiply`.
const DEPTH: usize = 256;
/// Columns of B packed at a time: 512 KiB, half of the second-level cache of the machines at hand.
const WIDTH: usize = 512;

/// # Safety
/// All elements that the product names must be in bounds, none of its extents 0, one of B's strides 1; C must overlap
/// neither A nor B, and the machine must have the instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub(super) unsafe fn avx512(p: &Product) {
    // SAFETY: the caller's promise.
    unsafe { run::<__m512, 12>(p) }
}

/// # Safety
/// As for `avx512`.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn avx2(p: &Product) {
    // SAFETY: the caller's promise.
    unsafe { run::<__m256, 6>(p) }
}

#[inline(always)]
unsafe fn run<V: Shuffle, const R: usize>(p: &Product) {
    let panel = 2 * V::LANES;
    let mut memory = Tensor::scratch([p.k.min(DEPTH) * p.n.min(WIDTH).next_multiple_of(panel) + V::LANES]);
    let memory = memory.as_mut_slice();
    // Vectors that lie across two cache lines are loaded at half the speed.
    let unaligned = memory.as_ptr().align_offset(size_of::<V>());
    let packed = &mut memory[unaligned..];
    for first in (0..p.n).step_by(WIDTH) {
        let cols = first..(first + WIDTH).min(p.n);
        for q in (0..p.k).step_by(DEPTH) {
            let inner = q..(q + DEPTH).min(p.k);
            let depth = inner.len();
            // SAFETY: the ranges lie in the matrices; a panel holds `depth` rows of its width.
            unsafe {
                let beta = if q == 0 { p.beta } else { 1.0 };
                let block = Product { beta, ..p.part(0..p.m, inner, cols.clone()) };
                pack::<V>(&block, panel, packed);
                for i in (0..p.m).step_by(R) {
                    for j in (0..cols.len()).step_by(panel) {
                        let width = (cols.len() - j).min(panel);
                        let mut tile = block.part(i..(i + R).min(p.m), 0..depth, j..j + width);
                        tile.b = packed.as_ptr().add(j * depth);
                        tile.rsb = panel;
                        columns::<V, R, true>(&tile, 0, width);
                    }
                }
            }
        }
    }
}

/// Copies B into panels of `panel` columns, each row-major. The last vector is filled with zeros; one that has no
/// column is left as it is.
#[inline(always)]
unsafe fn pack<V: Shuffle>(p: &Product, panel: usize, packed: &mut [Real]) {
    assert!(packed.len() >= p.k * p.n.next_multiple_of(panel) && (p.csb == 1 || p.rsb == 1));
    for j in (0..p.n).step_by(V::LANES) {
        let count = (p.n - j).min(V::LANES);
        // SAFETY: `count` columns are left in B, `p.k` terms in each, and the panels have room for all of them.
        unsafe {
            let out = packed.as_mut_ptr().add(j / panel * panel * p.k + j % panel);
            if p.csb == 1 {
                for q in 0..p.k {
                    V::load_first(p.b.add(q * p.rsb + j), count).store_first(out.add(q * panel), V::LANES);
                }
                continue;
            }
            for q in (0..p.k).step_by(V::LANES) {
                let depth = (p.k - q).min(V::LANES);
                let mut square = [V::splat(0.0); 16];
                for (l, column) in square[..count].iter_mut().enumerate() {
                    *column = V::load_first(p.b.add((j + l) * p.csb + q), depth);
                }
                transpose(&mut square);
                for (l, row) in square[..depth].iter().enumerate() {
                    row.store_first(out.add((q + l) * panel), V::LANES);
                }
            }
        }
    }
}

/// Transposes the square of the first `LANES` vectors. Interleaving the two halves of the rows turns the bits of (row,
/// lane) by one place; after as many turns as a row number has bits, row and lane have changed places.
#[inline(always)]
fn transpose<V: Shuffle>(square: &mut [V; 16]) {
    for _ in 0..V::LANES.ilog2() {
        let from = *square;
        for i in 0..V::LANES / 2 {
            (square[2 * i], square[2 * i + 1]) = from[i].interleave(from[i + V::LANES / 2]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::{Level, level};
    use crate::{Mat, Purpose, fill_normal, stream};

    /// Bit for bit `matrixmultiply`, for every instruction set of this machine, form, remainder and number of blocks.
    #[test]
    fn every_element_is_summed_in_the_order_of_matrixmultiply() {
        let kernels: &[unsafe fn(&Product)] = match level() {
            Level::Avx512 => &[avx512, avx2],
            Level::Avx2 => &[avx2],
            Level::Baseline => return, // matrixmultiply itself runs
        };
        let mut rng = stream(3, Purpose::Test, 0);
        // Widths of the last panel: less and more than one vector, one and two whole ones.
        let rests = [[13, 257, 25], [24, 300, 48], [12, 40, 56], [5, 17, 537], [12, 256, 32]];
        let shapes = [[1, 1, 1], [23, 255, 33], [13, 257, 513], [95, 784, 70], [6, 530, 1030]];
        for [m, k, n] in rests.into_iter().chain(shapes) {
            let mut normals = |len: usize| {
                let mut values = vec![0.0; len];
                fill_normal(&mut rng, &mut values);
                values
            };
            let (a, b, c0) = (normals(m * k), normals(k * n), normals(m * n));
            for (ta, tb, beta) in [(false, false, 0.0), (true, false, 1.0), (false, true, 0.0), (true, true, 1.0)] {
                let a = if ta { Mat::new(&a, k, m).t() } else { Mat::new(&a, m, k) };
                let b = if tb { Mat::new(&b, n, k).t() } else { Mat::new(&b, k, n) };
                let start = if beta == 0.0 { vec![Real::NAN; m * n] } else { c0.clone() };
                let mut want = start.clone();
                // SAFETY: the extents and strides are those of the vectors.
                unsafe { crate::gemm::by_matrixmultiply(&Product::new(a, b, beta, want.as_mut_ptr())) };
                for (number, kernel) in kernels.iter().enumerate() {
                    let mut c = start.clone();
                    // SAFETY: as above, and the machine has the instructions.
                    unsafe { kernel(&Product::new(a, b, beta, c.as_mut_ptr())) };
                    let same = c.iter().zip(&want).all(|(ours, theirs)| ours.to_bits() == theirs.to_bits());
                    assert!(same, "{m}×{k}×{n}, {ta} {tb} {beta}, kernel {number}");
                }
            }
        }
    }
}
