//! Laws of k-means and of EM for mixtures of normals.

use crate::support::seeds::shifted;
use crate::support::{assert_close, config, f64s, log_mean_exp, normal, rng};
use elbo::models::gmm::{self, Covariance, GaussianMixture, GmmInit};
use elbo::models::kmeans::kmeans;
use elbo::models::mixture::{DiagonalComponents, EStep};
use elbo::models::{
    Array, Degenerate, Estimator, EstimatorOptions, Gmm, GmmOptions, Kmeans, KmeansOptions, NaturalGmmOptions,
    Standardization,
};
use elbo::tensor::{Real, Tensor};
use proptest::prelude::*;
use std::f64::consts::PI;

const KINDS: [Covariance; 4] = [Covariance::Diagonal, Covariance::Full, Covariance::Tied, Covariance::Spherical];

/// Rounding of a mean log-likelihood or a parameter of a fit, relative to 1 and to the number.
const ROUNDING: f64 = if cfg!(feature = "f64") { 1e-11 } else { 2e-5 };

/// `n` rows around `groups` points, `[n, d]`.
fn clumps([n, d]: [usize; 2], groups: usize, spread: f64, seed: u64) -> Tensor {
    let mut rng = rng(seed);
    let (noise, points) = (normal([n, d], &mut rng), normal([groups, d], &mut rng));
    let point = |i: usize| points.as_slice()[i / d % groups * d + i % d];
    Tensor::from_fn([n, d], |i| noise.as_slice()[i] + spread as Real * point(i))
}

/// `k` components of this form, everything else at its default.
fn options(k: usize, covariance: Covariance) -> GmmOptions {
    GmmOptions { k, covariance, seed: 3, ..GmmOptions::default() }
}

/// The mixture that a fit ends in.
fn fitted(x: &Tensor, options: GmmOptions) -> Result<GaussianMixture, Degenerate> {
    Ok(Gmm::new(options).fit(x)?.mixture().expect("a fit is done").clone())
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn em_never_lowers_the_likelihood(
        d in 1usize..6, k in 1usize..6, spread in 0.0f64..4.0, seed in 0u64..1000, random in any::<bool>(),
    ) {
        let x = clumps([300, d], k, spread, seed);
        for kind in KINDS {
            let init = if random { GmmInit::Random } else { GmmInit::Kmeans };
            // What is added to the variances is no part of the likelihood, and neither is the end of a fit.
            let mut gmm =
                Gmm::new(GmmOptions { reg_covar: 0.0, tol: 0.0, max_iter: 30, init, seed, ..options(k, kind) });
            let mut before = f64::NEG_INFINITY;
            loop {
                let iteration = match gmm.iterate(&x) {
                    Ok(iteration) => iteration,
                    Err(Degenerate(why)) => {
                        // Without reg_covar a component may lose its variance.
                        prop_assert!(why.contains("reg_covar"), "{kind:?}: {why}");
                        break;
                    }
                };
                let now = iteration.values[0].1;
                prop_assert!(now >= before - ROUNDING * now.abs().max(1.0), "{kind:?}: {before} to {now}");
                before = now;
                if iteration.done {
                    break;
                }
            }
        }
    }

    #[test]
    fn responsibilities_sum_to_one_and_weigh_the_density(d in 1usize..9, k in 1usize..30, seed in 0u64..1000) {
        let x = clumps([470, d], k, 2.0, seed);
        for kind in KINDS {
            let gmm = Gmm::new(GmmOptions { max_iter: 3, reg_covar: 1e-3, ..options(k, kind) }).fit(&x).unwrap();
            for row in gmm.infer(&x).clusters.chunks_exact(k) {
                let sum: f64 = row.iter().map(|&r| f64::from(r)).sum();
                prop_assert!((sum - 1.0).abs() < 10.0 * f64::from(Real::EPSILON), "{kind:?}: {sum}");
            }
            prop_assert!((gmm.mixture().unwrap().weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    /// ∂/∂θ ln p(x) = E[∂/∂θ ln p(x, j) | x] (Fisher's identity): the right side from the statistics, the left by
    /// differences of the textbook density in f64, in every coordinate of the means and log-variances.
    #[test]
    fn the_gradient_of_the_likelihood_is_that_of_the_expected_complete_likelihood(
        d in 1usize..4, k in 1usize..5, seed in 0u64..1000,
    ) {
        let x = clumps([230, d], k, 2.0, seed);
        let [means, log_variances] = [1, 2].map(|more| f64s(&normal([k, d], &mut rng(seed + more))));
        let components = |means: &[f64], log_variances: &[f64]| DiagonalComponents {
            log_weights: vec![-(k as f64).ln(); k],
            means: means.to_vec(),
            variances: log_variances.iter().map(|v| v.exp()).collect(),
        };
        let statistics = EStep::new().run(&x, &components(&means, &log_variances)).clone();
        let rows = f64s(&x);
        let ln_p = |means: &[f64], log_variances: &[f64]| {
            let density = |row: &[f64], j: usize| {
                let of = |i: usize| {
                    let (var, log_var) = (log_variances[j * d + i].exp(), log_variances[j * d + i]);
                    -0.5 * ((row[i] - means[j * d + i]).powi(2) / var + log_var + (2.0 * PI).ln())
                };
                (0..d).map(of).sum::<f64>()
            };
            let of = |row: &[f64]| log_mean_exp(&(0..k).map(|j| density(row, j)).collect::<Vec<_>>());
            rows.chunks(d).map(of).sum::<f64>() / x.shape().rows() as f64
        };
        // A responsibility may turn within a hundredth of a coordinate: the error is h⁴ times a fifth derivative.
        let slope = |f: &dyn Fn(f64) -> f64| {
            let h = 1e-4;
            (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
        };
        let tolerance = if cfg!(feature = "f64") { 1e-8 } else { 1e-4 };
        let moved = |values: &[f64], at: usize, by: f64| {
            let mut values = values.to_vec();
            values[at] += by;
            values
        };
        for at in 0..k * d {
            let (n, v) = (x.shape().rows() as f64, log_variances[at].exp());
            let count = statistics.counts[at / d];
            // Sums about the mean from those about the centre.
            let offset = statistics.centres[at] - means[at];
            let first = statistics.first[at] + count * offset;
            let second = statistics.second[at] + offset * (2.0 * statistics.first[at] + count * offset);
            let by_mean = slope(&|h| ln_p(&moved(&means, at, h), &log_variances));
            let by_scale = slope(&|h| ln_p(&means, &moved(&log_variances, at, h)));
            let (mean, scale) = (first / v / n, 0.5 * (second / v - count) / n);
            prop_assert!((by_mean - mean).abs() < tolerance * (1.0 + mean.abs()), "mean: {by_mean} {mean}");
            prop_assert!((by_scale - scale).abs() < tolerance * (1.0 + scale.abs()), "scale: {by_scale} {scale}");
        }
    }

    /// The components of a start in another order are those of the result in that order.
    #[test]
    fn em_does_not_know_the_order_of_components(seed in 0u64..1000) {
        let (k, d) = (4, 3);
        let x = clumps([400, d], k, 3.0, seed);
        for kind in KINDS {
            let start = fitted(&x, GmmOptions { max_iter: 1, ..options(k, kind) }).unwrap();
            let size = start.covariances.len() / k;
            let turned = |values: &[f64], size: usize| [&values[size..], &values[..size]].concat();
            let tied = kind == Covariance::Tied;
            let turn = |m: &GaussianMixture| GaussianMixture {
                covariance: kind,
                weights: turned(&m.weights, 1),
                means: turned(&m.means, d),
                covariances: if tied { m.covariances.clone() } else { turned(&m.covariances, size) },
            };
            let step = |start: GaussianMixture| {
                let mut gmm = Gmm::new(options(k, kind)).starting_from(start);
                for _ in 0..3 {
                    gmm.iterate(&x).unwrap();
                }
                gmm.mixture().unwrap().clone()
            };
            let (a, b) = (turn(&step(start.clone())), step(turn(&start)));
            assert_close("weights", &a.weights, &b.weights, 10.0 * ROUNDING);
            assert_close("means", &a.means, &b.means, 10.0 * ROUNDING);
            assert_close("covariances", &a.covariances, &b.covariances, 10.0 * ROUNDING);
        }
    }

    #[test]
    fn every_row_twice_is_the_same_fit(seed in 0u64..1000) {
        let (k, d) = (3, 2);
        let x = clumps([211, d], k, 4.0, seed);
        let twice = Tensor::from_fn([422, d], |i| x.as_slice()[i % x.len()]);
        for kind in KINDS {
            let start = fitted(&x, GmmOptions { max_iter: 1, ..options(k, kind) }).unwrap();
            let fit = |x: &Tensor| {
                let gmm = Gmm::new(GmmOptions { tol: 0.0, max_iter: 5, ..options(k, kind) });
                gmm.starting_from(start.clone()).fit(x).unwrap().mixture().unwrap().clone()
            };
            let (once, twice) = (fit(&x), fit(&twice));
            assert_close("weights", &once.weights, &twice.weights, 10.0 * ROUNDING);
            assert_close("means", &once.means, &twice.means, 10.0 * ROUNDING);
            assert_close("covariances", &once.covariances, &twice.covariances, 10.0 * ROUNDING);
        }
    }

    /// One component has the rows' mean and covariance, and their variance where it has less room.
    #[test]
    fn one_component_is_the_sample_moments(d in 1usize..6, seed in 0u64..1000) {
        let x = clumps([157, d], 3, 2.0, seed);
        let values = f64s(&x);
        let mean = |i: usize| values.iter().skip(i).step_by(d).sum::<f64>() / 157.0;
        let covariance = |i: usize, j: usize| {
            values.chunks_exact(d).map(|row| (row[i] - mean(i)) * (row[j] - mean(j))).sum::<f64>() / 157.0
        };
        let matrix: Vec<f64> = (0..d * d).map(|at| covariance(at / d, at % d)).collect();
        let variances: Vec<f64> = (0..d).map(|i| matrix[i * d + i]).collect();
        for kind in KINDS {
            let options = GmmOptions { reg_covar: 0.0, max_iter: 2, tol: 0.0, ..options(1, kind) };
            let fit = fitted(&x, options).unwrap();
            let want = match kind {
                Covariance::Diagonal => variances.clone(),
                Covariance::Spherical => vec![variances.iter().sum::<f64>() / d as f64],
                Covariance::Full | Covariance::Tied => matrix.clone(),
            };
            assert_close("means", &fit.means, &(0..d).map(mean).collect::<Vec<_>>(), ROUNDING);
            assert_close("covariances", &fit.covariances, &want, ROUNDING);
        }
    }

    /// Standardised rows do not know where their origin was or the unit of a dimension: powers of two as units and
    /// whole numbers as shifts change the standardised rows by rounding alone.
    #[test]
    fn assignments_of_standardised_rows_do_not_depend_on_origin_and_units(seed in 0u64..1000) {
        let (n, k, d) = (200, 3, 4);
        let x = clumps([n, d], k, 8.0, seed);
        let moved = Tensor::from_fn([n, d], |i| {
            let unit = [0.5, 4.0, 64.0, 0.125][i % d];
            (x.as_slice()[i] + [3.0, -7.0, 2.0, 10.0][i % d]) * unit
        });
        for kind in KINDS {
            let clusters = |x: &Tensor| {
                let x = standardised(x);
                Gmm::new(options(k, kind)).fit(&x).unwrap().predict(&x)
            };
            prop_assert_eq!(clusters(&x), clusters(&moved));
        }
        let options = KmeansOptions { k, seed: 1, ..KmeansOptions::default() };
        let labels = |x: &Tensor| kmeans(&standardised(x), &options).unwrap().labels;
        prop_assert_eq!(labels(&x), labels(&moved));
    }
}

/// Mean 0 and standard deviation 1 in each dimension.
fn standardised(x: &Tensor) -> Tensor {
    Standardization::of(x).apply(x)
}

/// Bits of a whole fit on a number of threads.
fn bits(threads: usize, options: &dyn EstimatorOptions) -> Vec<Vec<u64>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let x = clumps([9001, 7], 6, 2.0, 8);
    pool.install(|| {
        let estimator = options.fit(&x).unwrap();
        let of = |array: Array| array.values.into_iter().map(f64::to_bits).collect();
        let inferred = estimator.infer(&x);
        let densities = inferred.log_density.iter().map(|v| v.to_bits()).collect();
        let clusters = inferred.clusters.iter().map(|&v| f64::from(v).to_bits()).collect();
        estimator.state().into_iter().map(of).chain([densities, clusters]).collect()
    })
}

#[test]
fn fits_have_the_same_bits_at_any_number_of_threads() {
    let check = |options: &dyn EstimatorOptions| {
        let one = bits(1, options);
        assert!(one == bits(2, options), "{options:?}: two threads differ from one");
        assert!(one == bits(3, options), "{options:?}: three threads differ from one");
    };
    for covariance in KINDS {
        check(&GmmOptions { covariance, seed: 5, ..GmmOptions::default() });
    }
    check(&KmeansOptions { seed: 5, ..KmeansOptions::default() });
    // Full batch, and batches above and below the block of rows that a thread takes.
    for batch in [0, 4000, 700] {
        let small = NaturalGmmOptions { k: 6, seed: 5, max_iter: 3, batch_steps: 50, ..NaturalGmmOptions::default() };
        check(&NaturalGmmOptions { batch, ..small });
    }
}

/// A row has the cluster that it has among others, alone and far from all rows as well.
#[test]
fn the_nearest_centre_of_a_row_does_not_depend_on_the_rows_beside_it() {
    let x = clumps([200, 3], 5, 20.0, 3);
    let kmeans = Kmeans::new(KmeansOptions { k: 5, seed: 5, ..KmeansOptions::default() }).fit(&x).unwrap();
    let together = kmeans.infer(&x).clusters;
    for (row, cluster) in x.as_slice().chunks_exact(3).zip(together.chunks_exact(5)) {
        assert_eq!(kmeans.infer(&Tensor::from_slice([1, 3], row)).clusters, cluster);
        assert_eq!(kmeans.infer(&Tensor::from_slice([2, 3], &[row, row].concat())).clusters[..5], *cluster);
    }
}

#[test]
fn a_fit_goes_on_from_its_state_to_the_same_bits() {
    let x = clumps([700, 3], 4, 2.0, 1);
    for kind in KINDS {
        let options = GmmOptions { n_init: 2, max_iter: 5, init: GmmInit::Random, seed: 6, ..options(4, kind) };
        let mut whole = options.build(3);
        loop {
            let mut broken = options.build(3);
            broken.restore(&whole.state()).unwrap();
            let (a, b) = (whole.iterate(&x).unwrap(), broken.iterate(&x).unwrap());
            assert!(a == b && whole.state() == broken.state(), "{kind:?}");
            if a.done {
                break;
            }
        }
    }
}

/// Moments of draws against the mixture's own, at 5 standard errors of each of 15 numbers: a false alarm in about 1 of
/// 100,000 seeds.
#[test]
fn draws_have_the_moments_of_the_mixture() {
    let x = clumps([500, 2], 3, 3.0, 2);
    for kind in KINDS {
        let mixture = fitted(&x, options(3, kind)).unwrap();
        let draws = mixture.sample(40_000, &mut rng(shifted(7)));
        let single = GmmOptions { max_iter: 2, tol: 0.0, ..options(1, Covariance::Full) };
        let (again, one) = (fitted(&draws, single.clone()).unwrap(), fitted(&x, single).unwrap());
        // At an optimum the mixture's mean is the rows', and its covariance too where the form has room for it.
        let error = |variance: f64| 5.0 * (variance / 40_000.0).sqrt();
        for i in 0..2 {
            let variance = one.covariances[3 * i];
            assert!((again.means[i] - one.means[i]).abs() < error(variance) + 1e-2, "{kind:?}: mean {i}");
            if matches!(kind, Covariance::Full | Covariance::Tied) {
                let off = (again.covariances[3 * i] - variance).abs();
                assert!(off < error(3.0 * variance * variance) + 2e-2 * variance, "{kind:?}: variance {i}: {off}");
            }
        }
    }
}

/// Each ends in a mixture with a finite likelihood, or in one line that says why not.
#[test]
fn hostile_rows_end_in_a_result_or_a_refusal() {
    let noise = normal([60, 3], &mut rng(1));
    let with = |f: &dyn Fn(usize, Real) -> Real| Tensor::from_fn([60, 3], |i| f(i, noise.as_slice()[i]));
    let sets = [
        ("duplicates", with(&|i, _| (i / 3 % 4) as Real)),
        ("constant column", with(&|i, x| if i % 3 == 1 { 7.0 } else { x })),
        ("outlier", with(&|i, x| if i == 9 { 1e15 } else { x })),
        ("tiny", with(&|_, x| x * 1e-30)),
        ("huge", with(&|_, x| x * 1e30)),
        ("all equal", with(&|_, _| 3.0)),
    ];
    for (name, x) in &sets {
        for kind in KINDS {
            for k in [1, 3, 10, 60] {
                for reg_covar in [0.0, 1e-6] {
                    for init in [GmmInit::Kmeans, GmmInit::Random] {
                        let options = GmmOptions { reg_covar, init, max_iter: 20, ..options(k, kind) };
                        let what = format!("{name}, {kind:?}, k = {k}, reg_covar = {reg_covar}, {init:?}");
                        match fitted(x, options) {
                            Ok(mixture) => assert_finite(&what, x, &mixture),
                            Err(Degenerate(why)) => assert!(why.contains("reg_covar"), "{what}: {why}"),
                        }
                    }
                }
            }
        }
    }
    // Where the rows allow a fit there is one.
    for at in [0, 1, 2, 3, 5] {
        let fit = fitted(&sets[at].1, options(3, Covariance::Diagonal));
        assert!(fit.is_ok(), "{}: {fit:?}", sets[at].0);
    }
}

#[track_caller]
fn assert_finite(what: &str, x: &Tensor, mixture: &GaussianMixture) {
    let parameters = [&mixture.weights, &mixture.means, &mixture.covariances];
    assert!(parameters.iter().all(|values| values.iter().all(|v| v.is_finite())), "{what}: {mixture:?}");
    match gmm::posterior(x, mixture) {
        Ok(posterior) => {
            assert!(posterior.log_density.iter().all(|v| v.is_finite()), "{what}: {:?}", posterior.log_density);
            assert!(posterior.responsibilities.iter().all(|r| (0.0..=1.0).contains(r)), "{what}");
        }
        Err(Degenerate(why)) => assert!(why.contains("reg_covar"), "{what}: {why}"),
    }
}

#[test]
fn fewer_rows_than_components_are_refused() {
    let one = Tensor::full([1, 3], 2.0);
    let refusal = fitted(&one, options(2, Covariance::Diagonal)).unwrap_err();
    assert_eq!(refusal, Degenerate("2 components need as many rows, but there are 1".into()));
    for kind in KINDS {
        let gmm = Gmm::new(options(1, kind)).fit(&one).unwrap();
        assert_close("mean", &gmm.mixture().unwrap().means, &[2.0; 3], ROUNDING);
        assert!(gmm.score(&one).is_some_and(f64::is_finite));
    }
}

/// An outlier takes a component and leaves the others the digits of their log-densities.
#[test]
fn an_outlier_leaves_the_other_components() {
    let x = clumps([400, 2], 2, 20.0, 5);
    let with = Tensor::from_fn([401, 2], |i| if i >= 800 { 1e15 } else { x.as_slice()[i] });
    let two = Gmm::new(options(2, Covariance::Diagonal)).fit(&x).unwrap();
    let three = Gmm::new(options(3, Covariance::Diagonal)).fit(&with).unwrap();
    let (a, b) = (two.predict(&x), three.predict(&with));
    assert!((0..400).all(|i| (a[i] == a[0]) == (b[i] == b[0])), "{a:?} {b:?}");
    assert!(b[..400].iter().all(|&j| j != b[400]));
    let expected = two.score(&x).unwrap() + (400.0_f64 / 401.0).ln();
    let found = three.infer(&with).log_density[..400].iter().sum::<f64>() / 400.0;
    assert!((found - expected).abs() < 1e-4, "{found} {expected}");
}
