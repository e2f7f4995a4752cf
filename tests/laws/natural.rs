//! Laws of exponential families: the diagonal normal and its mixture in natural, mean and source coordinates.

use crate::support::{assert_close, config, f64s, rng, uniform};
use elbo::models::dist::natural::{
    Eta2, MixtureMean, MixtureNatural, MixtureSource, NormalMean, NormalNatural, NormalSource,
};
use elbo::tensor::Stream;
use proptest::prelude::*;

/// Relative error of a way through all coordinates and back where |μ|/σ ≤ 10: the mean coordinates lose two digits of a
/// variance, and η₂ the anchor's share of it.
const ROUND_TRIP: f64 = 1e-10;

/// A normal with `|μ|/σ` below `ratio` and `|ln σ²|` below 0.3 of it.
fn normal_of(d: usize, ratio: f64, rng: &mut Stream) -> NormalSource {
    let spread = 0.3 * ratio;
    let (ratio, log_var) = (f64s(&uniform([d], [-ratio, ratio], rng)), f64s(&uniform([d], [-spread, spread], rng)));
    let var: Vec<f64> = log_var.iter().map(|v| v.exp()).collect();
    NormalSource::new(ratio.iter().zip(&var).map(|(ratio, var)| ratio * var.sqrt()).collect(), var).expect("inside")
}

fn mixture_of(k: usize, d: usize, rng: &mut Stream) -> MixtureSource {
    mixture_within(10.0, k, d, rng)
}

fn mixture_within(ratio: f64, k: usize, d: usize, rng: &mut Stream) -> MixtureSource {
    let raw: Vec<f64> = f64s(&uniform([k], [0.05, 1.0], rng));
    let total: f64 = raw.iter().sum();
    let components = (0..k).map(|_| normal_of(d, ratio, rng)).collect();
    MixtureSource::new(raw.iter().map(|w| w / total).collect(), components).expect("inside")
}

fn source_values(mixture: &MixtureSource) -> Vec<f64> {
    let components = mixture.components().iter().flat_map(|c| [c.mean(), c.var()]).flatten();
    mixture.weights().iter().chain(components).copied().collect()
}

fn statistics(z: &[f64]) -> Vec<f64> {
    z.iter().copied().chain(z.iter().map(|z| z * z)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `½ Σ (ln(σ²_q/σ²_p) + (σ²_p + (μ_p − μ_q)²)/σ²_q − 1)`
fn normal_kl(p: &NormalSource, q: &NormalSource) -> f64 {
    let terms = p.mean().iter().zip(p.var()).zip(q.mean().iter().zip(q.var()));
    terms.map(|((m, v), (n, w))| 0.5 * ((w / v).ln() + (v + (m - n).powi(2)) / w - 1.0)).sum()
}

/// Differences of `f` along every coordinate, of fourth order.
fn differences(at: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let slope = |i: usize| {
        let h = 1e-4 * at[i].abs().max(0.1);
        let moved = |h: f64| {
            let mut x = at.to_vec();
            x[i] += h;
            f(&x)
        };
        (8.0 * (moved(h) - moved(-h)) - (moved(2.0 * h) - moved(-2.0 * h))) / (12.0 * h)
    };
    (0..at.len()).map(slope).collect()
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn every_way_round_the_coordinates_leads_back(seed: u64, k in 1usize..6, d in 1usize..6) {
        let source = mixture_of(k, d, &mut rng(seed));
        let want = source_values(&source);
        let natural = MixtureNatural::from_flat(&source.to_natural().flatten(), k, d).expect("inside");
        let mean = MixtureMean::from_flat(&source.to_mean().flatten(), k, d).expect("inside");
        assert_close("θ and back", &source_values(&natural.to_source()), &want, ROUND_TRIP);
        assert_close("η and back", &source_values(&mean.to_source().unwrap()), &want, ROUND_TRIP);
        let around = natural.to_mean().to_natural().expect("inside").to_source().to_mean().to_source().expect("inside");
        assert_close("θ → η → θ → source → η → source", &source_values(&around), &want, ROUND_TRIP);
        let first = source.components()[0].to_natural().to_mean().to_natural().expect("inside").to_source();
        let same = source.components()[0].var();
        assert_close("one normal", first.var(), same, ROUND_TRIP);
    }

    #[test]
    fn the_gradient_of_the_log_partition_is_the_mean(seed: u64, k in 1usize..4, d in 1usize..4) {
        let natural = mixture_within(2.0, k, d, &mut rng(seed)).to_natural();
        let by_differences =
            differences(&natural.flatten(), |flat| MixtureNatural::from_flat(flat, k, d).unwrap().log_partition());
        assert_close("mixture", &by_differences, &natural.to_mean().flatten(), 1e-6);
        let one = &natural.components()[0];
        let by_differences = differences(&one.flatten(), |flat| normal_at(flat).log_partition());
        assert_close("normal", &by_differences, &one.to_mean().flatten(), 1e-6);
    }

    /// `∇ ln p(z) = s(z) − η`, and of the mixture the mean of its statistics given z (Fisher's identity) less η.
    #[test]
    fn the_score_is_the_statistics_less_their_mean(seed: u64, k in 1usize..4, d in 1usize..4) {
        let mut rng = rng(seed);
        let natural = mixture_within(2.0, k, d, &mut rng).to_natural();
        let z = natural.sample(&mut rng).0;
        let r = natural.responsibilities(&z);
        let s = statistics(&z);
        let given: Vec<f64> =
            [s.clone(), r[1..].iter().flat_map(|r| s.iter().map(move |s| r * s)).collect(), r[1..].to_vec()].concat();
        let score: Vec<f64> = given.iter().zip(natural.to_mean().flatten()).map(|(s, eta)| s - eta).collect();
        let log_density = |flat: &[f64]| MixtureNatural::from_flat(flat, k, d).unwrap().log_density(&z);
        assert_close("mixture", &differences(&natural.flatten(), log_density), &score, 1e-6);
        let one = &natural.components()[0];
        let score: Vec<f64> = s.iter().zip(one.to_mean().flatten()).map(|(s, eta)| s - eta).collect();
        assert_close("normal", &differences(&one.flatten(), |flat| normal_at(flat).log_density(&z)), &score, 1e-6);
    }

    /// `ψ(θ) + ψ*(η) = θ·η` where η = ∇ψ(θ), and `≥` elsewhere (Fenchel and Young); −ψ* is the entropy less
    /// `(d/2) ln 2π`.
    #[test]
    fn the_dual_is_legendres_and_the_negative_entropy(seed: u64, k in 1usize..5, d in 1usize..5) {
        let mut rng = rng(seed);
        let [p, q] = [(); 2].map(|()| mixture_of(k, d, &mut rng).to_natural());
        let (eta, dual) = (p.to_mean(), p.to_mean().dual().expect("inside"));
        let base = 0.5 * d as f64 * (2.0 * std::f64::consts::PI).ln();
        let scale = p.log_partition().abs().max(1.0);
        assert_close("mixture", &[p.log_partition() + dual], &[dot(&p.flatten(), &eta.flatten())], 1e-11 * scale);
        assert_close("its entropy", &[p.entropy()], &[base - dual], 1e-11);
        prop_assert!(q.log_partition() + dual >= dot(&q.flatten(), &eta.flatten()) - 1e-9 * scale);
        let one = &p.components()[0];
        let (eta, dual) = (one.to_mean(), one.to_mean().dual().expect("inside"));
        assert_close("normal", &[one.log_partition() + dual], &[dot(&one.flatten(), &eta.flatten())], 1e-11 * scale);
        assert_close("its entropy", &[one.entropy()], &[base - dual], 1e-11);
    }

    #[test]
    fn the_bregman_divergence_is_the_kl(seed: u64, k in 1usize..5, d in 1usize..5) {
        let mut rng = rng(seed);
        let [p, q] = [(); 2].map(|()| mixture_of(k, d, &mut rng));
        let pairs: Vec<f64> = p.components().iter().zip(q.components()).map(|(p, q)| normal_kl(p, q)).collect();
        let joint = |(j, kl): (usize, &f64)| p.weights()[j] * ((p.weights()[j] / q.weights()[j]).ln() + kl);
        let want: f64 = pairs.iter().enumerate().map(joint).sum();
        let [p, q] = [p, q].map(|m| m.to_natural());
        assert_close("normal", &[p.components()[0].kl(&q.components()[0])], &pairs[..1], 1e-9);
        assert_close("mixture, complete data", &[p.kl(&q)], &[want], 1e-9);
        prop_assert!(p.kl(&p).abs() < 1e-9);
    }

    /// Another component becomes the anchor, and every coordinate changes.
    #[test]
    fn the_order_of_components_is_no_part_of_the_density(seed: u64, k in 2usize..6, d in 1usize..5, turn in 1usize..5) {
        let mut rng = rng(seed);
        let mixture = mixture_of(k, d, &mut rng);
        let order: Vec<usize> = (0..k).map(|j| (j + turn) % k).collect();
        let components = order.iter().map(|&j| mixture.components()[j].clone()).collect();
        let turned = MixtureSource::new(order.iter().map(|&j| mixture.weights()[j]).collect(), components).unwrap();
        let [a, b] = [&mixture, &turned].map(|m| MixtureNatural::from_flat(&m.to_natural().flatten(), k, d).unwrap());
        let z = a.sample(&mut rng).0;
        assert_close("ln p(z)", &[a.log_density(&z)], &[b.log_density(&z)], 1e-9);
        let (r, s) = (a.responsibilities(&z), b.responsibilities(&z));
        assert_close("p(j|z)", &order.iter().map(|&j| r[j]).collect::<Vec<_>>(), &s, 1e-9);
        prop_assert!((r.iter().sum::<f64>() - 1.0).abs() < 1e-14);
    }
}

fn normal_at(flat: &[f64]) -> NormalNatural {
    let (eta1, eta2) = flat.split_at(flat.len() / 2);
    NormalNatural::new(eta1.to_vec(), Eta2::new(eta2.to_vec()).expect("η₂ < 0")).expect("finite")
}

/// The uncentred form `θ·s(z) − ψ(θ)` has lost eight digits here.
#[test]
fn a_log_density_keeps_its_digits_far_from_0() {
    for ratio in [1e2, 1e3, 1e4] {
        // A power of two as variance, so that θ is exact; the difference z − μ is.
        let (mean, var, z): (f64, f64, f64) = (0.5 * ratio, 0.25, 0.5 * ratio + 0.7);
        let normal = NormalSource::new(vec![mean], vec![var]).unwrap().to_natural();
        let want = -0.5 * (z - mean).powi(2) / var - 0.5 * (2.0 * std::f64::consts::PI * var).ln();
        assert_close("ln p", &[normal.log_density(&[z])], &[want], 1e-14);
    }
}

#[test]
fn what_is_outside_a_domain_is_refused() {
    let bad = [0.0, -0.0, 1.0, f64::NAN, f64::NEG_INFINITY, -1e-310];
    assert!(bad.iter().all(|&eta2| Eta2::new(vec![-1.0, eta2]).is_none()));
    assert!(Eta2::new(vec![-1e-300, -1e300]).is_some());
    assert!(
        NormalSource::new(vec![0.0], vec![0.0]).is_none() && NormalSource::new(vec![f64::NAN], vec![1.0]).is_none()
    );
    assert!(NormalMean::new(vec![2.0], vec![4.0]).is_none() && NormalMean::new(vec![2.0], vec![4.1]).is_some());
    // The anchor is inside, the second component's η₂ is −0.5 + 0.5.
    assert!(MixtureNatural::from_flat(&[0.0, -0.5, 0.0, 0.5, 0.0], 2, 1).is_none());
    // Weights of sum 1 leave nothing for the anchor.
    assert!(MixtureMean::from_flat(&[0.0, 1.0, 0.0, 1.0, 1.0], 2, 1).is_none());
}

/// z-tests at 4.5 standard errors: a false alarm in 1e5 for each of the 14 means.
#[test]
fn samples_have_the_mean_parameters() {
    let mut rng = rng(7);
    let mixture = mixture_of(3, 2, &mut rng).to_natural();
    let n = 20_000;
    let mut sums = [vec![0.0; 14], vec![0.0; 14]];
    for _ in 0..n {
        let (z, j) = mixture.sample(&mut rng);
        let s = statistics(&z);
        let of = |own: usize| s.iter().map(move |s| if j == own { *s } else { 0.0 }).collect::<Vec<f64>>();
        let row = [s.clone(), of(1), of(2), vec![f64::from(u8::from(j == 1)), f64::from(u8::from(j == 2))]].concat();
        for (i, v) in row.iter().enumerate() {
            sums[0][i] += v / f64::from(n);
            sums[1][i] += v * v / f64::from(n);
        }
    }
    let want = mixture.to_mean().flatten();
    for i in 0..14 {
        let error = ((sums[1][i] - sums[0][i].powi(2)) / f64::from(n)).sqrt();
        assert!((sums[0][i] - want[i]).abs() < 4.5 * error, "statistic {i}: {} for {}", sums[0][i], want[i]);
    }
}
