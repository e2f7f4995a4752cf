//! The distribution of data given a code: which one, and with which variance, is a setting.

use elbo_autograd::Var;
use elbo_tensor::Real;

use super::squared_error::SquaredError;
use super::{BernoulliNet, Builder, Input, Net, NormalNet, Spread, TrilNormalNet};
use crate::dist::{Bernoulli, DiagNormal, Distribution, TrilNormal};
use crate::{Noise, Visitor, Word};

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

/// The distribution of data given a code, or an error in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LikelihoodKind {
    /// A normal.
    Gaussian,
    /// Independent binary variables.
    Bernoulli,
    /// The squared error, mean over dimensions, without constant.
    Mse,
    /// The squared error, sum over dimensions, without constant.
    Sse,
}

impl Word for LikelihoodKind {
    const WORDS: &'static [(&'static str, Self)] =
        &[("gaussian", Self::Gaussian), ("bernoulli", Self::Bernoulli), ("mse", Self::Mse), ("sse", Self::Sse)];
}

/// The covariance of a Gaussian likelihood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecoderVariance {
    /// One constant variance.
    Fixed,
    /// A variance for each dimension, learned once.
    Global,
    /// Diagonal, a function of the code.
    PerSample,
    /// Full, a function of the code.
    Full,
}

impl Word for DecoderVariance {
    const WORDS: &'static [(&'static str, Self)] =
        &[("fixed", Self::Fixed), ("global", Self::Global), ("per-sample", Self::PerSample), ("full", Self::Full)];
}

/// Which distribution of data given a code, and with which variance.
#[derive(Debug, Clone, PartialEq)]
pub struct LikelihoodOptions {
    /// The distribution.
    pub likelihood: LikelihoodKind,
    /// Covariance of a Gaussian likelihood.
    pub decoder_var: DecoderVariance,
    /// The variance of `decoder_var = Fixed`.
    pub variance: f64,
}

impl Default for LikelihoodOptions {
    fn default() -> Self {
        Self { likelihood: LikelihoodKind::Gaussian, decoder_var: DecoderVariance::Fixed, variance: 1.0 }
    }
}

impl LikelihoodOptions {
    pub(crate) fn visit(&mut self, v: &mut Visitor<'_>) {
        v.word("model.likelihood", &mut self.likelihood, "distribution of x, or a squared error: mean or sum");
        v.word("model.decoder_var", &mut self.decoder_var, "Gaussian covariance: constant, learned, or of the code");
        v.positive("model.variance", &mut self.variance, 1e6, "the fixed variance of a Gaussian likelihood");
    }

    /// Whether data must lie in [0, 1].
    pub fn of_intensities(&self) -> bool {
        self.likelihood == LikelihoodKind::Bernoulli
    }

    /// Whether it is a density of x, which a squared error without its constant is not.
    pub fn is_density(&self) -> bool {
        !matches!(self.likelihood, LikelihoodKind::Mse | LikelihoodKind::Sse)
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
    /// Parameters as those of the chosen distribution's network.
    pub fn new(
        b: &mut Builder,
        name: &str,
        inputs: &[Input],
        (hidden, branch): (&[usize], Option<usize>),
        width: usize,
        options: &LikelihoodOptions,
    ) -> Self {
        // A single head has no branch of its own: that is one more hidden layer.
        let all_hidden: Vec<usize> = hidden.iter().copied().chain(branch).collect();
        let mut normal = |spread| NormalNet::new(b, name, inputs, hidden, branch, width, spread);
        Self(match (options.likelihood, options.decoder_var) {
            (LikelihoodKind::Bernoulli, _) => Kind::Bernoulli(BernoulliNet::new(b, name, inputs, &all_hidden, width)),
            (LikelihoodKind::Mse, _) => {
                let loc = Net::new(b, name, "loc", inputs, &all_hidden, width);
                Kind::SquaredError(loc, 1.0 / width as Real)
            }
            (LikelihoodKind::Sse, _) => Kind::SquaredError(Net::new(b, name, "loc", inputs, &all_hidden, width), 1.0),
            (_, DecoderVariance::Fixed) => Kind::Normal(normal(Spread::Fixed(options.variance))),
            (_, DecoderVariance::Global) => Kind::Normal(normal(Spread::Global)),
            (_, DecoderVariance::Full) if width > 1 => {
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
