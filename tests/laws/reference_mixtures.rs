//! k-means and EM against scikit-learn's values, stored with its version in `tests/reference/mixtures.json`.

use crate::support::assert_close;
use elbo::models::gmm::{Covariance, GaussianMixture};
use elbo::models::kmeans::kmeans_from;
use elbo::models::{Estimator, Gmm, GmmOptions, KmeansOptions, Word};
use elbo::tensor::Tensor;
use serde_json::Value;

/// Largest relative error after one iteration, and of the likelihood of an optimum.
const STEP: f64 = if cfg!(feature = "f64") { 1e-10 } else { 2e-5 };
const OPTIMUM: f64 = if cfg!(feature = "f64") { 1e-6 } else { 1e-4 };
/// Largest error of a posterior at an optimum, where the likelihood is flat: about the root of the likelihood's.
const POSTERIOR: f64 = if cfg!(feature = "f64") { 1e-5 } else { 5e-3 };
/// Largest relative error of an inertia.
const INERTIA: f64 = if cfg!(feature = "f64") { 1e-9 } else { 1e-6 };

fn sets() -> Vec<Value> {
    let reference: Value =
        serde_json::from_str(include_str!("../reference/mixtures.json")).expect("mixtures.json is JSON");
    let sets = reference["sets"].as_array().expect("a list").clone();
    assert_eq!(sets.len(), 3);
    sets
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn count(value: &Value) -> usize {
    value.as_u64().expect("a count") as usize
}

fn rows(set: &Value) -> Tensor {
    crate::support::tensor([count(&set["rows"]), count(&set["width"])], &numbers(&set["x"]))
}

/// The rows that are the first means, `[k, d]`.
fn first_means(set: &Value, x: &Tensor) -> Vec<f64> {
    let (d, values) = (x.shape().last(), crate::support::f64s(x));
    set["start"].as_array().expect("a list").iter().flat_map(|at| values[count(at) * d..][..d].to_vec()).collect()
}

/// The start that the script gives scikit-learn.
fn start(set: &Value, x: &Tensor, covariance: Covariance) -> GaussianMixture {
    let (n, k, d) = (x.shape().rows(), count(&set["k"]), x.shape().last());
    let values = crate::support::f64s(x);
    let column = |j: usize| values.iter().skip(j).step_by(d);
    let mean = |j: usize| column(j).sum::<f64>() / n as f64;
    let variances: Vec<f64> =
        (0..d).map(|j| column(j).map(|v| (v - mean(j)).powi(2)).sum::<f64>() / (n * k) as f64).collect();
    let matrix = |at: usize| if at / d == at % d { variances[at / d] } else { 0.0 };
    let covariances = match covariance {
        Covariance::Diagonal => variances.repeat(k),
        Covariance::Full => (0..d * d).map(matrix).collect::<Vec<_>>().repeat(k),
        Covariance::Tied => (0..d * d).map(matrix).collect(),
        Covariance::Spherical => vec![variances.iter().sum::<f64>() / d as f64; k],
    };
    GaussianMixture { covariance, weights: vec![1.0 / k as f64; k], means: first_means(set, x), covariances }
}

/// Calls `check(name, rows, mixture's reference, start)` for every set and form of covariance.
fn for_each_mixture(check: impl Fn(&str, &Tensor, &Value, GaussianMixture)) {
    for set in sets() {
        let x = rows(&set);
        let mixtures = set["mixtures"].as_array().expect("a list");
        assert_eq!(mixtures.len(), 4);
        for mixture in mixtures {
            let name = format!("{}, {}", set["name"], mixture["covariance"]);
            let covariance = mixture["covariance"].as_str().and_then(Covariance::parse).expect("a word");
            check(&name, &x, mixture, start(&set, &x, covariance));
        }
    }
}

#[test]
fn one_iteration_of_em_equals_scikit_learns() {
    for_each_mixture(|name, x, reference, start| {
        let options = GmmOptions { k: start.len(), covariance: start.covariance, ..GmmOptions::default() };
        let mut gmm = Gmm::new(options).starting_from(start);
        let iteration = gmm.iterate(x).unwrap();
        let (found, step) = (gmm.mixture().unwrap(), &reference["step"]);
        assert_close(name, &[iteration.values[0].1], &[number(&step["log_likelihood"])], STEP);
        assert_close(name, &found.weights, &numbers(&step["weights"]), STEP);
        assert_close(name, &found.means, &numbers(&step["means"]), STEP);
        assert_close(name, &found.covariances, &numbers(&step["covariances"]), STEP);
    });
}

#[test]
fn optima_criteria_and_posteriors_equal_scikit_learns() {
    for_each_mixture(|name, x, reference, start| {
        // In f32 the likelihood ends up moving by its rounding.
        let (tol, max_iter) = if cfg!(feature = "f64") { (1e-13, 100_000) } else { (0.0, 2000) };
        let (k, covariance) = (start.len(), start.covariance);
        let options = GmmOptions { k, covariance, tol, max_iter, ..GmmOptions::default() };
        let gmm = Gmm::new(options).starting_from(start).fit(x).unwrap();
        let (mixture, optimum) = (gmm.mixture().unwrap(), &reference["optimum"]);
        let (n, likelihood) = (x.shape().rows(), gmm.score(x).unwrap());
        let relative = |found: f64, name: &str| (found / number(&optimum[name]) - 1.0).abs();
        assert!(relative(likelihood, "log_likelihood") < OPTIMUM, "{name}: {likelihood} {}", optimum["log_likelihood"]);
        assert!(relative(mixture.bic(likelihood, n), "bic") < OPTIMUM, "{name}: BIC");
        assert!(relative(mixture.aic(likelihood, n), "aic") < OPTIMUM, "{name}: AIC");
        let posterior: Vec<f64> = gmm.infer(x).clusters[..40 * k].iter().map(|&r| f64::from(r)).collect();
        assert_close(name, &posterior, &numbers(&optimum["responsibilities"]), POSTERIOR);
    });
}

#[test]
fn k_means_from_given_centres_equals_scikit_learns() {
    for set in sets() {
        let (x, name) = (rows(&set), &set["name"]);
        for reference in set["kmeans"].as_array().expect("a list") {
            let options = KmeansOptions { tol: number(&reference["tol"]), ..KmeansOptions::default() };
            let fit = kmeans_from(&x, first_means(&set, &x), &options).unwrap();
            let off = (fit.inertia / number(&reference["inertia"]) - 1.0).abs();
            assert!(off < INERTIA, "{name}: {} and {}", fit.inertia, reference["inertia"]);
            assert_eq!(fit.iterations, count(&reference["iterations"]), "{name}: iterations");
            assert_close(&name.to_string(), &fit.centres, &numbers(&reference["centres"]), STEP);
        }
    }
}
