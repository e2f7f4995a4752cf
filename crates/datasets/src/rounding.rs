//! What single precision takes from a column of numbers.

use elbo_tensor::Real;

/// A rounding error that is more than this share of the column's standard deviation is worth a warning.
const TOLERABLE: f64 = 1e-2;

/// Spread and rounding error of the columns of a table, number by number.
#[derive(Debug, Default)]
pub(crate) struct Roundings(Vec<Rounding>);

#[derive(Debug, Clone, Default)]
struct Rounding {
    count: f64,
    mean: f64,
    /// Sum of squared distances from the mean.
    spread: f64,
    /// Sum of squared rounding errors.
    error: f64,
}

impl Roundings {
    /// Takes the next number of `column`, and gives it as it is kept.
    pub(crate) fn add(&mut self, column: usize, number: f64) -> Real {
        if column >= self.0.len() {
            self.0.resize(column + 1, Rounding::default());
        }
        let kept = number as Real;
        let of = &mut self.0[column];
        // Welford's update: exact for a column that is constant.
        let distance = number - of.mean;
        of.count += 1.0;
        of.mean += distance / of.count;
        of.spread += distance * (number - of.mean);
        of.error += (f64::from(kept) - number).powi(2);
        kept
    }

    /// The columns whose rounding error, a root of a mean square, is more than 1 % of their standard deviation.
    pub(crate) fn coarse(&self) -> Vec<usize> {
        let coarse = |of: &Rounding| of.spread > 0.0 && of.error > TOLERABLE * TOLERABLE * of.spread;
        (0..self.0.len()).filter(|&column| coarse(&self.0[column])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_column_far_from_zero_for_its_spread_is_coarse() {
        let mut roundings = Roundings::default();
        for i in 0..100 {
            let wave = f64::from(i % 13) - 6.0;
            let row = [1e9 + wave, 0.1, wave * 0.1, 1e9 + 1e6 * wave, 1e-30 * wave, 16_777_216.0 + f64::from(i)];
            row.into_iter().enumerate().for_each(|(column, number)| {
                roundings.add(column, number);
            });
        }
        assert_eq!(roundings.coarse(), if cfg!(feature = "f64") { vec![] } else { vec![0, 5] });
    }
}
