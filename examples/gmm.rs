//! A mixture with full covariances: fitted, applied to other rows, and compared by BIC over its number of components.
//!
//! `cargo run --release --example gmm`

#![allow(clippy::print_stdout)] // a program of its own

use elbo::datasets::Mixture;
use elbo::metrics::Contingency;
use elbo::models::gmm::Covariance;
use elbo::models::{Estimator, Gmm, GmmOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let all = Mixture { rows: 1500, ..Mixture::default() }.generate(1)?;
    let (train, test) = (all.slice(0..1000), all.slice(1000..1500));

    for k in 1..=5 {
        let options = GmmOptions { k, covariance: Covariance::Full, n_init: 3, ..Default::default() };
        let gmm = Gmm::new(options).fit(&train.tensor())?;
        let score = gmm.score(&train.tensor()).ok_or("a mixture has a density")?;
        let bic = gmm.mixture().ok_or("it is fitted")?.bic(score, train.rows());
        println!("k = {k}: ln p(x) {score:.3} nats a row, BIC {bic:.0}");
    }

    let gmm = Gmm::new(GmmOptions { k: 3, covariance: Covariance::Full, ..Default::default() }).fit(&train.tensor())?;
    let clusters = gmm.predict(&test.tensor());
    let labels = &test.labels().ok_or("the mixture is labelled")?.values;
    println!("NMI of held-out rows with their components: {:.3}", Contingency::new(&clusters, labels).nmi());
    Ok(())
}
