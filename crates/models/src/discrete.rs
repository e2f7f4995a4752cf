//! A variational autoencoder whose latent is one of k classes, without sampling: the expectation over the
//! class is exact. Source: the discrete model of the beta sweep; the bound is that of Kingma and Welling
//! (2014) for a categorical code.

use elbo_autograd::{Tape, Var};
use elbo_tensor::{Real, Tensor};

use crate::dist::{Kl, UniformCategorical};
use crate::nn::{Builder, CategoricalNet, LayerOptions, LikelihoodNet, LikelihoodOptions};
use crate::{Configured, Model, ModelFacts, ModelOptions, Noise, Objective, Visitor};

/// `y ~ Cat(1/k)`, `x | y ~ p(x | decoder(y))`.
#[derive(Debug)]
pub struct DiscreteVae {
    q_y: CategoricalNet,
    p_x: LikelihoodNet,
    p_y: UniformCategorical,
    beta: Real,
}

/// Options of [`DiscreteVae`].
#[derive(Debug, Clone, PartialEq)]
pub struct DiscreteVaeOptions {
    /// Number of classes.
    pub k: usize,
    /// The layers of the networks.
    pub layers: LayerOptions,
    /// The distribution of data given a class.
    pub likelihood: LikelihoodOptions,
    /// Weight of `KL(q(y|x) ‖ p(y))` in the loss.
    pub beta: f64,
}

impl Default for DiscreteVaeOptions {
    fn default() -> Self {
        Self { k: 3, layers: LayerOptions::default(), likelihood: LikelihoodOptions::default(), beta: 1.0 }
    }
}

impl Configured for DiscreteVaeOptions {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.int("model.k", &mut self.k, 1..=1000, "number of classes");
        self.layers.visit(v);
        self.likelihood.visit(v);
        v.float("model.beta", &mut self.beta, 0.0..=1e6, "weight of KL(q(y|x) ‖ p(y)) in the loss");
    }
}

impl ModelOptions for DiscreteVaeOptions {
    fn facts(&self) -> ModelFacts {
        ModelFacts {
            kind: "discrete-vae",
            classes: self.k,
            of_intensities: self.likelihood.of_intensities(),
            is_bound: self.likelihood.is_density(),
        }
    }
    fn build(&self, width: usize, b: &mut Builder) -> Box<dyn Model> {
        Box::new(DiscreteVae::new(self, width, b))
    }
}

impl DiscreteVae {
    /// Networks for data of `width` dimensions.
    pub fn new(options: &DiscreteVaeOptions, width: usize, b: &mut Builder) -> Self {
        let DiscreteVaeOptions { k, ref layers, ref likelihood, beta } = *options;
        b.configure(layers);
        Self {
            q_y: CategoricalNet::new(b, "q_y", &[("x", width)], &layers.hidden, k),
            p_x: LikelihoodNet::new(b, "p_x", &[("y", k)], (&layers.hidden, None), width, likelihood),
            p_y: UniformCategorical { classes: k },
            beta: beta as Real,
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
    fn log_evidence<'t>(&self, x: Var<'t>, _noise: &mut Noise) -> Option<Var<'t>> {
        Some(self.p_y.marginalize(x.tape(), |y| self.p_x.given([y]).log_prob(x)))
    }

    /// Means of `p(x|y)`, `count` times.
    fn generate<'t>(&self, tape: &'t Tape<'t>, count: usize, _noise: &mut Noise) -> Option<Var<'t>> {
        let k = self.p_y.classes;
        let mean = self.p_x.given([tape.constant(Tensor::eye(k).reshape([k, 1, k]))]).mean();
        Some(mean.broadcast_to([k, count, mean.shape().last()]))
    }
}
