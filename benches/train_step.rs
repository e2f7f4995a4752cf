//! One training step of each experiment: batch gather, noise, forward, backward, Adam; beside the time that
//! matrixmultiply alone needs for the step's products, measured in turn with it in the same run.
//!
//! `cargo bench --bench train_step`, or `cargo bench --bench train_step -- NAME` for the workloads whose name contains
//! NAME. The lines `ratio` give the medians and the median of the paired ratios.

#![allow(clippy::print_stdout)] // the ratios are its result

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use elbo::datasets::{Dataset, Values};
use elbo::models::fit::{Batches, TrainOptions, Trainer};
use elbo::models::nn::{DecoderVariance, LayerOptions, LikelihoodKind, LikelihoodOptions};
use elbo::models::{
    DiscreteVaeOptions, GmvaeOptions, M2Options, ModelOptions, ModifiedM2Options, PosteriorKind, VaeOptions,
};
use elbo::tensor::{Purpose, Real, Tensor, stream};

#[cfg(feature = "f64")]
use matrixmultiply::dgemm as product;
#[cfg(not(feature = "f64"))]
use matrixmultiply::sgemm as product;

/// A dense layer of a step: rows, inputs, outputs, and whether its input is data, which needs no gradient.
type Layer = ([usize; 3], bool);

struct Workload {
    name: &'static str,
    options: Box<dyn ModelOptions>,
    batch: usize,
    width: usize,
    layers: Vec<Layer>,
    threads: &'static [usize],
    pairs: usize,
}

fn workloads() -> Vec<Workload> {
    let branched = VaeOptions {
        branch: 128,
        layers: LayerOptions { hidden: vec![128], ..LayerOptions::default() },
        likelihood: LikelihoodOptions { decoder_var: DecoderVariance::PerSample, ..LikelihoodOptions::default() },
        ..VaeOptions::default()
    };
    let squared = LikelihoodOptions { likelihood: LikelihoodKind::Mse, ..LikelihoodOptions::default() };
    let toy = [([32, 2, 128], true), ([32, 128, 256], false), ([32, 128, 2], false), ([32, 128, 2], false)];
    let toy_decoder = [([32, 2, 128], false), ([32, 128, 256], false), ([32, 128, 2], false), ([32, 128, 2], false)];
    vec![
        Workload {
            name: "vae, beta-sweep: 2-32-2, batch 64",
            options: Box::<VaeOptions>::default(),
            batch: 64,
            width: 2,
            layers: vec![([64, 2, 32], true), ([64, 32, 4], false), ([64, 2, 32], false), ([64, 32, 2], false)],
            threads: &[1],
            pairs: 20_000,
        },
        Workload {
            name: "vae, toy-density: 128 + 128 units, batch 32",
            options: Box::new(branched.clone()),
            batch: 32,
            width: 2,
            layers: [toy, toy_decoder].concat(),
            threads: &[1],
            pairs: 4000,
        },
        Workload {
            name: "full-covariance vae, toy-density: 2-128-(128,128,128)-(2,2,1)-128-(128,128)-(2,2), batch 32",
            options: Box::new(VaeOptions { posterior: PosteriorKind::Full, ..branched }),
            batch: 32,
            width: 2,
            layers: [
                &[([32, 2, 128], true), ([32, 128, 384], false)][..],
                &[([32, 128, 2], false), ([32, 128, 2], false), ([32, 128, 1], false)],
                &toy_decoder,
            ]
            .concat(),
            threads: &[1],
            pairs: 4000,
        },
        Workload {
            name: "discrete vae, beta-sweep: 2-32-3-32-2, batch 64",
            options: Box::new(DiscreteVaeOptions { k: 3, likelihood: squared, ..DiscreteVaeOptions::default() }),
            batch: 64,
            width: 2,
            layers: vec![([64, 2, 32], true), ([64, 32, 3], false), ([3, 3, 32], true), ([3, 32, 2], false)],
            threads: &[1],
            pairs: 40000,
        },
        Workload {
            name: "gmvae, mnist-clustering: 784-512-512, k 10, z 64, batch 100",
            options: Box::<GmvaeOptions>::default(),
            batch: 100,
            width: 784,
            layers: vec![
                ([100, 784, 512], true),
                ([100, 512, 512], false),
                ([100, 512, 10], false),
                ([100, 784, 512], true),
                ([10, 10, 512], true),
                ([1000, 512, 512], false),
                ([1000, 512, 128], false),
                ([10, 10, 128], true),
                ([1000, 64, 512], false),
                ([1000, 512, 512], false),
                ([1000, 512, 784], false),
            ],
            threads: &[1, 2],
            pairs: 120,
        },
        Workload {
            name: "m2, mnist-clustering: 784-512-512, k 10, z 64, batch 100",
            options: Box::<M2Options>::default(),
            batch: 100,
            width: 784,
            layers: vec![
                ([100, 784, 512], true),
                ([100, 512, 512], false),
                ([100, 512, 10], false),
                ([100, 784, 512], true),
                ([10, 10, 512], true),
                ([1000, 512, 512], false),
                ([1000, 512, 128], false),
                ([1000, 64, 512], false),
                ([10, 10, 512], true),
                ([1000, 512, 512], false),
                ([1000, 512, 784], false),
            ],
            threads: &[1],
            pairs: 120,
        },
        Workload {
            name: "modified m2 (relu), mnist-clustering: 784-512-512, k 10, z 64, batch 100",
            options: Box::<ModifiedM2Options>::default(),
            batch: 100,
            width: 784,
            layers: vec![
                ([100, 784, 512], true),
                ([100, 512, 512], false),
                ([100, 512, 10], false),
                ([100, 784, 512], true),
                ([10, 10, 512], true),
                ([1000, 512, 512], false),
                ([1000, 512, 128], false),
                ([10, 10, 128], true),
                ([1000, 64, 512], false),
                ([1000, 512, 784], false),
            ],
            threads: &[1],
            pairs: 120,
        },
    ]
}

fn main() {
    let mut criterion =
        Criterion::default().sample_size(10).measurement_time(Duration::from_secs(2)).configure_from_args();
    // One thread is this one; work on more is handed to a pool as a whole, which costs a few microseconds.
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().expect("the first pool");
    for workload in workloads() {
        for &threads in workload.threads {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
            run(&mut criterion, &workload, threads, &|work| if threads == 1 { work() } else { pool.install(work) });
        }
    }
    criterion.final_summary();
}

type Work<'a> = &'a mut (dyn FnMut() + Send);

fn run(criterion: &mut Criterion, workload: &Workload, threads: usize, on_pool: &dyn Fn(Work<'_>)) {
    let (model, params) = workload.options.create(workload.width, 1).expect("options inside their domains");
    let mut trainer = Trainer::new(&*model, params, &TrainOptions::default());
    let data = rows(workload.width);
    let mut batches = Batches::new(data.rows(), workload.batch, 1);
    let mut step = || {
        let mut pixels = stream(1, Purpose::Binarize, trainer.step);
        let mut x = Tensor::scratch([workload.batch, workload.width]);
        let indices = batches.indices(trainer.step);
        if data.is_intensity() {
            data.gather_binarized(indices, &mut pixels, x.as_mut_slice());
        } else {
            data.gather(indices, x.as_mut_slice());
        }
        black_box(trainer.step(x).expect("a finite step"));
    };
    let mut products: Vec<Products> = workload.layers.iter().map(|&layer| Products::of(layer)).collect();
    let mut alone = || products.iter_mut().for_each(|layer| layer.run(threads));

    let name = format!("{} / {threads} thread(s)", workload.name);
    let mut selected = false;
    criterion.bench_function(&name, |bench| {
        selected = true;
        bench.iter(|| on_pool(&mut step));
    });
    if !selected {
        return;
    }
    // In turn, so that both see the same machine; the first tenth warms up.
    let time = |work: Work<'_>| {
        let start = Instant::now();
        on_pool(work);
        start.elapsed().as_secs_f64()
    };
    let pairs: Vec<(f64, f64)> = (0..workload.pairs).map(|_| (time(&mut step), time(&mut alone))).collect();
    let pairs = &pairs[workload.pairs / 10..];
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (ours, theirs) = (median(pairs.iter().map(|p| p.0).collect()), median(pairs.iter().map(|p| p.1).collect()));
    let ratio = median(pairs.iter().map(|p| p.0 / p.1).collect());
    println!("ratio {ratio:.3}: step {:.4} ms, matrixmultiply alone {:.4} ms: {name}\n", 1e3 * ours, 1e3 * theirs);
}

/// 6,400 rows (a multiple of every batch): grey images of 784 pixels, or pairs of reals.
fn rows(width: usize) -> Dataset {
    const ROWS: usize = 6400;
    let values = if width == 2 {
        Values::Reals((0..ROWS * width).map(|i| (i % 101) as Real * 0.08 - 4.0).collect())
    } else {
        Values::Bytes((0..ROWS * width).map(|i| if i % 5 == 0 { (i / 5 % 256) as u8 } else { 0 }).collect())
    };
    Dataset::new("bench", &[width], values, None).expect("consistent lengths")
}

/// The products of one layer's step: y = x·W, dW = xᵀ·dy and, unless x is data, dx = dy·Wᵀ.
struct Products {
    shape: [usize; 3],
    data: bool,
    x: Vec<Real>,
    w: Vec<Real>,
    y: Vec<Real>,
    dw: Vec<Real>,
    dx: Vec<Real>,
}

impl Products {
    fn of((shape, data): Layer) -> Self {
        let [b, i, o] = shape;
        let filled = |n: usize| vec![0.5; n];
        Self { shape, data, x: filled(b * i), w: filled(i * o), y: filled(b * o), dw: filled(i * o), dx: filled(b * i) }
    }

    fn run(&mut self, threads: usize) {
        let [b, i, o] = self.shape;
        multiply([b, i, o], (&self.x, i, 1), (&self.w, o, 1), &mut self.y, threads);
        multiply([i, b, o], (&self.x, 1, i), (&self.y, o, 1), &mut self.dw, threads);
        if !self.data {
            multiply([b, o, i], (&self.y, o, 1), (&self.w, 1, o), &mut self.dx, threads);
        }
    }
}

type Strided<'a> = (&'a [Real], usize, usize);

/// C = A·B by matrixmultiply; above 4 M multiply-adds split into as many blocks of rows as there are threads.
fn multiply([m, k, n]: [usize; 3], a: Strided<'_>, b: Strided<'_>, c: &mut [Real], threads: usize) {
    if threads > 1 && m * k * n > 4 << 20 {
        let half = (m / 2).next_multiple_of(16).min(m);
        let (top, bottom) = c.split_at_mut(half * n);
        let lower = (&a.0[half * a.1..], a.1, a.2);
        rayon::join(|| multiply([half, k, n], a, b, top, 1), || multiply([m - half, k, n], lower, b, bottom, 1));
        return;
    }
    let [rsa, csa, rsb, csb] = [a.1, a.2, b.1, b.2].map(|stride| stride as isize);
    // SAFETY: the extents and strides are those of the layer's row-major matrices.
    unsafe {
        product(m, k, n, 1.0, a.0.as_ptr(), rsa, csa, b.0.as_ptr(), rsb, csb, 0.0, c.as_mut_ptr(), n as isize, 1);
    }
}
