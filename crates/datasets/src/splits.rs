//! The three splits of an experiment.

use elbo_tensor::Stream;
use rand::seq::SliceRandom;

use crate::{DataError, Dataset};

/// The rows an experiment trains on, chooses by, and is judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct Splits {
    /// For the parameters.
    pub train: Dataset,
    /// For the choice among states of the training. May have no rows.
    pub valid: Dataset,
    /// For the numbers that are reported.
    pub test: Dataset,
}

impl Splits {
    /// Holds out the first `valid_rows` of `train` for validation; the rest are trained on.
    ///
    /// # Errors
    /// [`DataError::Invalid`] if no row would be left to train on.
    pub fn holdout(mut train: Dataset, test: Dataset, valid_rows: usize) -> Result<Self, DataError> {
        if valid_rows >= train.rows() {
            return Err(DataError::Invalid(format!(
                "data set {}: {valid_rows} rows of validation leave none of its {} to train on",
                train.name(),
                train.rows()
            )));
        }
        let valid = train.take_front(valid_rows);
        Ok(Self { train, valid, test })
    }
    /// Deals `all` out: `test_rows` and `valid_rows` drawn at random without replacement, and the rest to train on.
    /// Each split keeps the order of `all`.
    ///
    /// # Errors
    /// [`DataError::Invalid`] if no row would be left to train on.
    pub fn random(all: &Dataset, valid_rows: usize, test_rows: usize, rng: &mut Stream) -> Result<Self, DataError> {
        let rows = all.rows();
        let held_out = valid_rows.saturating_add(test_rows);
        if held_out >= rows {
            return Err(DataError::Invalid(format!(
                "data set {}: {valid_rows} rows of validation and {test_rows} of the test \
                 leave none of its {rows} to train on",
                all.name()
            )));
        }
        let mut order: Vec<u32> = (0..rows as u32).collect();
        let (held_out, train) = order.partial_shuffle(rng, held_out);
        let (test, valid) = held_out.split_at_mut(test_rows);
        let [train, valid, test] = [train, valid, test].map(|rows| {
            rows.sort_unstable();
            all.select(rows)
        });
        Ok(Self { train, valid, test })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Labels, Values};
    use elbo_tensor::{Purpose, stream};

    /// Row `i` has the value `i` and the label `i`.
    fn rows(count: u32) -> Dataset {
        let labels = Labels { values: (0..count).collect(), classes: count as usize };
        Dataset::new("t", &[1], Values::Bytes((0..count as u8).collect()), Some(labels)).unwrap()
    }

    fn labels(set: &Dataset) -> &[u32] {
        &set.labels().unwrap().values
    }

    #[test]
    fn holdout_takes_the_first_rows() {
        let (data, test) = (rows(10), rows(2));
        let splits = Splits::holdout(data.clone(), test.clone(), 4).unwrap();
        assert_eq!((splits.valid, splits.train, splits.test), (data.slice(0..4), data.slice(4..10), test.clone()));
        assert_eq!(Splits::holdout(data.clone(), test.clone(), 0).unwrap().train, data);
        assert!(Splits::holdout(data, test, 10).unwrap_err().to_string().contains("10 rows of validation"));
    }

    #[test]
    fn random_splits_share_no_row_and_lose_none() {
        let data = rows(200);
        let deal = |seed| Splits::random(&data, 30, 50, &mut stream(seed, Purpose::Test, 0)).unwrap();
        let splits = deal(1);
        let parts = [&splits.train, &splits.valid, &splits.test];
        assert_eq!(parts.map(Dataset::rows), [120, 30, 50]);
        assert!(parts.iter().all(|part| labels(part).is_sorted()));
        let mut all: Vec<u32> = parts.iter().flat_map(|part| labels(part)).copied().collect();
        all.sort_unstable();
        assert_eq!(all, labels(&data));
        assert_eq!(deal(1), splits);
        assert_ne!(deal(2), splits);
    }

    /// Of 20,000 deals of 10 rows, how often each is held out for the test: z-tests of 10 counts; |z| > 5 anywhere
    /// happens by chance in 6e-6 of seeds.
    #[test]
    fn every_row_is_as_likely_to_be_held_out() {
        let data = rows(10);
        let mut counts = [0u32; 10];
        for index in 0..20_000 {
            let splits = Splits::random(&data, 2, 3, &mut stream(5, Purpose::Test, index)).unwrap();
            labels(&splits.test).iter().for_each(|&row| counts[row as usize] += 1);
        }
        let (mean, spread) = (6000.0, (20_000f64 * 0.3 * 0.7).sqrt());
        assert!(counts.iter().all(|&count| (f64::from(count) - mean).abs() < 5.0 * spread), "{counts:?}");
    }

    #[test]
    fn a_split_that_leaves_nothing_to_train_on_is_refused() {
        for (valid, test) in [(5, 5), (10, 0), (0, 11), (usize::MAX, 1)] {
            let error = Splits::random(&rows(10), valid, test, &mut stream(0, Purpose::Test, 0)).unwrap_err();
            assert!(error.to_string().contains("none of its 10 to train on"), "{error}");
        }
        assert_eq!(Splits::random(&rows(10), 0, 9, &mut stream(0, Purpose::Test, 0)).unwrap().train.rows(), 1);
    }
}
