//! The variational autoencoder. Sources: Kingma and Welling, "Auto-Encoding Variational Bayes" (2014); full covariance as
//! in Kingma and Welling, "An Introduction to Variational Autoencoders" (2019), section 2.5.1; weight β of Higgins et al.
//! (2017). With a point in place of the posterior it is an autoencoder.

use elbo_autograd::{Tape, Var};
use elbo_tensor::Real;

use crate::dist::{DiagNormal, Kl, StandardNormal, TrilNormal};
use crate::model::{Model, ModelSpec};
use crate::nn::{Builder, Likelihood, LikelihoodNet, NormalNet, Spread, TrilNormalNet};
use crate::{Noise, Objective, Setting, Settings};

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

pub(crate) const SPEC: ModelSpec = ModelSpec {
    kind: "vae",
    about: "VAE with a diagonal or full-covariance normal posterior, or an autoencoder",
    settings: || {
        let mut list = vec![
            Setting::int("z", 2, [1, 4096], "dimensions of the latent"),
            Setting::int(
                "branch",
                0,
                [0, 16384],
                "units of a hidden layer of each head's own, after the shared ones; 0: none",
            ),
            Setting::choice(
                "posterior",
                "diagonal",
                &["diagonal", "full", "point"],
                "covariance of q(z|x); a point makes it an autoencoder without divergence",
            ),
            Setting::choice(
                "posterior_head",
                "log-var",
                &["log-var", "log-scale"],
                "what the encoder's spread head gives: ln σ² or ln σ",
            ),
        ];
        list.extend(Builder::settings());
        list.extend(LikelihoodNet::settings());
        list.push(Setting::float("beta", 1.0, [0.0, 1e6], "weight of KL(q(z|x) ‖ p(z)) in the loss"));
        list
    },
    of_intensities: LikelihoodNet::of_intensities,
    has_evidence: |settings| settings.text("posterior") != "point" && LikelihoodNet::is_density(settings),
    build: |settings, width, b| Box::new(Vae::new(settings, width, b)),
};

impl Vae {
    /// Networks for data of `width` dimensions.
    pub fn new(settings: &Settings, width: usize, b: &mut Builder) -> Self {
        let (latent, hidden) = (settings.int("z"), settings.ints("hidden"));
        let branch = Some(settings.int("branch")).filter(|&units| units > 0);
        b.configure(settings);
        let spread = if settings.text("posterior_head") == "log-var" { Spread::LogVar } else { Spread::LogScale };
        let x = [("x", width)];
        let mut normal = |spread| NormalNet::new(b, "q_z", &x, &hidden, branch, latent, spread);
        let q_z = match settings.text("posterior") {
            "point" => Encoder::Point(normal(Spread::Fixed(1.0))),
            // One dimension has nothing below its diagonal.
            "full" if latent > 1 => Encoder::Full(TrilNormalNet::new(b, "q_z", &x, &hidden, branch, latent, spread)),
            _ => Encoder::Diagonal(normal(spread)),
        };
        let p_x = LikelihoodNet::new(b, "p_x", &[("z", latent)], (&hidden, branch), width, settings);
        Self { q_z, p_x, latent, beta: settings.float("beta") as Real }
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
    fn log_evidence<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Var<'t> {
        let q_z = self.encode(x);
        let z = q_z.rsample(noise);
        let log_px = self.decode(z).log_prob(x);
        q_z.log_prob(z).map_or(log_px, |log_q| log_px + StandardNormal.log_prob(z) - log_q)
    }

    /// Means of `p(x|z)` with z drawn from the prior.
    fn generate<'t>(&self, tape: &'t Tape<'t>, count: usize, noise: &mut Noise) -> Var<'t> {
        self.decode(tape.constant(noise.normal([1, count, self.latent]))).mean()
    }
}
