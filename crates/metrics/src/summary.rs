//! Summaries of a number over runs.

use std::f64::consts::FRAC_PI_2;

/// The `p`-quantile, `p` in \[0, 1\], of ascending values by linear interpolation: with `h = (n − 1) p` it lies the
/// fraction `h − ⌊h⌋` of the way from the `⌊h⌋`-th value (counted from 0) to the next (type 7 of Hyndman & Fan 1996,
/// <https://doi.org/10.1080/00031305.1996.10473566>; NumPy's default). NaN for no values or if one is NaN.
///
/// # Panics
/// If `p` is outside \[0, 1\] or the values are not ascending.
#[track_caller]
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    assert!((0.0..=1.0).contains(&p), "quantile: p is {p}; it must be in [0, 1]");
    if sorted.is_empty() || sorted.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    assert!(sorted.is_sorted(), "quantile: the values are not ascending");
    let position = (sorted.len() - 1) as f64 * p;
    let (below, above) = (sorted[position as usize], sorted[position.ceil() as usize]);
    // Equal ends are the value itself, also where they are infinite.
    if below == above { below } else { below + (above - below) * position.fract() }
}

/// The median: the middle value, or the mean of the two middle ones. NaN for no values or if one is NaN.
pub fn median(values: &[f64]) -> f64 {
    quantile(&ascending(values), 0.5)
}

/// Five quantiles of a number over runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The 2.5 % quantile.
    pub low: f64,
    /// The 25 % quantile.
    pub lower_quartile: f64,
    /// The 50 % quantile.
    pub median: f64,
    /// The 75 % quantile.
    pub upper_quartile: f64,
    /// The 97.5 % quantile.
    pub high: f64,
}

impl Spread {
    /// The quantiles of `values`, in any order, each as [`quantile`] defines it.
    pub fn of(values: &[f64]) -> Self {
        let sorted = ascending(values);
        let [low, lower_quartile, median, upper_quartile, high] =
            [0.025, 0.25, 0.5, 0.75, 0.975].map(|p| quantile(&sorted, p));
        Self { low, lower_quartile, median, upper_quartile, high }
    }
}

fn ascending(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// Where `value` lies among `values`, in percent: the share of them below it plus half the share equal to it, in
/// \[0, 100\]. NaN for no values, or if `value` or one of them is NaN.
pub fn percentile_of(value: f64, values: &[f64]) -> f64 {
    if value.is_nan() || values.iter().any(|other| other.is_nan()) {
        return f64::NAN;
    }
    let below = values.iter().filter(|&&other| other < value).count() as f64;
    let equal = values.iter().filter(|&&other| other == value).count() as f64;
    100.0 * (below + equal / 2.0) / values.len() as f64
}

/// A mean with its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The mean of paired differences with its 95 % Student-t interval, `d̄ ± t_{0.975, n−1} s / √n`, where `s` is their
/// standard deviation (divisor n − 1).
///
/// One difference has a mean but no interval: its ends are NaN. No differences: all NaN.
pub fn paired_interval(differences: &[f64]) -> Interval {
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    if differences.len() < 2 {
        return Interval { mean, low: f64::NAN, high: f64::NAN };
    }
    let variance = differences.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = t_quantile(0.975, differences.len() - 1) * (variance / n).sqrt();
    Interval { mean, low: mean - half, high: mean + half }
}

/// The `p`-quantile, `p` in (0, 1), of Student's t distribution with `freedom` degrees of freedom: `t` with
/// `P(T ≤ t) = p`, to about 1e-10 relative for `p` in \[1e-4, 1 − 1e-4\].
///
/// Bisection of the closed form of `P(|T| ≤ t)`, a finite series for whole degrees of freedom, over the angle
/// `θ = atan(t / √ν)` (Abramowitz & Stegun 1964, 26.7.3 and 26.7.4). Costs O(ν).
///
/// # Panics
/// If `p` is outside (0, 1) or `freedom` is 0.
#[track_caller]
pub fn t_quantile(p: f64, freedom: usize) -> f64 {
    assert!(p > 0.0 && p < 1.0, "t_quantile: p is {p}; it must be in (0, 1)");
    assert!(freedom > 0, "t_quantile: no degrees of freedom");
    let central = (2.0 * p - 1.0).abs();
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    // Until the two are neighbours in f64.
    loop {
        let middle = (low + high) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if central_probability(middle, freedom) < central {
            low = middle;
        } else {
            high = middle;
        }
    }
    if p == 0.5 { 0.0 } else { ((freedom as f64).sqrt() * low.tan()).copysign(p - 0.5) }
}

/// `P(|T| ≤ √ν tan θ)`: with `s = sin θ`, `c = cos θ` it is
/// `s (1 + c²/2 + (1·3)/(2·4) c⁴ + …)` up to `c^(ν−2)` for even ν, and
/// `(2/π) (θ + s (c + (2/3) c³ + (2·4)/(3·5) c⁵ + …))` up to `c^(ν−2)` for odd ν.
fn central_probability(angle: f64, freedom: usize) -> f64 {
    let (sin, cos) = angle.sin_cos();
    let odd = freedom % 2;
    let mut term = if odd == 1 { cos } else { 1.0 };
    let mut sum = 0.0;
    for power in (odd..freedom.saturating_sub(1)).step_by(2) {
        sum += term;
        term *= cos * cos * (power + 1) as f64 / (power + 2) as f64;
    }
    if odd == 1 { (angle + sin * sum) / FRAC_PI_2 } else { sin * sum }
}
