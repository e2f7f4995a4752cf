//! M2, trained without labels: a class and an independent latent. Source: Kingma et al., "Semi-supervised Learning with
//! Deep Generative Models" (2014); the unsupervised form is that of Shu (2016), "Gaussian Mixture VAE: Lessons in
//! Variational Inference, Generative Models, and Deep Nets".

use elbo_autograd::{Tape, Var};
use elbo_tensor::Tensor;

use crate::clustering::{self, Inference};
use crate::dist::{DiagNormal, StandardNormal};
use crate::model::{Model, ModelSpec};
use crate::nn::{BernoulliNet, Builder};
use crate::{Noise, Objective, Setting, Settings};

/// `y ~ Cat(1/k)`, `z ~ N(0, I)`, `x | y, z ~ Bernoulli(decoder(z, y))`.
#[derive(Debug)]
pub struct M2 {
    q: Inference,
    p_x: BernoulliNet,
    latent: usize,
}

pub(crate) const SPEC: ModelSpec = ModelSpec {
    kind: "m2",
    about: "M2 without labels: the decoder receives a class and an independent latent",
    settings: || {
        let mut list = clustering::settings();
        let help = "units of each hidden layer of the decoder; the narrow variant is [64, 512]";
        list.push(Setting::ints("decoder_hidden", &[512, 512], [1, 16384], help));
        list
    },
    of_intensities: |_| true,
    has_evidence: |_| true,
    build: |settings, width, b| Box::new(M2::new(settings, width, b)),
};

impl M2 {
    /// Networks for data of `width` dimensions.
    pub fn new(settings: &Settings, width: usize, b: &mut Builder) -> Self {
        let (k, z, hidden) = (settings.int("k"), settings.int("z"), settings.ints("decoder_hidden"));
        Self {
            q: Inference::new(settings, width, b),
            p_x: BernoulliNet::new(b, "p_x", &[("z", z), ("y", k)], &hidden, width),
            latent: z,
        }
    }

    /// `ln p(x|y,z)` and `ln q(z|x,y) − ln p(z)` at `z ~ q(z|x,y)`.
    fn parts<'t>(&self, x: Var<'t>, y: Var<'t>, q_z: DiagNormal<'t>, noise: &mut Noise) -> [Var<'t>; 2] {
        let z = q_z.rsample(noise);
        [self.p_x.given([z, y]).log_prob(x), q_z.log_prob(z) - StandardNormal.log_prob(z)]
    }
}

impl Model for M2 {
    /// `E_{q(y|x)} E_{q(z|x,y)} [ln p(x|y,z) + ln p(z) − ln q(z|x,y)] − KL(q(y|x) ‖ p(y))`
    fn objective<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Objective<'t> {
        self.q.bound(x, |y, q_z| self.parts(x, y, q_z, noise))
    }

    fn log_evidence<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Var<'t> {
        self.q.log_evidence(x, |y, q_z| self.parts(x, y, q_z, noise))
    }

    /// Means of `p(x|y,z)` with `z ~ N(0, I)`.
    fn generate<'t>(&self, tape: &'t Tape<'t>, count: usize, noise: &mut Noise) -> Var<'t> {
        let k = self.q.classes();
        let y = tape.constant(Tensor::eye(k).reshape([k, 1, k]).broadcast_to([k, count, k]));
        let z = tape.constant(noise.normal([k, count, self.latent]));
        self.p_x.given([z, y]).mean()
    }
}
