//! One of k classes, given by logits, and the exact expectation over the classes.

use elbo_autograd::{Case, Op, Tape, Var};
use elbo_tensor::{Real, Tensor, math};

use super::distribution::{Distribution, Kl};
use crate::Noise;

/// `Cat(softmax(logits))` over the last axis; an event is the one-hot code of a class, `[.., k]`.
#[derive(Debug, Clone, Copy)]
pub struct Categorical<'t> {
    log_probs: Var<'t>,
    probs: Var<'t>,
}

/// `Cat(1/k, …, 1/k)`
#[derive(Debug, Clone, Copy)]
pub struct UniformCategorical {
    /// Number of classes k.
    pub classes: usize,
}

impl<'t> Categorical<'t> {
    /// From unnormalised log-probabilities `[.., k]`.
    pub fn from_logits(logits: Var<'t>) -> Self {
        let log_probs = logits.log_softmax();
        Self { log_probs, probs: log_probs.exp() }
    }

    /// Number of classes k.
    pub fn classes(&self) -> usize {
        self.probs.shape().last()
    }

    /// Probabilities `[.., k]`.
    pub fn probs(&self) -> Var<'t> {
        self.probs
    }

    /// `ln p[class]` of one class number a row: `[b, k] → [b]`.
    pub fn log_prob_of(&self, classes: Vec<u32>) -> Var<'t> {
        self.log_probs.gather(classes)
    }

    /// The exact expectation of several functions of a one-hot y, for a batch of distributions `[b, k]`.
    ///
    /// `f` is called once, with the one-hot codes of all classes stacked as `[k, 1, k]`; it returns values `[.., k, b]`
    /// or `[.., k, 1]`, and the result is `Σₖ pₖ f(eₖ)`: `[.., b]`. What `f` computes from the data alone stays
    /// `[b, ·]`, so it is computed once and not once per class: broadcasting shares it.
    #[track_caller]
    pub fn expect<const N: usize>(&self, f: impl FnOnce(Var<'t>) -> [Var<'t>; N]) -> [Var<'t>; N] {
        let weights = self.probs.transpose();
        f(codes(self.probs.tape(), self.classes())).map(|value| (weights * value).sum(value.shape().len() - 2))
    }
}

impl<'t> Distribution<'t> for Categorical<'t> {
    /// `Σₖ xₖ ln pₖ` of one-hot codes, that is `ln p[class]`; [`Categorical::log_prob_of`] takes numbers of classes.
    #[track_caller]
    fn log_prob(&self, x: Var<'t>) -> Var<'t> {
        (x * self.log_probs).sum_last()
    }

    /// The one-hot code of the class at which the sum of the probabilities exceeds `u ~ U(0, 1)`: a constant.
    fn sample(&self, noise: &mut Noise) -> Var<'t> {
        let (probs, k) = (self.probs.value(), self.classes());
        let mut codes = Tensor::zeros(noise.sampled(probs.shape()));
        let u = noise.uniform(codes.shape().without_last());
        let rows = codes.as_mut_slice().chunks_exact_mut(k).zip(probs.as_slice().chunks_exact(k).cycle());
        for ((code, row), &u) in rows.zip(u.as_slice()) {
            code[class_at(row, u)] = 1.0;
        }
        self.probs.tape().constant(codes)
    }

    /// Probabilities `[.., k]`.
    fn mean(&self) -> Var<'t> {
        self.probs
    }

    /// `−Σₖ pₖ ln pₖ`
    fn entropy(&self) -> Var<'t> {
        -(self.probs * self.log_probs).sum_last()
    }
}

/// The first class at which the sum of the probabilities exceeds `u`.
fn class_at(probs: &[Real], mut u: Real) -> usize {
    let exceeds = |p: &Real| {
        u -= p;
        u < 0.0
    };
    // Rounding may let u pass the last class: then it is the last that is possible.
    probs.iter().position(exceeds).or_else(|| probs.iter().rposition(|&p| p > 0.0)).unwrap_or(0)
}

impl UniformCategorical {
    /// `−ln k` of every event `[.., k]`.
    pub fn log_prob<'t>(&self, x: Var<'t>) -> Var<'t> {
        let log_k = (self.classes as f64).ln() as Real;
        x.tape().constant(Tensor::full(x.shape().without_last(), -log_k))
    }

    /// `ln Σₖ exp f(eₖ) / k`: sums the class out of a joint log-density. `f` is called as in [`Categorical::expect`]
    /// and returns `[.., k, b]`; the result is `[.., b]`.
    #[track_caller]
    pub fn marginalize<'t>(&self, tape: &'t Tape<'t>, f: impl FnOnce(Var<'t>) -> Var<'t>) -> Var<'t> {
        f(codes(tape, self.classes)).transpose().log_sum_exp() - (self.classes as f64).ln() as Real
    }
}

/// The one-hot codes of all classes: `[k, 1, k]`.
pub(crate) fn codes<'t>(tape: &'t Tape<'t>, k: usize) -> Var<'t> {
    tape.constant(Tensor::eye(k).reshape([k, 1, k]))
}

/// `Σₖ qₖ (ln qₖ + ln k)`, between 0 and ln k
impl<'t> Kl<'t, UniformCategorical> for Categorical<'t> {
    fn kl(&self, p: &UniformCategorical) -> Var<'t> {
        assert_eq!(self.classes(), p.classes, "KL of categoricals with different numbers of classes");
        self.log_probs.unary(UniformKl)
    }
}

/// `Σₖ qₖ (ln qₖ − ln pₖ)`
impl<'t> Kl<'t, Categorical<'t>> for Categorical<'t> {
    fn kl(&self, p: &Categorical<'t>) -> Var<'t> {
        (self.probs * (self.log_probs - p.log_probs)).sum_last()
    }
}

/// `Σᵢ exp lᵢ · (lᵢ + ln k) = KL(Cat(exp l) ‖ Cat(1/k, …, 1/k))`: log-probabilities `[.., k]` → `[..]`.
#[derive(Debug)]
pub(crate) struct UniformKl;

/// `ln k`
fn log_classes(l: &Tensor) -> Real {
    (l.shape().last() as f64).ln() as Real
}

impl Op<1> for UniformKl {
    fn forward(&self, [l]: [&Tensor; 1]) -> Tensor {
        let log_k = log_classes(l);
        let terms = l.map(
            #[inline(always)]
            move |l| math::exp(l) * (l + log_k),
        );
        terms.sum_last()
    }
    /// `dy · exp l · (l + ln k + 1)`
    fn vjp(&self, _wrt: usize, [l]: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        let shift = log_classes(l) + 1.0;
        let slope = l.map(
            #[inline(always)]
            move |l| math::exp(l) * (l + shift),
        );
        let column = dy.clone().reshape(l.shape().with_last(1));
        slope.update(&column, |slope, dy| slope * dy)
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])], [Case::of(&[2, 3, 5]).within(-30.0, -0.1)]]
    }
}
