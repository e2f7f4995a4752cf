//! The Gaussian-mixture variational autoencoder: a mixture of normals as the prior of the latent, exact inference over
//! the component. Source: Shu, "Gaussian Mixture VAE: Lessons in Variational Inference, Generative Models, and Deep
//! Nets" (2016), the "real GMVAE"; bound as in the accompanying program.

use elbo_autograd::{Tape, Var};
use elbo_tensor::Tensor;

use crate::dist::{Kl, UniformCategorical};
use crate::model::{Model, ModelSpec};
use crate::nn::{BernoulliNet, Builder, CategoricalNet, NormalNet, Spread};
use crate::{Noise, Objective, Setting, Settings};

/// `y ~ Cat(1/k)`, `z | y ~ N(μ(y), diag σ²(y))`, `x | z ~ Bernoulli(decoder(z))`.
#[derive(Debug)]
pub struct Gmvae {
    q_y: CategoricalNet,
    q_z: NormalNet,
    p_z: NormalNet,
    p_x: BernoulliNet,
    classes: usize,
}

pub(crate) const SPEC: ModelSpec = ModelSpec {
    kind: "gmvae",
    about: "Gaussian-mixture VAE: clusters by an exact posterior over the mixture component",
    settings: || {
        vec![
            Setting::int("k", 10, [1, 1000], "number of mixture components"),
            Setting::int("z", 64, [1, 4096], "dimensions of the latent"),
            Setting::ints("hidden", &[512, 512], [1, 16384], "units of each hidden layer, in all networks"),
        ]
    },
    of_intensities: |_| true,
    build: |settings, width, b| Box::new(Gmvae::new(settings, width, b)),
};

impl Gmvae {
    /// Networks for data of `width` dimensions.
    pub fn new(settings: &Settings, width: usize, b: &mut Builder) -> Self {
        let (k, z, hidden) = (settings.int("k"), settings.int("z"), settings.ints("hidden"));
        let var = Spread::SoftplusVar;
        Self {
            q_y: CategoricalNet::new(b, "q_y", &[("x", width)], &hidden, k),
            q_z: NormalNet::new(b, "q_z", &[("x", width), ("y", k)], &hidden, None, z, var),
            p_z: NormalNet::new(b, "p_z", &[("y", k)], &[], None, z, var),
            p_x: BernoulliNet::new(b, "p_x", &[("z", z)], &hidden, width),
            classes: k,
        }
    }
}

impl Model for Gmvae {
    /// `E_{q(y|x)} E_{q(z|x,y)} [ln p(x|z) + ln p(z|y) − ln q(z|x,y)] − KL(q(y|x) ‖ p(y))`, exact over y and with one
    /// sample of z for each y.
    fn objective<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Objective<'t> {
        let q_y = self.q_y.given([x]);
        let p_y = UniformCategorical { classes: self.classes };
        let [log_px, kl_z] = q_y.expect(|y| {
            let q_z = self.q_z.given([x, y]);
            let p_z = self.p_z.given([y]);
            let z = q_z.rsample(noise);
            [self.p_x.given([z]).log_prob(x), q_z.log_prob(z) - p_z.log_prob(z)]
        });
        Objective::nll(log_px).plus(1.0, "kl_y", q_y.kl(&p_y)).plus(1.0, "kl_z", kl_z).with_clusters(q_y.probs())
    }

    /// Means of `p(x|z)` with z drawn from each component's prior.
    fn generate<'t>(&self, tape: &'t Tape<'t>, count: usize, noise: &mut Noise) -> Var<'t> {
        let k = self.classes;
        let y = tape.constant(Tensor::eye(k).reshape([k, 1, k]).broadcast_to([k, count, k]));
        let z = self.p_z.given([y]).rsample(noise);
        self.p_x.given([z]).mean()
    }
}
