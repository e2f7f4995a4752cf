//! Dense linear algebra in f64 as a textbook has it, and normal distributions with a covariance matrix.

/// A matrix by rows.
pub type Matrix = Vec<Vec<f64>>;

/// `I`
pub fn identity(n: usize) -> Matrix {
    (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect()
}

/// Numbers row by row as a matrix of `columns` columns.
pub fn matrix(values: &[f64], columns: usize) -> Matrix {
    values.chunks(columns).map(<[f64]>::to_vec).collect()
}

/// A diagonal matrix.
pub fn diagonal(diag: &[f64]) -> Matrix {
    let mut out = identity(diag.len());
    out.iter_mut().enumerate().for_each(|(i, row)| row[i] = diag[i]);
    out
}

/// The lower triangular matrix with this diagonal and these entries below it, row by row.
pub fn triangle(diag: &[f64], lower: &[f64]) -> Matrix {
    let mut out = diagonal(diag);
    let below = (0..diag.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    below.zip(lower).for_each(|((i, j), &l)| out[i][j] = l);
    out
}

pub fn transpose(a: &Matrix) -> Matrix {
    (0..a[0].len()).map(|j| a.iter().map(|row| row[j]).collect()).collect()
}

pub fn product(a: &Matrix, b: &Matrix) -> Matrix {
    let b = transpose(b);
    a.iter().map(|row| b.iter().map(|column| dot(row, column)).collect()).collect()
}

/// `A + B`
pub fn sum(a: &Matrix, b: &Matrix) -> Matrix {
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect()).collect()
}

/// `A·x`
pub fn apply(a: &Matrix, x: &[f64]) -> Vec<f64> {
    a.iter().map(|row| dot(row, x)).collect()
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `A⁻¹` and `ln |det A|` by Gauss–Jordan elimination with row pivots.
pub fn inverse(a: &Matrix) -> (Matrix, f64) {
    let n = a.len();
    let mut rows: Matrix = a.iter().zip(identity(n)).map(|(a, e)| [a.clone(), e].concat()).collect();
    let mut log_det = 0.0;
    for i in 0..n {
        let size = |row: &usize| rows[*row][i].abs();
        let pivot = (i..n).max_by(|a, b| size(a).total_cmp(&size(b))).expect("a row");
        rows.swap(i, pivot);
        let scale = rows[i][i];
        log_det += scale.abs().ln();
        rows[i].iter_mut().for_each(|v| *v /= scale);
        let own = rows[i].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(other, _)| *other != i) {
            let factor = row[i];
            row.iter_mut().zip(&own).for_each(|(v, own)| *v -= factor * own);
        }
    }
    (rows.into_iter().map(|row| row[n..].to_vec()).collect(), log_det)
}

/// `A·Aᵀ`
pub fn square(a: &Matrix) -> Matrix {
    product(a, &transpose(a))
}

/// `ln N(x; loc, covariance)`
pub fn normal_log_prob(x: &[f64], loc: &[f64], covariance: &Matrix) -> f64 {
    let (precision, log_det) = inverse(covariance);
    let r: Vec<f64> = x.iter().zip(loc).map(|(x, m)| x - m).collect();
    -0.5 * (dot(&r, &apply(&precision, &r)) + log_det + x.len() as f64 * (2.0 * std::f64::consts::PI).ln())
}

/// `KL(N(m, S) ‖ N(n, T)) = ½(tr T⁻¹S + (n − m)ᵀT⁻¹(n − m) − d + ln det T − ln det S)`
pub fn normal_kl((m, s): (&[f64], &Matrix), (n, t): (&[f64], &Matrix)) -> f64 {
    let ((precision, log_det_t), (_, log_det_s)) = (inverse(t), inverse(s));
    let trace: f64 = product(&precision, s).iter().enumerate().map(|(i, row)| row[i]).sum();
    let r: Vec<f64> = n.iter().zip(m).map(|(n, m)| n - m).collect();
    0.5 * (trace + dot(&r, &apply(&precision, &r)) - m.len() as f64 + log_det_t - log_det_s)
}

/// The lower triangular L with a positive diagonal and `L·Lᵀ = A`, of a positive definite A.
pub fn cholesky(a: &Matrix) -> Matrix {
    let mut l = vec![vec![0.0; a.len()]; a.len()];
    for i in 0..a.len() {
        for j in 0..=i {
            let rest = a[i][j] - dot(&l[i][..j], &l[j][..j]);
            l[i][j] = if i == j { rest.sqrt() } else { rest / l[j][j] };
        }
    }
    l
}
