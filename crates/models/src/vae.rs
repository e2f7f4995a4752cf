//! The variational autoencoder. Sources: Kingma and Welling, "Auto-Encoding Variational Bayes" (2014); full covariance
//! as in Kingma and Welling, "An Introduction to Variational Autoencoders" (2019), section 2.5.1; weight β of Higgins
//! et al. (2017). With a point in place of the posterior it is an autoencoder.

use elbo_autograd::{Tape, Var};
use elbo_tensor::Real;

use crate::dist::{DiagNormal, Distribution, Kl, StandardNormal, TrilNormal};
use crate::nn::{
    Builder, LayerOptions, Likelihood, LikelihoodNet, LikelihoodOptions, NormalNet, Spread, TrilNormalNet,
};
use crate::{Configured, Model, ModelFacts, ModelOptions, Noise, Objective, Visitor, Word};

/// `z ~ N(0, I)`, `x | z ~ p(x | decoder(z))`.
#[derive(Debug)]
pub struct Vae {
    q_z: Encoder,
    p_x: LikelihoodNet,
    latent: usize,
    beta: Real,
}

#[derive(Debug)]
enum Encoder {
    Diagonal(NormalNet),
    Full(TrilNormalNet),
    Point(NormalNet),
}

/// `q(z|x)`
#[derive(Debug, Clone, Copy)]
pub enum Posterior<'t> {
    /// Diagonal covariance.
    Diagonal(DiagNormal<'t>),
    /// Full covariance.
    Full(TrilNormal<'t>),
    /// All mass at one code.
    Point(Var<'t>),
}

/// The covariance of `q(z|x)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PosteriorKind {
    /// Diagonal.
    Diagonal,
    /// Full.
    Full,
    /// None: all mass at one code, which makes it an autoencoder without divergence.
    Point,
}

impl Word for PosteriorKind {
    const WORDS: &'static [(&'static str, Self)] =
        &[("diagonal", Self::Diagonal), ("full", Self::Full), ("point", Self::Point)];
}

/// What the encoder's spread head gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PosteriorHead {
    /// `ln σ²`
    LogVar,
    /// `ln σ`
    LogScale,
}

impl Word for PosteriorHead {
    const WORDS: &'static [(&'static str, Self)] = &[("log-var", Self::LogVar), ("log-scale", Self::LogScale)];
}

/// Options of [`Vae`].
#[derive(Debug, Clone, PartialEq)]
pub struct VaeOptions {
    /// Dimensions of the latent.
    pub z: usize,
    /// Units of a hidden layer of each head's own, after the shared ones; 0: none.
    pub branch: usize,
    /// Covariance of `q(z|x)`.
    pub posterior: PosteriorKind,
    /// What the encoder's spread head gives.
    pub posterior_head: PosteriorHead,
    /// The layers of the networks.
    pub layers: LayerOptions,
    /// The distribution of data given a code.
    pub likelihood: LikelihoodOptions,
    /// Weight of `KL(q(z|x) ‖ p(z))` in the loss.
    pub beta: f64,
}

impl Default for VaeOptions {
    fn default() -> Self {
        Self {
            z: 2,
            branch: 0,
            posterior: PosteriorKind::Diagonal,
            posterior_head: PosteriorHead::LogVar,
            layers: LayerOptions::default(),
            likelihood: LikelihoodOptions::default(),
            beta: 1.0,
        }
    }
}

impl Configured for VaeOptions {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.int("model.z", &mut self.z, 1..=4096, "dimensions of the latent");
        v.int("model.branch", &mut self.branch, 0..=16384, "units of a hidden layer of each head's own; 0: none");
        v.word("model.posterior", &mut self.posterior, "covariance of q(z|x); point: an autoencoder, no divergence");
        v.word("model.posterior_head", &mut self.posterior_head, "what the encoder's spread head gives: ln σ² or ln σ");
        self.layers.visit(v);
        self.likelihood.visit(v);
        v.float("model.beta", &mut self.beta, 0.0..=1e6, "weight of KL(q(z|x) ‖ p(z)) in the loss");
    }
}

impl ModelOptions for VaeOptions {
    fn facts(&self) -> ModelFacts {
        ModelFacts {
            kind: "vae",
            classes: 1,
            of_intensities: self.likelihood.of_intensities(),
            is_bound: self.posterior != PosteriorKind::Point && self.likelihood.is_density(),
        }
    }
    fn build(&self, width: usize, b: &mut Builder) -> Box<dyn Model> {
        Box::new(Vae::new(self, width, b))
    }
}

impl Vae {
    /// Networks for data of `width` dimensions.
    pub fn new(options: &VaeOptions, width: usize, b: &mut Builder) -> Self {
        let (latent, hidden) = (options.z, &options.layers.hidden);
        let branch = Some(options.branch).filter(|&units| units > 0);
        b.configure(&options.layers);
        let spread = match options.posterior_head {
            PosteriorHead::LogVar => Spread::LogVar,
            PosteriorHead::LogScale => Spread::LogScale,
        };
        let x = [("x", width)];
        let mut normal = |spread| NormalNet::new(b, "q_z", &x, hidden, branch, latent, spread);
        let q_z = match options.posterior {
            PosteriorKind::Point => Encoder::Point(normal(Spread::Fixed(1.0))),
            // One dimension has nothing below its diagonal.
            PosteriorKind::Full if latent > 1 => {
                Encoder::Full(TrilNormalNet::new(b, "q_z", &x, hidden, branch, latent, spread))
            }
            PosteriorKind::Diagonal | PosteriorKind::Full => Encoder::Diagonal(normal(spread)),
        };
        let p_x = LikelihoodNet::new(b, "p_x", &[("z", latent)], (hidden, branch), width, &options.likelihood);
        Self { q_z, p_x, latent, beta: options.beta as Real }
    }

    /// `q(z|x)` of data `[b, d]`.
    pub fn encode<'t>(&self, x: Var<'t>) -> Posterior<'t> {
        match &self.q_z {
            Encoder::Diagonal(net) => Posterior::Diagonal(net.given([x])),
            Encoder::Full(net) => Posterior::Full(net.given([x])),
            Encoder::Point(net) => Posterior::Point(net.given([x]).loc),
        }
    }

    /// `p(x|z)` of codes `[.., latent]`.
    pub fn decode<'t>(&self, z: Var<'t>) -> Likelihood<'t> {
        self.p_x.given([z])
    }

    /// Dimensions of the latent.
    pub fn latent(&self) -> usize {
        self.latent
    }
}

impl<'t> Posterior<'t> {
    /// `E[z|x]`
    pub fn mean(&self) -> Var<'t> {
        match self {
            Self::Diagonal(q) => q.loc,
            Self::Full(q) => q.loc,
            Self::Point(z) => *z,
        }
    }

    /// `z ~ q(z|x)`, differentiable.
    pub fn rsample(&self, noise: &mut Noise) -> Var<'t> {
        match self {
            Self::Diagonal(q) => q.rsample(noise),
            Self::Full(q) => q.rsample(noise),
            Self::Point(z) => *z,
        }
    }

    /// `ln q(z|x)`; a point has no density.
    pub fn log_prob(&self, z: Var<'t>) -> Option<Var<'t>> {
        match self {
            Self::Diagonal(q) => Some(q.log_prob(z)),
            Self::Full(q) => Some(q.log_prob(z)),
            Self::Point(_) => None,
        }
    }

    /// `KL(q(z|x) ‖ N(0, I))`; for a point it is infinite and left out.
    pub fn kl(&self) -> Option<Var<'t>> {
        match self {
            Self::Diagonal(q) => Some(q.kl(&StandardNormal)),
            Self::Full(q) => Some(q.kl(&StandardNormal)),
            Self::Point(_) => None,
        }
    }
}

impl Model for Vae {
    /// `E_{q(z|x)} ln p(x|z) − β KL(q(z|x) ‖ N(0, I))`, the divergence in closed form.
    fn objective<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Objective<'t> {
        let q_z = self.encode(x);
        let log_px = self.decode(q_z.rsample(noise)).log_prob(x);
        let bound = Objective::nll(log_px).with_latent(q_z.mean());
        q_z.kl().into_iter().fold(bound, |bound, kl| bound.plus(self.beta, "kl_z", kl))
    }

    /// `ln p(x|z) p(z) / q(z|x)` at `z ~ q(z|x)`; of an autoencoder `ln p(x|z)`.
    fn log_evidence<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Option<Var<'t>> {
        let q_z = self.encode(x);
        let z = q_z.rsample(noise);
        let log_px = self.decode(z).log_prob(x);
        Some(q_z.log_prob(z).map_or(log_px, |log_q| log_px + StandardNormal.log_prob(z) - log_q))
    }

    /// Means of `p(x|z)` with z drawn from the prior.
    fn generate<'t>(&self, tape: &'t Tape<'t>, count: usize, noise: &mut Noise) -> Option<Var<'t>> {
        Some(self.decode(tape.constant(noise.normal([1, count, self.latent]))).mean())
    }
}
