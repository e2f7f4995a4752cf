//! Networks that end in a normal distribution.

use elbo_autograd::{ParamId, Var};
use elbo_tensor::{Real, Tensor};

use super::direct_softplus::DirectSoftplus;
use super::heads::Heads;
use super::{Builder, Input};
use crate::dist::{DiagNormal, TrilNormal};

/// Where a normal network's standard deviation comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spread {
    /// The head gives the log-variance: `scale = exp(raw / 2)`.
    LogVar,
    /// The head gives the logarithm of the standard deviation: `scale = exp(raw)`.
    LogScale,
    /// The head gives the variance through a softplus: `scale = √softplus(raw)`.
    SoftplusVar,
    /// The same with `ln(1 + eˣ)` computed as it is written, which single precision makes 0 below −16.6.
    DirectSoftplusVar,
    /// One learned variance per dimension for all inputs, through a softplus.
    SharedSoftplusVar,
    /// The head gives the scale itself, of either sign: for [`DiagNormal::transform`], where no density is asked for.
    Signed,
    /// One learned log-variance per dimension for all inputs.
    Global,
    /// A constant variance; nothing is learned.
    Fixed(f64),
}

impl Spread {
    /// Whether a head of the network gives it.
    fn is_head(self) -> bool {
        !matches!(self, Spread::SharedSoftplusVar | Spread::Global | Spread::Fixed(_))
    }

    /// The standard deviation from what the head or the parameter holds; every variance has `floor` added.
    fn scale(self, raw: Var<'_>, floor: Real) -> Var<'_> {
        let variance = match self {
            Spread::Signed => return raw,
            Spread::LogScale if floor == 0.0 => return raw.exp(),
            Spread::LogVar | Spread::Global if floor == 0.0 => return (0.5 * raw).exp(),
            Spread::LogScale => (2.0 * raw).exp(),
            Spread::LogVar | Spread::Global => raw.exp(),
            Spread::SoftplusVar | Spread::SharedSoftplusVar => raw.softplus(),
            Spread::DirectSoftplusVar => raw.unary(DirectSoftplus),
            Spread::Fixed(_) => raw,
        };
        if floor == 0.0 { variance.sqrt() } else { (variance + floor).sqrt() }
    }
}

/// A network that ends in a diagonal normal: `N(z | loc(x), diag scale(x)²)`.
///
/// Mean and raw spread are two heads on the same hidden layers; with a branch, each head has a hidden layer of its own
/// after the shared ones.
#[derive(Debug)]
pub struct NormalNet {
    spread: Spread,
    heads: Heads,
    /// The spread that is the same for all inputs.
    shared: Option<ParamId>,
    width: usize,
    floor: Real,
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
        let outputs = [("loc", width), ("spread", width)];
        let outputs = &outputs[..if spread.is_head() { 2 } else { 1 }];
        let heads = Heads::new(b, name, inputs, (hidden, branch), outputs);
        let shared = match spread {
            Spread::Global => Some("log_var"),
            Spread::SharedSoftplusVar => Some("spread"),
            _ => None,
        };
        let shared = shared.map(|part| b.param(format!("{name}.{part}"), Tensor::zeros([width])));
        Self { spread, heads, shared, width, floor: b.floor }
    }

    /// The conditional distribution.
    ///
    /// # Panics
    /// If there are other inputs than the network was made for.
    pub fn given<'t, const N: usize>(&self, inputs: [Var<'t>; N]) -> DiagNormal<'t> {
        let tape = inputs[0].tape();
        if self.spread.is_head() {
            let [loc, raw] = self.heads.forward(&inputs);
            return DiagNormal { loc, scale: self.spread.scale(raw, self.floor) };
        }
        let [loc] = self.heads.forward(&inputs);
        let scale = match (self.spread, self.shared) {
            (Spread::Fixed(variance), _) => tape.constant(Tensor::full([self.width], variance.sqrt() as Real)),
            (_, shared) => self.spread.scale(tape.param(shared.expect("a shared spread is a parameter")), self.floor),
        };
        DiagNormal { loc, scale }
    }
}

/// A network that ends in a normal with a full covariance, given by its triangular factor:
/// `L = mask ⊙ L′(x) + diag σ(x)`.
#[derive(Debug)]
pub struct TrilNormalNet {
    spread: Spread,
    heads: Heads,
    floor: Real,
}

impl TrilNormalNet {
    /// Parameters as those of [`NormalNet`] with a third head `lower` of the `d(d−1)/2` entries below the diagonal.
    ///
    /// # Panics
    /// If `width` is 1, where there is nothing below the diagonal: that is a [`NormalNet`].
    pub fn new(
        b: &mut Builder,
        name: &str,
        inputs: &[Input],
        hidden: &[usize],
        branch: Option<usize>,
        width: usize,
        spread: Spread,
    ) -> Self {
        assert!(width > 1, "a triangle of one dimension has no entries below its diagonal");
        let outputs = [("loc", width), ("spread", width), ("lower", width * (width - 1) / 2)];
        Self { spread, heads: Heads::new(b, name, inputs, (hidden, branch), &outputs), floor: b.floor }
    }

    /// The conditional distribution.
    pub fn given<'t, const N: usize>(&self, inputs: [Var<'t>; N]) -> TrilNormal<'t> {
        let [loc, raw, lower] = self.heads.forward(&inputs);
        TrilNormal { loc, diag: self.spread.scale(raw, self.floor), lower }
    }
}
