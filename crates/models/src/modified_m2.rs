//! Modified M2: the class chooses an affine map of the latent, whose image is a mixture of normals inside the decoder.
//! Source: Shu, "Gaussian Mixture VAE: Lessons in Variational Inference, Generative Models, and Deep Nets" (2016), with
//! the variants of the accompanying program.

use elbo_autograd::{Tape, Var};
use elbo_tensor::Tensor;

use crate::clustering::{self, Inference};
use crate::dist::{DiagNormal, StandardNormal, codes};
use crate::model::{Model, ModelSpec};
use crate::nn::{BernoulliNet, Builder, NormalNet, Spread};
use crate::{Noise, Objective, Setting, Settings};

/// `y ~ Cat(1/k)`, `z ~ N(0, I)`, `h = m(y) + s(y) ⊙ z`, `x | h ~ Bernoulli(decoder(h))`.
#[derive(Debug)]
pub struct ModifiedM2 {
    q: Inference,
    p_h: NormalNet,
    relu: bool,
    p_x: BernoulliNet,
    latent: usize,
}

pub(crate) const SPEC: ModelSpec = ModelSpec {
    kind: "modified-m2",
    about: "modified M2: the class shifts and scales the latent before the decoder",
    settings: || {
        let mut list = clustering::settings();
        let help = "what follows h: ReLU, nothing (both with a hidden layer fewer), all hidden layers, or one more";
        list.push(Setting::choice("decoder", "relu", &["relu", "identity", "layer", "deep"], help));
        let help = "scale of h: s(y) = √softplus by class, the same with ln(1 + eˣ) as written (0 below −16.6 in single \
                    precision), one for all classes, or linear in y and of either sign";
        list.push(Setting::choice("scale", "by-class", &["by-class", "direct", "shared", "signed"], help));
        list
    },
    of_intensities: |_| true,
    has_evidence: |_| true,
    build: |settings, width, b| Box::new(ModifiedM2::new(settings, width, b)),
};

impl ModifiedM2 {
    /// Networks for data of `width` dimensions.
    pub fn new(settings: &Settings, width: usize, b: &mut Builder) -> Self {
        let (k, z, mut hidden) = (settings.int("k"), settings.int("z"), settings.ints("hidden"));
        match settings.text("decoder") {
            "layer" => {}
            "deep" => hidden.extend(hidden.last().copied()),
            _ => drop(hidden.drain(..hidden.len().min(1))),
        }
        let scale = match settings.text("scale") {
            "direct" => Spread::DirectSoftplusVar,
            "shared" => Spread::SharedSoftplusVar,
            "signed" => Spread::Signed,
            _ => Spread::SoftplusVar,
        };
        Self {
            q: Inference::new(settings, width, b),
            p_h: NormalNet::new(b, "p_h", &[("y", k)], &[], None, z, scale),
            relu: settings.text("decoder") == "relu",
            p_x: BernoulliNet::new(b, "p_x", &[("h", z)], &hidden, width),
            latent: z,
        }
    }

    /// `q(y|x)`: `[b, k]`, and `q(z|x,y)` under each class: `[k, b, z]`.
    pub fn encode<'t>(&self, x: Var<'t>) -> (Var<'t>, DiagNormal<'t>) {
        self.q.posterior(x)
    }

    /// `s(y)` of each class: `[k, 1, z]`.
    pub fn scales<'t>(&self, tape: &'t Tape<'t>) -> Var<'t> {
        self.p_h.given([codes(tape, self.q.classes())]).scale
    }

    /// What the decoder receives.
    fn h<'t>(&self, y: Var<'t>, z: Var<'t>) -> Var<'t> {
        let h = self.p_h.given([y]).transform(z);
        if self.relu { h.relu() } else { h }
    }

    /// `ln p(x|h)` and `ln q(z|x,y) − ln p(z)` at `z ~ q(z|x,y)`.
    fn parts<'t>(&self, x: Var<'t>, y: Var<'t>, q_z: DiagNormal<'t>, noise: &mut Noise) -> [Var<'t>; 2] {
        let z = q_z.rsample(noise);
        [self.p_x.given([self.h(y, z)]).log_prob(x), q_z.log_prob(z) - StandardNormal.log_prob(z)]
    }
}

impl Model for ModifiedM2 {
    /// `E_{q(y|x)} E_{q(z|x,y)} [ln p(x|h(y,z)) + ln p(z) − ln q(z|x,y)] − KL(q(y|x) ‖ p(y))`
    fn objective<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Objective<'t> {
        self.q.bound(x, |y, q_z| self.parts(x, y, q_z, noise))
    }

    fn log_evidence<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Var<'t> {
        self.q.log_evidence(x, |y, q_z| self.parts(x, y, q_z, noise))
    }

    /// Means of `p(x|h)` with `z ~ N(0, I)`.
    fn generate<'t>(&self, tape: &'t Tape<'t>, count: usize, noise: &mut Noise) -> Var<'t> {
        let k = self.q.classes();
        let y = tape.constant(Tensor::eye(k).reshape([k, 1, k]).broadcast_to([k, count, k]));
        let z = tape.constant(noise.normal([k, count, self.latent]));
        self.p_x.given([self.h(y, z)]).mean()
    }
}
