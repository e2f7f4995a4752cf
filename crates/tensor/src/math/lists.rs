//! Functions of short lists: the largest entry, and sums of exponentials in f64.

/// Index of the largest entry, the first of equals. A NaN is never larger, and nothing is larger than a NaN; 0 for an
/// empty list.
pub fn argmax<T: Copy + PartialOrd>(values: &[T]) -> usize {
    values.iter().enumerate().fold(0, |best, (index, &value)| if value > values[best] { index } else { best })
}

/// `ln Σᵢ exp xᵢ = largest + ln sum`, in two parts because neither overflows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogSumExp {
    /// The largest entry; −∞ if no entry is larger.
    pub largest: f64,
    /// `Σᵢ exp(xᵢ − largest)`; NaN if an entry is NaN or the largest is infinite.
    pub sum: f64,
}

impl LogSumExp {
    /// Of these entries, which are gone through twice.
    pub fn of(x: impl Iterator<Item = f64> + Clone) -> Self {
        let largest = largest(x.clone());
        Self { largest, sum: x.map(|x| (x - largest).exp()).sum() }
    }

    /// `ln Σᵢ exp xᵢ`
    pub fn value(self) -> f64 {
        self.largest + self.sum.ln()
    }
}

/// Replaces every entry by `exp xᵢ / Σⱼ exp xⱼ` and returns the logarithm of the sum; all become NaN if an entry is
/// NaN or the largest is infinite.
pub fn softmax(x: &mut [f64]) -> LogSumExp {
    let largest = largest(x.iter().copied());
    x.iter_mut().for_each(|x| *x = (*x - largest).exp());
    let sum = x.iter().sum();
    x.iter_mut().for_each(|x| *x /= sum);
    LogSumExp { largest, sum }
}

fn largest(x: impl Iterator<Item = f64>) -> f64 {
    x.fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: f64 = f64::INFINITY;

    #[test]
    fn the_first_of_equals_is_the_largest() {
        assert_eq!([argmax(&[1.0, 3.0, 3.0]), argmax(&[-INF; 3]), argmax::<f64>(&[])], [1, 0, 0]);
        assert_eq!([argmax(&[1.0, f64::NAN, 2.0]), argmax(&[f64::NAN, 2.0])], [2, 0]);
    }

    #[test]
    fn a_sum_of_exponentials_neither_overflows_nor_vanishes() {
        for shift in [-1e4, 0.0, 1e4] {
            let x = [shift, shift + 2f64.ln(), -INF];
            let total = LogSumExp::of(x.iter().copied());
            assert!((total.value() - shift - 3f64.ln()).abs() < 1e-11, "{total:?}");
            let mut p = x;
            assert_eq!(softmax(&mut p), total);
            assert!((p[0] - 1.0 / 3.0).abs() < 1e-11 && (p[1] - 2.0 / 3.0).abs() < 1e-11 && p[2] == 0.0, "{p:?}");
        }
    }

    #[test]
    fn what_has_no_largest_number_has_no_softmax() {
        for mut x in [[-INF, -INF], [INF, 0.0], [f64::NAN, 0.0]] {
            assert!(softmax(&mut x).sum.is_nan() && x.iter().all(|p| p.is_nan()), "{x:?}");
        }
        assert_eq!(LogSumExp::of(std::iter::empty()), LogSumExp { largest: -INF, sum: 0.0 });
    }
}
