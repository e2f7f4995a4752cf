//! Generative latent-variable models on an autodiff engine written for them: a guided tour.
//!
//! # Fit a mixture
//!
//! Every estimator has a struct of options and the methods `fit`, `predict` and `score`.
//!
//! ```
//! use elbo::models::gmm::Covariance;
//! use elbo::models::{Estimator, Gmm, GmmOptions};
//! use elbo::tensor::Tensor;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let x = Tensor::from_slice([6, 2], &[0.0, 0.1, 0.1, 0.0, 0.2, 0.2, 5.0, 5.1, 5.1, 5.0, 5.2, 5.3]);
//! let gmm = Gmm::new(GmmOptions { k: 2, covariance: Covariance::Full, ..Default::default() }).fit(&x)?;
//! let clusters = gmm.predict(&x);
//! assert!(clusters[..3].iter().all(|c| *c == clusters[0]) && clusters[3..].iter().all(|c| *c != clusters[0]));
//! println!("ln p(x) is {:.2} nats a row", gmm.score(&x).expect("a mixture has a density"));
//! println!("means {:?}", gmm.mixture().expect("it is fitted").means);
//! # Ok(())
//! # }
//! ```
//!
//! An option outside its domain is an error, and a word that does not exist does not compile:
//!
//! ```
//! # use elbo::models::{Estimator, Gmm, GmmOptions};
//! # use elbo::tensor::Tensor;
//! let refused = Gmm::new(GmmOptions { k: 0, ..Default::default() }).fit(&Tensor::zeros([6, 2]));
//! assert_eq!(refused.unwrap_err().to_string(), "`model.k` takes a whole number from 1 to 1000000, not `0`");
//! ```
//!
//! # Train a VAE
//!
//! A model that is trained by steps is built from its options; [`models::fit::Trainer`] trains it.
//!
//! ```
//! use elbo::datasets::Mixture;
//! use elbo::models::fit::{TrainOptions, Trainer};
//! use elbo::models::{ModelOptions, VaeOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let x = Mixture { rows: 200, ..Mixture::default() }.generate(1)?.tensor();
//! let (vae, params) = VaeOptions { z: 2, ..Default::default() }.create(2, 0)?;
//! let mut trainer = Trainer::new(&*vae, params, &TrainOptions { epochs: 2, ..Default::default() });
//! let terms = trainer.fit(&x)?;
//! println!("loss {:.2} nats a row", terms.get("loss").expect("every model has a loss"));
//! # Ok(())
//! # }
//! ```
//!
//! # A likelihood of your own
//!
//! A model is its bound: `objective` gives the terms of the loss for each row, and the rest follows. Here a VAE whose
//! data are counts, `x | z ~ Poisson(exp(decoder(z)))`.
//!
//! ```
//! use elbo::autograd::{Activation, Init, Var};
//! use elbo::models::dist::{Kl, StandardNormal};
//! use elbo::models::fit::{TrainOptions, Trainer};
//! use elbo::models::nn::{Builder, Net, NormalNet, Spread};
//! use elbo::models::{Model, Noise, Objective};
//! use elbo::tensor::{Purpose, Tensor, stream};
//!
//! struct PoissonVae {
//!     q_z: NormalNet,
//!     log_rate: Net,
//! }
//!
//! impl Model for PoissonVae {
//!     fn objective<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Objective<'t> {
//!         let q_z = self.q_z.given([x]);
//!         let log_rate = self.log_rate.forward(&[q_z.rsample(noise)]);
//!         // ln p(x|z) without ln x!, which no parameter changes.
//!         let log_px = (x * log_rate - log_rate.exp()).sum_last();
//!         Objective::nll(log_px).plus(1.0, "kl_z", q_z.kl(&StandardNormal)).with_latent(q_z.loc)
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let counts = Tensor::from_fn([90, 3], |i| ((i / 3 % 3 * (i % 3 + 1)) % 7) as _);
//! let mut b = Builder::new(Init::Torch, Activation::Relu, stream(0, Purpose::Init, 0));
//! let model = PoissonVae {
//!     q_z: NormalNet::new(&mut b, "q_z", &[("x", 3)], &[16], None, 2, Spread::LogVar),
//!     log_rate: Net::new(&mut b, "p_x", "log_rate", &[("z", 2)], &[16], 3),
//! };
//! let options = TrainOptions { epochs: 5, batch: 30, lr: 1e-2, ..Default::default() };
//! let mut trainer = Trainer::new(&model, b.finish(), &options);
//! let terms = trainer.fit(&counts)?;
//! assert!(terms.values.iter().all(|(_, value)| value.is_finite()));
//! # Ok(())
//! # }
//! ```
//!
//! `examples/custom_model.rs` trains a model of its own and saves it, `examples/custom_op.rs` adds an
//! operation to the engine.
//!
//! # Open a run of the command
//!
//! `elbo train` leaves a directory; [`Run`] reads its settings, metrics and model, and applies the model to other rows,
//! which are prepared as those of the training were. Here a small run that the tests keep, a mixture on a table of
//! three columns:
//!
//! ```
//! # use elbo::tensor::Tensor;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let run = elbo::Run::open("crates/cli/tests/formats/af177e6/runs/gmm")?;
//! println!("{} after {} iterations", run.config.kind(), run.metrics()?.len());
//! let rows = Tensor::from_slice([2, 3], &[5.0, 30.0, 0.2, 9.0, 10.0, 0.5]);
//! let clusters: Vec<u32> = run.predict(&rows)?;
//! assert_ne!(clusters[0], clusters[1]);
//! # Ok(())
//! # }
//! ```
//!
//! [`Sweep`] plans and runs a recipe with a table `[sweep]`: see `examples/sweep_from_rust.rs`.
//!
//! # What is where
//!
//! | module | what it holds |
//! |---|---|
//! | [`tensor`] | dense tensors of rank ≤ 4, products, elementwise kernels, random streams |
//! | [`autograd`] | the tape, the operations, parameters, Adam, the gradient checker |
//! | [`models`] | distributions, networks, objectives, training, the models and estimators |
//! | [`datasets`] | generated data sets, IDX files, tables |
//! | [`metrics`] | clustering metrics, linear probe, importance-weighted bound, distances of samples |
//! | the root | runs and sweeps of the command `elbo`, read and made from Rust |
#![forbid(unsafe_code)]

pub use elbo_autograd as autograd;
pub use elbo_cli::{
    Clusters, Config, Evaluation, Latents, Metrics, Outcome, Run, Stored, Sweep, SweepCell, Trained, Which,
    load_params, save_params,
};
pub use elbo_datasets as datasets;
pub use elbo_metrics as metrics;
pub use elbo_models as models;
pub use elbo_tensor as tensor;
