//! The same seed gives the same bits, whatever the number of threads.

use elbo::models::fit::{TrainOptions, Trainer};
use elbo::models::{ClusteringOptions, GmvaeOptions, ModelOptions};
use elbo::tensor::{Purpose, Real, Tensor, fill_uniform, stream};

/// Parameters after three steps on `threads` threads; large enough that products, passes and sums are split.
fn trained(threads: usize) -> Vec<Real> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let clustering = ClusteringOptions { hidden: vec![256, 256], ..ClusteringOptions::default() };
        let (model, params) = GmvaeOptions { clustering }.create(784, 7).unwrap();
        let mut trainer = Trainer::new(&*model, params, &TrainOptions::default());
        for step in 0..3 {
            let mut x = Tensor::scratch([100, 784]);
            fill_uniform(&mut stream(7, Purpose::Test, step), x.as_mut_slice());
            trainer.step(x.map(|u| if u < 0.2 { 1.0 } else { 0.0 })).unwrap();
        }
        trainer.params.flat().to_vec()
    })
}

#[test]
fn one_two_and_eight_threads_give_the_same_bits() {
    let bits = |values: Vec<Real>| values.into_iter().map(Real::to_bits).collect::<Vec<_>>();
    let one = bits(trained(1));
    assert!(one == bits(trained(2)), "two threads differ from one");
    assert!(one == bits(trained(8)), "eight threads differ from one");
}
