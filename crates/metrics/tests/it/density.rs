//! Samples and bounds: against SciPy's values, and the laws they obey.

use std::f64::consts::PI;

use crate::support::seeds::{self, config};
use crate::support::{assert_close, list, number, numbers, parse};
use elbo_metrics::{
    Mode, energy_distance, importance_weighted_bound, log_mean_exp, mode_shares, most_confident_accuracy,
    sliced_wasserstein,
};
use elbo_tensor::{Purpose, Real, fill_normal, fill_uniform, stream};
use proptest::prelude::*;
use serde_json::Value;

fn reference() -> Value {
    parse(include_str!("../../../../tests/reference/density.json"))
}

fn points(case: &Value, key: &str) -> Vec<Real> {
    numbers(case, key).iter().map(|&value| value as Real).collect()
}

/// `n` standard normal points, multiples of 1/1024 so that shifts by whole numbers are exact.
fn cloud(n: usize, index: u64) -> Vec<Real> {
    let mut values = vec![0.0; 2 * n];
    fill_normal(&mut stream(seeds::shifted(41), Purpose::Test, index), &mut values);
    values.iter().map(|value| (value * 1024.0).round() / 1024.0).collect()
}

fn shifted(points: &[Real], [u, v]: [Real; 2]) -> Vec<Real> {
    points.chunks_exact(2).flat_map(|point| [point[0] + u, point[1] + v]).collect()
}

fn reversed(points: &[Real]) -> Vec<Real> {
    points.chunks_exact(2).rev().flatten().copied().collect()
}

/// Up to 12 points on a coarse grid, so that ties are common.
fn grid() -> impl Strategy<Value = Vec<Real>> {
    prop::collection::vec(prop::array::uniform2(-4i16..=4), 1..=12)
        .prop_map(|points| points.into_iter().flatten().map(Real::from).collect())
}

#[test]
fn sample_distances_equal_scipy() {
    let reference = reference();
    assert_eq!(list(&reference, "samples").len(), 5);
    for case in list(&reference, "samples") {
        let (a, b) = (points(case, "a"), points(case, "b"));
        let directions = number(case, "directions") as usize;
        let actual = [sliced_wasserstein(&a, &b, directions), energy_distance(&a, &b, usize::MAX)];
        let expected = [number(case, "sliced_wasserstein"), number(case, "energy_distance")];
        assert_close(case["name"].as_str().expect("a name"), &actual, &expected, 1e-12);
    }
}

#[test]
fn mode_shares_equal_scipy() {
    let reference = reference();
    assert_eq!(list(&reference, "modes").len(), 2);
    for case in list(&reference, "modes") {
        let mode = |mode: &Value| -> Mode {
            let (mean, cov) = (numbers(mode, "mean"), numbers(mode, "cov"));
            ([mean[0], mean[1]], [[cov[0], cov[1]], [cov[2], cov[3]]])
        };
        let modes: Vec<Mode> = list(case, "modes").iter().map(mode).collect();
        let shares = mode_shares(&points(case, "points"), &modes, number(case, "cutoff"));
        assert_eq!(shares.of_mode, numbers(case, "of_mode"), "{}", case["name"]);
        assert_eq!(shares.outside, number(case, "outside"), "{}", case["name"]);
    }
}

#[test]
fn importance_weighted_bounds_equal_scipy() {
    let reference = reference();
    assert_eq!(list(&reference, "bounds").len(), 3);
    for case in list(&reference, "bounds") {
        let bound = importance_weighted_bound(&numbers(case, "log_weights"), number(case, "k") as usize);
        assert_close(case["name"].as_str().expect("a name"), &bound, &numbers(case, "bound"), 1e-13);
    }
}

#[test]
fn sliced_wasserstein_of_a_shift_is_the_mean_of_its_projections() {
    let a = cloud(500, 0);
    for shift in [[3.0, 0.0], [-1.0, 2.0], [0.0, -7.0]] {
        for directions in [1, 3, 64] {
            let along = |j: usize| {
                let angle = PI * j as f64 / directions as f64;
                (angle.cos() * f64::from(shift[0]) + angle.sin() * f64::from(shift[1])).abs()
            };
            let expected = (0..directions).map(along).sum::<f64>() / directions as f64;
            let actual = sliced_wasserstein(&a, &reversed(&shifted(&a, shift)), directions);
            assert_close("shift", &[actual], &[expected], 1e-12);
        }
    }
    // Over all directions |cos| has the mean 2/π.
    assert_close("2/π", &[sliced_wasserstein(&a, &shifted(&a, [1.0, 0.0]), 64)], &[2.0 / PI], 1e-3);
}

#[test]
fn a_sample_repeated_is_the_same_sample_to_both_distances() {
    let (a, b) = (cloud(40, 1), cloud(30, 2));
    let (twice, thrice) = (a.repeat(2), b.repeat(3));
    let close = |actual: f64, expected: f64| assert_close("repeated", &[actual], &[expected], 1e-12);
    close(sliced_wasserstein(&twice, &thrice, 8), sliced_wasserstein(&a, &b, 8));
    close(energy_distance(&twice, &thrice, 1000), energy_distance(&a, &b, 1000));
    close(sliced_wasserstein(&a, &twice, 8), 0.0);
    close(energy_distance(&a, &twice, 1000), 0.0);
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn both_distances_are_symmetric_ignore_order_and_vanish_between_equal_samples(a in grid(), b in grid()) {
        for distance in [
            |a: &[Real], b: &[Real]| sliced_wasserstein(a, b, 5),
            |a: &[Real], b: &[Real]| energy_distance(a, b, 100),
        ] {
            let between = distance(&a, &b);
            prop_assert!(between >= 0.0);
            prop_assert!((distance(&b, &a) - between).abs() < 1e-12);
            prop_assert!((distance(&reversed(&a), &b) - between).abs() < 1e-12);
            prop_assert_eq!(distance(&a, &a), 0.0);
            prop_assert!(distance(&a, &reversed(&a)) < 1e-12);
        }
    }

    #[test]
    fn sliced_wasserstein_obeys_the_triangle_inequality(a in grid(), b in grid(), c in grid()) {
        let distance = |a: &[Real], b: &[Real]| sliced_wasserstein(a, b, 5);
        prop_assert!(distance(&a, &c) <= distance(&a, &b) + distance(&b, &c) + 1e-12);
    }

    #[test]
    fn on_a_line_the_energy_distance_is_twice_the_squared_distance_of_the_distribution_functions(
        a in prop::collection::vec(-5i16..=5, 1..10), b in prop::collection::vec(-5i16..=5, 1..10)
    ) {
        let below =
            |values: &[i16], x: i16| values.iter().filter(|&&value| value <= x).count() as f64 / values.len() as f64;
        let expected: f64 = (-5..5).map(|x| 2.0 * (below(&a, x) - below(&b, x)).powi(2)).sum();
        let line = |values: &[i16]| values.iter().flat_map(|&value| [Real::from(value), 3.0]).collect::<Vec<_>>();
        prop_assert!((energy_distance(&line(&a), &line(&b), 100) - expected).abs() < 1e-12);
    }

    #[test]
    fn the_bound_of_constant_weights_is_the_constant_and_no_bound_is_below_the_mean(
        constant in -1e3f64..1e3, weights in prop::collection::vec(-50f64..50.0, 12)
    ) {
        for bound in importance_weighted_bound(&[constant; 12], 4) {
            prop_assert!((bound - constant).abs() <= 1e-12);
        }
        let mean = weights.iter().sum::<f64>() / 12.0;
        let largest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        prop_assert!((mean - 1e-12..=largest + 1e-12).contains(&log_mean_exp(&weights)));
    }

    #[test]
    fn the_bound_over_all_samples_is_the_log_mean_of_the_bounds_over_halves(
        weights in prop::collection::vec(-50f64..50.0, 24)
    ) {
        let (first, second) = weights.split_at(12);
        let halves = importance_weighted_bound(first, 4).into_iter().zip(importance_weighted_bound(second, 4));
        for (whole, (first, second)) in importance_weighted_bound(&weights, 8).into_iter().zip(halves) {
            prop_assert!((whole - log_mean_exp(&[first, second])).abs() < 1e-12);
        }
    }

    #[test]
    fn most_confident_accuracy_is_at_most_majority_accuracy(
        entries in prop::collection::vec((0u8..9).prop_map(|q| Real::from(q) / 8.0), 3 * 20),
        labels in prop::collection::vec(0u32..4, 20),
    ) {
        let assignments: Vec<u32> = entries
            .chunks_exact(3)
            .map(|row| if row[0] >= row[1] && row[0] >= row[2] { 0 } else if row[1] >= row[2] { 1 } else { 2 })
            .collect();
        let table = elbo_metrics::Contingency::new(&assignments, &labels);
        let accuracy = most_confident_accuracy(&entries, 3, &labels);
        prop_assert!(accuracy <= table.majority_accuracy());
        // Each cluster has at least the row that labels it.
        prop_assert!(accuracy >= table.cluster_sizes().len() as f64 / 20.0);
    }
}

#[test]
fn the_most_confident_row_of_its_own_cluster_labels_it() {
    #[rustfmt::skip]
    let probabilities = [
        0.9, 0.1, 0.0, // cluster 0, its most confident row: label 4
        0.6, 0.4, 0.0, // cluster 0
        0.5, 0.5, 0.0, // cluster 0, by the tie
        0.4, 0.6, 0.0, // cluster 1, the first of the equally confident: label 7
        0.4, 0.6, 0.0, // cluster 1
        0.4, 0.6, 0.0, // cluster 1
    ];
    assert_eq!(most_confident_accuracy(&probabilities, 3, &[4, 5, 5, 7, 5, 5]), 2.0 / 6.0);
    assert_eq!(most_confident_accuracy(&probabilities, 3, &[5, 5, 5, 7, 7, 7]), 1.0);
    assert!(most_confident_accuracy(&[], 3, &[]).is_nan());
}

#[test]
fn only_the_first_rows_up_to_the_cap_count() {
    let (a, b) = (cloud(60, 3), cloud(50, 4));
    assert_eq!(energy_distance(&a, &b, 20), energy_distance(&a[..40], &b[..40], usize::MAX));
    assert_eq!(energy_distance(&[0.0, 0.0, 9.0, 9.0], &[3.0, 4.0], 1), 10.0);
    assert!(energy_distance(&a, &[], 20).is_nan());
    assert!(sliced_wasserstein(&a, &[], 4).is_nan());
    assert!(sliced_wasserstein(&a, &[Real::NAN, 0.0], 4).is_nan());
}

#[test]
fn distances_have_the_same_bits_at_any_number_of_threads() {
    let (a, b) = (cloud(301, 5), cloud(257, 6));
    let at = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| [sliced_wasserstein(&a, &b, 64), energy_distance(&a, &b, 1000)].map(f64::to_bits))
    };
    assert_eq!(at(1), at(2));
    assert_eq!(at(1), at(8));
}

/// Draws of `N(0, 1)²` through `x = mean + L ε`, `cov = L Lᵀ` for the lower triangle `l`.
fn draws(n: usize, index: u64, mean: [f64; 2], l: [f64; 3]) -> Vec<Real> {
    let mut noise = vec![0.0; 2 * n];
    fill_normal(&mut stream(seeds::shifted(43), Purpose::Test, index), &mut noise);
    let point = |e: &[Real]| {
        let (u, v) = (f64::from(e[0]), f64::from(e[1]));
        [(mean[0] + l[0] * u) as Real, (mean[1] + l[1] * u + l[2] * v) as Real]
    };
    noise.chunks_exact(2).flat_map(point).collect()
}

#[test]
fn exact_draws_have_equal_mode_shares_and_one_in_a_thousand_outside() {
    const N: usize = 90_000;
    let factors =
        [([0.0, 40.0], [1.7, 0.0, 0.6]), ([-30.0, -20.0], [0.9, -1.4, 0.6]), ([30.0, -20.0], [0.9, 1.4, 0.6])];
    let modes = factors.map(|(mean, [a, b, c])| (mean, [[a * a, a * b], [a * b, b * b + c * c]]));
    // Each point takes a mode at random.
    let mut choice = vec![0.0; N];
    fill_uniform(&mut stream(seeds::shifted(43), Purpose::Test, 9), &mut choice);
    let of_each: Vec<Vec<Real>> = (0..3).map(|mode| draws(N, mode as u64, factors[mode].0, factors[mode].1)).collect();
    let sample: Vec<Real> = (0..N)
        .flat_map(|row| {
            let mode = ((f64::from(choice[row]) * 3.0) as usize).min(2);
            [of_each[mode][2 * row], of_each[mode][2 * row + 1]]
        })
        .collect();
    let shares = mode_shares(&sample, &modes, 13.8);
    // Four z-tests at 4.9 standard deviations: a false alarm in 4 of 10⁶ seeds.
    let within = |share: f64, p: f64| (share - p).abs() < 4.9 * (p * (1.0 - p) / N as f64).sqrt();
    assert!(shares.of_mode.iter().all(|&share| within(share, 1.0 / 3.0)), "{shares:?}");
    assert!(within(shares.outside, (-6.9f64).exp()), "{shares:?}");
    assert!((shares.of_mode.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn shares_of_modes_count_all_points_and_those_outside_again() {
    let unit = [[1.0, 0.0], [0.0, 1.0]];
    let modes = [([0.0, 0.0], unit), ([10.0, 0.0], unit), ([0.0, 10.0], unit)];
    // (5, 0) is equally near to the first two modes and counts for the first.
    let sample = [0.0, 0.5, 5.0, 0.0, 9.0, 0.0, Real::NAN, 0.0, Real::INFINITY, 0.0];
    let shares = mode_shares(&sample, &modes, 13.8);
    assert_eq!(shares.of_mode, [0.4, 0.2, 0.0]);
    // (5, 0) at 25 from both, and the two points that are nowhere.
    assert_eq!(shares.outside, 0.6);
}

#[test]
#[should_panic(expected = "mode_shares: covariance [[1, 2], [2, 1]] is not positive definite")]
fn an_indefinite_covariance_is_refused() {
    mode_shares(&[0.0, 0.0], &[([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]])], 13.8);
}
