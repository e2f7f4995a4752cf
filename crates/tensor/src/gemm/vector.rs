//! Vector registers: the operations a product needs, per instruction set.

use crate::Real;

/// A vector register. The methods are `inline(always)` and reached only from functions compiled for
/// the instruction set.
pub(super) trait Vector: Copy {
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
    /// Asks for the cache line of `at`, which need not be valid.
    fn prefetch(at: *const Real);
    fn splat(x: Real) -> Self;
    /// `self · b + c`.
    fn mul_add(self, b: Self, c: Self) -> Self;
    fn sum(self) -> Real;
}

#[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
mod x86 {
    use super::{Real, Vector};
    use std::arch::x86_64::*;

    /// Registers that can be shuffled.
    pub(in crate::gemm) trait Shuffle: Vector {
        /// The lanes of both in turn, `self` first: a vector of the lower halves and one of the upper.
        fn interleave(self, other: Self) -> (Self, Self);
    }

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
        fn prefetch(at: *const Real) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
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

    impl Shuffle for __m512 {
        #[inline(always)]
        fn interleave(self, other: Self) -> (Self, Self) {
            unsafe {
                let lower = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
                let upper = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
                (_mm512_permutex2var_ps(self, lower, other), _mm512_permutex2var_ps(self, upper, other))
            }
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
            unsafe { if count >= 8 { _mm256_loadu_ps(at) } else { _mm256_maskload_ps(at, first(count)) } }
        }
        #[inline(always)]
        unsafe fn store_first(self, at: *mut Real, count: usize) {
            // Stores under a mask take tens of cycles on some machines.
            unsafe { if count >= 8 { _mm256_storeu_ps(at, self) } else { _mm256_maskstore_ps(at, first(count), self) } }
        }
        #[inline(always)]
        fn prefetch(at: *const Real) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
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

    impl Shuffle for __m256 {
        #[inline(always)]
        fn interleave(self, other: Self) -> (Self, Self) {
            unsafe {
                let (even, odd) = (_mm256_unpacklo_ps(self, other), _mm256_unpackhi_ps(self, other));
                (_mm256_permute2f128_ps::<0x20>(even, odd), _mm256_permute2f128_ps::<0x31>(even, odd))
            }
        }
    }

    /// All bits set in the first `count` lanes.
    #[inline(always)]
    fn first(count: usize) -> __m256i {
        unsafe {
            let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lane)
        }
    }
}

#[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
pub(super) use x86::Shuffle;

/// Four lanes in plain Rust, for every other machine and the f64 build.
#[derive(Clone, Copy)]
pub(super) struct Plain([Real; 4]);

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
    fn prefetch(_: *const Real) {}
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
