//! Cholesky factors.

use super::dot;

/// The lower factor `L` of a symmetric positive definite `A = L Lᵀ`, `[size, size]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Cholesky {
    factor: Vec<f64>,
    size: usize,
}

impl Cholesky {
    /// Factors `matrix`, `[size, size]` row-major, of which only the lower triangle is read. `None` if a pivot is not
    /// positive or not finite: the matrix is then not positive definite to working precision.
    ///
    /// # Panics
    /// If `matrix` does not have `size²` entries.
    #[track_caller]
    pub fn new(mut matrix: Vec<f64>, size: usize) -> Option<Self> {
        assert_eq!(matrix.len(), size * size, "{} entries for a {size}×{size} matrix", matrix.len());
        for row in 0..size {
            let (above, current) = matrix.split_at_mut(row * size);
            for column in 0..row {
                let other = &above[column * size..][..=column];
                current[column] = (current[column] - dot(&current[..column], &other[..column])) / other[column];
            }
            let pivot = current[row] - dot(&current[..row], &current[..row]);
            if !(pivot > 0.0 && pivot.is_finite()) {
                return None;
            }
            current[row] = pivot.sqrt();
            current[row + 1..size].fill(0.0);
        }
        Some(Self { factor: matrix, size })
    }

    /// `L`, `[size, size]` row-major with zeros above the diagonal.
    pub fn lower(&self) -> &[f64] {
        &self.factor
    }

    /// `ln det A = 2 Σ_i ln L_ii`
    pub fn log_det(&self) -> f64 {
        2.0 * self.factor.iter().step_by(self.size + 1).map(|pivot| pivot.ln()).sum::<f64>()
    }

    /// Replaces `b`, `[size]`, by `L⁻¹ b`.
    pub fn solve_lower(&self, b: &mut [f64]) {
        for index in 0..self.size {
            let row = self.row(index);
            b[index] = (b[index] - dot(&row[..index], &b[..index])) / row[index];
        }
    }

    /// Replaces `b`, `[size]`, by `A⁻¹ b`.
    pub fn solve(&self, b: &mut [f64]) {
        self.solve_lower(b);
        for index in (0..self.size).rev() {
            b[index] /= self.row(index)[index];
            let value = b[index];
            b[..index].iter_mut().zip(self.row(index)).for_each(|(b, l)| *b -= l * value);
        }
    }

    /// `A⁻¹`, `[size, size]`, symmetric to the bit.
    pub fn inverse(&self) -> Vec<f64> {
        let mut inverse = vec![0.0; self.size * self.size];
        for (index, row) in inverse.chunks_exact_mut(self.size.max(1)).enumerate() {
            row[index] = 1.0;
            self.solve(row);
        }
        for i in 0..self.size {
            for j in 0..i {
                inverse[j * self.size + i] = inverse[i * self.size + j];
            }
        }
        inverse
    }

    fn row(&self, index: usize) -> &[f64] {
        &self.factor[index * self.size..][..=index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1 / (i + j + 1)`, of condition 5e5 for 5 rows and 2e13 for 10.
    fn hilbert(size: usize) -> Vec<f64> {
        (0..size * size).map(|index| 1.0 / (index / size + index % size + 1) as f64).collect()
    }

    #[test]
    fn only_the_lower_triangle_is_read() {
        let matrix = vec![4.0, 9.0, 9.0, 2.0, 5.0, 9.0, -1.0, 0.5, 3.0];
        let symmetric = [[4.0, 2.0, -1.0], [2.0, 5.0, 0.5], [-1.0, 0.5, 3.0]];
        let mut x = [1.0, -2.0, 0.25];
        Cholesky::new(matrix, 3).expect("positive definite").solve(&mut x);
        for (row, b) in symmetric.iter().zip([1.0, -2.0, 0.25]) {
            assert!((dot(row, &x) - b).abs() < 1e-14);
        }
    }

    #[test]
    fn the_factor_times_its_transpose_is_the_matrix() {
        for size in [1, 2, 5, 10] {
            let matrix = hilbert(size);
            let cholesky = Cholesky::new(matrix.clone(), size).expect("positive definite");
            for i in 0..size {
                for j in 0..size {
                    let row = |index: usize| &cholesky.lower()[index * size..][..size];
                    assert!((dot(row(i), row(j)) - matrix[i * size + j]).abs() < 1e-15);
                }
            }
        }
    }

    /// det of the Hilbert matrix of 5 rows is 1/266,716,800,000; its inverse is of whole numbers with 25 in the corner.
    #[test]
    fn determinant_and_inverse_of_a_hilbert_matrix_are_the_exact_ones() {
        let cholesky = Cholesky::new(hilbert(5), 5).expect("positive definite");
        assert!((cholesky.log_det() + 266_716_800_000f64.ln()).abs() < 1e-10);
        let inverse = cholesky.inverse();
        assert!(inverse.iter().all(|value| (value - value.round()).abs() < 1e-5 * value.abs()));
        assert_eq!([inverse[0], inverse[1], inverse[6]].map(f64::round), [25.0, -300.0, 4800.0]);
        assert_eq!(inverse[3], inverse[15]);
    }

    #[test]
    fn half_a_solution_has_the_length_of_the_quadratic_form() {
        let cholesky = Cholesky::new(hilbert(4), 4).expect("positive definite");
        let b = [1.0, -0.5, 2.0, 0.25];
        let (mut half, mut whole) = (b, b);
        cholesky.solve_lower(&mut half);
        cholesky.solve(&mut whole);
        assert!((dot(&half, &half) / dot(&b, &whole) - 1.0).abs() < 1e-10);
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        for matrix in [[0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 2.0, 4.0], [1.0, 3.0, 3.0, 1.0], [f64::NAN, 0.0, 0.0, 1.0]] {
            assert!(Cholesky::new(matrix.to_vec(), 2).is_none());
        }
        assert!(Cholesky::new(vec![f64::INFINITY], 1).is_none());
        let nothing = Cholesky::new(vec![], 0).expect("nothing to refuse");
        assert_eq!((nothing.log_det(), nothing.inverse()), (0.0, vec![]));
    }
}
