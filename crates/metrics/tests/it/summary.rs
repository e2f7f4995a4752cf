//! Summaries over runs: against NumPy's and SciPy's values, and the laws they obey.

use std::f64::consts::PI;

use crate::support::seeds::{config, shifted};
use crate::support::{assert_close, list, number, numbers, parse};
use elbo_metrics::{Spread, median, paired_interval, percentile_of, quantile, t_quantile};
use elbo_tensor::{Purpose, Real, fill_normal, stream};
use proptest::prelude::*;
use serde_json::Value;

fn reference() -> Value {
    parse(include_str!("../../../../tests/reference/density.json"))
}

#[test]
fn quantiles_equal_numpy() {
    let reference = reference();
    assert_eq!(list(&reference, "quantiles").len(), 5);
    for case in list(&reference, "quantiles") {
        let (values, p) = (numbers(case, "values"), numbers(case, "p"));
        let actual: Vec<f64> = p.iter().map(|&p| quantile(&values, p)).collect();
        let expected = numbers(case, "quantile");
        assert_close("quantile", &actual, &expected, 1e-14);
        let spread = Spread::of(&values.iter().rev().copied().collect::<Vec<_>>());
        let of_spread = [spread.low, spread.lower_quartile, spread.median, spread.upper_quartile, spread.high];
        assert_close("spread", &of_spread, &[1, 3, 5, 6, 8].map(|index| expected[index]), 1e-14);
        assert_eq!(median(&values), spread.median);
    }
}

#[test]
fn percentiles_equal_scipy() {
    let reference = reference();
    assert_eq!(list(&reference, "percentiles").len(), 6);
    for case in list(&reference, "percentiles") {
        let actual = percentile_of(number(case, "value"), &numbers(case, "values"));
        assert_close("percentile", &[actual], &[number(case, "percentile")], 1e-14);
    }
}

#[test]
fn t_quantiles_equal_scipy() {
    let reference = reference();
    assert_eq!(list(&reference, "t_quantiles").len(), 13);
    for case in list(&reference, "t_quantiles") {
        let freedom = number(case, "freedom") as usize;
        let actual: Vec<f64> = numbers(case, "p").iter().map(|&p| t_quantile(p, freedom)).collect();
        assert_close(&format!("{freedom} degrees of freedom"), &actual, &numbers(case, "t"), 1e-9);
    }
}

#[test]
fn paired_intervals_equal_scipy() {
    let reference = reference();
    assert_eq!(list(&reference, "intervals").len(), 4);
    for case in list(&reference, "intervals") {
        let interval = paired_interval(&numbers(case, "differences"));
        let expected = [number(case, "mean"), number(case, "low"), number(case, "high")];
        assert_close("interval", &[interval.mean, interval.low, interval.high], &expected, 1e-12);
    }
}

#[test]
fn t_quantiles_of_one_and_two_degrees_of_freedom_have_closed_forms() {
    for p in (1..1000).map(|i| f64::from(i) / 1000.0) {
        let cauchy = (PI * (p - 0.5)).tan();
        let two = (2.0 * p - 1.0) / (2.0 * p * (1.0 - p)).sqrt();
        assert_close("closed form", &[t_quantile(p, 1), t_quantile(p, 2)], &[cauchy, two], 1e-10);
    }
    assert_eq!(t_quantile(0.5, 7), 0.0);
}

#[test]
fn ninety_five_of_a_hundred_intervals_hold_the_mean() {
    // 20,000 intervals of 3 normal differences: the share misses .95 by 4.9 standard deviations once in 10⁶ seeds.
    let mut noise = vec![0.0 as Real; 60_000];
    fill_normal(&mut stream(shifted(47), Purpose::Test, 0), &mut noise);
    let holds = |differences: &[Real]| {
        let differences: Vec<f64> = differences.iter().map(|&value| 5.0 + f64::from(value)).collect();
        let interval = paired_interval(&differences);
        (interval.low..=interval.high).contains(&5.0)
    };
    let share = noise.chunks_exact(3).filter(|differences| holds(differences)).count() as f64 / 20_000.0;
    assert!((share - 0.95).abs() < 4.9 * (0.95f64 * 0.05 / 20_000.0).sqrt(), "{share}");
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn quantiles_rise_from_the_least_to_the_largest_value(
        values in prop::collection::vec(-1e3f64..1e3, 1..30), p in 0.0f64..1.0, q in 0.0f64..1.0
    ) {
        let mut sorted = values;
        sorted.sort_unstable_by(f64::total_cmp);
        prop_assert_eq!(quantile(&sorted, 0.0), sorted[0]);
        prop_assert_eq!(quantile(&sorted, 1.0), *sorted.last().expect("a value"));
        prop_assert!(quantile(&sorted, p.min(q)) <= quantile(&sorted, p.max(q)) + 1e-9);
    }

    #[test]
    fn percentiles_from_below_and_from_above_sum_to_a_hundred(
        values in prop::collection::vec(-5i8..5, 1..30), value in -6i8..6
    ) {
        let there: Vec<f64> = values.iter().copied().map(f64::from).collect();
        let back: Vec<f64> = there.iter().map(|value| -value).collect();
        let value = f64::from(value);
        prop_assert!((percentile_of(value, &there) + percentile_of(-value, &back) - 100.0).abs() < 1e-12);
    }
}

#[test]
fn few_values_and_nan_have_the_summaries_that_they_can_have() {
    assert!(median(&[]).is_nan());
    assert!(median(&[1.0, f64::NAN, 2.0]).is_nan());
    assert_eq!(median(&[f64::INFINITY, 0.0, f64::INFINITY]), f64::INFINITY);
    assert!(percentile_of(1.0, &[]).is_nan());
    assert!(percentile_of(f64::NAN, &[1.0]).is_nan());
    let one = paired_interval(&[2.0]);
    assert!(one.mean == 2.0 && one.low.is_nan() && one.high.is_nan());
    let equal = paired_interval(&[2.0; 5]);
    assert_eq!((equal.low, equal.mean, equal.high), (2.0, 2.0, 2.0));
}

#[test]
#[should_panic(expected = "quantile: the values are not ascending")]
fn unsorted_values_are_refused() {
    quantile(&[2.0, 1.0], 0.5);
}
