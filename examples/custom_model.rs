//! A model of your own: a VAE whose latent is one of k codes, summed over exactly, on a 2-D mixture of three normals.
//!
//! `cargo run --release --example custom_model`

#![allow(clippy::print_stdout)] // a program of its own

use elbo::autograd::{Activation, Init, Tape, Var};
use elbo::datasets::{Batches, Mixture};
use elbo::metrics::Contingency;
use elbo::models::dist::{Kl, UniformCategorical};
use elbo::models::fit::{self, Trainer};
use elbo::models::nn::{Builder, CategoricalNet, NormalNet, Spread};
use elbo::models::{Model, Noise, Objective, Settings};
use elbo::tensor::math::argmax;
use elbo::tensor::{Purpose, Tensor, stream};

struct Codes {
    q_y: CategoricalNet,
    p_x: NormalNet,
    p_y: UniformCategorical,
}

impl Model for Codes {
    /// E_{q(y|x)} ln p(x|y) − KL(q(y|x) ‖ uniform)
    fn objective<'t>(&self, x: Var<'t>, _noise: &mut Noise) -> Objective<'t> {
        let q_y = self.q_y.given([x]);
        let [log_px] = q_y.expect(|y| [self.p_x.given([y]).log_prob(x)]);
        Objective::nll(log_px).plus(1.0, "kl_y", q_y.kl(&self.p_y)).with_clusters(q_y.probs())
    }

    /// ln Σ_y p(y) p(x|y)
    fn log_evidence<'t>(&self, x: Var<'t>, _noise: &mut Noise) -> Var<'t> {
        self.p_y.marginalize(x.tape(), |y| self.p_x.given([y]).log_prob(x))
    }

    /// The mean of p(x|y), once for each code.
    fn generate<'t>(&self, tape: &'t Tape<'t>, _count: usize, _noise: &mut Noise) -> Var<'t> {
        let k = self.p_y.classes;
        self.p_x.given([tape.constant(Tensor::eye(k).reshape([k, 1, k]))]).loc
    }
}

fn main() {
    let (k, seed) = (3, 1);
    let data = Mixture { rows: 1000, ..Mixture::default() }.generate(seed).expect("valid settings");
    let mut b = Builder::new(Init::Torch, Activation::Relu, stream(seed, Purpose::Init, 0));
    let q_y = CategoricalNet::new(&mut b, "q_y", &[("x", 2)], &[32], k);
    let p_x = NormalNet::new(&mut b, "p_x", &[("y", k)], &[32], None, 2, Spread::Global);
    let model = Codes { q_y, p_x, p_y: UniformCategorical { classes: k } };

    let mut trainer = Trainer::new(&model, b.finish(), &Settings::defaults(&fit::settings()));
    let mut batches = Batches::new(data.rows(), 100, seed);
    let batch = |rows: &[u32]| {
        let mut x = Tensor::scratch([rows.len(), 2]);
        data.gather(rows, x.as_mut_slice());
        x
    };
    for step in 0..3000 {
        let info = trainer.step(batch(batches.indices(step))).expect("the loss stays finite");
        if step % 500 == 0 {
            println!("step {step}: loss {:.3} nats", info.loss);
        }
    }
    let all: Vec<u32> = (0..data.rows() as u32).collect();
    let mut found = fit::Evaluated::default();
    let mut noise = Noise::from(stream(seed, Purpose::Evaluate, 0));
    found.add(&model, &trainer.params, batch(&all), &mut noise);
    let codes: Vec<u32> = found.clusters.chunks(k).map(|q| argmax(q) as u32).collect();
    let labels = &data.labels().expect("the mixture is labelled").values;
    println!("hungarian accuracy {:.3}", Contingency::new(&codes, labels).hungarian_accuracy());
}
