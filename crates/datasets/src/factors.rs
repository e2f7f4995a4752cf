//! Labelled rows of a linear factor model whose factors are a mixture of round Gaussians.

use elbo_tensor::{Purpose, Real, stream};
use rand::RngExt;
use rand_distr::StandardNormal;

use crate::{DataError, Dataset, Labels, Values};

/// Factors, and columns of a row.
const FACTORS: usize = 10;
const COLUMNS: usize = 40;

/// `y` uniform over the components, `z | y ~ N(m_y, std² I)`, `x = W z + e`, `e ~ N(0, Ψ)`, with ten factors and forty
/// columns. `m_y ~ N(0, separation² I)`, the entries of `W` from `N(0, 1)` and the variances in `Ψ` from `U(¼, 1)` are
/// drawn from the seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Factors {
    /// The number of components of the factors' mixture.
    pub components: usize,
    /// The number of rows.
    pub rows: usize,
    /// The standard deviation of each component in each direction.
    pub std: f64,
    /// The standard deviation of the components' means in each direction.
    pub separation: f64,
}

impl Factors {
    /// Draws the rows; the label is the component.
    ///
    /// # Errors
    /// [`DataError::Invalid`] on a number of rows, components or a scale that is not positive.
    pub fn generate(&self, seed: u64) -> Result<Dataset, DataError> {
        let positive = |name: &str, holds: bool| {
            if holds { Ok(()) } else { Err(DataError::Invalid(format!("{name} of the factors must be positive"))) }
        };
        positive("rows", self.rows > 0)?;
        positive("components", self.components > 0)?;
        positive("std and separation", self.std > 0.0 && self.separation > 0.0)?;
        let mut model = stream(seed, Purpose::Data, 0);
        let mut normals = |count: usize, scale: f64| -> Vec<f64> {
            (0..count).map(|_| scale * model.sample::<f64, _>(StandardNormal)).collect()
        };
        let means = normals(self.components * FACTORS, self.separation);
        let loadings = normals(COLUMNS * FACTORS, 1.0);
        let noise: Vec<f64> = (0..COLUMNS).map(|_| (0.25 + 0.75 * model.random::<f64>()).sqrt()).collect();
        let mut rng = stream(seed, Purpose::Data, 1);
        let mut labels = Vec::with_capacity(self.rows);
        let mut rows: Vec<Real> = Vec::with_capacity(self.rows * COLUMNS);
        for _ in 0..self.rows {
            let label = rng.random_range(0..self.components);
            let mean = &means[label * FACTORS..][..FACTORS];
            let z: Vec<f64> = mean.iter().map(|m| m + self.std * rng.sample::<f64, _>(StandardNormal)).collect();
            for (weights, std) in loadings.chunks_exact(FACTORS).zip(&noise) {
                let at: f64 = weights.iter().zip(&z).map(|(w, z)| w * z).sum();
                rows.push((at + std * rng.sample::<f64, _>(StandardNormal)) as Real);
            }
            labels.push(label as u32);
        }
        let labels = Labels { values: labels, classes: self.components };
        Dataset::new("factors", &[COLUMNS], Values::Reals(rows), Some(labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Factors = Factors { components: 3, rows: 3000, std: 0.5, separation: 2.0 };

    #[test]
    fn rows_come_from_the_seed() {
        let [a, b, c] = [1, 1, 2].map(|seed| SMALL.generate(seed).expect("valid").checksum());
        assert!(a == b && a != c);
        for bad in [Factors { rows: 0, ..SMALL }, Factors { components: 0, ..SMALL }, Factors { std: 0.0, ..SMALL }] {
            assert!(matches!(bad.generate(1), Err(DataError::Invalid(_))), "{bad:?}");
        }
    }

    /// The rows of a component lie about `W m_y`, `‖x − W m_y‖² ≈ std² ‖W‖² + tr Ψ`: far below the variance over all.
    #[test]
    fn rows_of_a_component_lie_together() {
        let set = SMALL.generate(1).expect("valid");
        let x = set.tensor();
        let labels = &set.labels().expect("labels").values;
        let scatter = |keep: &dyn Fn(u32) -> bool| {
            let rows: Vec<&[Real]> = x
                .as_slice()
                .chunks_exact(COLUMNS)
                .zip(labels)
                .filter(|(_, label)| keep(**label))
                .map(|(row, _)| row)
                .collect();
            let n = rows.len() as f64;
            let variance = |d: usize| {
                let mean = rows.iter().map(|row| f64::from(row[d])).sum::<f64>() / n;
                rows.iter().map(|row| (f64::from(row[d]) - mean).powi(2)).sum::<f64>() / n
            };
            (0..COLUMNS).map(variance).sum::<f64>()
        };
        let within: Vec<f64> = (0..3).map(|label| scatter(&|l| l == label)).collect();
        let whole = scatter(&|_| true);
        // tr(std² W Wᵀ + Ψ) is 100 ± 7 for W, 25 ± 1.4 for Ψ.
        assert!(within.iter().all(|v| (85.0..165.0).contains(v)), "{within:?}");
        assert!(whole > 2.0 * within[0], "{whole} and {within:?}");
    }
}
