//! The eigen-decomposition of symmetric matrices.

use super::dot;
use crate::cpu::vectorize;

/// Squared lengths below this have too few digits to divide by; beside entries of order 1 they are nothing.
const NEGLIGIBLE: f64 = f64::MIN_POSITIVE / f64::EPSILON;
/// Sweeps for one eigenvalue; two or three are needed.
const MAX_SWEEPS: usize = 100;

/// The decomposition `A = Σ_i λ_i v_i v_iᵀ` of a symmetric matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Eigen {
    /// `λ`, descending, `[size]`.
    pub values: Vec<f64>,
    /// Row i is `v_i`, of length 1, `[size, size]`; of its entries the largest in magnitude is positive.
    pub vectors: Vec<f64>,
}

/// Eigenvalues and orthonormal eigenvectors of the symmetric `matrix`, `[size, size]` row-major, of which only the
/// lower triangle counts. If an entry is not finite, every result is NaN.
///
/// Reduction to a tridiagonal matrix by reflections, then implicit QL sweeps with Wilkinson's shift (Golub & Van Loan
/// 2013, *Matrix Computations*, sections 8.3.1 and 8.3.5, from the last row up). The errors are of the order of the
/// rounding of the largest eigenvalue.
///
/// # Panics
/// If `matrix` does not have `size²` entries.
#[track_caller]
pub fn symmetric_eigen(mut matrix: Vec<f64>, size: usize) -> Eigen {
    assert_eq!(matrix.len(), size * size, "{} entries for a {size}×{size} matrix", matrix.len());
    if !matrix.iter().all(|entry| entry.is_finite()) {
        return Eigen { values: vec![f64::NAN; size], vectors: vec![f64::NAN; size * size] };
    }
    // Squares of entries must neither overflow nor vanish.
    let scale = matrix.iter().fold(0.0f64, |largest, entry| largest.max(entry.abs()));
    let scale = if scale > 0.0 { scale } else { 1.0 };
    matrix.iter_mut().for_each(|entry| *entry /= scale);
    let (mut diagonal, vectors) = vectorize(
        #[inline(always)]
        || {
            let mut tridiagonal = tridiagonalize(&mut matrix, size);
            let mut vectors = basis(&matrix, &tridiagonal.factors, size);
            for low in 0..size {
                tridiagonal.isolate(low, &mut vectors);
            }
            (tridiagonal.diagonal, vectors)
        },
    );
    diagonal.iter_mut().for_each(|value| *value *= scale);
    sorted(&diagonal, &vectors, size)
}

/// `T = Qᵀ A Q` and the reflections that `Q` is made of.
struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Entry i couples i and i + 1; the last is 0.
    coupling: Vec<f64>,
    /// `β` of the reflection `I − β v vᵀ` of each row; its `v` stands in the row.
    factors: Vec<f64>,
}

/// Reduces the lower triangle from its last row up: the reflection of row `m` acts on the coordinates before `m` and
/// leaves of the row only the entry beside the diagonal.
#[inline(always)]
fn tridiagonalize(matrix: &mut [f64], size: usize) -> Tridiagonal {
    let (mut diagonal, mut coupling, mut factors) = (vec![0.0; size], vec![0.0; size], vec![0.0; size]);
    let mut image = vec![0.0; size];
    for m in (0..size).rev() {
        let (leading, row) = matrix.split_at_mut(m * size);
        diagonal[m] = row[m];
        if m == 0 {
            break;
        }
        let (v, image) = (&mut row[..m], &mut image[..m]);
        let (entry, factor) = reflection(v);
        (coupling[m - 1], factors[m]) = (entry, factor);
        if factor == 0.0 {
            continue;
        }
        times(leading, size, v, image);
        // p = β A v and w = p − (β/2)(pᵀv) v; the reflected block is A − v wᵀ − w vᵀ.
        image.iter_mut().for_each(|p| *p *= factor);
        let half = 0.5 * factor * dot(image, v);
        image.iter_mut().zip(&*v).for_each(|(p, v)| *p -= half * v);
        for (i, row) in leading.chunks_exact_mut(size).enumerate() {
            let (vi, wi) = (v[i], image[i]);
            for ((a, v), w) in row[..=i].iter_mut().zip(&*v).zip(&*image) {
                *a -= vi * w + wi * v;
            }
        }
    }
    Tridiagonal { diagonal, coupling, factors }
}

/// Replaces `x` by the `v` of the reflection `I − β v vᵀ` that maps it to `(0, …, 0, entry)`: `(entry, β)`.
#[inline(always)]
fn reflection(x: &mut [f64]) -> (f64, f64) {
    let last = x.len() - 1;
    let rest = dot(&x[..last], &x[..last]);
    if rest < NEGLIGIBLE {
        return (x[last], 0.0);
    }
    let entry = -(x[last] * x[last] + rest).sqrt().copysign(x[last]);
    x[last] -= entry;
    (entry, 2.0 / (x[last] * x[last] + rest))
}

/// `out ← A v` for the symmetric A of which the rows hold the lower triangle.
#[inline(always)]
fn times(rows: &[f64], stride: usize, v: &[f64], out: &mut [f64]) {
    out.fill(0.0);
    for (i, row) in rows.chunks_exact(stride).enumerate() {
        let vi = v[i];
        out[i] += dot(&row[..i], &v[..i]) + row[i] * vi;
        out[..i].iter_mut().zip(row).for_each(|(out, a)| *out += a * vi);
    }
}

/// `Qᵀ = H_1 H_2 … H_{size−1}`, where `H_m` acts on the first m coordinates.
#[inline(always)]
fn basis(matrix: &[f64], factors: &[f64], size: usize) -> Vec<f64> {
    let mut basis = vec![0.0; size * size];
    basis.iter_mut().step_by(size + 1).for_each(|entry| *entry = 1.0);
    for m in 1..size {
        let v = &matrix[m * size..][..m];
        for row in basis.chunks_exact_mut(size).take(m) {
            let along = factors[m] * dot(&row[..m], v);
            row[..m].iter_mut().zip(v).for_each(|(entry, v)| *entry -= along * v);
        }
    }
    basis
}

impl Tridiagonal {
    /// Sweeps until nothing couples `low` to what follows; rotates the rows of `vectors` along.
    #[inline(always)]
    fn isolate(&mut self, low: usize, vectors: &mut [f64]) {
        for _ in 0..MAX_SWEEPS {
            let high = (low..self.diagonal.len()).find(|&i| self.is_decoupled(i)).unwrap_or(low);
            self.coupling[high] = 0.0;
            if high == low {
                return;
            }
            self.sweep(low, high, vectors);
        }
    }

    #[inline(always)]
    fn is_decoupled(&self, i: usize) -> bool {
        let next = self.diagonal.get(i + 1).copied().unwrap_or(0.0);
        let neighbours = self.diagonal[i].abs() + next.abs();
        self.coupling[i].abs() <= (f64::EPSILON * neighbours).max(f64::MIN_POSITIVE)
    }

    /// One implicit QL sweep over the block `low..=high`, whose couplings are not zero. The first rotation is that of
    /// the shifted block's last column; each following one moves the entry that the one before has put off the
    /// tridiagonal one place up.
    #[inline(always)]
    fn sweep(&mut self, low: usize, high: usize, vectors: &mut [f64]) {
        let (diagonal, coupling) = (&mut self.diagonal, &mut self.coupling);
        let size = diagonal.len();
        let half = 0.5 * (diagonal[low + 1] - diagonal[low]);
        let away = coupling[low] / (half.abs() + half.hypot(coupling[low])).copysign(half);
        let mut kept = diagonal[high] - diagonal[low] + away * coupling[low];
        let mut removed = coupling[high - 1];
        for i in (low..high).rev() {
            let length = kept.hypot(removed);
            // Both vanish only if the block falls apart here, and then any rotation will do.
            let (c, s) = if length > 0.0 { (kept / length, removed / length) } else { (1.0, 0.0) };
            if i + 1 < high {
                coupling[i + 1] = length;
            }
            let q = s * (diagonal[i] - diagonal[i + 1]) + 2.0 * c * coupling[i];
            diagonal[i + 1] += s * q;
            diagonal[i] -= s * q;
            coupling[i] = c * q - coupling[i];
            if i > low {
                (kept, removed) = (coupling[i], s * coupling[i - 1]);
                coupling[i - 1] *= c;
            }
            let (upper, lower) = vectors[i * size..][..2 * size].split_at_mut(size);
            for (upper, lower) in upper.iter_mut().zip(lower) {
                (*upper, *lower) = (c * *upper - s * *lower, s * *upper + c * *lower);
            }
        }
    }
}

/// Descending values, ties in the order they were found, with the sign of every vector settled.
fn sorted(values: &[f64], vectors: &[f64], size: usize) -> Eigen {
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let oriented = |&index: &usize| {
        let vector = &vectors[index * size..][..size];
        let largest = vector.iter().fold(0.0f64, |best, &entry| if entry.abs() > best.abs() { entry } else { best });
        let sign = 1f64.copysign(largest);
        vector.iter().map(move |entry| entry * sign)
    };
    Eigen { values: order.iter().map(|&i| values[i]).collect(), vectors: order.iter().flat_map(oriented).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mat, Purpose, dgemm, stream};
    use rand::distr::Distribution;
    use rand_distr::StandardNormal;

    fn normals(len: usize, index: u64) -> Vec<f64> {
        let mut rng = stream(3, Purpose::Test, index);
        (0..len).map(|_| StandardNormal.sample(&mut rng)).collect()
    }

    /// `Σ_i λ_i v_i v_iᵀ`
    fn rebuilt(eigen: &Eigen) -> Vec<f64> {
        let size = eigen.values.len();
        let rows = eigen.vectors.chunks_exact(size).zip(&eigen.values);
        let scaled: Vec<f64> = rows.flat_map(|(row, value)| row.iter().map(move |v| v * value)).collect();
        let mut out = vec![0.0; size * size];
        dgemm(Mat::new(&scaled, size, size).t(), Mat::new(&eigen.vectors, size, size), 0.0, &mut out);
        out
    }

    fn orthonormal(vectors: &[f64], size: usize) -> bool {
        let mut gram = vec![0.0; size * size];
        dgemm(Mat::new(vectors, size, size), Mat::new(vectors, size, size).t(), 0.0, &mut gram);
        gram.iter().enumerate().all(|(i, g)| (g - f64::from(u8::from(i % (size + 1) == 0))).abs() < 1e-13)
    }

    /// The laws that hold for every symmetric matrix; the error is relative to the largest eigenvalue.
    fn check(matrix: &[f64], size: usize) -> Eigen {
        let eigen = symmetric_eigen(matrix.to_vec(), size);
        assert!(orthonormal(&eigen.vectors, size), "orthonormal at {size}");
        assert!(eigen.values.is_sorted_by(|a, b| a >= b));
        let largest = eigen.values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        for (entry, again) in matrix.iter().zip(rebuilt(&eigen)) {
            assert!((entry - again).abs() <= 1e-14 * (size as f64).sqrt() * largest, "{entry} and {again} at {size}");
        }
        for vector in eigen.vectors.chunks_exact(size) {
            let most = |sign: f64| vector.iter().map(|v| v * sign).fold(f64::NEG_INFINITY, f64::max);
            assert!(most(1.0) >= most(-1.0), "the sign of {vector:?}");
        }
        eigen
    }

    #[test]
    fn random_symmetric_matrices_are_rebuilt_from_orthonormal_vectors() {
        for size in [1, 2, 3, 8, 40, 131] {
            let entries = normals(size * size, size as u64);
            let symmetric = |i: usize| entries[i] + entries[i % size * size + i / size];
            check(&(0..size * size).map(symmetric).collect::<Vec<_>>(), size);
        }
    }

    /// Eigenvalues of the Hilbert matrix of 3 rows: the roots of x³ − 23/15 x² + 127/720 x − 1/2160.
    #[test]
    fn a_hilbert_matrix_has_its_known_values() {
        let hilbert = |size| (0..size * size).map(|i| 1.0 / (i / size + i % size + 1) as f64).collect::<Vec<_>>();
        let eigen = check(&hilbert(3), 3);
        for (value, known) in
            eigen.values.iter().zip([1.408_318_927_123_653_8, 0.122_327_065_853_905_6, 0.002_687_340_355_773_440_5])
        {
            assert!((value - known).abs() < 1e-14, "{value} and {known}");
        }
        check(&hilbert(12), 12);
    }

    /// A reflection of a diagonal matrix whose values repeat: 5, 2 twice, −1 three times.
    #[test]
    fn repeated_values_have_orthonormal_vectors() {
        let known = [5.0, 2.0, 2.0, -1.0, -1.0, -1.0];
        let v = normals(6, 7);
        let length = dot(&v, &v);
        let reflected = |i: usize, k: usize| f64::from(u8::from(i == k)) - 2.0 * v[i] * v[k] / length;
        let entry = |i, j| (0..6).map(|k| reflected(i, k) * known[k] * reflected(j, k)).sum::<f64>();
        let eigen = check(&(0..36).map(|at| entry(at / 6, at % 6)).collect::<Vec<_>>(), 6);
        assert!(eigen.values.iter().zip(known).all(|(value, known)| (value - known).abs() < 1e-14));
    }

    #[test]
    fn diagonal_zero_and_smallest_matrices() {
        assert_eq!(symmetric_eigen(vec![], 0), Eigen { values: vec![], vectors: vec![] });
        assert_eq!(symmetric_eigen(vec![-3.0], 1), Eigen { values: vec![-3.0], vectors: vec![1.0] });
        assert_eq!(check(&[0.0; 16], 4).values, [0.0; 4]);
        let eigen = symmetric_eigen(vec![1.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 2.0], 3);
        assert_eq!(eigen.values, [3.0, 2.0, 1.0]);
        assert_eq!(eigen.vectors, [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        let swap = check(&[0.0, 1.0, 1.0, 0.0], 2).values;
        assert!((swap[0] - 1.0).abs() < 1e-15 && (swap[1] + 1.0).abs() < 1e-15);
    }

    /// The vectors of λ A are those of A, however large or small λ; entries 1e-200 apart do no harm.
    #[test]
    fn extreme_scales_are_harmless() {
        let matrix = [2.0, 1.0, 0.5, 1.0, 3.0, -1.0, 0.5, -1.0, 1.0];
        let plain = check(&matrix, 3);
        for scale in [1e-300, 1e-200, 1e200, 1e300] {
            let eigen = symmetric_eigen(matrix.iter().map(|entry| entry * scale).collect(), 3);
            assert!(eigen.values.iter().zip(&plain.values).all(|(a, b)| (a / scale - b).abs() < 1e-13));
            assert!(eigen.vectors.iter().zip(&plain.vectors).all(|(a, b)| (a - b).abs() < 1e-13));
        }
        check(&[1.0, 1e-160, 1e-200, 1e-160, 0.0, 1e-165, 1e-200, 1e-165, 0.0], 3);
        assert!(symmetric_eigen(vec![f64::NAN, 0.0, 0.0, 1.0], 2).values.iter().all(|value| value.is_nan()));
    }

    #[test]
    fn only_the_lower_triangle_counts() {
        let lower = symmetric_eigen(vec![2.0, 99.0, 1.0, -1.0], 2);
        assert_eq!(lower, symmetric_eigen(vec![2.0, 1.0, 1.0, -1.0], 2));
    }
}
