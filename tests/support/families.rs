//! Each distribution declared once for the laws: its parameters, its density as the library and as a textbook has it,
//! and finite sums over its events that are exact.

use elbo::autograd::{Params, Tape, Var};
use elbo::models::dist::{Bernoulli, Categorical, DiagNormal, StandardNormal};
use elbo::tensor::{Real, Stream, Tensor};

use super::{f64s, recorded, tensor, uniform};

/// Rows and width of a batch of distributions, `[b, d]`.
pub type Size = [usize; 2];

/// A weighted sum over events `x: [n, b, d]` with weights `[n, b]`: `Σₙ wₙ f(xₙ)`, one value a row.
pub struct Rule {
    pub x: Tensor,
    pub weights: Vec<f64>,
}

impl Rule {
    /// `Σₙ wₙ fₙ` of values `[n, b]`: `[b]`.
    pub fn sum(&self, f: &[f64]) -> Vec<f64> {
        let b = self.x.shape()[1];
        let mut total = vec![0.0; b];
        for (i, (w, f)) in self.weights.iter().zip(f).enumerate() {
            total[i % b] += w * f;
        }
        total
    }
}

/// A distribution over the last axis, as the laws see it. Every function takes the parameter tensors, each `[b, d]`.
pub struct Family {
    pub name: &'static str,
    /// The interval each parameter is drawn from.
    pub params: &'static [[f64; 2]],
    /// The library's ln density of events `[n, b, d]`: `[n, b]`.
    pub log_prob: for<'t> fn(&[Var<'t>], Var<'t>) -> Var<'t>,
    /// The ln density of one event under one row of parameters, in f64 and by another route.
    pub textbook: fn(&[&[f64]], &[f64]) -> f64,
    /// The integral over the whole space.
    pub integral: fn(&[Tensor], Size) -> Rule,
    /// An expectation, exact for quadratics if the space is continuous and for any function if it is finite.
    pub expectation: fn(&[Tensor], Size) -> Rule,
    /// `n` independent events a row: `[n, b, d]`.
    pub sample: fn(&[Tensor], Size, usize, &mut Stream) -> Tensor,
}

impl Family {
    /// Random parameters of this size.
    pub fn draw(&self, size: Size, rng: &mut Stream) -> Vec<Tensor> {
        self.params.iter().map(|&range| uniform(size, range, rng)).collect()
    }

    /// [`Family::textbook`] of events `[n, b, d]`: `[n, b]`.
    pub fn textbook_values(&self, params: &[Tensor], x: &Tensor) -> Vec<f64> {
        let [_, b, d] = x.shape()[..] else { panic!("events are [n, b, d]") };
        let params: Vec<Vec<f64>> = params.iter().map(f64s).collect();
        let value = |(i, event): (usize, &[f64])| {
            let row = i % b * d..(i % b + 1) * d;
            (self.textbook)(&params.iter().map(|p| &p[row.clone()]).collect::<Vec<_>>(), event)
        };
        f64s(x).chunks(d).enumerate().map(value).collect()
    }
}

pub const NORMAL: Family = Family {
    name: "DiagNormal",
    params: &[[-2.0, 2.0], [0.3, 2.0]],
    log_prob: |p, x| DiagNormal { loc: p[0], scale: p[1] }.log_prob(x),
    textbook: |p, x| {
        let density = |((x, m), s): ((&f64, &f64), &f64)| {
            -((x - m) / s).powi(2) / 2.0 - (s * (2.0 * std::f64::consts::PI).sqrt()).ln()
        };
        x.iter().zip(p[0]).zip(p[1]).map(density).sum()
    },
    integral: |p, size| trapezoid(&p[0], &p[1], size),
    expectation: |p, size| gauss_hermite(&p[0], &p[1], size),
    sample: |p, [b, d], n, rng| {
        let params = Params::new();
        let tape = Tape::new(&params);
        let loc = tape.constant(p[0].broadcast_to([n, b, d]));
        let mut eps = recorded(&super::normal([n, b, d], rng));
        DiagNormal { loc, scale: tape.constant(p[1].clone()) }.rsample(&mut eps).value()
    },
};

pub const STANDARD_NORMAL: Family = Family {
    name: "StandardNormal",
    params: &[],
    log_prob: |_, x| StandardNormal.log_prob(x),
    textbook: |_, x| x.iter().map(|x| -x * x / 2.0 - (2.0 * std::f64::consts::PI).sqrt().ln()).sum(),
    integral: |_, size| trapezoid(&Tensor::zeros(size), &Tensor::full(size, 1.0), size),
    expectation: |_, size| gauss_hermite(&Tensor::zeros(size), &Tensor::full(size, 1.0), size),
    sample: |_, [b, d], n, rng| super::normal([n, b, d], rng),
};

pub const BERNOULLI: Family = Family {
    name: "Bernoulli",
    params: &[[-4.0, 4.0]],
    log_prob: |p, x| Bernoulli { logits: p[0].broadcast_to(x.shape()) }.log_prob(x),
    textbook: |p, x| {
        let density = |(l, x): (&f64, &f64)| -(1.0 + (if *x == 1.0 { -l } else { *l }).exp()).ln();
        p[0].iter().zip(x).map(density).sum()
    },
    integral: |_, size| states(size),
    expectation: |p, size| weighted(&BERNOULLI, p, states(size)),
    sample: |p, [b, d], n, rng| {
        let probs = f64s(&p[0]).into_iter().map(|l| 1.0 / (1.0 + (-l).exp())).collect::<Vec<_>>();
        let u = f64s(&uniform([n, b, d], [0.0, 1.0], rng));
        Tensor::from_fn([n, b, d], |i| if u[i] < probs[i % (b * d)] { 1.0 } else { 0.0 })
    },
};

/// Events are one-hot codes; the width is the number of classes.
pub const CATEGORICAL: Family = Family {
    name: "Categorical",
    params: &[[-3.0, 3.0]],
    log_prob: |p, x| {
        let [n, b, _] = x.shape()[..] else { panic!("events are [n, b, d]") };
        let q = Categorical::from_logits(p[0].broadcast_to(x.shape()));
        q.log_prob(classes(&x.value())).reshape([n, b])
    },
    textbook: |p, x| {
        let total: f64 = p[0].iter().map(|l| l.exp()).sum();
        p[0].iter().zip(x).map(|(l, x)| x * (l.exp() / total).ln()).sum()
    },
    integral: |_, size| one_hot(size),
    expectation: |p, size| weighted(&CATEGORICAL, p, one_hot(size)),
    sample: |p, [b, k], n, rng| {
        let logits = f64s(&p[0]);
        let u = f64s(&uniform([n, b], [0.0, 1.0], rng));
        let mut out = Tensor::zeros([n, b, k]);
        for (i, (code, mut u)) in out.as_mut_slice().chunks_mut(k).zip(u).enumerate() {
            let row = &logits[i % b * k..][..k];
            let total: f64 = row.iter().map(|l| l.exp()).sum();
            let beyond = |l: &f64| {
                u -= l.exp() / total;
                u < 0.0
            };
            code[row.iter().position(beyond).unwrap_or(k - 1)] = 1.0;
        }
        out
    },
};

/// The class of each one-hot code.
pub fn classes(codes: &Tensor) -> Vec<u32> {
    let class = |code: &[Real]| code.iter().position(|&x| x == 1.0).expect("a one-hot code") as u32;
    codes.as_slice().chunks(codes.shape().last()).map(class).collect()
}

/// Every event of a finite space with its probability as the weight.
fn weighted(family: &Family, params: &[Tensor], all: Rule) -> Rule {
    let weights = family.textbook_values(params, &all.x).into_iter().map(f64::exp).collect();
    Rule { x: all.x, weights }
}

/// All binary events.
fn states([b, d]: Size) -> Rule {
    let n = 1 << d;
    let bit = |i: usize| (i / (b * d)) >> (i % d) & 1;
    Rule { x: Tensor::from_fn([n, b, d], |i| bit(i) as Real), weights: vec![1.0; n * b] }
}

/// All classes.
fn one_hot([b, k]: Size) -> Rule {
    let x = Tensor::eye(k).reshape([k, 1, k]).broadcast_to([k, b, k]);
    Rule { x, weights: vec![1.0; k * b] }
}

/// The product rule of `nodes` (position in standard deviations, weight) in each dimension.
fn product(loc: &Tensor, scale: &Tensor, [b, d]: Size, nodes: &[(f64, f64)]) -> Rule {
    let n = nodes.len().pow(d as u32);
    let (loc, scale) = (f64s(loc), f64s(scale));
    let node = |i: usize, axis: usize| nodes[i / nodes.len().pow(axis as u32) % nodes.len()];
    let at = |i: usize| loc[i % (b * d)] + scale[i % (b * d)] * node(i / (b * d), i % d).0;
    let x: Vec<f64> = (0..n * b * d).map(at).collect();
    let weight = |i: usize| (0..d).map(|axis| node(i / b, axis).1).product();
    Rule { x: tensor([n, b, d], &x), weights: (0..n * b).map(weight).collect() }
}

/// 3 nodes in each dimension: exact for polynomials of degree 5 in each variable.
fn gauss_hermite(loc: &Tensor, scale: &Tensor, size: Size) -> Rule {
    product(loc, scale, size, &[(-3f64.sqrt(), 1.0 / 6.0), (0.0, 2.0 / 3.0), (3f64.sqrt(), 1.0 / 6.0)])
}

/// Equal steps of a quarter of a standard deviation to ±10: for a normal density exact to f64.
fn trapezoid(loc: &Tensor, scale: &Tensor, [b, d]: Size) -> Rule {
    let nodes: Vec<(f64, f64)> = (-40..=40).map(|i| (f64::from(i) / 4.0, 0.25)).collect();
    let mut rule = product(loc, scale, [b, d], &nodes);
    let volume: Vec<f64> = f64s(scale).chunks(d).map(|row| row.iter().product()).collect();
    rule.weights.iter_mut().enumerate().for_each(|(i, w)| *w *= volume[i % b]);
    rule
}
