//! The variational autoencoder with a diagonal normal posterior. Source: Kingma and Welling, "Auto-Encoding Variational
//! Bayes" (2014), with a weight β on the divergence (Higgins et al. 2017).

use elbo_autograd::{Activation, Init, Tape, Var};
use elbo_tensor::Real;

use crate::dist::{Kl, StandardNormal};
use crate::model::{Model, ModelSpec};
use crate::nn::{BernoulliNet, Builder, NormalNet, Spread};
use crate::{Noise, Objective, Setting, Settings};

/// `z ~ N(0, I)`, `x | z ~ Bernoulli(decoder(z))` or `N(decoder(z), diag v)`.
#[derive(Debug)]
pub struct Vae {
    q_z: NormalNet,
    p_x: Likelihood,
    latent: usize,
    beta: Real,
}

#[derive(Debug)]
enum Likelihood {
    Bernoulli(BernoulliNet),
    Gaussian(NormalNet),
}

pub(crate) const SPEC: ModelSpec = ModelSpec {
    kind: "vae",
    about: "VAE with a diagonal normal posterior and a Bernoulli or Gaussian likelihood",
    settings: || {
        vec![
            Setting::int("z", 2, [1, 4096], "dimensions of the latent"),
            Setting::ints("hidden", &[32], [1, 16384], "units of each hidden layer, in both networks"),
            Setting::int(
                "branch",
                0,
                [0, 16384],
                "units of a hidden layer of each head's own, after the shared ones; 0: none",
            ),
            Setting::choice("activation", "relu", &["relu", "tanh"], "nonlinearity of the hidden layers"),
            Setting::choice("init", "torch", &["torch", "glorot"], "how linear layers start"),
            Setting::choice("likelihood", "gaussian", &["gaussian", "bernoulli"], "distribution of x given z"),
            Setting::choice(
                "decoder_var",
                "fixed",
                &["fixed", "global", "per-sample"],
                "variance of a Gaussian likelihood",
            ),
            Setting::positive("variance", 1.0, 1e6, "the fixed variance of a Gaussian likelihood"),
            Setting::float("beta", 1.0, [0.0, 1e6], "weight of KL(q(z|x) ‖ p(z)) in the loss"),
        ]
    },
    of_intensities: |settings| settings.text("likelihood") == "bernoulli",
    build: |settings, width, b| Box::new(Vae::new(settings, width, b)),
};

impl Vae {
    /// Networks for data of `width` dimensions.
    pub fn new(settings: &Settings, width: usize, b: &mut Builder) -> Self {
        let (latent, hidden) = (settings.int("z"), settings.ints("hidden"));
        let branch = Some(settings.int("branch")).filter(|&units| units > 0);
        let activation = if settings.text("activation") == "tanh" { Activation::Tanh } else { Activation::Relu };
        b.with(if settings.text("init") == "glorot" { Init::Glorot } else { Init::Torch }, activation);
        let q_z = NormalNet::new(b, "q_z", &[("x", width)], &hidden, branch, latent, Spread::LogVar);
        let z = [("z", latent)];
        let p_x = if settings.text("likelihood") == "bernoulli" {
            let hidden: Vec<usize> = hidden.iter().copied().chain(branch).collect();
            Likelihood::Bernoulli(BernoulliNet::new(b, "p_x", &z, &hidden, width))
        } else {
            let spread = match settings.text("decoder_var") {
                "fixed" => Spread::Fixed(settings.float("variance")),
                "global" => Spread::Global,
                _ => Spread::LogVar,
            };
            Likelihood::Gaussian(NormalNet::new(b, "p_x", &z, &hidden, branch, width, spread))
        };
        Self { q_z, p_x, latent, beta: settings.float("beta") as Real }
    }
}

impl Model for Vae {
    /// `E_{q(z|x)} ln p(x|z) − β KL(q(z|x) ‖ N(0, I))`, with one sample of z and the divergence in closed form.
    fn objective<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Objective<'t> {
        let q_z = self.q_z.given([x]);
        let z = q_z.rsample(noise);
        let log_px = match &self.p_x {
            Likelihood::Bernoulli(net) => net.given([z]).log_prob(x),
            Likelihood::Gaussian(net) => net.given([z]).log_prob(x),
        };
        Objective::nll(log_px).plus(self.beta, "kl_z", q_z.kl(&StandardNormal))
    }

    /// Means of `p(x|z)` with z drawn from the prior.
    fn generate<'t>(&self, tape: &'t Tape<'t>, count: usize, noise: &mut Noise) -> Var<'t> {
        let z = tape.constant(noise.normal([1, count, self.latent]));
        match &self.p_x {
            Likelihood::Bernoulli(net) => net.given([z]).mean(),
            Likelihood::Gaussian(net) => net.given([z]).loc,
        }
    }
}
