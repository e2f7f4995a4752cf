//! Batches in a seeded order without replacement, addressed by step.

use elbo_tensor::{Purpose, stream};
use rand::seq::SliceRandom;

/// Which rows each training step sees: every pass over the data is a fresh random order, cut into batches.
///
/// Step `t` belongs to pass `t / steps_per_pass`, whose order comes from its own random stream. So any step can be
/// asked for at any time, and a resumed run needs nothing but its step number.
#[derive(Debug, Clone)]
pub struct Batches {
    rows: usize,
    batch: usize,
    seed: u64,
    /// Whether pass 0 takes the rows as they stand.
    first_in_order: bool,
    /// The pass whose order is in `order`.
    pass: Option<u64>,
    order: Vec<u32>,
}

impl Batches {
    /// Batches of `batch` rows out of `rows`, in the order that `seed` gives.
    ///
    /// # Panics
    /// If `rows` or `batch` is 0, or `rows` above 2³².
    #[track_caller]
    pub fn new(rows: usize, batch: usize, seed: u64) -> Self {
        assert!(rows > 0 && batch > 0, "batches of {batch} rows out of {rows}: both must be positive");
        let count = u32::try_from(rows).unwrap_or_else(|_| panic!("{rows} rows; at most {} are allowed", u32::MAX));
        Self { rows, batch, seed, first_in_order: false, pass: None, order: (0..count).collect() }
    }

    /// The same with the first pass in the order of the rows, and only later ones shuffled: with it the
    /// published MNIST curves start as they do.
    pub fn first_in_order(self) -> Self {
        Self { first_in_order: true, ..self }
    }

    /// `⌈rows / batch⌉`.
    pub fn steps_per_pass(&self) -> u64 {
        self.rows.div_ceil(self.batch) as u64
    }

    /// The rows of `step`, counted from 0. The last batch of a pass is short if `batch` does not divide `rows`.
    pub fn indices(&mut self, step: u64) -> &[u32] {
        let pass = step / self.steps_per_pass();
        if self.pass != Some(pass) {
            // Every order starts from the identity: it must not depend on the passes seen before.
            self.order.iter_mut().zip(0..).for_each(|(slot, row)| *slot = row);
            if pass > 0 || !self.first_in_order {
                self.order.shuffle(&mut stream(self.seed, Purpose::Shuffle, pass));
            }
            self.pass = Some(pass);
        }
        let start = (step % self.steps_per_pass()) as usize * self.batch;
        &self.order[start..self.rows.min(start + self.batch)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(batches: &mut Batches, pass: u64) -> Vec<u32> {
        let steps = batches.steps_per_pass();
        (pass * steps..(pass + 1) * steps).flat_map(|step| batches.indices(step).to_vec()).collect()
    }

    #[test]
    fn every_pass_is_a_permutation_and_no_two_are_alike() {
        let mut batches = Batches::new(240, 64, 17);
        assert_eq!(batches.steps_per_pass(), 4);
        let passes: Vec<_> = (0..5).map(|p| pass(&mut batches, p)).collect();
        for (i, order) in passes.iter().enumerate() {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.iter().copied().eq(0..240));
            assert!(passes[..i].iter().all(|earlier| earlier != order));
        }
        assert_ne!(passes[0], pass(&mut Batches::new(240, 64, 18), 0));
    }

    #[test]
    fn only_the_last_batch_of_a_pass_is_short() {
        let mut batches = Batches::new(240, 64, 0);
        let sizes: Vec<_> = (0..8).map(|step| batches.indices(step).len()).collect();
        assert_eq!(sizes, [64, 64, 64, 48, 64, 64, 64, 48]);
        assert_eq!(Batches::new(5, 100, 0).indices(3).len(), 5);
    }

    #[test]
    fn any_step_can_be_asked_for_without_the_steps_before() {
        let mut forward = Batches::new(100, 7, 5);
        let seen: Vec<_> = (0..60).map(|step| forward.indices(step).to_vec()).collect();
        for step in (0..60).rev() {
            assert_eq!(Batches::new(100, 7, 5).indices(step), seen[step as usize]);
            assert_eq!(forward.indices(step), seen[step as usize]);
        }
    }

    /// χ² of where row 0 lands in 10,000 passes over 10 rows, 9 degrees of freedom: 33.7 is passed by chance in 1e-4.
    #[test]
    fn a_row_is_equally_likely_at_every_place() {
        let mut batches = Batches::new(10, 10, 3);
        let mut counts = [0.0f64; 10];
        for step in 0..10_000 {
            counts[batches.indices(step).iter().position(|&row| row == 0).unwrap()] += 1.0;
        }
        let chi2: f64 = counts.iter().map(|count| (count - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi2 < 33.7, "χ² = {chi2}");
    }

    #[test]
    fn only_the_first_pass_can_be_in_order() {
        let mut shuffled = Batches::new(50, 7, 1);
        let mut ordered = Batches::new(50, 7, 1).first_in_order();
        assert_eq!(pass(&mut ordered, 0), (0..50).collect::<Vec<_>>());
        assert_ne!(pass(&mut shuffled, 0), pass(&mut ordered, 0));
        assert_eq!(pass(&mut shuffled, 1), pass(&mut ordered, 1));
    }
}
