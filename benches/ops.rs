//! Time of every operation of the lists, forward and gradient, per element of the result.
//!
//! `cargo bench --bench ops`. Extents of the test cases are enlarged consistently; an operation whose settings name
//! extents keeps its own.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use elbo::autograd::{Case, ops};
use elbo::models;
use elbo::tensor::{Purpose, Tensor, stream};

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .configure_from_args();
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().expect("the first pool");
    all(&mut criterion);
    criterion.final_summary();
}

fn all(criterion: &mut Criterion) {
    let mut rng = stream(1, Purpose::Test, 0);
    for entry in ops::all().into_iter().chain(models::ops()) {
        let name = entry.name();
        let own_extents = ["shape", "index", "range", "classes"].iter().any(|setting| name.contains(setting));
        let case = entry.cases().swap_remove(0);
        let x: Vec<Tensor> = case.iter().map(|argument| draw(argument, own_extents, &mut rng)).collect();
        let refs: Vec<&Tensor> = x.iter().collect();
        let y = entry.forward(&refs);
        let dy = Tensor::full(y.shape(), 1.0);
        let elements = x.iter().map(Tensor::len).max().unwrap_or(0).max(y.len());
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(elements as u64));
        group.bench_function("forward", |bench| bench.iter(|| black_box(entry.forward(&refs))));
        for wrt in 0..x.len() {
            group.bench_function(format!("gradient/{wrt}"), |bench| {
                bench.iter(|| black_box(entry.gradient(wrt, &refs, &y, &dy)));
            });
        }
        group.finish();
    }
}

/// A random argument; extents 2, 3, 4, 5 become 10, 100, 512, 256.
fn draw(case: &Case, own_extents: bool, rng: &mut elbo::tensor::Stream) -> Tensor {
    let larger = |n: &usize| if own_extents { *n } else { [0, 1, 10, 100, 512, 256].get(*n).copied().unwrap_or(*n) };
    let extents: Vec<usize> = case.shape.iter().map(larger).collect();
    Case { shape: extents[..].into(), ..case.clone() }.draw(rng)
}
