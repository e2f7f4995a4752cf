//! A Gaussian-mixture VAE whose components are equal is a VAE: what is left of y is `KL(q(y|x) ‖ Cat(1/k))`.

use crate::support::{EXACT, assign, config, error, f64s, named, normal, recorded, rng, uniform};
use elbo::autograd::{Params, Tape};
use elbo::models::nn::{LayerOptions, LikelihoodKind, LikelihoodOptions};
use elbo::models::{ClusteringOptions, GmvaeOptions, Model, ModelOptions, VaeOptions};
use elbo::tensor::{Shape, Tensor};
use proptest::prelude::*;

const WIDTH: usize = 6;
const K: usize = 4;
const Z: usize = 2;
const HIDDEN: [usize; 2] = [5, 4];

/// A GMVAE with random parameters in which neither q(z|x,y) nor p(z|y) depends on y.
fn equal_components(seed: u64) -> (Box<dyn Model>, Params) {
    let clustering = ClusteringOptions { k: K, z: Z, hidden: HIDDEN.to_vec(), ..ClusteringOptions::default() };
    let (model, mut params) = GmvaeOptions { clustering }.create(WIDTH, seed).expect("options inside their domains");
    let shift = uniform([params.flat().len()], [-0.3, 0.3], &mut rng(seed));
    params.flat_mut().iter_mut().zip(shift.as_slice()).for_each(|(p, s)| *p += s);
    assign(&mut params, "q_z.hidden.0.weight_y", |_| 0.0);
    assign(&mut params, "p_z.loc_spread.weight", |_| 0.0);
    (model, params)
}

/// Loss and terms of each row, in the order `loss, recon, kl_y, kl_z` (without `kl_y` for a VAE).
fn bound(model: &dyn Model, params: &Params, x: &Tensor, noise: &Tensor) -> Vec<Vec<f64>> {
    let tape = Tape::new(params);
    let objective = model.objective(tape.constant(x.clone()), &mut recorded(noise));
    let terms = objective.terms().iter().map(|term| term.value);
    std::iter::once(objective.per_point()).chain(terms).map(|var| f64s(&var.value())).collect()
}

/// Noise `[b, z]` given to every component alike.
fn for_all(noise: &Tensor) -> Tensor {
    let shape: Vec<usize> = [K].into_iter().chain(noise.shape().iter().copied()).collect();
    noise.broadcast_to(Shape::from(&shape[..]))
}

/// The formulas on plain numbers.
struct Plain<'p>(&'p Params);

impl Plain<'_> {
    fn values(&self, name: &str) -> Vec<f64> {
        f64s(&self.0.get(named(self.0, name)))
    }

    /// `x·W + b` with the weight of this name and the bias of that layer.
    fn dense(&self, layer: &str, weight: &str, x: &[f64]) -> Vec<f64> {
        let (w, mut y) = (self.values(&format!("{layer}.{weight}")), self.values(&format!("{layer}.bias")));
        let outputs = y.len();
        for (x, row) in x.iter().zip(w.chunks(outputs)) {
            y.iter_mut().zip(row).for_each(|(y, w)| *y += x * w);
        }
        y
    }

    /// Two hidden layers of ReLUs and a linear head; `first` names the weight of the first layer.
    fn net(&self, name: &str, first: &str, head: &str, x: &[f64]) -> Vec<f64> {
        let mut h = self.dense(&format!("{name}.hidden.0"), first, x);
        h.iter_mut().for_each(|h| *h = h.max(0.0));
        let mut h = self.dense(&format!("{name}.hidden.1"), "weight", &h);
        h.iter_mut().for_each(|h| *h = h.max(0.0));
        self.dense(&format!("{name}.{head}"), "weight", &h)
    }

    /// `[loss, recon, kl_y, kl_z]` of one row: the VAE's bound with a sampled divergence, and the divergence of y.
    fn bound(&self, x: &[f64], eps: &[f64]) -> [f64; 4] {
        let softplus = |raw: f64| (1.0 + raw.exp()).ln();
        let log_normal =
            |z: f64, loc: f64, var: f64| -0.5 * ((2.0 * std::f64::consts::PI * var).ln() + (z - loc) * (z - loc) / var);
        let q = self.net("q_z", "weight_x", "loc_spread", x);
        let p = self.values("p_z.loc_spread.bias");
        let z: Vec<f64> = (0..Z).map(|i| q[i] + softplus(q[Z + i]).sqrt() * eps[i]).collect();
        let log_ratio = |i| log_normal(z[i], q[i], softplus(q[Z + i])) - log_normal(z[i], p[i], softplus(p[Z + i]));
        let kl_z = (0..Z).map(log_ratio).sum::<f64>();
        let logits = self.net("p_x", "weight", "logits", &z);
        let recon: f64 = logits.iter().zip(x).map(|(l, x)| softplus(*l) - x * l).sum();
        let logits = self.net("q_y", "weight", "logits", x);
        let total: f64 = logits.iter().map(|l| l.exp()).sum();
        let kl_y: f64 = logits.iter().map(|l| l.exp() / total * (l.exp() / total * K as f64).ln()).sum();
        [recon + kl_y + kl_z, recon, kl_y, kl_z]
    }
}

/// The raw value whose softplus is v.
fn softplus_inverse(v: f64) -> f64 {
    v.exp_m1().ln()
}

/// Parameters of the GMVAE that the VAE has under the same name.
const SHARED: [&str; 9] = [
    "q_z.hidden.0.bias",
    "q_z.hidden.1.weight",
    "q_z.hidden.1.bias",
    "p_x.hidden.0.weight",
    "p_x.hidden.0.bias",
    "p_x.hidden.1.weight",
    "p_x.hidden.1.bias",
    "p_x.logits.weight",
    "p_x.logits.bias",
];

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn equal_components_give_the_bound_of_a_vae_and_the_divergence_of_y(seed: u64, b in 1..5usize) {
        let mut rng = rng(seed);
        let (model, params) = equal_components(seed);
        let (x, eps) = (uniform([b, WIDTH], [0.0, 1.0], &mut rng), normal([b, Z], &mut rng));
        let ours = bound(model.as_ref(), &params, &x, &for_all(&eps));
        let (x, eps) = (f64s(&x), f64s(&eps));
        for (row, (x, eps)) in x.chunks(WIDTH).zip(eps.chunks(Z)).enumerate() {
            let ours: Vec<f64> = ours.iter().map(|term| term[row]).collect();
            let plain = Plain(&params).bound(x, eps);
            prop_assert!(error(&ours, &plain) <= EXACT, "{ours:?} and {plain:?}");
        }
    }

    /// With a standard normal prior and a variance that both heads can express, the library's own VAE has the same
    /// mean over the noise: the sampled divergence is quadratic in it, so that 3 nodes in each dimension are exact.
    #[test]
    fn equal_components_with_a_standard_prior_are_the_vae_of_this_library(seed: u64) {
        let mut rng = rng(seed);
        let (gmvae, mut params) = equal_components(seed);
        let options = VaeOptions {
            z: Z,
            layers: LayerOptions { hidden: HIDDEN.to_vec(), ..LayerOptions::default() },
            likelihood: LikelihoodOptions { likelihood: LikelihoodKind::Bernoulli, ..LikelihoodOptions::default() },
            ..VaeOptions::default()
        };
        let (vae, mut vae_params) = options.create(WIDTH, seed).expect("options inside their domains");

        let var = [0.3, 0.8];
        let heads = f64s(&params.get(named(&params, "q_z.loc_spread.weight")));
        let loc_only = |i: usize| if i % (2 * Z) < Z { heads[i] } else { 0.0 };
        let biases = f64s(&params.get(named(&params, "q_z.loc_spread.bias")));
        let bias = |i: usize, spread: fn(f64) -> f64| if i < Z { biases[i] } else { spread(var[i - Z]) };
        assign(&mut params, "p_z.loc_spread.bias", |i| if i < Z { 0.0 } else { softplus_inverse(1.0) });
        assign(&mut params, "q_z.loc_spread.weight", loc_only);
        assign(&mut params, "q_z.loc_spread.bias", |i| bias(i, softplus_inverse));
        assign(&mut vae_params, "q_z.loc_spread.weight", loc_only);
        assign(&mut vae_params, "q_z.loc_spread.bias", |i| bias(i, f64::ln));
        let first_layer = ("q_z.hidden.0.weight_x", "q_z.hidden.0.weight");
        for (from, to) in SHARED.map(|name| (name, name)).into_iter().chain([first_layer]) {
            let values = f64s(&params.get(named(&params, from)));
            assign(&mut vae_params, to, |i| values[i]);
        }

        let b = 3;
        let x = uniform([b, WIDTH], [0.0, 1.0], &mut rng);
        let nodes = [(-3f64.sqrt(), 1.0 / 6.0), (0.0, 2.0 / 3.0), (3f64.sqrt(), 1.0 / 6.0)];
        let [mut ours, mut theirs] = [vec![0.0; b], vec![0.0; b]];
        for (first, first_weight) in nodes {
            for (second, second_weight) in nodes {
                let eps = Tensor::from_fn([b, Z], |i| [first, second][i % Z] as elbo::tensor::Real);
                let mixture = bound(gmvae.as_ref(), &params, &x, &for_all(&eps));
                let single = bound(vae.as_ref(), &vae_params, &x, &eps);
                prop_assert!(error(&mixture[1], &single[1]) <= EXACT, "recon");
                for row in 0..b {
                    ours[row] += first_weight * second_weight * (mixture[0][row] - mixture[2][row]);
                    theirs[row] += first_weight * second_weight * single[0][row];
                }
            }
        }
        prop_assert!(error(&ours, &theirs) <= EXACT, "{ours:?} and {theirs:?}");
    }
}
