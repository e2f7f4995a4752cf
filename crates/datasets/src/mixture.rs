//! A labelled mixture of round Gaussians, usually in the plane: the data of the study `beta-sweep`.

use std::f64::consts::TAU;
use std::fmt;

use elbo_tensor::{Purpose, Real, Stream, stream};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_distr::StandardNormal;

use crate::{DataError, Dataset, Labels, Values};

/// Where the component means `m_k`, `k = 0..K`, lie; `s` is the separation. `Axes` and `Dirs` use all D dimensions, the
/// other layouts the plane of the first two: their means are 0 in the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `s · e_0, …, s · e_{D−1}, −s · e_0, …, −s · e_{D−1}`, in this order; K ≤ 2 D.
    Axes,
    /// `s · (cos 2πk/K, sin 2πk/K)`: evenly on a circle of **radius** `s`.
    Circle,
    /// The first K points, row by row, of a square grid with spacing `s` and side `⌈√K⌉`, the whole grid centred at the
    /// origin: `s · (k mod side − (side−1)/2, ⌊k/side⌋ − (side−1)/2)`.
    Grid,
    /// `s · u_k` with `u_k` uniform on the unit sphere, drawn from the seed.
    Dirs,
    /// The corners of an equilateral triangle with **side** `s`: the circle of radius `s/√3`; K = 3.
    Triangle,
    /// `s · (k − (K−1)/2, 0)`: evenly on the first axis, centred.
    Line,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 6] = [Self::Axes, Self::Circle, Self::Grid, Self::Dirs, Self::Triangle, Self::Line];

    /// What the layout is called in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Axes => "axes",
            Self::Circle => "circle",
            Self::Grid => "grid",
            Self::Dirs => "dirs",
            Self::Triangle => "triangle",
            Self::Line => "line",
        }
    }

    /// The mean of component `k` of `components` at separation 1, in `dimensions` dimensions.
    fn unit_mean(self, k: usize, components: usize, dimensions: usize, rng: &mut Stream) -> Vec<f64> {
        let turn = |share: f64| [(TAU * share).cos(), (TAU * share).sin()];
        let (at, of) = (k as f64, components as f64);
        let mut mean = vec![0.0; dimensions];
        let plane = match self {
            Self::Axes => {
                mean[k % dimensions] = if k < dimensions { 1.0 } else { -1.0 };
                return mean;
            }
            Self::Dirs if dimensions > 2 => {
                mean.fill_with(|| rng.sample(StandardNormal));
                let length = mean.iter().map(|x| x * x).sum::<f64>().sqrt();
                return mean.into_iter().map(|x| x / length).collect();
            }
            Self::Circle => turn(at / of),
            Self::Grid => {
                let side = of.sqrt().ceil();
                [at % side - (side - 1.0) / 2.0, (at / side).floor() - (side - 1.0) / 2.0]
            }
            Self::Dirs => turn(rng.random()),
            Self::Triangle => turn(at / of).map(|x| x / 3f64.sqrt()),
            Self::Line => [at - (of - 1.0) / 2.0, 0.0],
        };
        mean[..2].copy_from_slice(&plane);
        mean
    }

    /// The numbers of components that the layout has a place for in `dimensions` dimensions.
    fn allows(self, dimensions: usize) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::Axes => 1..=2 * dimensions,
            Self::Triangle => 3..=3,
            _ => 1..=usize::MAX,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many rows each component gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proportions {
    /// The label of each row is drawn independently with the weights.
    Multinomial,
    /// The counts are the weights times N, rounded by largest remainder; only the order of the rows is random.
    Balanced,
}

/// `y ~ Cat(weights)`, `x | y ~ N(m_y, std² I_D)`: settings of a labelled Gaussian mixture.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// The number of components, K.
    pub components: usize,
    /// The number of dimensions, D ≥ 2.
    pub dimensions: usize,
    /// The number of rows, N.
    pub rows: usize,
    /// The standard deviation of each component in each direction.
    pub std: f64,
    /// The length `s` that the layout scales with.
    pub separation: f64,
    /// The weights of the components, in proportion; none for equal ones.
    pub weights: Option<Vec<f64>>,
    /// Where the component means lie.
    pub layout: Layout,
    /// Whether the counts of the components are random.
    pub proportions: Proportions,
}

impl Default for Mixture {
    /// The data of `beta-sweep`: K = 3, D = 2, N = 240, std 0.7, separation 4, equal weights, `axes`, multinomial.
    fn default() -> Self {
        Self {
            components: 3,
            dimensions: 2,
            rows: 240,
            std: 0.7,
            separation: 4.0,
            weights: None,
            layout: Layout::Axes,
            proportions: Proportions::Multinomial,
        }
    }
}

impl Mixture {
    /// The component means, `[k, d]`. Only those of [`Layout::Dirs`] depend on the seed.
    ///
    /// # Errors
    /// [`DataError::Invalid`] if a setting is out of its domain.
    pub fn means(&self, seed: u64) -> Result<Vec<Vec<f64>>, DataError> {
        self.validate()?;
        let rng = &mut stream(seed, Purpose::Data, 0);
        let unit = |k| self.layout.unit_mean(k, self.components, self.dimensions, rng);
        let scale = |mean: Vec<f64>| mean.into_iter().map(|x| self.separation * x).collect();
        Ok((0..self.components).map(unit).map(scale).collect())
    }

    /// Draws the data set, `[n, d]` with labels.
    ///
    /// # Errors
    /// [`DataError::Invalid`] if a setting is out of its domain.
    pub fn generate(&self, seed: u64) -> Result<Dataset, DataError> {
        let means = self.means(seed)?;
        let labels = self.draw_labels(&mut stream(seed, Purpose::Data, 1));
        let mut rng = stream(seed, Purpose::Data, 2);
        let mut values = Vec::with_capacity(self.dimensions * self.rows);
        for &label in &labels {
            for mean in &means[label as usize] {
                let noise: f64 = rng.sample(StandardNormal);
                values.push((mean + self.std * noise) as Real);
            }
        }
        let labels = Labels { values: labels, classes: self.components };
        Dataset::new("mixture", &[self.dimensions], Values::Reals(values), Some(labels))
    }

    fn draw_labels(&self, rng: &mut Stream) -> Vec<u32> {
        let weights = self.weights.clone().unwrap_or_else(|| vec![1.0; self.components]);
        let total: f64 = weights.iter().sum();
        match self.proportions {
            Proportions::Multinomial => {
                let mut cumulative = weights;
                for k in 1..cumulative.len() {
                    cumulative[k] += cumulative[k - 1];
                }
                let last_possible = cumulative.partition_point(|&c| c < cumulative[cumulative.len() - 1]);
                let draw = |_| {
                    let u = rng.random::<f64>() * total;
                    cumulative.partition_point(|&c| c <= u).min(last_possible) as u32
                };
                (0..self.rows).map(draw).collect()
            }
            Proportions::Balanced => {
                let shares: Vec<f64> = weights.iter().map(|w| w / total * self.rows as f64).collect();
                let mut counts: Vec<usize> = shares.iter().map(|share| share.floor() as usize).collect();
                let mut by_remainder: Vec<usize> = (0..self.components).collect();
                by_remainder.sort_by(|&a, &b| shares[b].fract().total_cmp(&shares[a].fract()));
                let missing = self.rows - counts.iter().sum::<usize>();
                by_remainder[..missing].iter().for_each(|&k| counts[k] += 1);
                let mut labels: Vec<u32> =
                    counts.iter().zip(0..).flat_map(|(&count, k)| std::iter::repeat_n(k, count)).collect();
                labels.shuffle(rng);
                labels
            }
        }
    }

    fn validate(&self) -> Result<(), DataError> {
        let invalid = |reason: String| Err(DataError::Invalid(format!("mixture: {reason}")));
        let is_scale = |x: f64| x.is_finite() && x >= 0.0;
        let (k, rows, allowed) = (self.components, self.rows, self.layout.allows(self.dimensions));
        if self.dimensions < 2 {
            return invalid(format!("{} dimensions; at least 2 are needed", self.dimensions));
        }
        if !allowed.contains(&k) || k > rows {
            let (least, most) = (allowed.start(), rows.min(*allowed.end()));
            return invalid(format!(
                "{k} components; layout {} with {rows} rows allows {least} to {most}",
                self.layout
            ));
        }
        for (name, value) in [("std", self.std), ("separation", self.separation)] {
            if !is_scale(value) {
                return invalid(format!("{name} {value}; it must be finite and not negative"));
            }
        }
        let Some(weights) = &self.weights else { return Ok(()) };
        let total: f64 = weights.iter().sum();
        if weights.len() != k {
            return invalid(format!("{} weights for {k} components", weights.len()));
        }
        if !weights.iter().all(|&weight| is_scale(weight)) {
            return invalid(format!("weights {weights:?}; they must be finite and not negative"));
        }
        if total == 0.0 || total.is_infinite() {
            return invalid(format!("weights {weights:?}; their sum must be positive and finite"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(mixture: Mixture) -> String {
        let message = mixture.generate(0).unwrap_err().to_string();
        assert!(!message.contains('\n'));
        message
    }

    #[test]
    fn settings_out_of_their_domain_are_refused() {
        let default = Mixture::default;
        assert!(refusal(Mixture { components: 5, ..default() }).contains("layout axes with 240 rows allows 1 to 4"));
        assert!(refusal(Mixture { components: 4, layout: Layout::Triangle, ..default() }).contains("3 to 3"));
        assert!(refusal(Mixture { components: 0, layout: Layout::Line, ..default() }).contains("0 components"));
        assert!(refusal(Mixture { rows: 2, ..default() }).contains("3 components"));
        assert!(refusal(Mixture { dimensions: 1, ..default() }).contains("1 dimensions; at least 2"));
        assert!(refusal(Mixture { components: 7, dimensions: 3, ..default() }).contains("allows 1 to 6"));
        assert!(refusal(Mixture { std: -1.0, ..default() }).contains("std"));
        assert!(refusal(Mixture { separation: f64::NAN, ..default() }).contains("separation"));
        assert!(refusal(Mixture { weights: Some(vec![1.0]), ..default() }).contains("1 weights"));
        assert!(refusal(Mixture { weights: Some(vec![1.0, -1.0, 1.0]), ..default() }).contains("not negative"));
        assert!(refusal(Mixture { weights: Some(vec![0.0; 3]), ..default() }).contains("sum must be positive"));
    }

    /// Total variance of means and noise, to two decimals: what a model that encodes nothing leaves.
    #[test]
    fn layouts_have_the_total_variance_of_means_and_noise() {
        let known = [
            (Layout::Circle, 16.98),
            (Layout::Axes, 15.20),
            (Layout::Grid, 8.09),
            (Layout::Triangle, 6.31),
            (Layout::Line, 11.65),
        ];
        for (layout, expected) in known {
            let mixture = Mixture { layout, ..Mixture::default() };
            let means = mixture.means(0).unwrap();
            let variance = |d: usize| {
                let mean = means.iter().map(|m| m[d]).sum::<f64>() / 3.0;
                means.iter().map(|m| (m[d] - mean).powi(2)).sum::<f64>() / 3.0
            };
            let total = variance(0) + variance(1) + 2.0 * mixture.std.powi(2);
            assert!((total - expected).abs() < 0.005, "{layout}: {total}");
        }
    }

    #[test]
    fn layouts_lie_where_their_description_says() {
        let means_in = |dimensions, layout, components| {
            let mixture = Mixture { layout, components, dimensions, separation: 2.0, ..Mixture::default() };
            mixture.means(1).unwrap()
        };
        let means = |layout, components| means_in(2, layout, components);
        assert_eq!(means(Layout::Axes, 3), [[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0]]);
        assert_eq!(means(Layout::Grid, 3), [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]);
        assert_eq!(means(Layout::Grid, 5)[3..], [[-2.0, 0.0], [0.0, 0.0]]);
        assert_eq!(means(Layout::Line, 4), [[-3.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [3.0, 0.0]]);
        let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        let corners = means(Layout::Triangle, 3);
        assert!((0..3).all(|k| (distance(&corners[k], &corners[(k + 1) % 3]) - 2.0).abs() < 1e-12));
        for layout in [Layout::Circle, Layout::Dirs] {
            for dimensions in [2, 5] {
                let means = means_in(dimensions, layout, 7);
                assert!(means.iter().all(|mean| (distance(mean, &vec![0.0; dimensions]) - 2.0).abs() < 1e-12));
            }
        }
        let axes = means_in(3, Layout::Axes, 6);
        assert_eq!((&axes[2][..], &axes[3][..]), (&[0.0, 0.0, 2.0][..], &[-2.0, 0.0, 0.0][..]));
        assert_eq!(means_in(4, Layout::Line, 3)[2], [2.0, 0.0, 0.0, 0.0]);
        assert!(means_in(5, Layout::Dirs, 7).iter().all(|mean| mean.iter().all(|x| *x != 0.0)));
        let dirs = Mixture { layout: Layout::Dirs, ..Mixture::default() };
        assert_ne!(dirs.means(1).unwrap(), dirs.means(2).unwrap());
    }

    /// Per layout and component: z-tests of both means, both variances and the covariance, and of the component's
    /// count. 6 layouts × 3 × 6 = 108 tests at |z| < 4.5: a false alarm in 7e-4 of seeds.
    #[test]
    #[allow(clippy::useless_conversion, reason = "a `Real` is an f64 in one of the two builds only")]
    fn components_have_the_means_covariance_and_weights_asked_for() {
        let weights = [0.2, 0.5, 0.3];
        for layout in Layout::ALL {
            let mixture = Mixture {
                rows: 30_000,
                layout,
                weights: Some(weights.map(|w| 10.0 * w).to_vec()),
                ..Mixture::default()
            };
            let (data, means) = (mixture.generate(11).unwrap(), mixture.means(11).unwrap());
            let Values::Reals(values) = data.values() else { unreachable!() };
            let labels = data.labels().unwrap();
            assert_eq!((data.rows(), data.shape(), labels.classes), (30_000, &[2][..], 3));
            for k in 0..3 {
                let points: Vec<[f64; 2]> = (0..data.rows())
                    .filter(|&row| labels.values[row] as usize == k)
                    .map(|row| {
                        let standard = |d: usize| (f64::from(values[2 * row + d]) - means[k][d]) / mixture.std;
                        [standard(0), standard(1)]
                    })
                    .collect();
                let n = points.len() as f64;
                let sum = |f: &dyn Fn(&[f64; 2]) -> f64| points.iter().map(f).sum::<f64>();
                let rows = data.rows() as f64;
                let tests = [
                    (n - rows * weights[k]) / (rows * weights[k] * (1.0 - weights[k])).sqrt(),
                    sum(&|x| x[0]) / n.sqrt(),
                    sum(&|x| x[1]) / n.sqrt(),
                    sum(&|x| x[0] * x[0] - 1.0) / (2.0 * n).sqrt(),
                    sum(&|x| x[1] * x[1] - 1.0) / (2.0 * n).sqrt(),
                    sum(&|x| x[0] * x[1]) / n.sqrt(),
                ];
                assert!(tests.iter().all(|z| z.abs() < 4.5), "{layout}, component {k}: z = {tests:?}");
            }
        }
    }

    #[test]
    fn balanced_counts_are_the_weights_rounded_by_largest_remainder() {
        let counts = |rows, weights: Option<Vec<f64>>| {
            let mixture = Mixture { rows, weights, proportions: Proportions::Balanced, ..Mixture::default() };
            let labels = mixture.generate(5).unwrap().labels().unwrap().values.clone();
            assert!(!labels.is_sorted(), "rows must not come sorted by label");
            [0, 1, 2].map(|k| labels.iter().filter(|&&label| label == k).count())
        };
        assert_eq!(counts(240, None), [80, 80, 80]);
        assert_eq!(counts(100, Some(vec![1.0, 2.0, 4.0])), [14, 29, 57]);
    }

    #[test]
    fn a_component_of_weight_zero_is_never_drawn() {
        let mixture = Mixture { rows: 5000, weights: Some(vec![0.0, 1.0, 0.0]), ..Mixture::default() };
        assert!(mixture.generate(5).unwrap().labels().unwrap().values.iter().all(|&label| label == 1));
    }

    #[test]
    fn the_data_are_a_function_of_the_seed() {
        let mixture = Mixture::default();
        assert_eq!(mixture.generate(17).unwrap(), mixture.generate(17).unwrap());
        assert_ne!(mixture.generate(17).unwrap(), mixture.generate(18).unwrap());
    }
}
