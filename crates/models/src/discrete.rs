//! A variational autoencoder whose latent is one of k classes, without sampling: the expectation over the class is exact.
//! Source: the discrete model of the beta sweep; the bound is that of Kingma and Welling (2014) for a categorical code.

use elbo_autograd::{Tape, Var};
use elbo_tensor::{Real, Tensor};

use crate::dist::{Kl, UniformCategorical};
use crate::model::{Model, ModelSpec};
use crate::nn::{Builder, CategoricalNet, LikelihoodNet};
use crate::{Noise, Objective, Setting, Settings};

/// `y ~ Cat(1/k)`, `x | y ~ p(x | decoder(y))`.
#[derive(Debug)]
pub struct DiscreteVae {
    q_y: CategoricalNet,
    p_x: LikelihoodNet,
    p_y: UniformCategorical,
    beta: Real,
}

pub(crate) const SPEC: ModelSpec = ModelSpec {
    kind: "discrete-vae",
    about: "VAE with one of k classes as its code: clusters by an exact expectation",
    settings: || {
        let mut list = vec![Setting::int("k", 3, [1, 1000], "number of classes")];
        list.extend(Builder::settings());
        list.extend(LikelihoodNet::settings());
        list.push(Setting::float("beta", 1.0, [0.0, 1e6], "weight of KL(q(y|x) ‖ p(y)) in the loss"));
        list
    },
    of_intensities: LikelihoodNet::of_intensities,
    has_evidence: LikelihoodNet::is_density,
    build: |settings, width, b| Box::new(DiscreteVae::new(settings, width, b)),
};

impl DiscreteVae {
    /// Networks for data of `width` dimensions.
    pub fn new(settings: &Settings, width: usize, b: &mut Builder) -> Self {
        let (k, hidden) = (settings.int("k"), settings.ints("hidden"));
        b.configure(settings);
        Self {
            q_y: CategoricalNet::new(b, "q_y", &[("x", width)], &hidden, k),
            p_x: LikelihoodNet::new(b, "p_x", &[("y", k)], (&hidden, None), width, settings),
            p_y: UniformCategorical { classes: k },
            beta: settings.float("beta") as Real,
        }
    }
}

impl Model for DiscreteVae {
    /// `E_{q(y|x)} ln p(x|y) − β KL(q(y|x) ‖ p(y))`
    fn objective<'t>(&self, x: Var<'t>, _noise: &mut Noise) -> Objective<'t> {
        let q_y = self.q_y.given([x]);
        let [log_px] = q_y.expect(|y| [self.p_x.given([y]).log_prob(x)]);
        Objective::nll(log_px).plus(self.beta, "kl_y", q_y.kl(&self.p_y)).with_clusters(q_y.probs())
    }

    /// `ln Σ_y p(y) p(x|y)`, exact.
    fn log_evidence<'t>(&self, x: Var<'t>, _noise: &mut Noise) -> Var<'t> {
        self.p_y.marginalize(x.tape(), |y| self.p_x.given([y]).log_prob(x))
    }

    /// Means of `p(x|y)`, `count` times.
    fn generate<'t>(&self, tape: &'t Tape<'t>, count: usize, _noise: &mut Noise) -> Var<'t> {
        let k = self.p_y.classes;
        let mean = self.p_x.given([tape.constant(Tensor::eye(k).reshape([k, 1, k]))]).mean();
        mean.broadcast_to([k, count, mean.shape().last()])
    }
}
