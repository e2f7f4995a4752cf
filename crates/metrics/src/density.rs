//! Samples in the plane against samples of a known density.

use std::f64::consts::PI;
use std::slice::ChunksExact;

use elbo_tensor::Real;
use rayon::prelude::*;

use crate::rows;

/// The sliced Wasserstein-1 distance between the samples `a`, `[n, 2]`, and `b`, `[m, 2]`, in units of the data:
/// the mean over directions of the exact W1 distance between the two projected samples.
///
/// The directions are fixed, `(cos θ_j, sin θ_j)` with `θ_j = π j / directions`, evenly spaced over the half circle. In
/// one dimension W1 is `∫₀¹ |F_a⁻¹(u) − F_b⁻¹(u)| du`, the mean of |sorted differences| where `n = m`. NaN for no rows
/// or where a coordinate is NaN. The bits do not depend on the number of threads.
///
/// Bonneel, Rabin, Peyré & Pfister 2015, *Sliced and Radon Wasserstein barycenters of measures*,
/// <https://doi.org/10.1007/s10851-014-0506-3>.
///
/// # Panics
/// If an array does not consist of pairs, or `directions` is 0.
#[track_caller]
pub fn sliced_wasserstein(a: &[Real], b: &[Real], directions: usize) -> f64 {
    let (a, b) = (rows("sliced_wasserstein", a, 2), rows("sliced_wasserstein", b, 2));
    assert!(directions > 0, "sliced_wasserstein: no directions");
    let along = |j: usize| {
        let (sin, cos) = (PI * j as f64 / directions as f64).sin_cos();
        let project = |points: &ChunksExact<'_, Real>| {
            let coordinate = |point: &[Real]| cos * f64::from(point[0]) + sin * f64::from(point[1]);
            let mut values: Vec<f64> = points.clone().map(coordinate).collect();
            values.sort_unstable_by(f64::total_cmp);
            values
        };
        wasserstein(&project(&a), &project(&b))
    };
    let distances: Vec<f64> = (0..directions).into_par_iter().map(along).collect();
    distances.iter().sum::<f64>() / directions as f64
}

/// W1 of two sorted samples: their quantile functions are steps at multiples of 1/n and 1/m, both multiples of 1/(nm).
fn wasserstein(a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (a.len(), b.len());
    let (mut i, mut j, mut at, mut total) = (0, 0, 0, 0.0);
    while i < n && j < m {
        let (end_a, end_b) = ((i + 1) * m, (j + 1) * n);
        let next = end_a.min(end_b);
        total += (next - at) as f64 * (a[i] - b[j]).abs();
        at = next;
        i += usize::from(next == end_a);
        j += usize::from(next == end_b);
    }
    total / (n as f64 * m as f64)
}

/// The energy distance `2 E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖ ≥ 0` (not its square root) between the samples `a`,
/// `[n, 2]`, and `b`, `[m, 2]`, in units of the data.
///
/// The V-statistic: every expectation is a mean over all pairs, a point with itself included, so the value is 0 for
/// equal samples and never negative, but of order 1/n above 0 for two samples of one density. Costs n², so only the
/// first `cap` rows of each sample are used. NaN for no rows. The bits do not depend on the number of threads.
///
/// Székely & Rizzo 2013, *Energy statistics*, <https://doi.org/10.1016/j.jspi.2013.03.018>.
///
/// # Panics
/// If an array does not consist of pairs.
#[track_caller]
pub fn energy_distance(a: &[Real], b: &[Real], cap: usize) -> f64 {
    let points = |values| -> Vec<[f64; 2]> {
        rows("energy_distance", values, 2).take(cap).map(|row| [f64::from(row[0]), f64::from(row[1])]).collect()
    };
    let (a, b) = (points(a), points(b));
    let distance = 2.0 * mean_distance(&a, &b) - mean_distance(&a, &a) - mean_distance(&b, &b);
    // Only rounding is negative; unlike `max`, `clamp` keeps a NaN.
    distance.clamp(0.0, f64::INFINITY)
}

/// `(1/nm) Σ_i Σ_j ‖a_i − b_j‖`, each point's sum on its own thread and all of them added in order.
fn mean_distance(a: &[[f64; 2]], b: &[[f64; 2]]) -> f64 {
    let from = |x: &[f64; 2]| b.iter().map(|y| ((x[0] - y[0]).powi(2) + (x[1] - y[1]).powi(2)).sqrt()).sum::<f64>();
    let sums: Vec<f64> = a.par_iter().map(from).collect();
    sums.iter().sum::<f64>() / (a.len() as f64 * b.len() as f64)
}

/// Mean and covariance matrix of a Gaussian mode.
pub type Mode = ([f64; 2], [[f64; 2]; 2]);

/// How a sample is distributed over modes.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares {
    /// The share of **all** points that are nearest to each mode, in the order of the modes: sums to the share of
    /// finite points.
    pub of_mode: Vec<f64>,
    /// The share of all points outside every mode; they count in `of_mode` too.
    pub outside: f64,
}

/// The share of `points`, `[n, 2]`, that lie nearest to each mode, by the squared Mahalanobis distance
/// `(x − μ)ᵀ Σ⁻¹ (x − μ)`, and the share whose smallest such distance exceeds `cutoff`.
///
/// For draws from a Gaussian that distance is χ² with 2 degrees of freedom: beyond 13.8 lies `exp(−6.9)`, .1 %. The
/// first of equally near modes counts. A point that is not finite lies outside and is nearest to none. NaN for no rows.
///
/// # Panics
/// If the array does not consist of pairs, there are no modes, or a covariance is not positive definite.
#[track_caller]
pub fn mode_shares(points: &[Real], modes: &[Mode], cutoff: f64) -> Shares {
    let points = rows("mode_shares", points, 2);
    let n = points.len() as f64;
    assert!(!modes.is_empty(), "mode_shares: no modes");
    let (mut counts, mut outside) = (vec![0usize; modes.len()], 0usize);
    for point in points {
        let x = [f64::from(point[0]), f64::from(point[1])];
        let mut nearest = (f64::INFINITY, None);
        for (index, mode) in modes.iter().enumerate() {
            let distance = squared_mahalanobis(x, mode);
            if distance < nearest.0 {
                nearest = (distance, Some(index));
            }
        }
        outside += usize::from(nearest.0 > cutoff);
        if let Some(index) = nearest.1 {
            counts[index] += 1;
        }
    }
    Shares { of_mode: counts.iter().map(|&count| count as f64 / n).collect(), outside: outside as f64 / n }
}

#[track_caller]
fn squared_mahalanobis(x: [f64; 2], (mean, [[a, b], [c, d]]): &Mode) -> f64 {
    let determinant = a * d - b * c;
    assert!(*a > 0.0 && determinant > 0.0, "mode_shares: covariance [[{a}, {b}], [{c}, {d}]] is not positive definite");
    let (u, v) = (x[0] - mean[0], x[1] - mean[1]);
    (d * u * u - (b + c) * u * v + a * v * v) / determinant
}
