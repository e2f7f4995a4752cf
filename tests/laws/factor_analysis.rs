//! Laws of factor analysis, of its harmonium coordinates, and its agreement with scikit-learn.

use std::sync::LazyLock;

use crate::support::dense::{
    self, Matrix, apply, diagonal, dot, identity, inverse, normal_log_prob, product, square, sum, transpose,
};
use crate::support::estimators::{factor_rows, sample_moments, value};
use crate::support::seeds::shifted;
use crate::support::{assert_close, config, f64s, normal, rng, tensor, uniform};
use elbo::models::{
    Estimator, EstimatorOptions, FactorAnalysis, FactorAnalysisOptions, FactorSolver, GradientFactorAnalysis,
    Harmonium, LinearGaussian,
};
use elbo::tensor::linalg::Moments;
use elbo::tensor::{Real, Tensor};
use proptest::prelude::*;
use serde_json::Value as Json;

static REFERENCE: LazyLock<Json> =
    LazyLock::new(|| serde_json::from_str(include_str!("../reference/factors.json")).expect("the file is JSON"));

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().expect("a list").iter().map(|value| value.as_f64().expect("a number")).collect()
}

fn options(latents: usize, seed: u64) -> FactorAnalysisOptions {
    FactorAnalysisOptions { latents, seed, ..FactorAnalysisOptions::default() }
}

/// A fit of EM with so small a floor that it does not hold, until it gains nothing.
fn converged(latents: usize, x: &Tensor) -> FactorAnalysis {
    let options = FactorAnalysisOptions { floor: 1e-12, max_iter: 100_000, tol: 1e-13, ..options(latents, 1) };
    FactorAnalysis::new(options).fit(x).expect("rows that can be fitted")
}

/// The model in the coordinates of the fit.
fn fitted_model(estimator: &dyn Estimator) -> LinearGaussian {
    LinearGaussian::from_state(&estimator.state()).expect("a fitted model")
}

fn random_model(d: usize, l: usize, seed: u64) -> LinearGaussian {
    let mut rng = rng(seed);
    LinearGaussian {
        mean: f64s(&normal([d], &mut rng)),
        loadings: f64s(&normal([d, l], &mut rng)),
        noise: f64s(&uniform([d], [0.1, 2.0], &mut rng)),
    }
}

/// `W Wᵀ + Ψ`
fn covariance(model: &LinearGaussian) -> Matrix {
    sum(&square(&dense::matrix(&model.loadings, model.latents())), &diagonal(&model.noise))
}

/// `Wᵀ Ψ⁻¹ W`
fn information(model: &LinearGaussian) -> Matrix {
    let loadings = dense::matrix(&model.loadings, model.latents());
    let precision: Vec<f64> = model.noise.iter().map(|psi| 1.0 / psi).collect();
    product(&product(&transpose(&loadings), &diagonal(&precision)), &loadings)
}

fn reals(values: &[Real]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

#[test]
fn the_likelihood_is_not_below_scikit_learns() {
    let mut compared = 0;
    for set in REFERENCE["sets"].as_array().expect("a list") {
        let (rows, width) = (numbers(&set["rows"]), set["width"].as_u64().expect("a width") as usize);
        let x = tensor([rows.len() / width, width], &rows);
        for case in set["factors"].as_array().expect("a list") {
            let latents = case["latents"].as_u64().expect("a number") as usize;
            let theirs = case["log_likelihood"].as_f64().expect("a number");
            let estimator = converged(latents, &x);
            let ours = estimator.score(&x).expect("a density");
            let name = format!("{}, {latents} latents: {ours} and {theirs}", set["name"]);
            assert!(ours >= theirs - 1e-9 * theirs.abs(), "{name}");
            assert!(ours <= theirs + 1e-6 * theirs.abs(), "{name}: another optimum");
            let noise = fitted_model(&estimator).noise;
            assert_close(&name, &noise, &numbers(&case["noise"]), 1e-3);
            compared += 1;
        }
    }
    assert_eq!(compared, 8);
}

proptest! {
    #![proptest_config(config(48))]

    /// With and without a floor that holds. Where the likelihood stands still, rounding may move it: its terms are of
    /// the size of a column's variance over its noise, at most 1e8.
    #[test]
    fn em_never_lowers_the_likelihood(
        n in 1usize..60, d in 1usize..7, l in 1usize..8, floor in prop::sample::select(vec![1e-9, 0.1, 2.0]),
        seed in 0u64..1000,
    ) {
        let x = factor_rows(n, d, 2, &mut rng(seed));
        let mut estimator = FactorAnalysis::new(FactorAnalysisOptions { floor, tol: 0.0, ..options(l, seed) });
        let mut before = f64::NEG_INFINITY;
        for _ in 0..40 {
            let after = value(&estimator.iterate(&x).expect("a fit"), "log_likelihood");
            prop_assert!(after >= before - 1e-6, "{after} after {before}");
            before = after;
            prop_assert!(fitted_model(&estimator).noise.iter().all(|&psi| psi >= floor));
        }
    }

    /// `E[z|x] = Wᵀ (W Wᵀ + Ψ)⁻¹ (x − μ)` and `ln N(x; μ, W Wᵀ + Ψ)`, both with the d by d matrix written out.
    #[test]
    fn posterior_mean_and_density_are_the_dense_ones(d in 1usize..7, l in 1usize..9, seed in 0u64..1000) {
        let model = random_model(d, l, seed);
        let x = normal([5, d], &mut rng(seed + 1));
        let inferred = model.infer(&x);
        let sigma = covariance(&model);
        let gain = product(&transpose(&dense::matrix(&model.loadings, l)), &inverse(&sigma).0);
        let (mut means, mut densities) = (Vec::new(), Vec::new());
        for row in dense::matrix(&f64s(&x), d) {
            let centred: Vec<f64> = row.iter().zip(&model.mean).map(|(x, mu)| x - mu).collect();
            means.extend(apply(&gain, &centred));
            densities.push(normal_log_prob(&row, &model.mean, &sigma));
        }
        assert_close("density", &inferred.log_density, &densities, 1e-11);
        assert_close("mean", &reals(&inferred.latents), &means, if cfg!(feature = "f64") { 1e-11 } else { 1e-5 });
        let mean = densities.iter().sum::<f64>() / 5.0;
        assert_close("likelihood", &[model.log_likelihood(&Moments::of(&x))], &[mean], 1e-11);
    }

    /// The same density, whatever the rotation before; diagonal and descending information.
    #[test]
    fn the_canonical_rotation_leaves_the_density_and_diagonalises(d in 1usize..7, l in 1usize..6, seed in 0u64..1000) {
        let model = random_model(d, l, seed);
        let canonical = model.canonical();
        let x = normal([4, d], &mut rng(seed + 1));
        assert_close("density", &canonical.infer(&x).log_density, &model.infer(&x).log_density, 1e-11);
        let information = information(&canonical);
        let size = information[0][0];
        for i in 0..l {
            for j in 0..i {
                prop_assert!(information[i][j].abs() < 1e-12 * size.max(1.0), "{information:?}");
            }
            prop_assert!(i == 0 || information[i][i] <= information[i - 1][i - 1] + 1e-12 * size);
        }
        // A rank below l leaves directions without any loading, which no rotation orders.
        if l <= d {
            let reflected = {
                let v = f64s(&normal([l], &mut rng(seed + 2)));
                let reflection = |i: usize, j: usize| f64::from(u8::from(i == j)) - 2.0 * v[i] * v[j] / dot(&v, &v);
                let matrix: Matrix = (0..l).map(|i| (0..l).map(|j| reflection(i, j)).collect()).collect();
                LinearGaussian { loadings: product(&dense::matrix(&model.loadings, l), &matrix).concat(), ..model }
            };
            assert_close("loadings", &reflected.canonical().loadings, &canonical.loadings, 1e-8);
        }
    }

    /// `p(x) ∝ exp(nᵀx + hᵀx²) ∫ exp((q + Θᵀx)ᵀz − ½ zᵀPz) dz`: differences of its logarithm between rows, for both
    /// forms.
    #[test]
    fn the_harmoniums_density_is_that_of_its_model(
        d in 1usize..5, l in 1usize..4, conjugated: bool, seed in 0u64..1000,
    ) {
        let source = random_model(d, l, seed);
        let noise = diagonal(&source.noise);
        let linear: Vec<f64> = source.mean.iter().zip(&source.noise).map(|(mu, psi)| mu / psi).collect();
        let quadratic: Vec<f64> = source.noise.iter().map(|psi| -0.5 / psi).collect();
        // Small enough that I − ΘᵀΨΘ is positive definite.
        let interaction: Vec<f64> = source.loadings.iter().map(|w| 0.1 * w).collect();
        let theta = dense::matrix(&interaction, l);
        let conjugation = product(&product(&transpose(&theta), &noise), &theta);
        let (q, precision) = if conjugated {
            (apply(&transpose(&theta), &source.mean).iter().map(|v| -v).collect(), sum(&identity(l), &conjugation))
        } else {
            (vec![0.0; l], identity(l))
        };
        let unnormalised = |x: &[f64]| {
            let own: f64 = (0..d).map(|j| linear[j] * x[j] + quadratic[j] * x[j] * x[j]).sum();
            let field: Vec<f64> = apply(&transpose(&theta), x).iter().zip(&q).map(|(t, q)| t + q).collect();
            own + 0.5 * dot(&field, &apply(&inverse(&precision).0, &field))
        };
        let x = normal([6, d], &mut rng(seed + 1));
        let model = Harmonium::new(&linear, &quadratic, &interaction, conjugated).model().expect("a proper prior");
        let direct = model.infer(&x).log_density;
        let rows = dense::matrix(&f64s(&x), d);
        let differences = |of: &dyn Fn(usize) -> f64| (1..6).map(|i| of(i) - of(0)).collect::<Vec<_>>();
        assert_close("density", &differences(&|i| direct[i]), &differences(&|i| unnormalised(&rows[i])), 1e-11);
    }
}

/// `W ← C Bᵀ (M⁻¹ + B C Bᵀ)⁻¹`, `Ψ ← diag(C − W B C)` with `B = M⁻¹ Wᵀ Ψ⁻¹`, written out; and as many steps as asked
/// for.
#[test]
fn an_iteration_is_the_textbooks() {
    let x = factor_rows(80, 7, 3, &mut rng(10));
    let (_, c) = sample_moments(&x);
    let mut estimator = FactorAnalysis::new(FactorAnalysisOptions { max_iter: 3, ..options(3, 2) });
    assert!(!estimator.iterate(&x).expect("a fit").done);
    let before = fitted_model(&estimator);
    assert!(!estimator.iterate(&x).expect("a fit").done);
    let after = fitted_model(&estimator);
    assert!(estimator.iterate(&x).expect("a fit").done);

    let (posterior, _) = inverse(&sum(&identity(3), &information(&before)));
    let scaled: Vec<f64> = before.loadings.iter().enumerate().map(|(i, w)| w / before.noise[i / 3]).collect();
    let b = product(&posterior, &transpose(&dense::matrix(&scaled, 3)));
    let cross = product(&c, &transpose(&b));
    let loadings = product(&cross, &inverse(&sum(&posterior, &product(&b, &cross))).0);
    let explained = product(&loadings, &transpose(&cross));
    let noise: Vec<f64> = (0..7).map(|i| c[i][i] - explained[i][i]).collect();
    assert_close("loadings", &after.loadings, &loadings.concat(), 1e-12);
    assert_close("noise", &after.noise, &noise, 1e-12);
}

/// At the optimum `E[z zᵀ] = I`, so that the posterior means have variance `I − M⁻¹`, which in canonical coordinates is
/// diagonal.
#[test]
fn posterior_means_have_at_most_variance_1() {
    let x = factor_rows(500, 8, 3, &mut rng(3));
    let estimator = converged(3, &x);
    let latents = Tensor::from_slice([500, 3], &estimator.infer(&x).latents);
    let (mean, variance) = sample_moments(&latents);
    let information = information(&fitted_model(&estimator).canonical());
    for i in 0..3 {
        let expected = information[i][i] / (1.0 + information[i][i]);
        assert!(variance[i][i] <= 1.0 && (variance[i][i] - expected).abs() < 1e-4, "{variance:?}");
        assert!(mean[i].abs() < 1e-5);
        assert!((0..i).all(|j| variance[i][j].abs() < 1e-4), "{variance:?}");
    }
}

/// Factor analysis does not depend on the units of the columns: loadings scale with them and the density shifts.
#[test]
fn the_fit_follows_the_units_of_the_columns() {
    let x = factor_rows(200, 4, 1, &mut rng(4));
    let units = [1.0, 1024.0, 0.125, 2.0];
    let scaled = Tensor::from_fn([200, 4], |i| x.as_slice()[i] * units[i % 4] as Real);
    let run = |x: &Tensor| {
        let mut estimator = FactorAnalysis::new(FactorAnalysisOptions { floor: 1e-12, ..options(1, 9) });
        (0..20).for_each(|_| drop(estimator.iterate(x).expect("a fit")));
        (fitted_model(&estimator), estimator.infer(x).log_density)
    };
    let ((plain, density), (other, shifted)) = (run(&x), run(&scaled));
    let expected: Vec<f64> = plain.loadings.iter().zip(units).map(|(w, unit)| w * unit).collect();
    assert_close("loadings", &other.loadings, &expected, 1e-9);
    let shift: f64 = units.iter().map(|unit| unit.ln()).sum();
    assert_close("density", &shifted, &density.iter().map(|value| value - shift).collect::<Vec<_>>(), 1e-9);
}

/// Both forms of the harmonium are the same family of distributions of x, so that all three optima agree. Without the
/// correction the posterior has variance 1, and the posterior means have not at most that but `Wᵀ Ψ⁻¹ W`.
#[test]
fn the_gradient_route_reaches_the_likelihood_of_em() {
    let x = factor_rows(300, 6, 2, &mut rng(5));
    let optimum = converged(2, &x).score(&x).expect("a density");
    for conjugation in [true, false] {
        let options = FactorAnalysisOptions {
            conjugation,
            max_iter: 1000,
            batch_steps: 100,
            lr: 3e-3,
            weight_decay: 0.0,
            l2_reg: 0.0,
            epoch_reset: false,
            ..options(2, 1)
        };
        let gradient = GradientFactorAnalysis::new(options).fit(&x).expect("rows that can be fitted");
        let reached = gradient.score(&x).expect("a density");
        assert!(reached <= optimum + 1e-9 && reached > optimum - 1e-3, "{reached} of {optimum}");
        if !conjugation {
            let (_, variance) = sample_moments(&Tensor::from_slice([300, 2], &gradient.infer(&x).latents));
            let own =
                Harmonium::from_state(&gradient.state(), false).and_then(|own| own.model()).expect("a proper prior");
            let information = information(&own);
            let trace = |matrix: &Matrix| matrix[0][0] + matrix[1][1];
            assert!((trace(&variance) / trace(&information) - 1.0).abs() < 0.05, "{variance:?} and {information:?}");
        }
    }
}

/// From a state the fit goes on to the same bits, on one thread or three.
#[test]
fn a_restored_fit_goes_on_to_the_same_bits() {
    let x = factor_rows(700, 9, 2, &mut rng(6));
    for solver in [FactorSolver::Em, FactorSolver::Gradient] {
        let new = || FactorAnalysisOptions { solver, batch_steps: 20, ..options(2, 1) }.build(9);
        let mut whole = new();
        (0..3).for_each(|_| drop(whole.iterate(&x).expect("a fit")));
        let state = whole.state();
        let last = whole.iterate(&x).expect("a fit");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("a pool");
        let mut restored = new();
        restored.restore(&state).expect("the estimator's own state");
        assert_eq!(pool.install(|| restored.iterate(&x)).expect("a fit"), last);
        assert_eq!(restored.state(), whole.state());
        assert_eq!(pool.install(|| restored.infer(&x)), whole.infer(&x));
        assert!(new().restore(&state[1..]).is_err());
        assert!(new().restore(&[]).is_ok());
    }
}

/// Mean and covariance of 40,000 draws, each within 5 standard errors: false alarms 1e-5 over all entries.
#[test]
fn draws_have_the_models_moments() {
    let model = random_model(4, 2, 7);
    let (mean, found) = sample_moments(&model.sample(40_000, &mut rng(shifted(8))));
    let sigma = covariance(&model);
    for i in 0..4 {
        assert!((mean[i] - model.mean[i]).abs() < 5.0 * (sigma[i][i] / 4e4).sqrt());
        for j in 0..4 {
            let error = ((sigma[i][i] * sigma[j][j] + sigma[i][j].powi(2)) / 4e4).sqrt();
            assert!((found[i][j] - sigma[i][j]).abs() < 5.0 * error, "{found:?} and {sigma:?}");
        }
    }
}

/// Every answer is finite, or the fit says in one line why there is none.
#[test]
fn hostile_rows_end_in_a_defined_result() {
    let plain = f64s(&factor_rows(30, 4, 2, &mut rng(9)));
    let changed = |change: &dyn Fn(usize, f64) -> f64| -> Tensor {
        tensor([30, 4], &plain.iter().enumerate().map(|(i, &x)| change(i, x)).collect::<Vec<_>>())
    };
    let sets = [
        ("one row", tensor([1, 4], &plain[..4])),
        ("two rows", tensor([2, 4], &plain[..8])),
        ("all equal", changed(&|_, _| 3.0)),
        ("a constant column", changed(&|i, x| if i % 4 == 2 { 7.0 } else { x })),
        ("two equal columns", changed(&|i, x| if i % 4 == 3 { plain[i - 1] } else { x })),
        ("small", changed(&|_, x| x * 1e-30)),
        ("large", changed(&|_, x| x * 1e30)),
        ("mixed scales", changed(&|i, x| x * [1e-30, 1.0, 1e30, 1e-5][i % 4])),
        ("an outlier", changed(&|i, x| if i == 5 { 1e15 } else { x })),
    ];
    for (name, x) in &sets {
        for latents in [1, 3, 4, 9] {
            for solver in [FactorSolver::Em, FactorSolver::Gradient] {
                let options = FactorAnalysisOptions { solver, max_iter: 200, batch_steps: 3, ..options(latents, 1) };
                let mut estimator = options.build(4);
                let what = format!("{name}, {latents} latents, {solver:?}");
                for _ in 0..200 {
                    match estimator.iterate(x) {
                        Ok(iteration) => {
                            let finite = iteration.values.iter().all(|(_, value)| value.is_finite());
                            assert!(finite, "{what}: {iteration:?}");
                        }
                        Err(degenerate) => {
                            assert!(
                                !degenerate.0.contains('\n') && solver == FactorSolver::Gradient,
                                "{what}: {degenerate:?}"
                            );
                            break;
                        }
                    }
                }
                let inferred = estimator.infer(x);
                assert!(inferred.log_density.iter().all(|value| value.is_finite()), "{what}: {inferred:?}");
                assert!(inferred.latents.iter().all(|value| value.is_finite()), "{what}: {inferred:?}");
            }
        }
    }
}
