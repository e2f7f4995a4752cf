//! Passes over blocks of rows that mixtures and k-means are made of, beside the products of [`crate::gemm`].
//!
//! A block is `m` rows of width `d`. Where a pass works on `[k, m]`, the components are rows and the data columns, so
//! that vectors run along the data whatever `k` is.

use crate::cpu::vectorize;
use crate::{Real, Tensor, math, transpose_rows};

/// Lanes of a sum in f64.
const LANES: usize = 16;

/// The features `[y, y², 1]` of rows `x: [m, d]` with `y = (x − shift) · scale`, both as `rows: [m, 2d + 1]` and as
/// `columns: [2d + 1, m]`. With powers of two in `scale` only the difference is rounded.
///
/// # Panics
/// If `shift` is empty, or the slices do not have the lengths of these shapes.
#[track_caller]
pub fn square_features(x: &[Real], shift: &[Real], scale: &[Real], rows: &mut [Real], columns: &mut [Real]) {
    let d = shift.len();
    let (m, width) = (x.len() / d.max(1), 2 * d + 1);
    assert!(d > 0 && scale.len() == d && x.len() == m * d, "{} elements in rows of {d}", x.len());
    assert!(rows.len() == m * width && columns.len() == m * width, "features of {m} rows of {d}");
    vectorize(
        #[inline(always)]
        || {
            for (x, row) in x.chunks_exact(d).zip(rows.chunks_exact_mut(width)) {
                let (first, rest) = row.split_at_mut(d);
                let (second, one) = rest.split_at_mut(d);
                for j in 0..d {
                    let y = (x[j] - shift[j]) * scale[j];
                    first[j] = y;
                    second[j] = y * y;
                }
                one[0] = 1.0;
            }
        },
    );
    let (first, rest) = columns.split_at_mut(d * m);
    let (second, ones) = rest.split_at_mut(d * m);
    transpose_rows(rows, width, d, first);
    vectorize(
        #[inline(always)]
        || second.iter_mut().zip(first).for_each(|(square, y)| *square = *y * *y),
    );
    ones.fill(1.0);
}

/// The features `[y, 1]` of the chosen rows of `x: [n, d]` as the first columns of `columns: [d + 1, m]`, with
/// `y = (x − shift) · scale`, and `‖y‖²` of each, `[m]`. The columns left over become those of rows at `shift`.
///
/// # Panics
/// If `shift` is empty, `columns` does not have this shape, more than m rows are chosen, or one that `x` does not have.
#[track_caller]
pub fn gather_columns(
    x: &[Real],
    chosen: &[u32],
    shift: &[Real],
    scale: Real,
    columns: &mut [Real],
    squared_norms: &mut [Real],
) {
    let (d, m) = (shift.len(), squared_norms.len());
    assert!(chosen.len() <= m && columns.len() == (d + 1) * m, "{} rows of {d} as {m} columns", chosen.len());
    let mut rows = Tensor::scratch([m, d]);
    let rows = rows.as_mut_slice();
    let (filled, left) = rows.split_at_mut(chosen.len() * d);
    left.fill(0.0);
    vectorize(
        #[inline(always)]
        || {
            for (row, &at) in filled.chunks_exact_mut(d).zip(chosen) {
                let x = &x[at as usize * d..][..d];
                row.iter_mut().zip(x).zip(shift).for_each(|((y, &x), &shift)| *y = (x - shift) * scale);
            }
        },
    );
    let (ys, ones) = columns.split_at_mut(d * m);
    transpose_rows(rows, d, d, ys);
    ones.fill(1.0);
    squared_norms.fill(0.0);
    vectorize(
        #[inline(always)]
        || {
            for column in ys.chunks_exact(m) {
                squared_norms.iter_mut().zip(column).for_each(|(norm, &y)| *norm += y * y);
            }
        },
    );
}

/// Adds each row of `x: [m, d]` to the sums of its label, `[k, d]`, in f64, and counts it.
///
/// # Panics
/// If the slices do not have the lengths of these shapes with d > 0, or a label is not below k.
#[track_caller]
pub fn add_by_label(x: &[Real], labels: &[u32], sums: &mut [f64], counts: &mut [u64]) {
    let d = sums.len() / counts.len().max(1);
    assert!(d > 0 && x.len() == labels.len() * d && sums.len() == counts.len() * d, "sums of rows of {d}");
    vectorize(
        #[inline(always)]
        || {
            for (x, &label) in x.chunks_exact(d).zip(labels) {
                let sums = &mut sums[label as usize * d..][..d];
                sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += f64::from(x));
                counts[label as usize] += 1;
            }
        },
    );
}

/// The softmax over each column of `logits: [k, m]` in place, and its log-sum-exp, `[m]`. Where a column has no finite
/// maximum both are NaN.
///
/// # Panics
/// If `log_sum_exp` is empty, or there is not a whole number of rows of its length, and at least one.
#[track_caller]
pub fn softmax_columns(logits: &mut [Real], log_sum_exp: &mut [Real]) {
    let m = log_sum_exp.len();
    assert!(m > 0 && logits.len() >= m && logits.len().is_multiple_of(m), "{} logits of {m} rows", logits.len());
    let mut sums = Tensor::zeros([m]);
    let (max, sums) = (log_sum_exp, sums.as_mut_slice());
    vectorize(
        #[inline(always)]
        || {
            max.copy_from_slice(&logits[..m]);
            for row in logits[m..].chunks_exact(m) {
                max.iter_mut().zip(row).for_each(|(max, &logit)| *max = if logit > *max { logit } else { *max });
            }
            for row in logits.chunks_exact_mut(m) {
                for ((logit, sum), &mut max) in row.iter_mut().zip(&mut *sums).zip(&mut *max) {
                    *logit = math::exp(*logit - max);
                    *sum += *logit;
                }
            }
            for (sum, max) in sums.iter_mut().zip(max) {
                *max += math::ln(*sum);
                *sum = 1.0 / *sum;
            }
            for row in logits.chunks_exact_mut(m) {
                row.iter_mut().zip(&*sums).for_each(|(logit, &factor)| *logit *= factor);
            }
        },
    );
}

/// The smallest element of each column of `values: [k, m]`, its row, and the smallest of the column's others (∞ for
/// `k = 1`). The first of equal elements is the smallest.
///
/// # Panics
/// If the columns are none, or the slices do not have the lengths of these shapes.
#[track_caller]
pub fn smallest_of_columns(values: &[Real], smallest: &mut [Real], at: &mut [u32], next: &mut [Real]) {
    let m = smallest.len();
    assert!(at.len() == m && next.len() == m && m > 0 && values.len().is_multiple_of(m), "columns of {m}");
    vectorize(
        #[inline(always)]
        || {
            smallest.fill(Real::INFINITY);
            next.fill(Real::INFINITY);
            at.fill(0);
            for (k, row) in (0u32..).zip(values.chunks_exact(m)) {
                for (((&value, smallest), at), next) in row.iter().zip(&mut *smallest).zip(&mut *at).zip(&mut *next) {
                    let less = value < *smallest;
                    let loser = if less { *smallest } else { value };
                    *next = if loser < *next { loser } else { *next };
                    *smallest = if less { value } else { *smallest };
                    *at = if less { k } else { *at };
                }
            }
        },
    );
}

/// `sums += values`, the values widened to f64.
///
/// # Panics
/// If the slices differ in length.
#[track_caller]
pub fn add_widened(sums: &mut [f64], values: &[Real]) {
    assert_eq!(sums.len(), values.len(), "sums of equal lengths");
    vectorize(
        #[inline(always)]
        || sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum += f64::from(value)),
    );
}

/// `Σⱼ ((x[i, j] − centre[j]) · factor[j])²` of each row of `x: [m, d]`, in f64: it keeps its digits however far the
/// centre is from 0.
///
/// # Panics
/// If `centre` is empty, or the slices do not have the lengths of these shapes.
#[track_caller]
pub fn squared_distances(x: &[Real], centre: &[f64], factor: &[f64], distances: &mut [f64]) {
    let d = centre.len();
    assert!(d > 0 && factor.len() == d && x.len() == distances.len() * d, "distances of rows of {d}");
    vectorize(
        #[inline(always)]
        || {
            let (centre, centre_rest) = centre.as_chunks::<LANES>();
            let (factor, factor_rest) = factor.as_chunks::<LANES>();
            for (x, distance) in x.chunks_exact(d).zip(distances) {
                let (x, x_rest) = x.as_chunks::<LANES>();
                let mut lanes = [0.0; LANES];
                for ((x, centre), factor) in x.iter().zip(centre).zip(factor) {
                    for l in 0..LANES {
                        let z = (f64::from(x[l]) - centre[l]) * factor[l];
                        lanes[l] += z * z;
                    }
                }
                let rest = x_rest.iter().zip(centre_rest).zip(factor_rest);
                let rest: f64 = rest.map(|((&x, centre), factor)| ((f64::from(x) - centre) * factor).powi(2)).sum();
                *distance = lanes.iter().sum::<f64>() + rest;
            }
        },
    );
}

/// Adds `Σᵢ w[i] · z[i, j]` to `first[j]` and `Σᵢ w[i] · z[i, j]²` to `second[j]` with `z = (x − centre) · factor` of
/// the rows of `x: [m, d]`, in f64.
///
/// # Panics
/// If `centre` is empty, or the slices do not have the lengths of these shapes.
#[track_caller]
pub fn add_moments(
    x: &[Real],
    weights: &[Real],
    centre: &[f64],
    factor: &[f64],
    first: &mut [f64],
    second: &mut [f64],
) {
    let d = centre.len();
    assert!(d > 0 && x.len() == weights.len() * d, "moments of rows of {d}");
    assert!([factor.len(), first.len(), second.len()] == [d; 3], "moments of width {d}");
    vectorize(
        #[inline(always)]
        || {
            for (x, &weight) in x.chunks_exact(d).zip(weights) {
                let weight = f64::from(weight);
                for j in 0..d {
                    let z = (f64::from(x[j]) - centre[j]) * factor[j];
                    first[j] += weight * z;
                    second[j] += weight * z * z;
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(len: usize) -> Vec<Real> {
        (0..len).map(|i| (i * 7 % 23) as Real - 11.0).collect()
    }

    #[test]
    fn features_are_the_same_in_rows_and_in_columns() {
        for (m, d) in [(1, 1), (5, 3), (33, 17), (40, 50)] {
            let x = counting(m * d);
            let (shift, scale) = (vec![2.0; d], vec![0.25; d]);
            let width = 2 * d + 1;
            let (mut rows, mut columns) = (vec![Real::NAN; m * width], vec![Real::NAN; m * width]);
            square_features(&x, &shift, &scale, &mut rows, &mut columns);
            for i in 0..m {
                for j in 0..width {
                    let y = if j < 2 * d { (x[i * d + j % d] - 2.0) * 0.25 } else { 1.0 };
                    let want = if j < d { y } else { y * y };
                    assert_eq!(rows[i * width + j], want, "row {i} of {m}, feature {j}");
                    assert_eq!(columns[j * m + i], want, "column {i} of {m}, feature {j}");
                }
            }
        }
    }

    #[test]
    fn gathered_columns_are_the_chosen_rows_and_rows_at_the_shift() {
        let (d, m) = (19, 40);
        let x = counting(50 * d);
        let chosen: Vec<u32> = (0..33).map(|i| i * 17 % 50).collect();
        let (mut columns, mut norms) = (vec![Real::NAN; (d + 1) * m], vec![Real::NAN; m]);
        gather_columns(&x, &chosen, &vec![1.0; d], 0.5, &mut columns, &mut norms);
        for i in 0..m {
            let y = |j: usize| chosen.get(i).map_or(0.0, |&at| 0.5 * (x[at as usize * d + j] - 1.0));
            (0..d).for_each(|j| assert_eq!(columns[j * m + i], y(j), "row {i}, dimension {j}"));
            assert_eq!((columns[d * m + i], norms[i]), (1.0, (0..d).map(|j| y(j) * y(j)).sum()));
        }
    }

    #[test]
    fn rows_are_added_to_the_sums_of_their_labels() {
        let (x, labels) = (counting(60), [2, 0, 2, 0, 2, 0]);
        let (mut sums, mut counts) = (vec![0.5; 30], vec![1; 3]);
        add_by_label(&x, &labels, &mut sums, &mut counts);
        assert_eq!(counts, [4, 1, 4]);
        for j in 0..10 {
            let sum = |rows: [usize; 3]| 0.5 + rows.map(|row| f64::from(x[row * 10 + j])).iter().sum::<f64>();
            assert_eq!([sums[j], sums[10 + j], sums[20 + j]], [sum([1, 3, 5]), 0.5, sum([0, 2, 4])]);
        }
    }

    #[test]
    fn a_softmax_sums_to_one_and_its_log_sum_exp_is_that_of_f64() {
        for (k, m) in [(1, 1), (3, 7), (20, 224), (5, 33)] {
            let logits: Vec<Real> = counting(k * m).iter().map(|v| 3.0 * v).collect();
            let (mut r, mut lse) = (logits.clone(), vec![0.0; m]);
            softmax_columns(&mut r, &mut lse);
            for j in 0..m {
                let column = |values: &[Real], k: usize| f64::from(values[k * m + j]);
                let exact = (0..k).map(|k| (column(&logits, k) - 40.0).exp()).sum::<f64>().ln() + 40.0;
                assert!((f64::from(lse[j]) - exact).abs() < 40.0 * f64::from(Real::EPSILON), "{} {exact}", lse[j]);
                let sum: f64 = (0..k).map(|k| column(&r, k)).sum();
                assert!((sum - 1.0).abs() < 8.0 * f64::from(Real::EPSILON), "sum {sum}");
            }
        }
    }

    /// What a caller must be able to see: no component with a density, or a logit that is no number.
    #[test]
    fn a_column_without_a_softmax_is_nan_and_leaves_the_others() {
        let inf = Real::INFINITY;
        let mut logits = [-inf, 1.0, Real::NAN, 0.0, -inf, -inf, 2.0, 0.0];
        let mut lse = [0.0; 4];
        softmax_columns(&mut logits, &mut lse);
        assert!(lse[0].is_nan() && lse[2].is_nan());
        assert_eq!([logits[1], logits[5], logits[3], logits[7]], [1.0, 0.0, 0.5, 0.5]);
    }

    #[test]
    fn the_smallest_two_of_columns_and_the_first_of_equals() {
        let values = [3.0, 1.0, 2.0, 2.0, 1.0, 5.0, 4.0, 0.5, 5.0];
        let (mut smallest, mut at, mut next) = ([0.0; 3], [9; 3], [0.0; 3]);
        smallest_of_columns(&values, &mut smallest, &mut at, &mut next);
        assert_eq!((smallest, at, next), ([2.0, 0.5, 2.0], [1, 2, 0], [3.0, 1.0, 5.0]));
        smallest_of_columns(&values[..3], &mut smallest, &mut at, &mut next);
        assert_eq!((smallest, at, next), ([3.0, 1.0, 2.0], [0; 3], [Real::INFINITY; 3]));
    }

    #[test]
    fn moments_and_distances_are_those_of_plain_loops() {
        let (m, d) = (9, 37);
        let x = counting(m * d);
        let centre: Vec<f64> = (0..d).map(|j| 0.5 * j as f64 - 3.0).collect();
        let factor = vec![0.5; d];
        let weights = counting(m);
        let mut distances = vec![0.0; m];
        squared_distances(&x, &centre, &factor, &mut distances);
        let (mut first, mut second) = (vec![1.0; d], vec![2.0; d]);
        add_moments(&x, &weights, &centre, &factor, &mut first, &mut second);
        let z = |i: usize, j: usize| (f64::from(x[i * d + j]) - centre[j]) * 0.5;
        // Multiples of 1/16 far below 2⁴⁹: every order of summation is exact.
        for (i, &distance) in distances.iter().enumerate() {
            assert_eq!(distance, (0..d).map(|j| z(i, j) * z(i, j)).sum::<f64>());
        }
        for j in 0..d {
            let sum = |power: i32| (0..m).map(|i| f64::from(weights[i]) * z(i, j).powi(power)).sum::<f64>();
            assert_eq!((first[j], second[j]), (1.0 + sum(1), 2.0 + sum(2)));
        }
    }
}
