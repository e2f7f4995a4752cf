//! Factor analysis of 60,000 rows of 784 columns with 50 latents, on one thread: the moments of the rows, an iteration
//! of EM, a whole fit of 300 iterations, and the posterior means; beside them the eigen-decomposition that PCA needs.
//!
//! `cargo bench --bench factors`, or `cargo bench --bench factors -- NAME` for those whose name contains NAME.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use elbo::models::{Estimator, FactorAnalysis, FactorAnalysisOptions};
use elbo::tensor::linalg::{Moments, symmetric_eigen};
use elbo::tensor::{Purpose, Real, Tensor, fill_normal, stream};

const ROWS: usize = 60_000;
const WIDTH: usize = 784;
const LATENTS: usize = 50;

fn main() {
    let mut criterion =
        Criterion::default().sample_size(10).measurement_time(Duration::from_secs(5)).configure_from_args();
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().expect("the first pool");
    let x = rows();
    criterion.bench_function("moments of 60,000 × 784", |bench| bench.iter(|| black_box(Moments::of(&x))));
    let covariance = Moments::of(&x).covariance;
    criterion.bench_function("eigen-decomposition, 784 × 784", |bench| {
        bench.iter(|| black_box(symmetric_eigen(covariance.clone(), WIDTH)));
    });
    let mut estimator = factor_analysis();
    estimator.iterate(&x).expect("an iteration");
    criterion.bench_function("EM iteration, 784 columns, 50 latents", |bench| {
        bench.iter(|| black_box(estimator.iterate(&x).expect("an iteration")));
    });
    criterion.bench_function("whole fit, 60,000 × 784, 50 latents, 300 iterations", |bench| {
        bench.iter(|| black_box(factor_analysis().fit(&x).expect("a fit").state()));
    });
    criterion.bench_function("densities and posterior means of 60,000 × 784, 50 latents", |bench| {
        bench.iter(|| black_box(estimator.infer(&x)));
    });
    criterion.final_summary();
}

fn factor_analysis() -> FactorAnalysis {
    let options = FactorAnalysisOptions { latents: LATENTS, seed: 1, max_iter: 300, tol: 0.0, ..Default::default() };
    FactorAnalysis::new(options)
}

/// Rows of standard normal noise and 8 factors, each of which acts on every eighth column.
fn rows() -> Tensor {
    let mut rng = stream(1, Purpose::Test, 0);
    let mut x = Tensor::scratch([ROWS, WIDTH]);
    fill_normal(&mut rng, x.as_mut_slice());
    let mut factors = vec![0.0 as Real; ROWS * 8];
    fill_normal(&mut rng, &mut factors);
    for (row, factors) in x.as_mut_slice().chunks_exact_mut(WIDTH).zip(factors.chunks_exact(8)) {
        row.iter_mut().enumerate().for_each(|(column, x)| *x += factors[column % 8]);
    }
    x
}
