//! The mixture trained in natural parameters on one thread: 1000 inner steps of an M-step (gradient, norm, Adam, guard)
//! with 50 dimensions, by both gradients, and an epoch of 1000 steps on 60,000 rows.
//!
//! `cargo bench --bench natural`; the lines `least` give the least time of a step over 300 M-steps, which a busy
//! machine does not disturb.

#![allow(clippy::print_stdout)] // the least times are its result

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use elbo::models::natural_gmm::MStepGradient;
use elbo::models::{Estimator, NaturalGmm, NaturalGmmOptions, Word};
use elbo::tensor::{Purpose, Tensor, fill_normal, stream};

const WIDTH: usize = 50;
const STEPS: usize = 1000;

fn trainer(k: usize, gradient: MStepGradient) -> NaturalGmm {
    NaturalGmm::new(NaturalGmmOptions { k, seed: 1, batch_steps: STEPS, gradient, ..NaturalGmmOptions::default() })
}

fn rows(n: usize) -> Tensor {
    let mut x = Tensor::scratch([n, WIDTH]);
    fill_normal(&mut stream(1, Purpose::Test, 0), x.as_mut_slice());
    x
}

fn main() {
    let mut criterion =
        Criterion::default().sample_size(10).measurement_time(Duration::from_secs(3)).configure_from_args();
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().expect("the first pool");
    for (k, gradient) in [MStepGradient::ClosedForm, MStepGradient::Autodiff].map(|g| [(20, g), (50, g)]).concat() {
        // So few rows that the E-step is lost in 1000 steps.
        let (x, mut model, gradient) = (rows(200), trainer(k, gradient), gradient.word());
        model.start(&x).expect("a start");
        let mut m_step = || black_box(model.iterate(&x).expect("a finite epoch"));
        criterion.bench_function(&format!("1000 inner steps, k {k}, d {WIDTH}, {gradient}"), |bench| {
            bench.iter(&mut m_step)
        });
        let time = |_| {
            let start = Instant::now();
            m_step();
            start.elapsed().as_secs_f64()
        };
        let least = (0..300).map(time).fold(f64::INFINITY, f64::min);
        println!("least {:.3} us an inner step, k {k}, d {WIDTH}, {gradient}\n", 1e6 * least / STEPS as f64);
    }
    for k in [20, 50] {
        let (x, mut model) = (rows(60_000), trainer(k, MStepGradient::ClosedForm));
        model.start(&x).expect("a start");
        criterion.bench_function(&format!("epoch, 60,000 rows, k {k}, d {WIDTH}"), |bench| {
            bench.iter(|| black_box(model.iterate(&x).expect("a finite epoch")));
        });
    }
    criterion.final_summary();
}
