//! An EM iteration of a diagonal mixture beside matrixmultiply's time for the same two products, measured in turn with
//! it, and k-means from its first rows to its end; 60,000 rows of width 50.
//!
//! `cargo bench --bench estimators`, or `cargo bench --bench estimators -- NAME` for the workloads whose name contains
//! NAME. `ELBO_LATENTS=FILE` takes the rows from a file of little-endian f32, 50 a row, instead of a synthetic factor
//! model.

#![allow(clippy::print_stdout)] // the ratios are its result

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use elbo::models::kmeans::{kmeans, kmeans_from};
use elbo::models::{Estimator, Gmm, GmmOptions, KmeansOptions};
use elbo::tensor::{Purpose, Real, Tensor, fill_normal, stream};

#[cfg(feature = "f64")]
use matrixmultiply::dgemm as product;
#[cfg(not(feature = "f64"))]
use matrixmultiply::sgemm as product;

const ROWS: usize = 60_000;
const WIDTH: usize = 50;
/// Rows of a product of matrixmultiply's, where it is fastest.
const BLOCK: usize = 512;

fn main() {
    let mut criterion =
        Criterion::default().sample_size(10).measurement_time(Duration::from_secs(2)).configure_from_args();
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().expect("the first pool");
    let x = std::env::var("ELBO_LATENTS").map_or_else(|_| synthetic(), |path| read(&path));
    for k in [20, 50] {
        for threads in [1, 2] {
            em(&mut criterion, &x, k, threads);
        }
        lloyd(&mut criterion, &x, k);
    }
    criterion.final_summary();
}

/// Latents of ten classes with factors of their own, standardised as posterior means are.
fn synthetic() -> Tensor {
    let normals = |shape: [usize; 2], index: u64| {
        let mut out = Tensor::scratch(shape);
        fill_normal(&mut stream(1, Purpose::Data, index), out.as_mut_slice());
        out
    };
    let (noise, points, scales) = (normals([ROWS, WIDTH], 0), normals([10, WIDTH], 1), normals([10, WIDTH], 2));
    let at = |i: usize| i / WIDTH * 7919 % 10 * WIDTH + i % WIDTH;
    let (noise, points, scales) = (noise.as_slice(), points.as_slice(), scales.as_slice());
    Tensor::from_fn([ROWS, WIDTH], |i| 0.5 * points[at(i)] + noise[i] * (0.3 * scales[at(i)]).exp() * 0.85)
}

fn read(path: &str) -> Tensor {
    let bytes = std::fs::read(path).expect("the file of ELBO_LATENTS");
    let (values, _) = bytes.as_chunks::<4>();
    let values: Vec<Real> = values.iter().map(|&v| Real::from(f32::from_le_bytes(v))).collect();
    Tensor::from_slice([values.len() / WIDTH, WIDTH], &values)
}

fn em(criterion: &mut Criterion, x: &Tensor, k: usize, threads: usize) {
    let name = format!("EM iteration, diagonal, k = {k} / {threads} thread(s)");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
    let mut gmm = Gmm::new(GmmOptions { k, seed: 1, tol: 0.0, max_iter: 1_000_000, ..GmmOptions::default() });
    let mut products = Products::new(k);
    let mut started = false;
    criterion.bench_function(&name, |bench| {
        started = true;
        pool.install(|| bench.iter(|| black_box(gmm.iterate(x).expect("rows that allow a mixture"))));
    });
    if !started {
        return;
    }
    let time = |work: &mut (dyn FnMut() + Send)| {
        let start = Instant::now();
        pool.install(work);
        start.elapsed().as_secs_f64()
    };
    let mut pairs: Vec<[f64; 2]> = Vec::new();
    for _ in 0..40 {
        let ours = time(&mut || drop(gmm.iterate(x)));
        pairs.push([ours, time(&mut || products.run(x.shape().rows(), threads))]);
    }
    let quantile = |mut values: Vec<f64>, part: f64| {
        values.sort_by(f64::total_cmp);
        1e3 * values[(values.len() as f64 * part) as usize]
    };
    let of = |at: usize, part: f64| quantile(pairs[4..].iter().map(|pair| pair[at]).collect(), part);
    println!(
        "ms: median {:.2}, tenth part {:.2}; matrixmultiply alone {:.2}, {:.2}: {name}\n",
        of(0, 0.5),
        of(0, 0.1),
        of(1, 0.5),
        of(1, 0.1)
    );
}

fn lloyd(criterion: &mut Criterion, x: &Tensor, k: usize) {
    let first: Vec<f64> = x.as_slice()[..k * WIDTH].iter().map(|&v| f64::from(v)).collect();
    let options = KmeansOptions { k, seed: 1, ..KmeansOptions::default() };
    let mut fit = None;
    criterion.bench_function(&format!("k-means from the first rows, k = {k}"), |bench| {
        bench.iter(|| fit = Some(kmeans_from(x, first.clone(), &options).expect("enough rows")));
    });
    if let Some(fit) = fit {
        println!("{} iterations to inertia {:.6e}\n", fit.iterations, fit.inertia);
    }
    criterion.bench_function(&format!("k-means++, k = {k}"), |bench| {
        let once = KmeansOptions { max_iter: 1, ..options.clone() };
        bench.iter(|| black_box(kmeans(x, &once).expect("enough rows")));
    });
}

/// The products of an iteration: log-densities `[k, 2d]·[2d, m]` and statistics `[k, m]·[m, 2d]` of blocks of rows.
struct Products {
    k: usize,
    theta: Vec<Real>,
    features: Vec<Real>,
}

impl Products {
    fn new(k: usize) -> Self {
        Self { k, theta: vec![0.5; k * 2 * WIDTH], features: vec![0.5; BLOCK * 2 * WIDTH] }
    }

    fn run(&mut self, rows: usize, threads: usize) {
        let blocks = rows.div_ceil(BLOCK);
        let part = |count: usize| {
            let (mut logits, mut sums) = (vec![0.0; self.k * BLOCK], vec![0.0; self.k * 2 * WIDTH]);
            for _ in 0..count {
                multiply([self.k, 2 * WIDTH, BLOCK], (&self.theta, 2 * WIDTH), (&self.features, BLOCK), &mut logits);
                multiply([self.k, BLOCK, 2 * WIDTH], (&logits, BLOCK), (&self.features, 2 * WIDTH), &mut sums);
            }
            black_box(sums);
        };
        if threads == 1 {
            part(blocks);
        } else {
            rayon::join(|| part(blocks / 2), || part(blocks - blocks / 2));
        }
    }
}

/// C = A·B of row-major matrices by matrixmultiply.
fn multiply([m, k, n]: [usize; 3], a: (&[Real], usize), b: (&[Real], usize), c: &mut [Real]) {
    assert!(a.0.len() >= m * a.1 && b.0.len() >= k * b.1 && c.len() >= m * n);
    let (rsa, rsb) = (a.1 as isize, b.1 as isize);
    // SAFETY: the extents and strides are those of the row-major matrices.
    unsafe {
        product(m, k, n, 1.0, a.0.as_ptr(), rsa, 1, b.0.as_ptr(), rsb, 1, 0.0, c.as_mut_ptr(), n as isize, 1);
    }
}
