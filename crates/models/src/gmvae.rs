//! The Gaussian-mixture variational autoencoder: a mixture of normals as the prior of the latent. Source: Shu,
//! "Gaussian Mixture VAE: Lessons in Variational Inference, Generative Models, and Deep Nets" (2016), the "real GMVAE";
//! bound as in the accompanying program.

use elbo_autograd::Var;

use crate::clustering::{Clustered, ClusteringOptions, Generative};
use crate::dist::{Bernoulli, DiagNormal};
use crate::nn::{BernoulliNet, Builder, NormalNet, Spread};
use crate::{Configured, Model, ModelFacts, ModelOptions, Visitor};

/// `y ~ Cat(1/k)`, `z | y ~ N(μ(y), diag σ²(y))`, `x | z ~ Bernoulli(decoder(z))`.
#[derive(Debug)]
pub struct Gmvae {
    p_z: NormalNet,
    p_x: BernoulliNet,
}

/// Options of [`Gmvae`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GmvaeOptions {
    /// What all clustering models have.
    pub clustering: ClusteringOptions,
}

impl Configured for GmvaeOptions {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        self.clustering.visit(v);
    }
}

impl ModelOptions for GmvaeOptions {
    fn facts(&self) -> ModelFacts {
        ModelFacts { kind: "gmvae", classes: self.clustering.k, of_intensities: true, is_bound: true }
    }
    fn build(&self, width: usize, b: &mut Builder) -> Box<dyn Model> {
        Box::new(Gmvae::new(self, width, b))
    }
}

impl Gmvae {
    /// Networks for data of `width` dimensions.
    pub fn new(options: &GmvaeOptions, width: usize, b: &mut Builder) -> Clustered<Self> {
        let ClusteringOptions { k, z, ref hidden, .. } = options.clustering;
        Clustered::new(&options.clustering, width, b, |b| Self {
            p_z: NormalNet::new(b, "p_z", &[("y", k)], &[], None, z, Spread::SoftplusVar),
            p_x: BernoulliNet::new(b, "p_x", &[("z", z)], hidden, width),
        })
    }
}

impl Generative for Gmvae {
    type Prior<'t> = DiagNormal<'t>;

    fn p_z<'t>(&self, y: Var<'t>) -> DiagNormal<'t> {
        self.p_z.given([y])
    }

    fn p_x<'t>(&self, _y: Var<'t>, z: Var<'t>) -> Bernoulli<'t> {
        self.p_x.given([z])
    }
}
