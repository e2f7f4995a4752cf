//! Throughput of the matrix products at the shapes of the models, beside matrixmultiply alone on one thread.
//!
//! `cargo bench --bench gemm`: elements per second are floating-point operations per second. A filter chooses shapes,
//! e.g. `cargo bench --bench gemm -- 1000x512x512`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use elbo::tensor::{Mat, Real, gemm};

#[cfg(feature = "f64")]
use matrixmultiply::dgemm as product;
#[cfg(not(feature = "f64"))]
use matrixmultiply::sgemm as product;

/// (batch, in, out) of the layers of the experiments, and a square one.
const SHAPES: [[usize; 3]; 12] = [
    [64, 2, 32],
    [64, 32, 4],
    [32, 2, 128],
    [64, 32, 32],
    [32, 128, 128],
    [32, 128, 256],
    [100, 784, 512],
    [1000, 784, 512],
    [1000, 512, 512],
    [1000, 64, 512],
    [1000, 512, 784],
    [1024, 1024, 1024],
];

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .configure_from_args();
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().expect("the first pool");
    for [b, i, o] in SHAPES {
        shape(&mut criterion, [b, i, o]);
    }
    criterion.final_summary();
}

fn shape(criterion: &mut Criterion, [b, i, o]: [usize; 3]) {
    let two = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a thread pool");
    let values = |n: usize| -> Vec<Real> { (0..n).map(|i| (i % 17) as Real * 0.1 - 0.8).collect() };
    let (x, w, dy) = (values(b * i), values(i * o), values(b * o));
    let mut group = criterion.benchmark_group(format!("{b}x{i}x{o}"));
    group.throughput(Throughput::Elements(2 * (b * i * o) as u64));
    let (mx, mw, mdy) = (Mat::new(&x, b, i), Mat::new(&w, i, o), Mat::new(&dy, b, o));
    // y = x·W, dW = xᵀ·dy, dx = dy·Wᵀ
    for (form, left, right) in [("NN", mx, mw), ("TN", mx.t(), mdy), ("NT", mdy, mw.t())] {
        let [m, k, n] = [left.rows(), left.cols(), right.cols()];
        let mut c = vec![0.0; m * n];
        group.bench_function(format!("{form}/elbo/1"), |bench| {
            bench.iter(|| gemm(black_box(left), black_box(right), 0.0, &mut c));
        });
        if m * k * n > 4 << 20 {
            group.bench_function(format!("{form}/elbo/2"), |bench| {
                bench.iter(|| two.install(|| gemm(black_box(left), black_box(right), 0.0, &mut c)));
            });
        }
        let (a, rsa, csa, p, rsb, csb) = match form {
            "NN" => (&x, i, 1, &w, o, 1),
            "TN" => (&x, 1, i, &dy, o, 1),
            _ => (&dy, o, 1, &w, 1, o),
        };
        let strides = [rsa, csa, rsb, csb].map(|s| s as isize);
        group.bench_function(format!("{form}/matrixmultiply/1"), |bench| {
            // SAFETY: the extents and strides are those of the row-major matrices above.
            bench.iter(|| unsafe {
                let [rsa, csa, rsb, csb] = strides;
                product(m, k, n, 1.0, a.as_ptr(), rsa, csa, p.as_ptr(), rsb, csb, 0.0, c.as_mut_ptr(), n as isize, 1);
            });
        });
    }
    group.finish();
}
