//! A curve in the plane, travelled by a latent variable and blurred by round noise: `x = f(s) + ε`. The density is an
//! integral over `s`, taken by Gauss–Legendre quadrature on nodes that are placed once.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, PI, SQRT_2, TAU};

use elbo_tensor::Stream;
use rand::RngExt;
use rand_distr::StandardNormal;

/// Nodes in each panel of the quadrature.
const NODES: usize = 16;

/// Which curve.
#[derive(Debug, Clone, Copy)]
pub enum Path {
    /// `(√½ cos u, √2 cos u sin u) / (sin² u + 1)` at `u = scale · (0.6 + 1.8 Φ(z))`. Its latent is `s = Φ(z)`, which
    /// is uniform in (0, 1).
    FigureEight {
        /// π, or 1 as printed.
        scale: f64,
    },
    /// `(cos t, sin t)`, where the angle `t` rises from plateau to plateau with `s = z`, a standard normal.
    Blobs,
}

impl Path {
    fn sample_latent(self, rng: &mut Stream) -> f64 {
        match self {
            Self::FigureEight { .. } => rng.random(),
            Self::Blobs => rng.sample(StandardNormal),
        }
    }

    /// The point `f(s)`.
    fn at(self, s: f64) -> [f64; 2] {
        match self {
            Self::FigureEight { scale } => {
                let (sin, cos) = (scale * (0.6 + 1.8 * s)).sin_cos();
                [FRAC_1_SQRT_2 * cos, SQRT_2 * cos * sin].map(|x| x / (sin * sin + 1.0))
            }
            Self::Blobs => {
                let (sin, cos) = blob_angle(s).sin_cos();
                [cos, sin]
            }
        }
    }

    /// The density of the latent.
    fn latent_density(self, s: f64) -> f64 {
        match self {
            Self::FigureEight { .. } => 1.0,
            Self::Blobs => (-0.5 * s * s).exp() / TAU.sqrt(),
        }
    }

    /// The ends of the panels of the quadrature, in increasing order.
    ///
    /// The blobs' angle jumps (by 8e-9) where `u` is 2, 4 and 6, and turns by 4 rad within a few tenths of `u`
    /// in between: their panels are even in `u` there, and in `z` in the tails. The latent is cut at ±7, with
    /// 3e-12 of the mass beyond.
    fn panels(self) -> Vec<f64> {
        match self {
            Self::FigureEight { .. } => (0..=16).map(|i| f64::from(i) / 16.0).collect(),
            Self::Blobs => {
                let at_tenths = |i: i32| (f64::from(i) / (10.0 * TAU - f64::from(i))).ln() / FRAC_PI_2;
                (-7..=-3).map(f64::from).chain((1..=62).map(at_tenths)).chain((3..=7).map(f64::from)).collect()
            }
        }
    }
}

/// `t = 2 tanh(10u − 20⌊u/2⌋ − 10) + 4⌊u/2⌋ + 2` at `u = 2π / (1 + exp(−πz/2))`: plateaus at 0, 4, 8 and 12 rad.
fn blob_angle(z: f64) -> f64 {
    let u = TAU / (1.0 + (-FRAC_PI_2 * z).exp());
    let step = (u / 2.0).floor();
    2.0 * (10.0 * u - 20.0 * step - 10.0).tanh() + 4.0 * step + 2.0
}

struct Node {
    at: [f64; 2],
    weight: f64,
}

/// The law of `f(s) + ε`, `ε ~ N(0, variance · I)`.
pub struct Curve {
    path: Path,
    variance: f64,
    nodes: Vec<Node>,
}

impl Curve {
    pub fn new(path: Path, variance: f64) -> Self {
        let rule = gauss_legendre::<NODES>();
        let mut nodes = Vec::new();
        for ends in path.panels().windows(2) {
            let (middle, half) = (0.5 * (ends[0] + ends[1]), 0.5 * (ends[1] - ends[0]));
            nodes.extend(rule.iter().map(|&(at, weight)| {
                let s = middle + half * at;
                Node { at: path.at(s), weight: half * weight * path.latent_density(s) }
            }));
        }
        Self { path, variance, nodes }
    }

    /// Draws `f(s)`, still without the noise.
    pub fn sample_noiseless(&self, rng: &mut Stream) -> [f64; 2] {
        self.path.at(self.path.sample_latent(rng))
    }

    /// `ln ∫ p(s) N(x; f(s), variance · I) ds`, relative to the term of the node nearest to `x`, so that it does not
    /// underflow far away.
    pub fn log_density(&self, x: [f64; 2]) -> f64 {
        let squared = |node: &Node| (x[0] - node.at[0]).powi(2) + (x[1] - node.at[1]).powi(2);
        let nearest = self.nodes.iter().map(squared).fold(f64::INFINITY, f64::min);
        let rate = 0.5 / self.variance;
        let sum: f64 = self.nodes.iter().map(|node| node.weight * (rate * (nearest - squared(node))).exp()).sum();
        sum.ln() - rate * nearest - (TAU * self.variance).ln()
    }
}

/// The nodes and weights of N-point Gauss–Legendre quadrature on [−1, 1]: the roots `r` of the Legendre polynomial
/// `P_N` by Newton's method, with weights `2 / ((1 − r²) P_N′(r)²)`.
fn gauss_legendre<const N: usize>() -> [(f64, f64); N] {
    std::array::from_fn(|i| {
        let mut root = (PI * (i as f64 + 0.75) / (N as f64 + 0.5)).cos();
        let mut slope = 0.0;
        // The first guess is good to 1e-3 and the convergence quadratic: 8 steps are more than enough.
        for _ in 0..8 {
            let (mut before, mut value) = (1.0, root);
            for n in 2..=N {
                let n = n as f64;
                (before, value) = (value, ((2.0 * n - 1.0) * root * value - (n - 1.0) * before) / n);
            }
            slope = N as f64 * (before - root * value) / (1.0 - root * root);
            root -= value / slope;
        }
        (root, 2.0 / ((1.0 - root * root) * slope * slope))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTENDED: Path = Path::FigureEight { scale: PI };
    const LITERAL: Path = Path::FigureEight { scale: 1.0 };

    #[track_caller]
    fn assert_near(point: [f64; 2], expected: [f64; 2], tolerance: f64) {
        let distance = (point[0] - expected[0]).hypot(point[1] - expected[1]);
        assert!(distance < tolerance, "{point:?} is {distance} from {expected:?}");
    }

    #[test]
    fn quadrature_is_exact_for_polynomials_of_degree_2n_minus_1() {
        let rule = gauss_legendre::<NODES>();
        for degree in 0..2 * NODES as i32 {
            let integral: f64 = rule.iter().map(|(at, weight)| weight * at.powi(degree)).sum();
            let exact = if degree % 2 == 0 { 2.0 / f64::from(degree + 1) } else { 0.0 };
            assert!((integral - exact).abs() < 1e-14, "degree {degree}: {integral}, not {exact}");
        }
    }

    #[test]
    fn the_literal_figure_eight_is_a_fragment() {
        assert_near(LITERAL.at(0.0), [0.44, 0.50], 0.006);
        assert_near(LITERAL.at(1.0), [-0.36, -0.48], 0.006);
        assert!((0..=100).all(|i| LITERAL.at(f64::from(i) / 100.0)[0].abs() < 0.45));
    }

    /// Both lobes reach their tips at ±√½, the curve runs through the crossing once, and both ends are beside it.
    #[test]
    fn the_intended_figure_eight_is_cut_at_one_of_two_passes_through_the_crossing() {
        assert_near(INTENDED.at(0.0), [-0.115, -0.218], 0.001);
        assert_near(INTENDED.at(1.0), [0.115, 0.218], 0.001);
        let points: Vec<[f64; 2]> = (0..=18_000).map(|i| INTENDED.at(f64::from(i) / 18_000.0)).collect();
        let widest = |sign: f64| points.iter().map(|p| sign * p[0]).fold(0.0, f64::max);
        assert!([1.0, -1.0].iter().all(|&sign| (widest(sign) - FRAC_1_SQRT_2).abs() < 1e-6));
        let passes = points.windows(2).filter(|pair| pair[0][0].signum() != pair[1][0].signum()).count();
        assert_eq!(passes, 1);
    }

    /// Masses by the midpoint rule on steps of 1e-4, whose error is below 1e-4 at every edge of an interval.
    #[test]
    fn the_blobs_angle_has_four_plateaus_with_the_known_masses() {
        const STEP: f64 = 1e-4;
        let mass = |holds: &dyn Fn(f64) -> bool| -> f64 {
            let latents = (0..160_000).map(|i| -8.0 + STEP * (f64::from(i) + 0.5));
            latents.filter(|&z| holds(blob_angle(z))).map(|z| STEP * Path::Blobs.latent_density(z)).sum()
        };
        let plateaus = [0.0, 4.0, 8.0, 12.0];
        for (plateau, expected) in plateaus.into_iter().zip([0.11, 0.26, 0.26, 0.16]) {
            let found = mass(&|t: f64| (t - plateau).abs() < 0.05);
            assert!((found - expected).abs() < 0.0055, "plateau {plateau}: {found}");
        }
        let between = mass(&|t| plateaus.into_iter().all(|plateau| (t - plateau).abs() > 0.2));
        assert!((between - 0.15).abs() < 0.0055, "{between}");
        assert!((mass(&|_| true) - 1.0).abs() < 1e-12);
    }
}
