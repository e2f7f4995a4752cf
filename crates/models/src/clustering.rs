//! What M2, modified M2 and the GMVAE have in common: inference networks, bound, evidence and generation.
//! Source: Kingma et al. (2014), "Semi-supervised Learning with Deep Generative Models", eq. 7, as used by Shu
//! (2016) without labels.

use std::fmt;

use elbo_autograd::{Tape, Var};
use elbo_tensor::{Real, Tensor};

use crate::dist::{Bernoulli, Categorical, DiagNormal, Distribution, Kl, StandardNormal, UniformCategorical, codes};
use crate::nn::{Builder, CategoricalNet, HIDDEN, NormalNet, Spread};
use crate::{Model, Noise, Objective, Visitor};

/// A generative model with a class: `y ~ Cat(1/k)`, `z | y ~ p(z|y)`, `x | y, z ~ p(x|y,z)`.
pub trait Generative: fmt::Debug + Send + Sync {
    /// `p(z|y)`
    type Prior<'t>: Prior<'t>;

    /// `p(z|y)` of one-hot classes.
    fn p_z<'t>(&self, y: Var<'t>) -> Self::Prior<'t>;

    /// `p(x|y,z)` of one-hot classes.
    fn p_x<'t>(&self, y: Var<'t>, z: Var<'t>) -> Bernoulli<'t>;
}

/// A distribution of the latent given the class.
pub trait Prior<'t> {
    /// `ln p(z|y)`
    fn log_prob(&self, z: Var<'t>) -> Var<'t>;

    /// Draws of `shape`, `[k, count, z]`.
    fn draw(&self, tape: &'t Tape<'t>, shape: [usize; 3], noise: &mut Noise) -> Var<'t>;
}

impl<'t> Prior<'t> for StandardNormal {
    fn log_prob(&self, z: Var<'t>) -> Var<'t> {
        StandardNormal::log_prob(self, z)
    }
    fn draw(&self, tape: &'t Tape<'t>, shape: [usize; 3], noise: &mut Noise) -> Var<'t> {
        tape.constant(noise.normal(shape))
    }
}

impl<'t> Prior<'t> for DiagNormal<'t> {
    fn log_prob(&self, z: Var<'t>) -> Var<'t> {
        Distribution::log_prob(self, z)
    }
    fn draw(&self, tape: &'t Tape<'t>, shape: [usize; 3], noise: &mut Noise) -> Var<'t> {
        self.transform(tape.constant(noise.normal(shape)))
    }
}

/// The options of all models with a class and a latent.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusteringOptions {
    /// Number of clusters.
    pub k: usize,
    /// Dimensions of the latent.
    pub z: usize,
    /// Units of each hidden layer, in all networks.
    pub hidden: Vec<usize>,
    /// Summand of every learned variance; 0: none, as published.
    pub floor: f64,
    /// Weight of `KL(q(y|x) ‖ p(y))` in the loss.
    pub eta: f64,
    /// Weight of the divergence of `q(z|x,y)` from its prior in the loss.
    pub beta: f64,
}

impl Default for ClusteringOptions {
    fn default() -> Self {
        Self { k: 10, z: 64, hidden: vec![512, 512], floor: 0.0, eta: 1.0, beta: 1.0 }
    }
}

impl ClusteringOptions {
    pub(crate) fn visit(&mut self, v: &mut Visitor<'_>) {
        v.int("model.k", &mut self.k, 1..=1000, "number of clusters");
        v.int("model.z", &mut self.z, 1..=4096, "dimensions of the latent");
        v.ints("model.hidden", &mut self.hidden, 1..=16384, HIDDEN);
        v.float("model.floor", &mut self.floor, 0.0..=1e6, "summand of every learned variance; 0: none, as published");
        v.float("model.eta", &mut self.eta, 0.0..=1e6, "weight of KL(q(y|x) ‖ p(y)) in the loss");
        v.float("model.beta", &mut self.beta, 0.0..=1e6, "weight of KL(q(z|x,y) ‖ p(z|y)) in the loss");
    }
}

/// A generative model with the inference networks `q(y|x)` and `q(z|x,y)`, the prior `p(y) = 1/k`, and the
/// weights of the divergences.
#[derive(Debug)]
pub struct Clustered<G> {
    /// The generative part.
    pub p: G,
    q_y: CategoricalNet,
    q_z: NormalNet,
    p_y: UniformCategorical,
    latent: usize,
    eta: Real,
    beta: Real,
}

impl<G: Generative> Clustered<G> {
    /// Inference networks for data of `width` dimensions, then the generative part.
    pub fn new(options: &ClusteringOptions, width: usize, b: &mut Builder, p: impl FnOnce(&mut Builder) -> G) -> Self {
        let ClusteringOptions { k, z, ref hidden, floor, eta, beta } = *options;
        b.floor(floor);
        Self {
            q_y: CategoricalNet::new(b, "q_y", &[("x", width)], hidden, k),
            q_z: NormalNet::new(b, "q_z", &[("x", width), ("y", k)], hidden, None, z, Spread::SoftplusVar),
            p_y: UniformCategorical { classes: k },
            latent: z,
            eta: eta as Real,
            beta: beta as Real,
            p: p(b),
        }
    }

    /// `q(y|x)`: `[b, k]`, and `q(z|x,y)` under each class: `[k, b, z]`.
    pub fn encode<'t>(&self, x: Var<'t>) -> (Var<'t>, DiagNormal<'t>) {
        (self.q_y.given([x]).probs(), self.q_z.given([x, codes(x.tape(), self.p_y.classes)]))
    }

    /// `ln p(x|y,z)` and `ln q(z|x,y) − ln p(z|y)` at `z ~ q(z|x,y)`.
    fn parts<'t>(&self, x: Var<'t>, y: Var<'t>, noise: &mut Noise) -> [Var<'t>; 2] {
        let q_z = self.q_z.given([x, y]);
        let p_z = self.p.p_z(y);
        let z = q_z.rsample(noise);
        [self.p.p_x(y, z).log_prob(x), Distribution::log_prob(&q_z, z) - p_z.log_prob(z)]
    }
}

impl<G: Generative> Model for Clustered<G> {
    /// `−E_{q(y|x)} E_{q(z|x,y)} [ln p(x|y,z) + ln p(z|y) − ln q(z|x,y)] + KL(q(y|x) ‖ p(y))`, exact over y, with the
    /// divergences weighted by β and η.
    fn objective<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Objective<'t> {
        let q_y: Categorical<'t> = self.q_y.given([x]);
        let [log_px, kl_z] = q_y.expect(|y| self.parts(x, y, noise));
        let kl_y = q_y.kl(&self.p_y);
        Objective::nll(log_px).plus(self.eta, "kl_y", kl_y).plus(self.beta, "kl_z", kl_z).with_clusters(q_y.probs())
    }

    /// `ln Σ_y p(y) p(x|y,z) p(z|y) / q(z|x,y)`
    fn log_evidence<'t>(&self, x: Var<'t>, noise: &mut Noise) -> Option<Var<'t>> {
        Some(self.p_y.marginalize(x.tape(), |y| {
            let [log_px, kl_z] = self.parts(x, y, noise);
            log_px - kl_z
        }))
    }

    /// Means of `p(x|y,z)` with `z ~ p(z|y)`.
    fn generate<'t>(&self, tape: &'t Tape<'t>, count: usize, noise: &mut Noise) -> Option<Var<'t>> {
        let k = self.p_y.classes;
        let y = tape.constant(Tensor::eye(k).reshape([k, 1, k]).broadcast_to([k, count, k]));
        let z = self.p.p_z(y).draw(tape, [k, count, self.latent], noise);
        Some(self.p.p_x(y, z).mean())
    }
}
