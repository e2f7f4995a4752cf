//! Scalar elementary functions that a compiler can vectorise: no branches, no tables, no calls; and functions of short
//! lists, such as a softmax in f64.
//!
//! In the f32 build each scalar function is a polynomial after an exact range reduction; relative error ≤ 5e-7 where
//! the result is normal, 1 ulp where it is subnormal, exact at ±∞ and NaN (measured in `tests/elementwise.rs`). In the
//! f64 build they are the standard library's. Coefficients: minimax fits of this project (Remez exchange in 40 digits).

mod lists;

pub use lists::{LogSumExp, argmax, softmax};
pub use scalar::{exp, expm1, ln, ln_1p};

use crate::Real;

/// `σ(x) = 1 / (1 + e⁻ˣ)`, accurate in both tails.
#[inline(always)]
pub fn sigmoid(x: Real) -> Real {
    let e = exp(-x.abs());
    (if x >= 0.0 { 1.0 } else { e }) / (1.0 + e)
}

/// `softplus(x) = ln(1 + eˣ) = max(x, 0) + ln(1 + e^{−|x|})`: the exponent is never positive, so nothing overflows.
#[inline(always)]
pub fn softplus(x: Real) -> Real {
    (if x > 0.0 { x } else { 0.0 }) + ln_1p(exp(-x.abs()))
}

/// Hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: Real) -> Real {
    // Beyond ±20 the result is ±1 in either precision; the clamp keeps NaN.
    let a = x.abs();
    let t = expm1(2.0 * if a > 20.0 { 20.0 } else { a });
    (t / (t + 2.0)).copysign(x)
}

#[cfg(feature = "f64")]
mod scalar {
    /// `eˣ`.
    #[inline(always)]
    pub fn exp(x: f64) -> f64 {
        x.exp()
    }
    /// `eˣ − 1`.
    #[inline(always)]
    pub fn expm1(x: f64) -> f64 {
        x.exp_m1()
    }
    /// Natural logarithm.
    #[inline(always)]
    pub fn ln(x: f64) -> f64 {
        x.ln()
    }
    /// `ln(1 + x)`.
    #[inline(always)]
    pub fn ln_1p(x: f64) -> f64 {
        x.ln_1p()
    }
}

#[cfg(not(feature = "f64"))]
mod scalar {
    use std::f32::consts::{LOG2_E, SQRT_2};

    /// `1.5·2²³`: adding it rounds an f32 below 2²² to the nearest integer, which then sits in the low bits.
    const ROUND: f32 = 12_582_912.0;
    /// High part of ln 2: 11 significant bits, so that a product with |n| ≤ 2¹³ is exact.
    const LN2_HI: f32 = 0.693_359_4;
    /// `ln 2 − LN2_HI`.
    const LN2_LO: f32 = -2.121_944_4e-4;

    /// `2ⁿ` for n in −126..=127.
    #[inline(always)]
    fn pow2(n: i32) -> f32 {
        f32::from_bits(((n + 127) << 23) as u32)
    }

    /// `x = n·ln 2 + r` with |r| ≤ ln 2 / 2: returns (n, r).
    #[inline(always)]
    fn reduce(x: f32) -> (i32, f32) {
        let shifted = x.mul_add(LOG2_E, ROUND);
        let n = shifted - ROUND;
        let r = n.mul_add(-LN2_LO, n.mul_add(-LN2_HI, x));
        (shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32, r)
    }

    /// `eʳ − 1` for |r| ≤ ln 2 / 2.
    #[inline(always)]
    fn expm1_reduced(r: f32) -> f32 {
        let q = 0.000_199_185_26_f32;
        let q = q.mul_add(r, 0.001_394_617_6);
        let q = q.mul_add(r, 0.008_333_264);
        let q = q.mul_add(r, 0.041_666_27);
        let q = q.mul_add(r, 0.166_666_67);
        let q = q.mul_add(r, 0.5);
        (q * r).mul_add(r, r)
    }

    /// `eˣ`.
    #[inline(always)]
    pub fn exp(x: f32) -> f32 {
        // Comparisons that are false for NaN keep it. At the ends the result is ∞ or 0 by itself.
        let x = if x > 89.0 { 89.0 } else { x };
        let x = if x < -104.0 { -104.0 } else { x };
        let (n, r) = reduce(x);
        // Two factors, because 2ⁿ alone leaves the normal range at both ends.
        let half = n >> 1;
        (expm1_reduced(r) + 1.0) * pow2(half) * pow2(n - half)
    }

    /// `eˣ − 1`.
    #[inline(always)]
    pub fn expm1(x: f32) -> f32 {
        let low = if x < -30.0 { -30.0 } else { x };
        let (n, r) = reduce(if low > 80.0 { 80.0 } else { low });
        let scale = pow2(n);
        let near = scale.mul_add(expm1_reduced(r), scale - 1.0);
        if x > 80.0 { exp(x) } else { near }
    }

    /// Natural logarithm.
    #[inline(always)]
    pub fn ln(x: f32) -> f32 {
        let subnormal = x < f32::MIN_POSITIVE;
        let scaled = if subnormal { x * 8_388_608.0 } else { x };
        // Mantissa in [√½, √2): the exponent field of 2·m/√2 decides.
        let bits = scaled.to_bits().wrapping_sub((SQRT_2 / 2.0).to_bits());
        let exponent = (bits as i32) >> 23;
        let m = f32::from_bits((bits & 0x007f_ffff).wrapping_add((SQRT_2 / 2.0).to_bits()));
        let e = exponent as f32 - if subnormal { 23.0 } else { 0.0 };
        let f = m - 1.0;
        let p = -0.076_345_13_f32;
        let p = p.mul_add(f, 0.127_615_78);
        let p = p.mul_add(f, -0.131_601_76);
        let p = p.mul_add(f, 0.142_017_58);
        let p = p.mul_add(f, -0.166_233_58);
        let p = p.mul_add(f, 0.200_012_27);
        let p = p.mul_add(f, -0.250_008_2);
        let p = p.mul_add(f, 0.333_333_3);
        let square = f * f;
        let tail = (p * f).mul_add(square, e * LN2_LO);
        let y = e.mul_add(LN2_HI, square.mul_add(-0.5, tail) + f);
        let y = if x < 0.0 { f32::NAN } else { y };
        let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
        // +∞ and NaN are their own logarithms.
        if x < f32::INFINITY { y } else { x }
    }

    /// `ln(1 + x)`.
    #[inline(always)]
    pub fn ln_1p(x: f32) -> f32 {
        let u = 1.0 + x;
        // `lost` is what rounding took from 1 + x; d ln u = du / u brings it back.
        let lost = x - (u - 1.0);
        let y = ln(u) + lost / u;
        if x == -1.0 {
            f32::NEG_INFINITY
        } else if x < f32::INFINITY {
            y
        } else {
            x
        }
    }
}
