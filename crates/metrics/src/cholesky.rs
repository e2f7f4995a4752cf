//! Cholesky factors of small dense matrices.

/// The lower factor `L` of a positive definite `A = L Lᵀ`, `[size, size]` row-major.
pub(crate) struct Cholesky {
    factor: Vec<f64>,
    size: usize,
}

impl Cholesky {
    /// Factors `matrix` in place; only its lower triangle is read. A pivot that is not positive makes NaN.
    pub fn new(mut matrix: Vec<f64>, size: usize) -> Self {
        for row in 0..size {
            let (above, current) = matrix.split_at_mut(row * size);
            for column in 0..row {
                let other = &above[column * size..][..=column];
                current[column] = (current[column] - dot(&current[..column], &other[..column])) / other[column];
            }
            current[row] = (current[row] - dot(&current[..row], &current[..row])).sqrt();
        }
        Self { factor: matrix, size }
    }

    /// Replaces `b` by `A⁻¹ b`.
    pub fn solve(&self, b: &mut [f64]) {
        let row = |index: usize| &self.factor[index * self.size..][..=index];
        for index in 0..self.size {
            b[index] = (b[index] - dot(&row(index)[..index], &b[..index])) / row(index)[index];
        }
        for index in (0..self.size).rev() {
            b[index] /= row(index)[index];
            let value = b[index];
            b[..index].iter_mut().zip(row(index)).for_each(|(b, l)| *b -= l * value);
        }
    }
}

/// `Σ_i a_i b_i`
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_solution_satisfies_the_system() {
        let matrix = vec![4.0, 9.0, 9.0, 2.0, 5.0, 9.0, -1.0, 0.5, 3.0];
        let symmetric = [[4.0, 2.0, -1.0], [2.0, 5.0, 0.5], [-1.0, 0.5, 3.0]];
        let mut x = [1.0, -2.0, 0.25];
        Cholesky::new(matrix, 3).solve(&mut x);
        for (row, b) in symmetric.iter().zip([1.0, -2.0, 0.25]) {
            assert!((dot(row, &x) - b).abs() < 1e-14);
        }
    }
}
