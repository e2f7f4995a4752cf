//! Laws of PCA and of its density, and its agreement with scikit-learn.

use std::sync::LazyLock;

use crate::support::dense::{self, Matrix, diagonal, normal_log_prob, product, sum, transpose};
use crate::support::estimators::{factor_rows, sample_moments, value};
use crate::support::{assert_close, f64s, rng, tensor};
use elbo::models::{Estimator, EstimatorOptions, Pca, PcaOptions};
use elbo::tensor::{Real, Tensor};
use serde_json::Value as Json;

static REFERENCE: LazyLock<Json> =
    LazyLock::new(|| serde_json::from_str(include_str!("../reference/factors.json")).expect("the file is JSON"));

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().expect("a list").iter().map(|value| value.as_f64().expect("a number")).collect()
}

/// A PCA before its fit, which is one iteration.
fn pca(latents: usize, whiten: bool) -> Pca {
    Pca::new(PcaOptions { latents, whiten, seed: 1 })
}

#[track_caller]
fn array(pca: &Pca, name: &str) -> Vec<f64> {
    pca.state().into_iter().find(|array| array.name == name).expect("an array of the state").values
}

/// scikit-learn divides by n − 1, which scales every variance by n/(n − 1) and leaves the components; its density is
/// then not the most likely one.
#[test]
fn components_and_variances_are_scikit_learns() {
    let mut compared = 0;
    for set in REFERENCE["sets"].as_array().expect("a list") {
        let (rows, width) = (numbers(&set["rows"]), set["width"].as_u64().expect("a width") as usize);
        let n = rows.len() / width;
        let x = tensor([n, width], &rows);
        let unbiased = n as f64 / (n - 1) as f64;
        for case in set["components"].as_array().expect("a list") {
            let latents = case["latents"].as_u64().expect("a number") as usize;
            let pca = pca(latents, false).fit(&x).expect("a fit");
            let name = format!("{}, {latents} components", set["name"]);
            assert_close(&name, &array(&pca, "components"), &numbers(&case["components"]), 1e-8);
            let ours: Vec<f64> = array(&pca, "explained_variance").iter().map(|v| v * unbiased).collect();
            let theirs = numbers(&case["explained_variance"]);
            assert!(ours.iter().zip(&theirs).all(|(a, b)| (a / b - 1.0).abs() < 1e-8), "{name}: {ours:?}");
            let noise =
                array(&pca, "noise_variance")[0] * unbiased / case["noise_variance"].as_f64().expect("a number");
            assert!((noise - 1.0).abs() < 1e-8, "{name}: {noise}");
            let theirs = case["log_likelihood"].as_f64().expect("a number");
            let ours = pca.score(&x).expect("a density");
            assert!(ours >= theirs && ours < theirs + 1.0 / n as f64, "{name}: {ours} and {theirs}");
            compared += 1;
        }
    }
    assert_eq!(compared, 10);
}

/// `ln N(x; μ, Uᵀ diag(Λ − σ²) U + σ² I)` with the matrix written out; its mean is the likelihood that the fit reports.
#[test]
fn the_density_is_the_dense_one() {
    let x = factor_rows(60, 5, 2, &mut rng(1));
    for latents in 1..5 {
        let mut pca = pca(latents, false);
        let iteration = pca.iterate(&x).expect("a fit");
        let components: Matrix = dense::matrix(&array(&pca, "components"), 5);
        let noise = array(&pca, "noise_variance")[0];
        let gains: Vec<f64> = array(&pca, "explained_variance").iter().map(|variance| variance - noise).collect();
        let inside = product(&product(&transpose(&components), &diagonal(&gains)), &components);
        let sigma = sum(&inside, &diagonal(&[noise; 5]));
        let mean = array(&pca, "mean");
        let rows = dense::matrix(&f64s(&x), 5);
        let densities: Vec<f64> = rows.iter().map(|row| normal_log_prob(row, &mean, &sigma)).collect();
        let found = pca.infer(&x).log_density;
        assert_close("density", &found, &densities, 1e-10);
        let average = found.iter().sum::<f64>() / 60.0;
        assert_close("likelihood", &[value(&iteration, "log_likelihood")], &[average], 1e-10);
    }
}

/// The scores are uncorrelated, with the explained variances, or with variance 1 if whitened.
#[test]
fn scores_are_uncorrelated() {
    let x = factor_rows(200, 6, 2, &mut rng(2));
    for whiten in [false, true] {
        let pca = pca(3, whiten).fit(&x).expect("a fit");
        let (mean, variance) = sample_moments(&Tensor::from_slice([200, 3], &pca.infer(&x).latents));
        let expected = if whiten { vec![1.0; 3] } else { array(&pca, "explained_variance") };
        assert_close("mean", &mean, &[0.0; 3], 1e-5);
        assert_close("variance", &variance.concat(), &diagonal(&expected).concat(), 1e-5);
    }
}

/// Rows that are there twice have the same covariance, and are as many as the columns.
#[test]
fn fewer_rows_than_columns_are_no_other_case() {
    let few = factor_rows(9, 14, 2, &mut rng(6));
    let twice = Tensor::from_fn([18, 14], |i| few.as_slice()[i % few.len()]);
    for latents in [1, 3, 8, 9, 14] {
        let (mut a, mut b) = (pca(latents, false), pca(latents, false));
        let [found, wanted] = [(&mut a, &few), (&mut b, &twice)].map(|(pca, x)| pca.iterate(x).expect("a fit").values);
        assert_eq!(found.len(), wanted.len(), "{latents}");
        assert!(found.iter().zip(&wanted).all(|(a, b)| (a.1 - b.1).abs() < 1e-8), "{found:?} and {wanted:?}");
        assert_close("variances", &array(&a, "explained_variance"), &array(&b, "explained_variance"), 1e-10);
        if latents < 9 {
            assert_close("components", &array(&a, "components"), &array(&b, "components"), 1e-9);
            assert_close("density", &a.infer(&few).log_density, &b.infer(&few).log_density, 1e-8);
        }
    }
}

#[test]
fn a_restored_fit_says_the_same() {
    let x = factor_rows(600, 5, 2, &mut rng(3));
    let options = PcaOptions { latents: 2, whiten: true, ..PcaOptions::default() };
    let (fitted, mut restored) = (options.fit(&x).expect("a fit"), options.build(5));
    restored.restore(&fitted.state()).expect("the estimator's own state");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("a pool");
    assert_eq!(pool.install(|| restored.infer(&x)), fitted.infer(&x));
    assert_eq!(restored.sample(3, &mut rng(4)), fitted.sample(3, &mut rng(4)));
    assert!(restored.restore(&fitted.state()[1..]).is_err());
}

/// Without any variance left there is no density, but there are components and scores; more components than columns are
/// refused in one line.
#[test]
fn rows_without_a_density_have_scores() {
    let x = factor_rows(20, 3, 1, &mut rng(5));
    let line = Tensor::from_fn([20, 3], |i| x.as_slice()[i / 3 * 3] * (1 + i % 3) as Real);
    let sets = [
        ("all components", 3, x.clone()),
        ("rows on a line", 1, line),
        ("one row", 2, x.window(0..3, [1, 3])),
        ("all equal", 1, Tensor::full([20, 3], 5.0)),
    ];
    for (name, latents, x) in sets {
        let mut pca = pca(latents, true);
        let iteration = pca.iterate(&x).expect("a fit");
        assert!(iteration.done && !iteration.events.is_empty(), "{name}: {iteration:?}");
        assert!(iteration.values.iter().all(|(_, value)| value.is_finite()), "{name}: {iteration:?}");
        let inferred = pca.infer(&x);
        assert!(inferred.log_density.is_empty() && pca.sample(1, &mut rng(1)).is_none(), "{name}: {inferred:?}");
        assert!(inferred.latents.iter().all(|z| z.is_finite()), "{name}: {inferred:?}");
    }
    assert!(pca(4, false).iterate(&x).is_err_and(|degenerate| !degenerate.0.contains('\n')));
    for scale in [1e-30, 1e30] {
        let scaled = Tensor::from_fn([20, 3], |i| x.as_slice()[i] * scale as Real);
        let pca = pca(2, false).fit(&scaled).expect("a fit");
        assert!(pca.infer(&scaled).log_density.iter().all(|value| value.is_finite()));
    }
}
