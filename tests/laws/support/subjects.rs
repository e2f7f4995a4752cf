//! Every model and variant as a small subject of the laws.

use elbo::autograd::Params;
use elbo::models::{Model, ModelSpec, Settings, Value};
use elbo::tensor::{Shape, Stream, Tensor};

use super::{defaults, float, int, ints, normal, rng, spec, text, uniform};

/// Dimensions of the data.
pub const WIDTH: usize = 4;

/// A small model whose laws are checked.
#[derive(Clone)]
pub struct Subject {
    pub name: String,
    pub spec: &'static ModelSpec,
    pub settings: Settings,
}

impl Subject {
    /// The model of this kind with these settings; the name lists them.
    pub fn of(kind: &str, changes: &[(&str, Value)]) -> Self {
        let spec = spec(kind);
        let settings = changes.iter().fold(defaults(spec), |all, (name, value)| all.with(name, value.clone()));
        let words = changes.iter().map(|(name, value)| format!(" {name} {value}"));
        Self { name: [kind.into()].into_iter().chain(words).collect(), spec, settings }
    }

    /// The same with one setting changed.
    pub fn with(&self, name: &str, value: Value) -> Self {
        let words = format!("{} {name} {value}", self.name);
        Self { name: words, spec: self.spec, settings: self.settings.clone().with(name, value) }
    }

    /// The model with random parameters, biases included.
    pub fn create(&self, seed: u64) -> (Box<dyn Model>, Params) {
        let (model, mut params) = self.spec.create(&self.settings, WIDTH, seed);
        let shift = uniform([params.flat().len()], [-0.2, 0.2], &mut rng(seed));
        params.flat_mut().iter_mut().zip(shift.as_slice()).for_each(|(p, s)| *p += s);
        (model, params)
    }

    /// Whether the model has a setting of this name.
    pub fn has(&self, setting: &str) -> bool {
        self.settings.iter().any(|(name, _)| name == setting)
    }

    /// Whether the bound depends on noise.
    pub fn is_random(&self) -> bool {
        self.has("z") && !(self.has("posterior") && self.settings.text("posterior") == "point")
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
            (true, true) => [self.settings.int("k"), b, self.settings.int("z")].into(),
            (true, false) => [b, self.settings.int("z")].into(),
            _ => [b, 1].into(),
        }
    }

    /// The setting that weighs this term.
    pub fn weight_setting(&self, term: &str) -> Option<&'static str> {
        match (term, self.spec.kind) {
            ("recon", _) => None,
            ("kl_z", _) | (_, "discrete-vae") => Some("beta"),
            _ => Some("eta"),
        }
    }

    /// Weight of this term.
    pub fn weight(&self, term: &str) -> f64 {
        self.weight_setting(term).map_or(1.0, |setting| self.settings.float(setting))
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
