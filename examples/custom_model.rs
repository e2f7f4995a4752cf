//! A model of your own: a VAE whose latent is one of k codes, summed over exactly, on a 2-D mixture of three normals.
//!
//! `cargo run --release --example custom_model`

#![allow(clippy::print_stdout)] // a program of its own

use elbo::autograd::{Activation, Init, Var};
use elbo::datasets::Mixture;
use elbo::metrics::Contingency;
use elbo::models::dist::{Distribution, Kl, UniformCategorical};
use elbo::models::fit::{Evaluated, TrainOptions, Trainer};
use elbo::models::nn::{Builder, CategoricalNet, NormalNet, Spread};
use elbo::models::{Model, Noise, Objective};
use elbo::tensor::math::argmax;
use elbo::tensor::{Purpose, stream};

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
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (k, seed) = (3, 1);
    let data = Mixture { rows: 1000, ..Mixture::default() }.generate(seed)?;
    let x = data.tensor();

    let mut b = Builder::new(Init::Torch, Activation::Relu, stream(seed, Purpose::Init, 0));
    let q_y = CategoricalNet::new(&mut b, "q_y", &[("x", 2)], &[32], k);
    let p_x = NormalNet::new(&mut b, "p_x", &[("y", k)], &[32], None, 2, Spread::Global);
    let model = Codes { q_y, p_x, p_y: UniformCategorical { classes: k } };

    let mut trainer = Trainer::new(&model, b.finish(), &TrainOptions { seed, epochs: 300, ..Default::default() });
    let terms = trainer.fit(&x)?;
    terms.values.iter().for_each(|(name, value)| println!("{name} {value:.3} nats"));

    // Saved as safetensors, which Python reads as well, and opened again.
    let path = std::env::temp_dir().join(format!("codes-{}.safetensors", std::process::id()));
    elbo::save_params(&path, &trainer.params, &Default::default())?;
    let mut params = trainer.params.clone();
    elbo::load_params(&path, &mut params)?;
    std::fs::remove_file(&path)?;

    let mut found = Evaluated::default();
    found.add(&model, &params, x, &mut Noise::from(stream(seed, Purpose::Evaluate, 0)));
    let codes: Vec<u32> = found.clusters.chunks(k).map(|q| argmax(q) as u32).collect();
    let labels = &data.labels().ok_or("the mixture is labelled")?.values;
    println!("hungarian accuracy {:.3}", Contingency::new(&codes, labels).hungarian_accuracy());
    Ok(())
}
