//! Where one model is another one in a special case, their bounds are equal.

use crate::support::subjects::{Subject, WIDTH};
use crate::support::{
    EXACT, assign, config, error, f64s, int, ints, l2_error, log_weights, normal, recorded, rng, text, uniform, values,
};
use elbo::autograd::{Activation, Init, Params, Tape, Var};
use elbo::models::dist::{DiagNormal, Distribution, Kl, StandardNormal, UniformCategorical};
use elbo::models::nn::{BernoulliNet, Builder, CategoricalNet, Input, NormalNet, Spread};
use elbo::models::{Model, Objective};
use elbo::tensor::Tensor;
use proptest::prelude::*;

const K: usize = 3;
const Z: usize = 2;

/// A model with classes.
fn clustering(kind: &str, hidden: &[u64]) -> Subject {
    Subject::of(kind, &[("k", int(K)), ("z", int(Z)), ("hidden", ints(hidden))])
}

/// Loss and terms of each row.
fn numbers(objective: &Objective<'_>) -> Vec<Vec<f64>> {
    let terms = objective.terms().iter().map(|term| term.value);
    std::iter::once(objective.per_point()).chain(terms).map(|var| f64s(&var.value())).collect()
}

/// Loss, terms and importance weight of each row.
fn bound(model: &dyn Model, params: &Params, x: &Tensor, noise: &Tensor) -> Vec<Vec<f64>> {
    let tape = Tape::new(params);
    let x = tape.constant(x.clone());
    let mut all = numbers(&model.objective(x, &mut recorded(noise)));
    all.push(log_weights(model, x, &mut recorded(noise)));
    all
}

/// The largest error of lists of lists.
fn worst(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| error(a, b)).fold(0.0, f64::max)
}

/// Gradients of the mean loss, in the order of [`Params::flat`].
fn gradient(params: &Params, loss: Var<'_>) -> Vec<f64> {
    let grads = loss.tape().backward(loss.mean_all());
    params.ids().flat_map(|id| grads.param(id).map_or(vec![0.0; params.range(id).len()], f64s)).collect()
}

/// The networks of M2 and of modified M2, on parameters of the same order.
struct Nets {
    q_y: CategoricalNet,
    q_z: NormalNet,
    p_h: Option<NormalNet>,
    p_x: BernoulliNet,
}

impl Nets {
    fn new(subject: &Subject, params: &Params, p_h: Option<Spread>, (inputs, hidden): (&[Input], &[usize])) -> Self {
        let mut b = Builder::new(Init::Glorot, Activation::Relu, rng(0));
        let of_q = subject.ints("hidden");
        let nets = Self {
            q_y: CategoricalNet::new(&mut b, "q_y", &[("x", WIDTH)], &of_q, K),
            q_z: NormalNet::new(&mut b, "q_z", &[("x", WIDTH), ("y", K)], &of_q, None, Z, Spread::SoftplusVar),
            p_h: p_h.map(|spread| NormalNet::new(&mut b, "p_h", &[("y", K)], &[], None, Z, spread)),
            p_x: BernoulliNet::new(&mut b, "p_x", inputs, hidden, WIDTH),
        };
        let own = b.finish();
        let shapes = |p: &Params| p.ids().map(|id| (p.name(id).to_string(), p.get(id).shape())).collect::<Vec<_>>();
        assert_eq!(shapes(&own), shapes(params), "{}", subject.name);
        nets
    }
}

/// `|v|`
fn magnitude(v: Var<'_>) -> Var<'_> {
    v.square().sqrt()
}

/// The bound of a GMVAE whose latent is `h = m(y) + s(y) ⊙ z`. The map is affine and one to one for each y, so that the
/// change of variables `ln q(h) = ln q(z) − Σ ln |s|` makes q(h|x,y) the normal `N(m + s ⊙ μ, (|s| ⊙ σ)²)` and the
/// prior of z the component `N(m, |s|²)`; what the decoder does with h is the same.
fn in_latent_h<'t>(nets: &Nets, x: Var<'t>, noise: &Tensor, relu: bool) -> Objective<'t> {
    let q_y = nets.q_y.given([x]);
    let [log_px, kl] = q_y.expect(|y| {
        let (q_z, map) = (nets.q_z.given([x, y]), nets.p_h.as_ref().expect("h").given([y]));
        let p_h = DiagNormal { loc: map.loc, scale: magnitude(map.scale) };
        let q_h = DiagNormal { loc: map.loc + map.scale * q_z.loc, scale: magnitude(map.scale) * q_z.scale };
        // The sign of s moves to the noise.
        let eps = x.tape().constant(noise.clone()) * (map.scale / magnitude(map.scale));
        let h = q_h.transform(eps);
        let code = if relu { h.relu() } else { h };
        [nets.p_x.given([code]).log_prob(x), q_h.log_prob(h) - p_h.log_prob(h)]
    });
    let kl_y = q_y.kl(&UniformCategorical { classes: K });
    Objective::nll(log_px).plus(1.0, "kl_y", kl_y).plus(1.0, "kl_z", kl)
}

/// `ln(1 + eᵛ)` and its inverse.
fn softplus(v: f64) -> f64 {
    v.exp().ln_1p()
}

fn softplus_inverse(v: f64) -> f64 {
    v.exp_m1().ln()
}

proptest! {
    #![proptest_config(config(16))]

    #[test]
    fn the_bound_of_modified_m2_is_that_of_a_gmvae_in_the_mapped_latent(seed: u64, b in 1..5usize) {
        let mut rng = rng(seed);
        for (word, decoder) in [("relu", &[4][..]), ("identity", &[4]), ("layer", &[3, 4]), ("deep", &[3, 4, 4])] {
            let scales =
                [("by-class", Spread::SoftplusVar), ("shared", Spread::SharedSoftplusVar), ("signed", Spread::Signed)];
            for (scale, spread) in scales {
                let subject =
                    clustering("modified-m2", &[3, 4]).with("decoder", text(word)).with("scale", text(scale));
                let (model, mut params) = subject.create(seed);
                if spread == Spread::Signed {
                    // Both signs, and no scale so near 0 that h hides z.
                    let weight = values(&params, "p_h.loc_spread.weight");
                    let scale = |i: usize| if i.is_multiple_of(3) { -0.9 } else { 0.6 };
                    let is_loc = |i: usize| i % (2 * Z) < Z;
                    assign(&mut params, "p_h.loc_spread.weight", |i| if is_loc(i) { weight[i] } else { scale(i) });
                }
                let nets = Nets::new(&subject, &params, Some(spread), (&[("h", Z)], decoder));
                let (x, noise) = (uniform([b, WIDTH], [0.0, 1.0], &mut rng), normal([K, b, Z], &mut rng));
                let tape = Tape::new(&params);
                let x = tape.constant(x);
                let ours = model.objective(x, &mut recorded(&noise));
                let mixture = in_latent_h(&nets, x, &noise, word == "relu");
                prop_assert!(worst(&numbers(&ours), &numbers(&mixture)) <= EXACT, "{word}, {scale}");
                let [ours, mixture] = [ours, mixture].map(|bound| gradient(&params, bound.per_point()));
                prop_assert!(l2_error(&ours, &mixture) <= 10.0 * EXACT, "{word}, {scale}");
            }
        }
    }

    /// Without hidden layers and with a spread that x does not move, both models can express the same q(h|x,y).
    #[test]
    fn modified_m2_with_linear_networks_is_the_gmvae_of_this_library(seed: u64, b in 1..5usize) {
        let mut rng = rng(seed);
        let ours = clustering("modified-m2", &[]).with("decoder", text("layer")).with("scale", text("shared"));
        let (ours, mut p) = ours.create(seed);
        let (gmvae, mut g) = clustering("gmvae", &[]).create(seed + 1);
        let weight = values(&p, "q_z.loc_spread.weight_x");
        let is_loc = |i: usize| i % (2 * Z) < Z;
        assign(&mut p, "q_z.loc_spread.weight_x", |i| if is_loc(i) { weight[i] } else { 0.0 });
        for name in ["q_y.logits.weight", "q_y.logits.bias", "p_x.logits.weight", "p_x.logits.bias"] {
            assign(&mut g, name, |i| values(&p, name)[i]);
        }
        let [weight_x, weight_y, bias] =
            ["weight_x", "weight_y", "bias"].map(|part| values(&p, &format!("q_z.loc_spread.{part}")));
        let [loc_y, loc_bias, spread] =
            ["loc.weight", "loc.bias", "spread"].map(|part| values(&p, &format!("p_h.{part}")));
        let var: Vec<f64> = spread.iter().map(|&raw| softplus(raw)).collect();
        let by_class = |i: usize| {
            let (y, column) = (i / (2 * Z), i % (2 * Z));
            let own = weight_y[i] + bias[column];
            if is_loc(i) {
                loc_y[y * Z + column] + loc_bias[column] + var[column].sqrt() * own
            } else {
                softplus_inverse(var[column - Z] * softplus(own))
            }
        };
        assign(&mut g, "q_z.loc_spread.weight_x", |i| if is_loc(i) { var[i % Z].sqrt() * weight_x[i] } else { 0.0 });
        assign(&mut g, "q_z.loc_spread.weight_y", by_class);
        assign(&mut g, "q_z.loc_spread.bias", |_| 0.0);
        assign(&mut g, "p_z.loc_spread.weight", |i| if is_loc(i) { loc_y[i / (2 * Z) * Z + i % Z] } else { 0.0 });
        assign(&mut g, "p_z.loc_spread.bias", |i| if i < Z { loc_bias[i] } else { spread[i - Z] });

        let (x, noise) = (uniform([b, WIDTH], [0.0, 1.0], &mut rng), normal([K, b, Z], &mut rng));
        let [ours, mixture] = [bound(ours.as_ref(), &p, &x, &noise), bound(gmvae.as_ref(), &g, &x, &noise)];
        prop_assert!(worst(&ours, &mixture) <= EXACT, "{ours:?} and {mixture:?}");
    }

    /// With all mass of q(y|x) at class c, what is left is the conditional VAE `x | z, c` and the `ln k` that certainty
    /// costs.
    #[test]
    fn m2_with_a_certain_class_is_a_conditional_vae_and_log_k(seed: u64, b in 1..5usize, c in 0..K) {
        let mut rng = rng(seed);
        let subject = clustering("m2", &[3, 4]).with("decoder_hidden", ints(&[5, 4]));
        let (model, mut params) = subject.create(seed);
        assign(&mut params, "q_y.logits.bias", |y| if y == c { 1000.0 } else { -1000.0 });
        let nets = Nets::new(&subject, &params, None, (&[("z", Z), ("y", K)], &[5, 4]));
        let (x, noise) = (uniform([b, WIDTH], [0.0, 1.0], &mut rng), normal([K, b, Z], &mut rng));
        let tape = Tape::new(&params);
        let x = tape.constant(x);
        let m2 = model.objective(x, &mut recorded(&noise));
        let y = tape.constant(Tensor::from_fn([1, K], |i| if i == c { 1.0 } else { 0.0 }));
        let q_z = nets.q_z.given([x, y]);
        let z = q_z.transform(tape.constant(noise.window(c * b * Z..(c + 1) * b * Z, [b, Z])));
        let conditional = Objective::nll(nets.p_x.given([z, y]).log_prob(x))
            .plus(1.0, "kl_z", q_z.log_prob(z) - StandardNormal.log_prob(z));
        let log_k = (K as f64).ln();
        let [loss, recon, kl_y, kl_z] = &numbers(&m2)[..] else { panic!("three terms") };
        let parts = numbers(&conditional);
        let [conditional_loss, conditional_recon, conditional_kl] = &parts[..] else { panic!("two terms") };
        prop_assert!(error(kl_y, &vec![log_k; b]) <= EXACT);
        prop_assert!(error(recon, conditional_recon) <= EXACT && error(kl_z, conditional_kl) <= EXACT);
        let with_log_k: Vec<f64> = conditional_loss.iter().map(|loss| loss + log_k).collect();
        prop_assert!(error(loss, &with_log_k) <= EXACT, "{loss:?} and {with_log_k:?}");
        let [m2, conditional] = [m2, conditional].map(|bound| gradient(&params, bound.per_point()));
        prop_assert!(l2_error(&m2, &conditional) <= EXACT);
    }

    /// Where the heads of the entries below the diagonal are zero: of the posterior, of the likelihood and of both.
    #[test]
    fn a_full_covariance_vae_with_nothing_below_the_diagonal_is_the_diagonal_one(
        seed: u64, b in 1..4usize, z in 2..5usize,
    ) {
        let mut rng = rng(seed);
        let choices = [("full", "global"), ("diagonal", "full"), ("full", "full")];
        for ((posterior, decoder), (branch, head)) in choices.into_iter().flat_map(|choice| {
            [(0, "log-var"), (0, "log-scale"), (3, "log-var")].map(|rest| (choice, rest))
        }) {
            let subject = Subject::of("vae", &[
                ("hidden", ints(&[4])), ("z", int(z)), ("branch", int(branch)), ("posterior_head", text(head)),
                ("posterior", text(posterior)), ("decoder_var", text(decoder)),
            ]);
            let decoder = if decoder == "full" { "per-sample" } else { decoder };
            let plain = subject.with("posterior", text("diagonal")).with("decoder_var", text(decoder));
            let ((full_model, mut full), (model, params)) = (subject.create(seed), plain.create(seed + 1));
            let shared = share(&mut full, &params);
            let (x, noise) = (uniform([b, WIDTH], [-1.0, 1.0], &mut rng), normal([b, z], &mut rng));
            let sides = [bound(full_model.as_ref(), &full, &x, &noise), bound(model.as_ref(), &params, &x, &noise)];
            prop_assert!(worst(&sides[0], &sides[1]) <= EXACT, "{}", subject.name);

            let of = |model: &dyn Model, params: &Params| {
                let tape = Tape::new(params);
                gradient(params, model.objective(tape.constant(x.clone()), &mut recorded(&noise)).per_point())
            };
            let all = of(full_model.as_ref(), &full);
            let common: Vec<f64> = shared.iter().map(|&place| all[place]).collect();
            prop_assert!(l2_error(&common, &of(model.as_ref(), &params)) <= EXACT, "{}", subject.name);
        }
    }

    #[test]
    fn the_prior_of_k_classes_costs_log_k_for_certainty_and_nothing_for_a_uniform_posterior(seed: u64) {
        let mut rng = rng(seed);
        let kinds = ["gmvae", "m2", "modified-m2", "discrete-vae"].into_iter();
        for (kind, k) in kinds.flat_map(|kind| [1, 2, 10, 16].map(|k| (kind, k))) {
            let subject = Subject::of(kind, &[("k", int(k)), ("hidden", ints(&[4]))]);
            let subject = if subject.has("z") { subject.with("z", int(Z)) } else { subject };
            let (model, mut params) = subject.create(seed);
            let (x, noise) = (uniform([2, WIDTH], [0.0, 1.0], &mut rng), subject.noise(2, &mut rng));
            assign(&mut params, "q_y.logits.weight", |_| 0.0);
            for (certainty, expected) in [(0.0, 0.0), (1000.0, (k as f64).ln())] {
                assign(&mut params, "q_y.logits.bias", |y| if y == k / 2 { 1.0 + certainty } else { 1.0 });
                let tape = Tape::new(&params);
                let objective = model.objective(tape.constant(x.clone()), &mut recorded(&noise));
                let kl_y = objective.terms().iter().find(|term| term.name == "kl_y").expect("a divergence of y");
                prop_assert!(error(&f64s(&kl_y.value.value()), &[expected; 2]) <= EXACT, "{kind} of {k}: {kl_y:?}");
            }
        }
    }
}

/// Gives the full model the diagonal one's parameters, which are leading columns of its own, and zeros for what is
/// below the diagonals. Returns where each of the diagonal model's parameters went.
fn share(full: &mut Params, diagonal: &Params) -> Vec<usize> {
    let mut places = Vec::new();
    for id in diagonal.ids() {
        let name = diagonal.name(id);
        let joint = name.replace(".loc_spread.", ".loc_spread_lower.");
        let is_named = |id: &_| full.name(*id) == name || full.name(*id) == joint;
        let own = full.ids().find(is_named).unwrap_or_else(|| panic!("{name} in the full model"));
        let (start, columns, width) =
            (full.range(own).start, full.get(own).shape().last(), diagonal.get(id).shape().last());
        if full.name(own) != name {
            let range = full.range(own);
            full.flat_mut()[range].fill(0.0);
        }
        places.extend((0..diagonal.range(id).len()).map(|i| start + i / width * columns + i % width));
    }
    for id in full.ids().filter(|&id| full.name(id).contains(".lower.")).collect::<Vec<_>>() {
        let range = full.range(id);
        full.flat_mut()[range].fill(0.0);
    }
    places.iter().zip(diagonal.flat()).for_each(|(&place, &value)| full.flat_mut()[place] = value);
    places
}
