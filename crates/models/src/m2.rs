//! M2, trained without labels: a class and an independent latent. Source: Kingma et al., "Semi-supervised Learning with
//! Deep Generative Models" (2014); the unsupervised form is that of Shu (2016), "Gaussian Mixture VAE: Lessons in
//! Variational Inference, Generative Models, and Deep Nets".

use elbo_autograd::Var;

use crate::clustering::{Clustered, ClusteringOptions, Generative};
use crate::dist::{Bernoulli, StandardNormal};
use crate::nn::{BernoulliNet, Builder};
use crate::{Configured, Model, ModelFacts, ModelOptions, Visitor};

/// `y ~ Cat(1/k)`, `z ~ N(0, I)`, `x | y, z ~ Bernoulli(decoder(z, y))`.
#[derive(Debug)]
pub struct M2 {
    p_x: BernoulliNet,
}

/// Options of [`M2`].
#[derive(Debug, Clone, PartialEq)]
pub struct M2Options {
    /// What all clustering models have.
    pub clustering: ClusteringOptions,
    /// Units of each hidden layer of the decoder; the narrow variant is [64, 512].
    pub decoder_hidden: Vec<usize>,
}

impl Default for M2Options {
    fn default() -> Self {
        Self { clustering: ClusteringOptions::default(), decoder_hidden: vec![512, 512] }
    }
}

impl Configured for M2Options {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        self.clustering.visit(v);
        v.ints("model.decoder_hidden", &mut self.decoder_hidden, 1..=16384, "units of the decoder's hidden layers");
    }
}

impl ModelOptions for M2Options {
    fn facts(&self) -> ModelFacts {
        ModelFacts { kind: "m2", classes: self.clustering.k, of_intensities: true, is_bound: true }
    }
    fn build(&self, width: usize, b: &mut Builder) -> Box<dyn Model> {
        Box::new(M2::new(self, width, b))
    }
}

impl M2 {
    /// Networks for data of `width` dimensions.
    pub fn new(options: &M2Options, width: usize, b: &mut Builder) -> Clustered<Self> {
        let ClusteringOptions { k, z, .. } = options.clustering;
        Clustered::new(&options.clustering, width, b, |b| Self {
            p_x: BernoulliNet::new(b, "p_x", &[("z", z), ("y", k)], &options.decoder_hidden, width),
        })
    }
}

impl Generative for M2 {
    type Prior<'t> = StandardNormal;

    fn p_z(&self, _y: Var<'_>) -> StandardNormal {
        StandardNormal
    }

    fn p_x<'t>(&self, y: Var<'t>, z: Var<'t>) -> Bernoulli<'t> {
        self.p_x.given([z, y])
    }
}
