//! The coordinates in which distances are taken, and distances of blocks of rows from centres.

use elbo_tensor::mixture::{add_moments, gather_columns};
use elbo_tensor::{Mat, Real, Tensor, for_each_slot, gemm};

/// Rows of a product. Every product has so many, whatever the number of rows in it, so that a row's distances have the
/// same bits in any company.
pub(super) const BLOCK: usize = 224;
/// Rows that one thread takes at a time.
pub(super) const CHUNK: usize = 9 * BLOCK;
/// Rows whose medians are the origin.
const SAMPLED: usize = 1001;

/// `y = (x − shift) · scale`: the origin is the median of some rows in each dimension, which no outlier moves, and no
/// row is farther from it than 1 in any dimension, so that no square overflows.
#[derive(Debug, Clone)]
pub(super) struct Coordinates {
    pub shift: Vec<Real>,
    /// A power of two.
    pub scale: Real,
}

/// Squared distances of up to [`BLOCK`] rows from `k` centres.
pub(super) struct Distances {
    /// `‖c‖² − 2 y·c`, `[k, BLOCK]`: the squared distances less `norms`.
    pub values: Tensor,
    /// `‖y‖²`, `[BLOCK]`.
    pub norms: Tensor,
}

/// The largest distance of a row from `shift` in one dimension.
fn reach<T: Copy + Into<f64>>(row: &[T], shift: &[Real]) -> f64 {
    row.iter().zip(shift).fold(0.0, |far: f64, (&x, &s)| far.max((x.into() - f64::from(s)).abs()))
}

impl Coordinates {
    /// For rows of width `d` and for `centres`, which need not lie among them.
    pub fn of(x: &[Real], d: usize, centres: &[f64]) -> Self {
        let n = x.len() / d;
        let step = n.div_ceil(SAMPLED).max(1);
        let median = |j: usize| {
            let mut values: Vec<Real> = x[j..].iter().step_by(d * step).copied().collect();
            let middle = values.len() / 2;
            *values.select_nth_unstable_by(middle, Real::total_cmp).1
        };
        let shift: Vec<Real> = (0..d).map(median).collect();
        let rows = x.chunks_exact(d).map(|row| reach(row, &shift));
        let farthest = rows.chain(centres.chunks_exact(d).map(|centre| reach(centre, &shift))).fold(0.0, f64::max);
        let largest = f64::from(Real::MAX_EXP - 8);
        let exponent = -farthest.max(f64::MIN_POSITIVE).log2().ceil().clamp(-largest, largest);
        Self { shift, scale: exponent.exp2() as Real }
    }

    /// Centres `[k, d]` of the rows' coordinates as `[−2c, ‖c‖²]`, `[k, d + 1]`.
    pub fn coefficients(&self, centres: &[f64]) -> Vec<Real> {
        let centres = centres.chunks_exact(self.shift.len());
        let coefficients = centres.map(|centre| {
            let c: Vec<Real> = centre.iter().zip(&self.shift).map(|(&c, &shift)| self.scaled(c, shift)).collect();
            let norm: f64 = c.iter().map(|&c| f64::from(c).powi(2)).sum();
            c.into_iter().map(|c| -2.0 * c).chain([norm as Real]).collect::<Vec<_>>()
        });
        coefficients.flatten().collect()
    }

    /// `Σ (x − shift)` and `Σ (x − shift)²` in each dimension.
    pub fn moments(&self, x: &[Real]) -> (Vec<f64>, Vec<f64>) {
        let d = self.shift.len();
        let (centre, ones, weights) =
            (self.shift.iter().map(|&c| f64::from(c)).collect::<Vec<_>>(), vec![1.0; d], [1.0; CHUNK]);
        let mut sums = vec![(vec![0.0; d], vec![0.0; d]); x.len().div_ceil(CHUNK * d)];
        for_each_slot(&mut sums, |at, (first, second)| {
            let x = &x[at * CHUNK * d..((at + 1) * CHUNK * d).min(x.len())];
            add_moments(x, &weights[..x.len() / d], &centre, &ones, first, second);
        });
        let add = |mut sum: Vec<f64>, terms: Vec<f64>| {
            sum.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
            sum
        };
        let pairs = sums.into_iter();
        pairs.reduce(|sum, part| (add(sum.0, part.0), add(sum.1, part.1))).unwrap_or_default()
    }

    fn scaled(&self, c: f64, shift: Real) -> Real {
        ((c - f64::from(shift)) * f64::from(self.scale)) as Real
    }

    /// Distances of the chosen rows of `x` (at most [`BLOCK`]) from the centres of [`Coordinates::coefficients`].
    pub fn distances(&self, x: &[Real], chosen: &[u32], coefficients: &[Real]) -> Distances {
        let width = self.shift.len() + 1;
        let k = coefficients.len() / width;
        let mut columns = Tensor::scratch([width, BLOCK]);
        let mut norms = Tensor::scratch([BLOCK]);
        gather_columns(x, chosen, &self.shift, self.scale, columns.as_mut_slice(), norms.as_mut_slice());
        let mut values = Tensor::scratch([k, BLOCK]);
        gemm(Mat::new(coefficients, k, width), columns.as_mat(), 0.0, values.as_mut_slice());
        Distances { values, norms }
    }
}
