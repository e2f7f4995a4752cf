//! A warm training step allocates nothing that grows with the batch.
//!
//! A binary of its own beside `laws`: the allocator counts for the whole process, and would count any other test too.

use std::alloc::System;

use elbo::models::fit::{TrainOptions, Trainer};
use elbo::models::nn::LayerOptions;
use elbo::models::{ClusteringOptions, GmvaeOptions, ModelOptions, VaeOptions};
use elbo::tensor::Tensor;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that ten warm steps of a batch of `b` rows ask the allocator for.
fn bytes_of_ten_steps(options: &dyn ModelOptions, width: usize, b: usize) -> usize {
    let (model, params) = options.create(width, 1).unwrap();
    let mut trainer = Trainer::new(&*model, params, &TrainOptions::default());
    let x = Tensor::from_fn([b, width], |i| if i % 3 == 0 { 1.0 } else { 0.0 });
    for _ in 0..3 {
        trainer.step(x.clone()).unwrap();
    }
    let region = Region::new(ALLOCATOR);
    for _ in 0..10 {
        trainer.step(x.clone()).unwrap();
    }
    region.change().bytes_allocated
}

/// One test, because the counter counts every thread of the process. Both batches are large enough that the same
/// products are packed; matrixmultiply, where it does that, allocates for it, and its buffers have reached their full
/// size.
#[test]
fn a_warm_step_allocates_the_same_for_any_batch() {
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().unwrap();
    let (hidden, z) = (vec![128], 8);
    let layers = LayerOptions { hidden: hidden.clone(), ..LayerOptions::default() };
    let vae = VaeOptions { z, layers, ..VaeOptions::default() };
    let gmvae = GmvaeOptions { clustering: ClusteringOptions { k: 5, z, hidden, ..ClusteringOptions::default() } };
    for (options, width, b) in [(&vae as &dyn ModelOptions, 2, 300), (&gmvae, 784, 600)] {
        let kind = options.facts().kind;
        let [once, twice] = [b, 2 * b].map(|b| bytes_of_ten_steps(options, width, b));
        assert!(once > 0, "the counter counts");
        assert!(twice <= once, "{kind}: {once} bytes for {b} rows, {twice} for twice as many");
        // One float a row and step would be 12,000 bytes.
        assert!(kind != "vae" || once < 200_000, "{kind}: {once} bytes in ten steps");
    }
}
