//! Each distribution declared once for the laws: its parameters, the library's distribution of them, its density as a
//! textbook has it, and finite sums over its events that are exact.

use elbo::autograd::{Params, Tape, Var};
use elbo::models::Noise;
use elbo::models::dist::{Bernoulli, Categorical, DiagNormal, Distribution, StandardNormal, TrilNormal};
use elbo::tensor::{Purpose, Real, Stream, Tensor, stream};

use super::dense::{apply, normal_log_prob, square, triangle};
use super::{GAUSS_HERMITE, f64s, product_rule, tensor, uniform};

/// Every distribution that the laws hold for.
pub const ALL: [&Family; 5] = [&NORMAL, &TRIL_NORMAL, &STANDARD_NORMAL, &BERNOULLI, &CATEGORICAL];

/// Those of them that the library has a [`Distribution`] of.
pub fn distributions() -> impl Iterator<Item = &'static Family> {
    ALL.into_iter().filter(|family| matches!(family.library, Library::Distribution(_)))
}

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

/// A distribution over the last axis, as the laws see it. Every function takes the parameter tensors, each `[b, d]` or,
/// of a triangle's entries, `[b, d(d−1)/2]`.
pub struct Family {
    pub name: &'static str,
    /// The interval each parameter is drawn from.
    pub params: &'static [[f64; 2]],
    /// The interval of the last parameter where it is the entries below a diagonal.
    pub triangle: Option<[f64; 2]>,
    /// Smallest and largest d; a long triangular system is too ill-conditioned to compare.
    pub widths: [usize; 2],
    /// The library's distribution.
    pub library: Library,
    /// The ln density of one event under one row of parameters, in f64 and by another route.
    pub textbook: fn(&[&[f64]], &[f64]) -> f64,
    /// The integral over the whole space.
    pub integral: fn(&[Tensor], Size) -> Rule,
    /// An expectation, exact for quadratics if the space is continuous and for any function if it is finite.
    pub expectation: fn(&[Tensor], Size) -> Rule,
}

/// What the library has of a family.
#[derive(Clone, Copy)]
pub enum Library {
    /// The distribution of these parameters.
    Distribution(for<'t> fn(&[Var<'t>]) -> Box<dyn Distribution<'t> + 't>),
    /// A prior without parameters, of which it has the ln density alone.
    Prior(for<'t> fn(Var<'t>) -> Var<'t>),
}

impl Family {
    /// The library's distribution, of a family that is no prior.
    pub fn distribution<'t>(&self, params: &[Var<'t>]) -> Option<Box<dyn Distribution<'t> + 't>> {
        match self.library {
            Library::Distribution(of) => Some(of(params)),
            Library::Prior(_) => None,
        }
    }

    /// The library's ln density of events `[n, b, d]`: `[n, b]`.
    pub fn log_prob<'t>(&self, params: &[Var<'t>], x: Var<'t>) -> Var<'t> {
        match self.library {
            Library::Distribution(of) => of(params).log_prob(x),
            Library::Prior(log_prob) => log_prob(x),
        }
    }

    /// `n` independent events a row by the library, `[n, b, d]`; standard normals of a prior.
    pub fn sample(&self, params: &[Tensor], [b, d]: Size, n: usize, rng: &mut Stream) -> Tensor {
        let own = stream((elbo::tensor::uniform(rng) * 1e15) as u64, Purpose::Test, 1);
        let mut noise = Noise::from(own).with_samples(n);
        let none = Params::new();
        let tape = Tape::new(&none);
        let params: Vec<_> = params.iter().map(|value| tape.constant(value.clone())).collect();
        let x = match self.distribution(&params) {
            Some(p) => p.sample(&mut noise).value(),
            None => noise.normal([n, b, d]),
        };
        x.reshape([n, b, d])
    }

    /// Random parameters of this size.
    pub fn draw(&self, [b, d]: Size, rng: &mut Stream) -> Vec<Tensor> {
        let below = self.triangle.map(|range| (range, d * (d - 1) / 2));
        let params = self.params.iter().map(|&range| (range, d)).chain(below);
        params.map(|(range, width)| uniform([b, width], range, rng)).collect()
    }

    /// The width nearest to d that the family has.
    pub fn width(&self, d: usize) -> usize {
        d.clamp(self.widths[0], self.widths[1])
    }

    /// [`Family::textbook`] of events `[n, b, d]`: `[n, b]`.
    pub fn textbook_values(&self, params: &[Tensor], x: &Tensor) -> Vec<f64> {
        let [_, b, d] = x.shape()[..] else { panic!("events are [n, b, d]") };
        let params: Vec<(usize, Vec<f64>)> = params.iter().map(|p| (p.shape().last(), f64s(p))).collect();
        let value = |(i, event): (usize, &[f64])| {
            let row = |(width, p): &'_ (usize, Vec<f64>)| p[i % b * width..][..*width].to_vec();
            let rows: Vec<Vec<f64>> = params.iter().map(row).collect();
            (self.textbook)(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>(), event)
        };
        f64s(x).chunks(d).enumerate().map(value).collect()
    }
}

pub const NORMAL: Family = Family {
    name: "DiagNormal",
    params: &[[-2.0, 2.0], [0.3, 2.0]],
    triangle: None,
    widths: [1, 64],
    library: Library::Distribution(|p| Box::new(DiagNormal { loc: p[0], scale: p[1] })),
    textbook: |p, x| {
        let density = |((x, m), s): ((&f64, &f64), &f64)| {
            -((x - m) / s).powi(2) / 2.0 - (s * (2.0 * std::f64::consts::PI).sqrt()).ln()
        };
        x.iter().zip(p[0]).zip(p[1]).map(density).sum()
    },
    integral: |p, size| trapezoid(&p[0], &p[1], size),
    expectation: |p, size| gauss_hermite(&p[0], &p[1], size),
};

/// Parameters are the mean, the diagonal of the triangular factor L and the entries below it. The textbook has the
/// covariance `L·Lᵀ` inverted as a dense matrix.
pub const TRIL_NORMAL: Family = Family {
    name: "TrilNormal",
    params: &[[-2.0, 2.0], [0.5, 2.0]],
    triangle: Some([-1.0, 1.0]),
    widths: [2, 5],
    library: Library::Distribution(|p| Box::new(tril_normal(p))),
    textbook: |p, x| normal_log_prob(x, p[0], &square(&triangle(p[1], p[2]))),
    integral: |p, size| {
        let mut rule = moved(p, trapezoid(&Tensor::zeros(size), &Tensor::full(size, 1.0), size));
        let volume: Vec<f64> = f64s(&p[1]).chunks(size[1]).map(|row| row.iter().product()).collect();
        rule.weights.iter_mut().enumerate().for_each(|(i, w)| *w *= volume[i % size[0]]);
        rule
    },
    expectation: |p, size| moved(p, gauss_hermite(&Tensor::zeros(size), &Tensor::full(size, 1.0), size)),
};

/// The normal of parameters in the order of [`TRIL_NORMAL`].
pub fn tril_normal<'t>(p: &[Var<'t>]) -> TrilNormal<'t> {
    TrilNormal { loc: p[0], diag: p[1], lower: p[2] }
}

/// A rule for a standard normal moved to `loc + L·x`.
fn moved(p: &[Tensor], rule: Rule) -> Rule {
    let [_, b, d] = rule.x.shape()[..] else { panic!("events are [n, b, d]") };
    let [loc, diag, lower] = [0, 1, 2].map(|i| f64s(&p[i]));
    let below = d * (d - 1) / 2;
    let factor = |row: usize| triangle(&diag[row * d..][..d], &lower[row * below..][..below]);
    let factors: Vec<_> = (0..b).map(factor).collect();
    let at = |(i, x): (usize, &[f64])| {
        let y = apply(&factors[i % b], x);
        y.into_iter().zip(&loc[i % b * d..][..d]).map(|(y, m)| y + m).collect::<Vec<_>>()
    };
    let x: Vec<f64> = f64s(&rule.x).chunks(d).enumerate().flat_map(at).collect();
    Rule { x: tensor(rule.x.shape(), &x), weights: rule.weights }
}

pub const STANDARD_NORMAL: Family = Family {
    name: "StandardNormal",
    params: &[],
    triangle: None,
    widths: [1, 64],
    library: Library::Prior(|x| StandardNormal.log_prob(x)),
    textbook: |_, x| x.iter().map(|x| -x * x / 2.0 - (2.0 * std::f64::consts::PI).sqrt().ln()).sum(),
    integral: |_, size| trapezoid(&Tensor::zeros(size), &Tensor::full(size, 1.0), size),
    expectation: |_, size| gauss_hermite(&Tensor::zeros(size), &Tensor::full(size, 1.0), size),
};

pub const BERNOULLI: Family = Family {
    name: "Bernoulli",
    params: &[[-4.0, 4.0]],
    triangle: None,
    widths: [1, 64],
    library: Library::Distribution(|p| Box::new(Bernoulli { logits: p[0] })),
    textbook: |p, x| {
        let density = |(l, x): (&f64, &f64)| -(1.0 + (if *x == 1.0 { -l } else { *l }).exp()).ln();
        p[0].iter().zip(x).map(density).sum()
    },
    integral: |_, size| states(size),
    expectation: |p, size| weighted(&BERNOULLI, p, states(size)),
};

/// Events are one-hot codes; the width is the number of classes.
pub const CATEGORICAL: Family = Family {
    name: "Categorical",
    params: &[[-3.0, 3.0]],
    triangle: None,
    widths: [1, 64],
    library: Library::Distribution(|p| Box::new(Categorical::from_logits(p[0]))),
    textbook: |p, x| {
        let total: f64 = p[0].iter().map(|l| l.exp()).sum();
        p[0].iter().zip(x).map(|(l, x)| x * (l.exp() / total).ln()).sum()
    },
    integral: |_, size| one_hot(size),
    expectation: |p, size| weighted(&CATEGORICAL, p, one_hot(size)),
};

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
    let (positions, weights) = product_rule(d, nodes);
    let (loc, scale) = (f64s(loc), f64s(scale));
    let at = |i: usize| loc[i % (b * d)] + scale[i % (b * d)] * positions[i / (b * d)][i % d];
    let x: Vec<f64> = (0..weights.len() * b * d).map(at).collect();
    Rule { x: tensor([weights.len(), b, d], &x), weights: (0..weights.len() * b).map(|i| weights[i / b]).collect() }
}

/// 3 nodes in each dimension: exact for polynomials of degree 5 in each variable.
fn gauss_hermite(loc: &Tensor, scale: &Tensor, size: Size) -> Rule {
    product(loc, scale, size, &GAUSS_HERMITE)
}

/// Equal steps of a quarter of a standard deviation to ±10: for a normal density exact to f64.
fn trapezoid(loc: &Tensor, scale: &Tensor, [b, d]: Size) -> Rule {
    let nodes: Vec<(f64, f64)> = (-40..=40).map(|i| (f64::from(i) / 4.0, 0.25)).collect();
    let mut rule = product(loc, scale, [b, d], &nodes);
    let volume: Vec<f64> = f64s(scale).chunks(d).map(|row| row.iter().product()).collect();
    rule.weights.iter_mut().enumerate().for_each(|(i, w)| *w *= volume[i % b]);
    rule
}
