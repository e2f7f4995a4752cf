//! Transposition of row-major blocks, in tiles of registers where the machine has them.

use crate::Real;

/// Side of a tile.
const TILE: usize = 8;

/// Copies the first `width` elements of each row of `rows` (of `stride` elements)
/// into columns: `[m, stride] → [width, m]`.
///
/// # Panics
/// If `width` exceeds `stride`, or `columns` does not have this shape.
#[track_caller]
pub fn transpose_rows(rows: &[Real], stride: usize, width: usize, columns: &mut [Real]) {
    let m = rows.len() / stride.max(1);
    assert!(width <= stride && columns.len() == width * m, "{width} columns of {m} rows of {stride}");
    #[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
    if crate::cpu::level() != crate::cpu::Level::Baseline {
        // SAFETY: `level` has found AVX2; the tiles are inside both matrices, whose extents the assertion has checked.
        unsafe { x86::tiles(rows, stride, width, columns, m) };
        copy(rows, stride, width / TILE * TILE..width, 0..m / TILE * TILE, columns);
        copy(rows, stride, 0..width, m / TILE * TILE..m, columns);
        return;
    }
    for i in (0..m).step_by(TILE) {
        copy(rows, stride, 0..width, i..(i + TILE).min(m), columns);
    }
}

/// Copies some columns of some rows.
fn copy(
    rows: &[Real],
    stride: usize,
    chosen: std::ops::Range<usize>,
    some: std::ops::Range<usize>,
    columns: &mut [Real],
) {
    let m = rows.len() / stride.max(1);
    for j in chosen {
        let source = rows[(some.start * stride + j).min(rows.len())..].iter().step_by(stride);
        columns[j * m..][some.clone()].iter_mut().zip(source).for_each(|(y, &x)| *y = x);
    }
}

#[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
mod x86 {
    use std::arch::x86_64::*;

    use super::TILE;

    /// Copies all whole tiles of 8 × 8 elements.
    ///
    /// # Safety
    /// `rows` has `m` rows of `stride ≥ width` elements, `columns` has `width` rows of `m`, and the machine has AVX2.
    #[target_feature(enable = "avx2")]
    pub unsafe fn tiles(rows: &[f32], stride: usize, width: usize, columns: &mut [f32], m: usize) {
        let (from, to) = (rows.as_ptr(), columns.as_mut_ptr());
        for i in (0..m / TILE * TILE).step_by(TILE) {
            for j in (0..width / TILE * TILE).step_by(TILE) {
                // SAFETY: i + 8 ≤ m and j + 8 ≤ width.
                unsafe { tile(from.add(i * stride + j), stride, to.add(j * m + i), m) };
            }
        }
    }

    /// # Safety
    /// 8 rows of 8 elements must be readable at `from` and writable at `to`, with these strides.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn tile(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: the caller's promise.
        let row: [__m256; 8] = std::array::from_fn(|i| unsafe { _mm256_loadu_ps(from.add(i * stride)) });
        // Pairs of rows, then quadruples, each in halves of four lanes; then the halves change places.
        let pair: [__m256; 8] = std::array::from_fn(|i| {
            let (a, b) = (row[i / 2 * 2], row[i / 2 * 2 + 1]);
            if i % 2 == 0 { _mm256_unpacklo_ps(a, b) } else { _mm256_unpackhi_ps(a, b) }
        });
        let four: [__m256; 8] = std::array::from_fn(|i| {
            let (a, b) = (pair[i / 4 * 4 + i % 4 / 2], pair[i / 4 * 4 + i % 4 / 2 + 2]);
            if i % 2 == 0 { _mm256_shuffle_ps::<0x44>(a, b) } else { _mm256_shuffle_ps::<0xee>(a, b) }
        });
        for i in 0..4 {
            // SAFETY: the caller's promise.
            unsafe {
                _mm256_storeu_ps(to.add(i * to_stride), _mm256_permute2f128_ps::<0x20>(four[i], four[i + 4]));
                _mm256_storeu_ps(to.add((i + 4) * to_stride), _mm256_permute2f128_ps::<0x31>(four[i], four[i + 4]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_at_its_transposed_place() {
        for (m, stride, width) in [(1, 1, 1), (8, 8, 8), (9, 17, 8), (16, 9, 9), (33, 50, 50), (7, 20, 13), (40, 24, 0)]
        {
            let rows: Vec<Real> = (0..m * stride).map(|i| i as Real).collect();
            let mut columns = vec![Real::NAN; width * m];
            transpose_rows(&rows, stride, width, &mut columns);
            let want: Vec<Real> = (0..width * m).map(|at| (at % m * stride + at / m) as Real).collect();
            assert_eq!(columns, want, "{width} of {stride} columns of {m} rows");
        }
    }
}
