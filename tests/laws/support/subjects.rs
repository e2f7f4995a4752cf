//! Every model and variant as a small subject of the laws.

use elbo::autograd::Params;
use elbo::models::{Model, ModelOptions, Value};
use elbo::tensor::{Shape, Stream, Tensor};

use super::{float, int, ints, normal, options, rng, text, uniform};

/// Dimensions of the data.
pub const WIDTH: usize = 4;

/// A small model whose laws are checked.
pub struct Subject {
    pub name: String,
    pub options: Box<dyn ModelOptions>,
}

impl Subject {
    /// The model of this kind with these settings of `[model]`; the name lists them.
    #[track_caller]
    pub fn of(kind: &str, changes: &[(&str, Value)]) -> Self {
        let subject = Self { name: kind.into(), options: options(kind) };
        changes.iter().fold(subject, |subject, (name, value)| subject.with(name, value.clone()))
    }

    /// The same with one setting changed.
    #[track_caller]
    pub fn with(&self, name: &str, value: Value) -> Self {
        let (words, mut options) = (format!("{} {name} {value}", self.name), self.options.boxed());
        options.set(&format!("model.{name}"), value).unwrap_or_else(|invalid| panic!("{}: {invalid}", self.name));
        Self { name: words, options }
    }

    /// The model with random parameters, biases included.
    pub fn create(&self, seed: u64) -> (Box<dyn Model>, Params) {
        let (model, mut params) = self.options.create(WIDTH, seed).expect("options inside their domains");
        let shift = uniform([params.flat().len()], [-0.2, 0.2], &mut rng(seed));
        params.flat_mut().iter_mut().zip(shift.as_slice()).for_each(|(p, s)| *p += s);
        (model, params)
    }

    fn value(&self, name: &str) -> Option<Value> {
        let found = self.options.boxed().settings().into_iter().find(|setting| setting.name() == name);
        found.map(|setting| setting.value)
    }

    /// Whether the model has a setting of this name.
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The whole number of this name.
    #[track_caller]
    pub fn int(&self, name: &str) -> usize {
        let Some(Value::Int(value)) = self.value(name) else { panic!("{}: no number `{name}`", self.name) };
        value as usize
    }

    /// The number of this name.
    #[track_caller]
    pub fn float(&self, name: &str) -> f64 {
        let Some(Value::Float(value)) = self.value(name) else { panic!("{}: no number `{name}`", self.name) };
        value
    }

    /// The whole numbers of this name.
    #[track_caller]
    pub fn ints(&self, name: &str) -> Vec<usize> {
        let Some(Value::Ints(values)) = self.value(name) else { panic!("{}: no numbers `{name}`", self.name) };
        values.into_iter().map(|value| value as usize).collect()
    }

    /// Whether the setting of this name is this word.
    pub fn is(&self, name: &str, word: &str) -> bool {
        self.value(name) == Some(text(word))
    }

    /// Whether the bound depends on noise.
    pub fn is_random(&self) -> bool {
        self.has("z") && !self.is("posterior", "point")
    }

    /// The noise of one bound for b rows, `[k, b, z]` or `[b, z]`; `[b, 1]` where none is asked for.
    pub fn noise(&self, b: usize, rng: &mut Stream) -> Tensor {
        normal(self.noise_shape(b), rng)
    }

    /// Whether the model has classes.
    pub fn has_clusters(&self) -> bool {
        self.has("k")
    }

    /// Shape of [`Subject::noise`].
    pub fn noise_shape(&self, b: usize) -> Shape {
        match (self.has("z"), self.has_clusters()) {
            (true, true) => [self.int("k"), b, self.int("z")].into(),
            (true, false) => [b, self.int("z")].into(),
            _ => [b, 1].into(),
        }
    }

    /// The setting that weighs this term.
    pub fn weight_setting(&self, term: &str) -> Option<&'static str> {
        match (term, self.options.facts().kind) {
            ("recon", _) => None,
            ("kl_z", _) | (_, "discrete-vae") => Some("beta"),
            _ => Some("eta"),
        }
    }

    /// Weight of this term.
    pub fn weight(&self, term: &str) -> f64 {
        self.weight_setting(term).map_or(1.0, |setting| self.float(setting))
    }
}

/// Every model in each of its variants, the choice of words as in the sources.
pub fn subjects() -> Vec<Subject> {
    let clusters = [("k", int(3)), ("z", int(2)), ("hidden", ints(&[4, 3]))];
    let clustering = |kind: &str, changes: &[(&str, Value)]| Subject::of(kind, &[&clusters, changes].concat());
    let vae = |changes: &[(&str, Value)]| Subject::of("vae", &[&[("hidden", ints(&[4]))], changes].concat());
    let discrete =
        |changes: &[(&str, Value)]| Subject::of("discrete-vae", &[&[("hidden", ints(&[4]))], changes].concat());
    let (full, tanh) = (("posterior", text("full")), ("activation", text("tanh")));
    let mut all = vec![
        clustering("gmvae", &[]),
        clustering("gmvae", &[("floor", float(0.1)), ("eta", float(0.3)), ("beta", float(1.7))]),
        clustering("gmvae", &[("z", int(1))]),
        clustering("m2", &[("decoder_hidden", ints(&[4, 3]))]),
        clustering("m2", &[("decoder_hidden", ints(&[2, 5])), ("eta", float(2.0)), ("floor", float(0.01))]),
        discrete(&[("beta", float(0.25))]),
        discrete(&[("likelihood", text("mse")), tanh.clone()]),
        discrete(&[("likelihood", text("bernoulli"))]),
        vae(&[("likelihood", text("bernoulli")), ("beta", float(0.5))]),
        vae(&[("variance", float(0.2)), ("beta", float(2.0))]),
        vae(&[("likelihood", text("sse"))]),
        vae(&[("decoder_var", text("global")), tanh.clone()]),
        vae(&[("decoder_var", text("per-sample")), ("branch", int(3)), tanh.clone(), ("beta", float(0.0))]),
        vae(&[("decoder_var", text("full")), ("branch", int(2)), full.clone(), ("beta", float(0.7))]),
        vae(&[("decoder_var", text("full")), ("floor", float(0.2))]),
        vae(&[("posterior_head", text("log-scale")), ("floor", float(0.1)), full.clone(), tanh.clone()]),
        vae(&[("posterior", text("point")), ("branch", int(3))]),
        clustering("modified-m2", &[("scale", text("direct"))]),
    ];
    for scale in ["by-class", "shared", "signed"] {
        let variant = |word: &str| clustering("modified-m2", &[("decoder", text(word)), ("scale", text(scale))]);
        all.extend(["relu", "identity", "layer", "deep"].map(variant));
    }
    all.push(all[all.len() - 1].with("beta", float(0.4)));
    for z in [1, 2, 3] {
        all.push(vae(&[full.clone(), ("z", int(z))]));
        all.push(vae(&[full.clone(), ("z", int(z)), ("branch", int(2)), ("posterior_head", text("log-scale"))]));
    }
    all
}
