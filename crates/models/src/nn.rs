//! Networks: layers, stacks of layers, and networks that end in a distribution.

pub(crate) mod direct_softplus;
mod heads;
mod likelihood;
mod normal;
pub(crate) mod squared_error;

use elbo_autograd::{Activation, Init, ParamId, Params, Var};
use elbo_tensor::{Real, Stream, Tensor};

use crate::dist::{Bernoulli, Categorical};
use crate::{Visitor, Word};
pub use likelihood::{DecoderVariance, Likelihood, LikelihoodKind, LikelihoodNet, LikelihoodOptions};
pub use normal::{NormalNet, Spread, TrilNormalNet};

/// How large networks are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Numbers that the parameters hold.
    pub parameters: usize,
    /// Units of the widest layer, outputs included.
    pub widest: usize,
}

/// What follows each hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonlinearity {
    /// `max(x, 0)`
    Relu,
    /// `tanh x`
    Tanh,
}

impl Word for Nonlinearity {
    const WORDS: &'static [(&'static str, Self)] = &[("relu", Self::Relu), ("tanh", Self::Tanh)];
}

impl Word for Init {
    const WORDS: &'static [(&'static str, Self)] = &[("torch", Self::Torch), ("glorot", Self::Glorot)];
}

/// The layers of all networks of a model, for models whose source leaves them open.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerOptions {
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Nonlinearity of the hidden layers.
    pub activation: Nonlinearity,
    /// How linear layers start.
    pub init: Init,
    /// Summand of every learned variance; 0: none.
    pub floor: f64,
}

impl Default for LayerOptions {
    fn default() -> Self {
        Self { hidden: vec![32], activation: Nonlinearity::Relu, init: Init::Torch, floor: 0.0 }
    }
}

impl LayerOptions {
    pub(crate) fn visit(&mut self, v: &mut Visitor<'_>) {
        v.ints("model.hidden", &mut self.hidden, 1..=16384, HIDDEN);
        v.word("model.activation", &mut self.activation, "nonlinearity of the hidden layers");
        v.word("model.init", &mut self.init, "how linear layers start");
        v.float("model.floor", &mut self.floor, 0.0..=1e6, "summand of every learned variance; 0: none");
    }
}

/// Help of `model.hidden`.
pub(crate) const HIDDEN: &str = "units of each hidden layer, in all networks";

/// Collects the parameters of a model while it is built.
#[derive(Debug)]
pub struct Builder {
    params: Params,
    rng: Stream,
    init: Init,
    activation: Activation,
    floor: Real,
    size: Size,
    only_measures: bool,
}

impl Builder {
    /// Layers start as `init` says, drawn from `rng`; hidden layers end in `activation`.
    pub fn new(init: Init, activation: Activation, rng: Stream) -> Self {
        Self { params: Params::new(), rng, init, activation, floor: 0.0, size: Size::default(), only_measures: false }
    }

    /// A builder that only measures: what is built with it has parameters without values and is of no use.
    pub(crate) fn measuring(self) -> Self {
        Self { only_measures: true, ..self }
    }

    /// What has been built so far.
    pub(crate) fn size(&self) -> Size {
        self.size
    }

    /// A parameter of `size` numbers.
    fn add(&mut self, name: String, size: usize, value: impl FnOnce(Init, &mut Stream) -> Tensor) -> ParamId {
        self.size.parameters = self.size.parameters.saturating_add(size);
        let value = if self.only_measures { Tensor::zeros([0]) } else { value(self.init, &mut self.rng) };
        self.params.add(name, value)
    }

    /// Takes hidden activation, initialiser and floor from the options, for what is built from here on.
    pub fn configure(&mut self, options: &LayerOptions) -> &mut Self {
        self.activation = match options.activation {
            Nonlinearity::Relu => Activation::Relu,
            Nonlinearity::Tanh => Activation::Tanh,
        };
        self.init = options.init;
        self.floor(options.floor)
    }

    /// Every variance that is computed from here on is at least `floor`, by adding it; 0 for none.
    pub fn floor(&mut self, floor: f64) -> &mut Self {
        self.floor = floor as Real;
        self
    }

    /// A parameter of a given initial value.
    pub fn param(&mut self, name: impl Into<String>, value: Tensor) -> ParamId {
        self.add(name.into(), value.len(), |_, _| value)
    }

    /// The finished parameters.
    pub fn finish(self) -> Params {
        self.params
    }
}

/// An input of a network: its name and width. A network with one input leaves the name out of its parameters' names.
pub type Input = (&'static str, usize);

/// `act(Σᵢ xᵢ·Wᵢ + b)`: a layer of one or more inputs, each with its block of the weight matrix.
///
/// Inputs may differ in their leading axes; each is multiplied at its own size and the sums broadcast, so an input
/// that does not depend on the class costs the same for any number of classes.
#[derive(Debug)]
pub struct Linear {
    weights: Vec<ParamId>,
    bias: ParamId,
    activation: Activation,
}

impl Linear {
    /// A layer of `outputs` units; several numbers stand for as many layers side by side.
    fn new(b: &mut Builder, name: &str, inputs: &[Input], outputs: &[usize], activation: Activation) -> Self {
        let (fan_in, units): (usize, usize) = (inputs.iter().map(|(_, width)| width).sum(), outputs.iter().sum());
        b.size.widest = b.size.widest.max(units);
        let weights = inputs.iter().map(|(input, width)| {
            let suffix = if inputs.len() == 1 { String::new() } else { format!("_{input}") };
            b.add(format!("{name}.weight{suffix}"), width * units, |init, rng| {
                init.weight(*width, fan_in, outputs, rng)
            })
        });
        let weights = weights.collect();
        let bias = b.add(format!("{name}.bias"), units, |init, rng| init.bias([units], fan_in, rng));
        Self { weights, bias, activation }
    }

    /// The layer's value for as many inputs as it was made for.
    ///
    /// # Panics
    /// If there are more or fewer inputs.
    pub fn forward<'t>(&self, inputs: &[Var<'t>]) -> Var<'t> {
        assert_eq!(inputs.len(), self.weights.len(), "inputs of a layer");
        let tape = inputs[0].tape();
        let bias = tape.param(self.bias);
        let (&last, rest) = inputs.split_last().expect("a layer has an input");
        let last_weight = tape.param(self.weights[rest.len()]);
        let Some((&first, middle)) = rest.split_first() else {
            return last.linear(last_weight, bias, self.activation);
        };
        let mut sum = last.linear(last_weight, bias, Activation::Identity);
        for (&x, &w) in middle.iter().zip(&self.weights[1..]) {
            sum = x.matmul(tape.param(w)) + sum;
        }
        let w = tape.param(self.weights[0]);
        let own = first.shape().with_last(w.shape().last());
        if own.broadcast(&sum.shape()) == Some(own) {
            first.linear(w, sum, self.activation)
        } else {
            first.matmul(w).add_activate(sum, self.activation)
        }
    }
}

/// A stack of hidden layers; with none, its value is its only input.
#[derive(Debug)]
pub struct Mlp {
    layers: Vec<Linear>,
}

impl Mlp {
    /// Layers `{name}.hidden.{i}` of the given widths.
    pub fn new(b: &mut Builder, name: &str, inputs: &[Input], hidden: &[usize]) -> Self {
        let activation = b.activation;
        let mut layers = Vec::new();
        for (i, &width) in hidden.iter().enumerate() {
            let from = i.checked_sub(1).map(|before| ("h", hidden[before]));
            let inputs = from.as_ref().map_or(inputs, std::slice::from_ref);
            layers.push(Linear::new(b, &format!("{name}.hidden.{i}"), inputs, &[width], activation));
        }
        Self { layers }
    }

    /// What the layer after the stack receives.
    fn forward<'t>(&self, inputs: &[Var<'t>]) -> Vec<Var<'t>> {
        self.layers.iter().fold(inputs.to_vec(), |x, layer| vec![layer.forward(&x)])
    }
}

/// Hidden layers and one linear output.
#[derive(Debug)]
pub struct Net {
    hidden: Mlp,
    output: Linear,
}

impl Net {
    /// Hidden layers and an output layer `{name}.{head}`.
    pub fn new(b: &mut Builder, name: &str, head: &str, inputs: &[Input], hidden: &[usize], outputs: usize) -> Self {
        Self::side_by_side(b, name, head, inputs, hidden, &[outputs])
    }

    /// The same with an output layer that stands for several ones.
    fn side_by_side(
        b: &mut Builder,
        name: &str,
        head: &str,
        inputs: &[Input],
        hidden: &[usize],
        outputs: &[usize],
    ) -> Self {
        let stack = Mlp::new(b, name, inputs, hidden);
        let from = hidden.last().map(|&width| ("h", width));
        let inputs = from.as_ref().map_or(inputs, std::slice::from_ref);
        let output = Linear::new(b, &format!("{name}.{head}"), inputs, outputs, Activation::Identity);
        Self { hidden: stack, output }
    }

    /// The output `[.., outputs]`.
    pub fn forward<'t>(&self, inputs: &[Var<'t>]) -> Var<'t> {
        self.output.forward(&self.hidden.forward(inputs))
    }
}

/// A network that ends in logits of a categorical: `Cat(y | x)`.
#[derive(Debug)]
pub struct CategoricalNet(Net);

impl CategoricalNet {
    /// Parameters `{name}.hidden.{i}`, `{name}.logits`.
    pub fn new(b: &mut Builder, name: &str, inputs: &[Input], hidden: &[usize], classes: usize) -> Self {
        Self(Net::new(b, name, "logits", inputs, hidden, classes))
    }

    /// The conditional distribution.
    pub fn given<'t, const N: usize>(&self, inputs: [Var<'t>; N]) -> Categorical<'t> {
        Categorical::from_logits(self.0.forward(&inputs))
    }
}

/// A network that ends in logits of independent binary variables: `Bernoulli(x | z)`.
#[derive(Debug)]
pub struct BernoulliNet(Net);

impl BernoulliNet {
    /// Parameters `{name}.hidden.{i}`, `{name}.logits`.
    pub fn new(b: &mut Builder, name: &str, inputs: &[Input], hidden: &[usize], width: usize) -> Self {
        Self(Net::new(b, name, "logits", inputs, hidden, width))
    }

    /// The conditional distribution.
    pub fn given<'t, const N: usize>(&self, inputs: [Var<'t>; N]) -> Bernoulli<'t> {
        Bernoulli { logits: self.0.forward(&inputs) }
    }
}
