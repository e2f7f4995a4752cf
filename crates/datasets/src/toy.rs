//! Five densities in the plane whose log-density is known: the upper bound of every expected ELBO (the data of the
//! study `toy-density`). The formulas are those of the slides of the study, with two misprints put right. The figure 8
//! and the blobs are believed to come from Yacoby, Pan and Doshi-Velez, "Failure Modes of Variational Autoencoders and
//! Their Effects on Downstream Tasks" (2020).

mod curve;
mod gaussian;

use std::f64::consts::{FRAC_PI_3, PI};
use std::fmt;
use std::sync::OnceLock;

use elbo_tensor::math::LogSumExp;
use elbo_tensor::{Purpose, Real, Stream, stream};
use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use crate::{DataError, Dataset, Labels, Values};
use curve::{Curve, Path};
use gaussian::{Gaussian, rotated};

/// One of five densities in the plane. `R(φ)` is the rotation by `φ`, and `ε ~ N(0, v I₂)` with the **variance** `v`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toy {
    /// `x = diag(3, ⅓) z + ε`, `z ~ N(0, I₂)`, v = 0.2. The name is that of the source; the covariance,
    /// `diag(9.2, 0.3111)`, is axis-aligned but not isotropic.
    Isotropic,
    /// `x = R(π/3) diag(3, ⅓) z + ε`, `z ~ N(0, I₂)`, v = 0.2: covariance `[[2.533, 3.849], [3.849, 6.978]]`.
    Rotated,
    /// `x = (√½ cos u, √2 cos u sin u) / (sin² u + 1) + ε`, `u = π (0.6 + 1.8 Φ(z))`, `z ~ N(0, 1)`, v = 0.02: an 8 cut
    /// at one of its two passes through the crossing. Literally, `u = 0.6 + 1.8 Φ(z)`, a fragment of it.
    FigureEight,
    /// `x = (cos t, sin t) + ε`, `t = 2 tanh(10u − 20⌊u/2⌋ − 10) + 4⌊u/2⌋ + 2`, `u = 2π / (1 + exp(−πz/2))`,
    /// `z ~ N(0, 1)`, v = 0.2: most of the mass near the angles 0, 4, 8 and 12 rad, of which 0 and 12 are 32.5° apart
    /// and look like one.
    Blobs,
    /// One third each of `Y + (0, c)`, `R(2π/3) Y + (−c, −c/2)` and `R(π/3) Y + (c, −c/2)`, `Y ~ N(0, diag(3, ⅓))`,
    /// `c = 3√3`. Literally, the last matrix has `−sin(2/3)` for `−sin(π/3)` and is no rotation.
    Mixture,
}

impl Toy {
    /// Every density.
    pub const ALL: [Self; 5] = [Self::Isotropic, Self::Rotated, Self::FigureEight, Self::Blobs, Self::Mixture];

    /// The density of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|toy| toy.name() == name)
    }

    /// What the density is called in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Isotropic => "isotropic",
            Self::Rotated => "rotated",
            Self::FigureEight => "figure-eight",
            Self::Blobs => "blobs",
            Self::Mixture => "three-gaussians",
        }
    }

    /// What the density is, in one line.
    pub fn about(self) -> &'static str {
        match self {
            Self::Isotropic => {
                "an axis-aligned Gaussian of variances 9.2 and 0.311 (\"isotropic\" is the source's name)"
            }
            Self::Rotated => "the same Gaussian rotated by 60 degrees",
            Self::FigureEight => "a lemniscate-like 8, cut beside its crossing, with noise of variance 0.02",
            Self::Blobs => "four plateaus on the unit circle, of which two overlap, with noise of variance 0.2",
            Self::Mixture => "three elongated Gaussians of equal weight, each in another direction",
        }
    }
}

impl fmt::Display for Toy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One Gaussian `N(mean, cov)` of a mixture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mode {
    /// The mean.
    pub mean: [f64; 2],
    /// The covariance.
    pub cov: [[f64; 2]; 2],
    /// The probability of this component.
    pub weight: f64,
}

/// A density in the plane that can be sampled and evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToyDensity {
    /// Which density.
    pub kind: Toy,
    /// Whether the two misprints of the slides are reproduced as printed, see [`Toy::FigureEight`] and
    /// [`Toy::Mixture`]. The other three densities have none and do not change.
    pub literal: bool,
}

impl ToyDensity {
    /// Draws the data set, `[n, 2]`, with the component as label for [`Toy::Mixture`] and no labels for the others. The
    /// rows are drawn one after the other: fewer rows of the same seed are the first of more.
    ///
    /// # Errors
    /// [`DataError::Invalid`] if there are more than 2³² − 1 rows.
    pub fn generate(&self, rows: usize, seed: u64) -> Result<Dataset, DataError> {
        if u32::try_from(rows).is_err() {
            return Err(DataError::Invalid(format!("{}: {rows} rows; at most {} are allowed", self.kind, u32::MAX)));
        }
        let (law, noise) = (self.law(), self.noise_variance().map(f64::sqrt));
        let mut rng = stream(seed, Purpose::Data, 0);
        let mut values = Vec::with_capacity(2 * rows);
        let mut labels = Vec::with_capacity(rows);
        for _ in 0..rows {
            let (mut x, label) = law.sample_noiseless(&mut rng);
            if let Some(std) = noise {
                x = x.map(|x| x + std * rng.sample::<f64, _>(StandardNormal));
            }
            values.extend(x.map(|x| x as Real));
            labels.push(label);
        }
        let classes = self.modes().len();
        let labels = (classes > 0).then_some(Labels { values: labels, classes });
        Dataset::new(self.kind.name(), &[2], Values::Reals(values), labels)
    }

    /// `ln p(x)` in nats at a finite point: in closed form for Gaussians and their mixture, else by a quadrature over
    /// the latent variable that is good to 1e-9 nats within eight standard deviations of the noise from the curve.
    pub fn log_density(&self, x: [f64; 2]) -> f64 {
        self.law().log_density(x)
    }

    /// [`log_density`](Self::log_density) of each of the `rows`, `[n, 2]`: `[n]`, computed in parallel; the result does
    /// not depend on the number of threads.
    ///
    /// # Panics
    /// If the number of values is odd.
    #[track_caller]
    #[allow(clippy::useless_conversion, reason = "a `Real` is an f64 in one of the two builds only")]
    pub fn log_densities(&self, rows: &[Real]) -> Vec<f64> {
        /// Fewer rows than this are not worth a task.
        const LEAST: usize = 64;
        assert!(rows.len().is_multiple_of(2), "log_densities: {} values are no rows of 2", rows.len());
        let law = self.law();
        let of_row = |row: &[Real]| law.log_density([f64::from(row[0]), f64::from(row[1])]);
        rows.par_chunks_exact(2).with_min_len(LEAST).map(of_row).collect()
    }

    /// The variance of the round noise ε; none for the mixture, which has no ε.
    pub fn noise_variance(&self) -> Option<f64> {
        match self.kind {
            Toy::Isotropic | Toy::Rotated | Toy::Blobs => Some(0.2),
            Toy::FigureEight => Some(0.02),
            Toy::Mixture => None,
        }
    }

    /// The components of [`Toy::Mixture`], in the order of the labels; none for the other densities.
    pub fn modes(&self) -> Vec<Mode> {
        match self.law() {
            Law::Gaussians(gaussians) if gaussians.len() > 1 => {
                let weight = 1.0 / gaussians.len() as f64;
                gaussians.iter().map(|g| Mode { mean: g.mean, cov: g.cov, weight }).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The law of the density, made once in a process: the nodes of the curves are many.
    fn law(&self) -> &'static Law {
        static LAWS: [OnceLock<Law>; 10] = [const { OnceLock::new() }; 10];
        LAWS[2 * self.kind as usize + usize::from(self.literal)].get_or_init(|| Law::of(*self))
    }
}

/// What a density is made of.
enum Law {
    /// Gaussians of equal weight.
    Gaussians(Vec<Gaussian>),
    /// A curve and noise.
    Curve(Curve),
}

impl Law {
    fn of(density: ToyDensity) -> Self {
        let noise = density.noise_variance().unwrap_or(0.0);
        let one = |factor| Self::Gaussians(vec![Gaussian::new([0.0; 2], factor, noise)]);
        let scales = [3.0, 1.0 / 3.0];
        match density.kind {
            Toy::Isotropic => one(rotated(0.0, scales)),
            Toy::Rotated => one(rotated(FRAC_PI_3, scales)),
            Toy::FigureEight => {
                let scale = if density.literal { 1.0 } else { PI };
                Self::Curve(Curve::new(Path::FigureEight { scale }, noise))
            }
            Toy::Blobs => Self::Curve(Curve::new(Path::Blobs, noise)),
            Toy::Mixture => {
                let c = 3.0 * 3f64.sqrt();
                let stds = scales.map(f64::sqrt);
                let mut third = rotated(FRAC_PI_3, stds);
                if density.literal {
                    third[0][1] = -(2.0f64 / 3.0).sin() * stds[1];
                }
                let means = [[0.0, c], [-c, -c / 2.0], [c, -c / 2.0]];
                let factors = [rotated(0.0, stds), rotated(2.0 * FRAC_PI_3, stds), third];
                Self::Gaussians(means.into_iter().zip(factors).map(|(m, f)| Gaussian::new(m, f, noise)).collect())
            }
        }
    }

    /// A point, still without the noise, and its component (0 if there is only one).
    fn sample_noiseless(&self, rng: &mut Stream) -> ([f64; 2], u32) {
        match self {
            Self::Gaussians(gaussians) => {
                let label = if gaussians.len() > 1 { rng.random_range(0..gaussians.len() as u32) } else { 0 };
                (gaussians[label as usize].sample_noiseless(rng), label)
            }
            Self::Curve(curve) => (curve.sample_noiseless(rng), 0),
        }
    }

    fn log_density(&self, x: [f64; 2]) -> f64 {
        match self {
            Self::Gaussians(gaussians) => {
                let total = LogSumExp::of(gaussians.iter().map(|gaussian| gaussian.log_density(x)));
                total.largest + (total.sum / gaussians.len() as f64).ln()
            }
            Self::Curve(curve) => curve.log_density(x),
        }
    }
}
