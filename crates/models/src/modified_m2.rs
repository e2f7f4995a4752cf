//! Modified M2: the class chooses an affine map of the latent, whose image is a mixture of normals inside the decoder.
//! Source: Shu, "Gaussian Mixture VAE: Lessons in Variational Inference, Generative Models, and Deep Nets" (2016), with
//! the variants of the accompanying program.

use elbo_autograd::{Tape, Var};

use crate::clustering::{Clustered, ClusteringOptions, Generative};
use crate::dist::{Bernoulli, StandardNormal, codes};
use crate::nn::{BernoulliNet, Builder, NormalNet, Spread};
use crate::{Configured, Model, ModelFacts, ModelOptions, Visitor, Word};

/// `y ~ Cat(1/k)`, `z ~ N(0, I)`, `h = m(y) + s(y) ⊙ z`, `x | h ~ Bernoulli(decoder(h))`.
#[derive(Debug)]
pub struct ModifiedM2 {
    p_h: NormalNet,
    relu: bool,
    p_x: BernoulliNet,
    classes: usize,
}

/// What follows h in the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModifiedDecoder {
    /// ReLU, and a hidden layer fewer.
    Relu,
    /// Nothing, and a hidden layer fewer.
    Identity,
    /// All hidden layers.
    Layer,
    /// One hidden layer more.
    Deep,
}

impl Word for ModifiedDecoder {
    const WORDS: &'static [(&'static str, Self)] =
        &[("relu", Self::Relu), ("identity", Self::Identity), ("layer", Self::Layer), ("deep", Self::Deep)];
}

/// The scale `s(y)` of h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModifiedScale {
    /// `√softplus` by class.
    ByClass,
    /// The same with `ln(1 + eˣ)` as written, 0 below −16.6 in single precision.
    Direct,
    /// One for all classes.
    Shared,
    /// Linear in y and of either sign.
    Signed,
}

impl Word for ModifiedScale {
    const WORDS: &'static [(&'static str, Self)] =
        &[("by-class", Self::ByClass), ("direct", Self::Direct), ("shared", Self::Shared), ("signed", Self::Signed)];
}

/// Options of [`ModifiedM2`].
#[derive(Debug, Clone, PartialEq)]
pub struct ModifiedM2Options {
    /// What all clustering models have.
    pub clustering: ClusteringOptions,
    /// What follows h.
    pub decoder: ModifiedDecoder,
    /// Scale of h.
    pub scale: ModifiedScale,
}

impl Default for ModifiedM2Options {
    fn default() -> Self {
        let clustering = ClusteringOptions::default();
        Self { clustering, decoder: ModifiedDecoder::Relu, scale: ModifiedScale::ByClass }
    }
}

impl Configured for ModifiedM2Options {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        self.clustering.visit(v);
        v.word("model.decoder", &mut self.decoder, "what follows h; relu, identity: a layer fewer; deep: one more");
        v.word(
            "model.scale",
            &mut self.scale,
            "scale of h: s(y) = √softplus by class, the same with ln(1 + eˣ) as written (0 below −16.6 in single \
             precision), one for all classes, or linear in y and of either sign",
        );
    }
}

impl ModelOptions for ModifiedM2Options {
    fn facts(&self) -> ModelFacts {
        ModelFacts { kind: "modified-m2", classes: self.clustering.k, of_intensities: true, is_bound: true }
    }
    fn build(&self, width: usize, b: &mut Builder) -> Box<dyn Model> {
        Box::new(ModifiedM2::new(self, width, b))
    }
}

impl ModifiedM2 {
    /// Networks for data of `width` dimensions.
    pub fn new(options: &ModifiedM2Options, width: usize, b: &mut Builder) -> Clustered<Self> {
        let ClusteringOptions { k, z, mut hidden, .. } = options.clustering.clone();
        match options.decoder {
            ModifiedDecoder::Layer => {}
            ModifiedDecoder::Deep => hidden.extend(hidden.last().copied()),
            ModifiedDecoder::Relu | ModifiedDecoder::Identity => drop(hidden.drain(..hidden.len().min(1))),
        }
        let scale = match options.scale {
            ModifiedScale::ByClass => Spread::SoftplusVar,
            ModifiedScale::Direct => Spread::DirectSoftplusVar,
            ModifiedScale::Shared => Spread::SharedSoftplusVar,
            ModifiedScale::Signed => Spread::Signed,
        };
        Clustered::new(&options.clustering, width, b, |b| Self {
            p_h: NormalNet::new(b, "p_h", &[("y", k)], &[], None, z, scale),
            relu: options.decoder == ModifiedDecoder::Relu,
            p_x: BernoulliNet::new(b, "p_x", &[("h", z)], &hidden, width),
            classes: k,
        })
    }

    /// `s(y)` of each class: `[k, 1, z]`.
    pub fn scales<'t>(&self, tape: &'t Tape<'t>) -> Var<'t> {
        self.p_h.given([codes(tape, self.classes)]).scale
    }
}

impl Generative for ModifiedM2 {
    type Prior<'t> = StandardNormal;

    fn p_z(&self, _y: Var<'_>) -> StandardNormal {
        StandardNormal
    }

    /// `p(x|h)` with `h = m(y) + s(y) ⊙ z`.
    fn p_x<'t>(&self, y: Var<'t>, z: Var<'t>) -> Bernoulli<'t> {
        let h = self.p_h.given([y]).transform(z);
        self.p_x.given([if self.relu { h.relu() } else { h }])
    }
}
