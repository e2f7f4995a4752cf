//! Laws of the distributions: densities, entropies, reparameterised samples and exact expectations.

mod support;

use elbo::autograd::{Params, Tape, Var, concat};
use elbo::models::Noise;
use elbo::models::dist::{Bernoulli, Categorical, DiagNormal};
use elbo::tensor::{Real, Tensor};
use proptest::prelude::*;
use support::families::{BERNOULLI, CATEGORICAL, Family, NORMAL, STANDARD_NORMAL};
use support::{EXACT, assert_close, config, error, f64s, l2_error, normal, recorded, rng, tensor, uniform};

const FAMILIES: [&Family; 4] = [&NORMAL, &STANDARD_NORMAL, &BERNOULLI, &CATEGORICAL];

/// The library's `ln density` of events `[n, b, d]`: `[n, b]`.
fn log_prob(family: &Family, params: &[Tensor], x: &Tensor) -> Vec<f64> {
    on_a_tape(params, |params| (family.log_prob)(params, params_tape(params, x)))
}

/// `x` on the tape of the parameters, or on one of its own.
fn params_tape<'t>(params: &[Var<'t>], x: &Tensor) -> Var<'t> {
    params[0].tape().constant(x.clone())
}

fn on_a_tape(values: &[Tensor], f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>) -> Vec<f64> {
    let params = Params::new();
    let tape = Tape::new(&params);
    let vars: Vec<_> = values.iter().map(|value| tape.constant(value.clone())).collect();
    f64s(&f(&vars).value())
}
