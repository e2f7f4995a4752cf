//! The distribution of data given a code: which one, and with which variance, is a setting.

use elbo_autograd::Var;
use elbo_tensor::Real;

use super::squared_error::SquaredError;
use super::{BernoulliNet, Builder, Input, Net, NormalNet, Spread, TrilNormalNet};
use crate::dist::{Bernoulli, DiagNormal, TrilNormal};
use crate::{Noise, Setting, Settings};

/// `p(x | ·)`, or a squared error in its place.
#[derive(Debug, Clone, Copy)]
pub enum Likelihood<'t> {
    /// Independent binary variables.
    Bernoulli(Bernoulli<'t>),
    /// A normal with diagonal covariance.
    Normal(DiagNormal<'t>),
    /// A normal with full covariance.
    TrilNormal(TrilNormal<'t>),
    /// Not a density: minus the squared error, times the factor.
    SquaredError(Var<'t>, Real),
}

impl<'t> Likelihood<'t> {
    /// `ln p(x | ·)`, or minus the squared error `Σᵢ (xᵢ − locᵢ)²` or its mean over the dimensions.
    pub fn log_prob(&self, x: Var<'t>) -> Var<'t> {
        match self {
            Self::Bernoulli(p) => p.log_prob(x),
            Self::Normal(p) => p.log_prob(x),
            Self::TrilNormal(p) => p.log_prob(x),
            Self::SquaredError(loc, factor) => x.binary(SquaredError { weight: -*factor }, *loc),
        }
    }

    /// `E[x | ·]`
    pub fn mean(&self) -> Var<'t> {
        match self {
            Self::Bernoulli(p) => p.mean(),
            Self::Normal(p) => p.loc,
            Self::TrilNormal(p) => p.loc,
            Self::SquaredError(loc, _) => *loc,
        }
    }

    /// A draw of x; of a Bernoulli and of a squared error, which has no spread, the mean.
    pub fn sample(&self, noise: &mut Noise) -> Var<'t> {
        match self {
            Self::Normal(p) => p.rsample(noise),
            Self::TrilNormal(p) => p.rsample(noise),
            _ => self.mean(),
        }
    }
}

/// A network that ends in a [`Likelihood`].
#[derive(Debug)]
pub struct LikelihoodNet(Kind);

#[derive(Debug)]
enum Kind {
    Bernoulli(BernoulliNet),
    Normal(NormalNet),
    TrilNormal(TrilNormalNet),
    SquaredError(Net, Real),
}

impl LikelihoodNet {
    /// The settings that choose the distribution.
    pub fn settings() -> Vec<Setting> {
        vec![
            Setting::choice(
                "likelihood",
                "gaussian",
                &["gaussian", "bernoulli", "mse", "sse"],
                "distribution of x given the code, or the squared error, mean or sum over dimensions, without constant",
            ),
            Setting::choice(
                "decoder_var",
                "fixed",
                &["fixed", "global", "per-sample", "full"],
                "covariance of a Gaussian likelihood: constant, learned once, diagonal or full as a function of the code",
            ),
            Setting::positive("variance", 1.0, 1e6, "the fixed variance of a Gaussian likelihood"),
        ]
    }

    /// Whether the settings ask for data in [0, 1].
    pub fn of_intensities(settings: &Settings) -> bool {
        settings.text("likelihood") == "bernoulli"
    }

    /// Whether the settings choose a density of x, which a squared error without its constant is not.
    pub fn is_density(settings: &Settings) -> bool {
        !matches!(settings.text("likelihood"), "mse" | "sse")
    }

    /// Parameters as those of the chosen distribution's network.
    pub fn new(
        b: &mut Builder,
        name: &str,
        inputs: &[Input],
        (hidden, branch): (&[usize], Option<usize>),
        width: usize,
        settings: &Settings,
    ) -> Self {
        // A single head has no branch of its own: that is one more hidden layer.
        let all_hidden: Vec<usize> = hidden.iter().copied().chain(branch).collect();
        let mut normal = |spread| NormalNet::new(b, name, inputs, hidden, branch, width, spread);
        Self(match (settings.text("likelihood"), settings.text("decoder_var")) {
            ("bernoulli", _) => Kind::Bernoulli(BernoulliNet::new(b, name, inputs, &all_hidden, width)),
            ("mse", _) => {
                let loc = Net::new(b, name, "loc", inputs, &all_hidden, width);
                Kind::SquaredError(loc, 1.0 / width as Real)
            }
            ("sse", _) => Kind::SquaredError(Net::new(b, name, "loc", inputs, &all_hidden, width), 1.0),
            (_, "fixed") => Kind::Normal(normal(Spread::Fixed(settings.float("variance")))),
            (_, "global") => Kind::Normal(normal(Spread::Global)),
            (_, "full") if width > 1 => {
                Kind::TrilNormal(TrilNormalNet::new(b, name, inputs, hidden, branch, width, Spread::LogVar))
            }
            _ => Kind::Normal(normal(Spread::LogVar)),
        })
    }

    /// The conditional distribution.
    pub fn given<'t, const N: usize>(&self, inputs: [Var<'t>; N]) -> Likelihood<'t> {
        match &self.0 {
            Kind::Bernoulli(net) => Likelihood::Bernoulli(net.given(inputs)),
            Kind::Normal(net) => Likelihood::Normal(net.given(inputs)),
            Kind::TrilNormal(net) => Likelihood::TrilNormal(net.given(inputs)),
            Kind::SquaredError(net, factor) => Likelihood::SquaredError(net.forward(&inputs), *factor),
        }
    }
}
