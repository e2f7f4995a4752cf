//! Networks: layers, stacks of layers, and networks that end in a distribution.

use elbo_autograd::{Activation, Init, ParamId, Params, Var};
use elbo_tensor::{Real, Stream, Tensor};

use crate::dist::{Bernoulli, Categorical, DiagNormal};

/// Collects the parameters of a model while it is built.
#[derive(Debug)]
pub struct Builder {
    params: Params,
    rng: Stream,
    init: Init,
    activation: Activation,
}

impl Builder {
    /// Layers start as `init` says, drawn from `rng`; hidden layers end in `activation`.
    pub fn new(init: Init, activation: Activation, rng: Stream) -> Self {
        Self { params: Params::new(), rng, init, activation }
    }

    /// The same model with other hidden activations or another initialiser from here on.
    pub fn with(&mut self, init: Init, activation: Activation) -> &mut Self {
        (self.init, self.activation) = (init, activation);
        self
    }

    /// A parameter of a given initial value.
    pub fn param(&mut self, name: impl Into<String>, value: Tensor) -> ParamId {
        self.params.add(name, value)
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
    /// A layer of `outputs` units; `heads` is how many layers of `outputs / heads` units it stands for, side by side,
    /// which only matters for the width of a Glorot start.
    fn new(
        b: &mut Builder,
        name: &str,
        inputs: &[Input],
        outputs: usize,
        heads: usize,
        activation: Activation,
    ) -> Self {
        let fan_in = inputs.iter().map(|(_, width)| width).sum();
        let weights = inputs.iter().map(|(input, width)| {
            let value = b.init.weight([*width, outputs], [fan_in, outputs / heads], &mut b.rng);
            let suffix = if inputs.len() == 1 { String::new() } else { format!("_{input}") };
            b.params.add(format!("{name}.weight{suffix}"), value)
        });
        let weights = weights.collect();
        let bias = b.init.bias([outputs], fan_in, &mut b.rng);
        Self { weights, bias: b.params.add(format!("{name}.bias"), bias), activation }
    }

    /// The layer's value for as many inputs as it was made for.
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
            layers.push(Linear::new(b, &format!("{name}.hidden.{i}"), inputs, width, 1, activation));
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
        Self::of_heads(b, name, head, inputs, hidden, outputs, 1)
    }

    fn of_heads(
        b: &mut Builder,
        name: &str,
        head: &str,
        inputs: &[Input],
        hidden: &[usize],
        outputs: usize,
        heads: usize,
    ) -> Self {
        let stack = Mlp::new(b, name, inputs, hidden);
        let from = hidden.last().map(|&width| ("h", width));
        let inputs = from.as_ref().map_or(inputs, std::slice::from_ref);
        let output = Linear::new(b, &format!("{name}.{head}"), inputs, outputs, heads, Activation::Identity);
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

/// Where a normal network's standard deviation comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spread {
    /// The head gives the log-variance: `scale = exp(raw / 2)`.
    LogVar,
    /// The head gives the variance through a softplus: `scale = √softplus(raw)`.
    SoftplusVar,
    /// One learned log-variance per dimension for all inputs.
    Global,
    /// A constant variance; nothing is learned.
    Fixed(f64),
}

/// A network that ends in a diagonal normal: `N(z | loc(x), diag scale(x)²)`.
///
/// Mean and raw spread are two heads on the same hidden layers; with a branch, each head has a hidden layer of its own
/// after the shared ones. Both branches, and both heads, are one product side by side.
#[derive(Debug)]
pub struct NormalNet {
    spread: Spread,
    body: Body,
    log_var: Option<ParamId>,
    width: usize,
}

#[derive(Debug)]
enum Body {
    /// One output holding `[loc, raw]`, or `loc` alone.
    Heads(Net),
    /// A merged branch layer, then one head on each half of it.
    Branches { trunk: Net, loc: Linear, raw: Linear },
}

impl NormalNet {
    /// Parameters `{name}.hidden.{i}`, then `{name}.loc` if the spread is not a head, `{name}.loc_spread` (columns
    /// `[loc, raw]`) if it is, or with a `branch` of that many units `{name}.branch`, `{name}.loc` and `{name}.spread`.
    pub fn new(
        b: &mut Builder,
        name: &str,
        inputs: &[Input],
        hidden: &[usize],
        branch: Option<usize>,
        width: usize,
        spread: Spread,
    ) -> Self {
        let is_head = matches!(spread, Spread::LogVar | Spread::SoftplusVar);
        let body = match branch {
            Some(units) if is_head => {
                let mut trunk = Net::of_heads(b, name, "branch", inputs, hidden, 2 * units, 2);
                trunk.output.activation = b.activation;
                let mut head =
                    |part| Linear::new(b, &format!("{name}.{part}"), &[("h", units)], width, 1, Activation::Identity);
                Body::Branches { trunk, loc: head("loc"), raw: head("spread") }
            }
            _ => {
                let hidden: Vec<usize> = hidden.iter().copied().chain(branch).collect();
                let (head, heads) = if is_head { ("loc_spread", 2) } else { ("loc", 1) };
                Body::Heads(Net::of_heads(b, name, head, inputs, &hidden, heads * width, heads))
            }
        };
        let log_var = (spread == Spread::Global).then(|| b.param(format!("{name}.log_var"), Tensor::zeros([width])));
        Self { spread, body, log_var, width }
    }

    /// The conditional distribution.
    pub fn given<'t, const N: usize>(&self, inputs: [Var<'t>; N]) -> DiagNormal<'t> {
        let tape = inputs[0].tape();
        let heads = match &self.body {
            Body::Heads(net) => {
                let out = net.forward(&inputs);
                match self.spread {
                    Spread::Fixed(variance) => {
                        let scale = tape.constant(Tensor::full([self.width], variance.sqrt() as Real));
                        return DiagNormal { loc: out, scale };
                    }
                    Spread::Global => {
                        let log_var = tape.param(self.log_var.expect("a global spread has its parameter"));
                        return DiagNormal { loc: out, scale: (0.5 * log_var).exp() };
                    }
                    _ => [out.slice(0..self.width), out.slice(self.width..2 * self.width)],
                }
            }
            Body::Branches { trunk, loc, raw } => {
                let both = trunk.forward(&inputs);
                let units = both.shape().last() / 2;
                [loc.forward(&[both.slice(0..units)]), raw.forward(&[both.slice(units..2 * units)])]
            }
        };
        let [loc, raw] = heads;
        let scale = if self.spread == Spread::SoftplusVar { raw.softplus().sqrt() } else { (0.5 * raw).exp() };
        DiagNormal { loc, scale }
    }
}
