//! The Gaussian-mixture variational autoencoder: a mixture of normals as the prior of the latent. Source: Shu, "Gaussian
//! Mixture VAE: Lessons in Variational Inference, Generative Models, and Deep Nets" (2016), the "real GMVAE"; bound as
//! in the accompanying program.

use elbo_autograd::{Tape, Var};
use elbo_tensor::Tensor;

use crate::clustering::{self, Inference};
use crate::dist::DiagNormal;
use crate::model::{Model, ModelSpec};
use crate::nn::{BernoulliNet, Builder, NormalNet, Spread};
use crate::{Noise, Objective, Settings};

/// `y ~ Cat(1/k)`, `z | y ~ N(μ(y), diag σ²(y))`, `x | z ~ Bernoulli(decoder(z))`.
#[derive(Debug)]
pub struct Gmvae {
    q: Inference,
    p_z: NormalNet,
    p_x: BernoulliNet,
}

pub(crate) const SPEC: ModelSpec = ModelSpec {
    kind: "gmvae",
    about: "Gaussian-mixture VAE: clusters by a mixture of normals as the prior of the latent",
    settings: clustering::settings,
    of_intensities: |_| true,
    has_evidence: |_| true,
    build: |settings, width, b| Box::new(Gmvae::new(settings, width, b)),
};

impl Gmvae {
    /// Networks for data of `width` dimensions.
    pub fn new(settings: &Settings, width: usize, b: &mut Builder) -> Self {
        let (k, z, hidden) = (settings.int("k"), settings.int("z"), settings.ints("hidden"));
        Self {
            q: Inference::new(settings, width, b),
            p_z: NormalNet::new(b, "p_z", &[("y", k)], &[], None, z, Spread::SoftplusVar),
            p_x: BernoulliNet::new(b, "p_x", &[("z", z)], &hidden, width),
        }
    }

    /// `ln p(x|z)` and `ln q(z|x,y) − ln p(z|y)` at `z ~ q(z|x,y)`.
    fn parts<'t>(&self, x: Var<'t>, y: Var<'t>, q_z: DiagNormal<'t>, noise: &mut Noise) -> [Var<'t>; 2] {
        let p_z = self.p_z.given([y]);
        let z = q_z.rsample(noise);
        [self.p_x.given([z]).log_prob(x), q_z.log_prob(z) - p_z.log_prob(z)]
    }
}

impl Model for Gmvae {
    /// `E_{q(y|x)} E_{q(z|x,y)} [ln p(x|z) + ln p(z|y) − ln q(z|x,y)] − KL(q(y|x) ‖ p(y))`
    fn objective<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Objective<'t> {
        self.q.bound(x, |y, q_z| self.parts(x, y, q_z, noise))
    }

    fn log_evidence<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Var<'t> {
        self.q.log_evidence(x, |y, q_z| self.parts(x, y, q_z, noise))
    }

    /// Means of `p(x|z)` with `z ~ p(z|y)`.
    fn generate<'t>(&self, tape: &'t Tape<'t>, count: usize, noise: &mut Noise) -> Var<'t> {
        let k = self.q.classes();
        let y = tape.constant(Tensor::eye(k).reshape([k, 1, k]).broadcast_to([k, count, k]));
        let z = self.p_z.given([y]).rsample(noise);
        self.p_x.given([z]).mean()
    }
}
