//! Laws of the evidence `p(x)`, which integrals over the noise give exactly, and of the bounds on it.

use crate::support::seeds::shifted;
use crate::support::subjects::{Subject, WIDTH, subjects};
use crate::support::{
    EXACT, assign, config, error, f64s, float, int, ints, log_mean_exp, log_weights, product_rule, recorded, rng,
    tensor, text, uniform, values,
};
use elbo::autograd::{Params, Tape};
use elbo::models::{Model, Noise};
use elbo::tensor::{Purpose, Real, Stream, Tensor, stream};
use proptest::prelude::*;

/// Models that are smooth in the latent, so that sums over equal steps are exact, with weights of 1.
fn smooth_subjects() -> Vec<Subject> {
    let clustering = |kind: &str, z: usize| Subject::of(kind, &[("k", int(3)), ("z", int(z)), ("hidden", ints(&[]))]);
    let mut all =
        vec![clustering("gmvae", 1), clustering("gmvae", 2), clustering("m2", 1).with("decoder_hidden", ints(&[]))];
    for scale in ["by-class", "shared", "signed"] {
        all.push(clustering("modified-m2", 1).with("decoder", text("identity")).with("scale", text(scale)));
    }
    for (z, posterior) in [(1, "diagonal"), (2, "diagonal"), (2, "full")] {
        let vae = [("z", int(z)), ("posterior", text(posterior)), ("hidden", ints(&[4])), ("activation", text("tanh"))];
        let vae = Subject::of("vae", &vae);
        all.push(vae.with("likelihood", text("bernoulli")));
        all.push(vae.with("decoder_var", text("full")));
    }
    all
}

/// The model with parameters of half the size: every q(z|x) is then wide enough for the grid to reach what matters.
fn create(subject: &Subject, seed: u64) -> (Box<dyn Model>, Params) {
    let (model, mut params) = subject.create(seed);
    params.flat_mut().iter_mut().for_each(|p| *p *= 0.5);
    (model, params)
}

fn is_binary(subject: &Subject) -> bool {
    !subject.has("likelihood") || subject.is("likelihood", "bernoulli")
}

/// Data of b rows such as the model expects.
fn data(subject: &Subject, b: usize, rng: &mut Stream) -> Tensor {
    let u = uniform([b, WIDTH], [0.0, 1.0], rng);
    if is_binary(subject) { u.map(|u| u.round()) } else { u }
}

/// What one grid over the noise gives for each row.
struct Integrals {
    /// `ln p(x) = ln E_ε w(ε)`
    log_evidence: Vec<f64>,
    /// `E_ε ln w(ε)` of the importance weights w
    mean_log_weight: Vec<f64>,
    /// `−E_ε loss(ε)`
    bound: Vec<f64>,
}

/// Expectations over standard normal noise by equal steps of a third to ±16 in each dimension: exact to f64 for what
/// is smooth. Every class sees the same noise, which is as good as its own, for no term looks at two classes.
fn integrals(subject: &Subject, model: &dyn Model, params: &Params, x: &Tensor) -> Integrals {
    let (b, z) = (x.shape()[0], subject.int("z"));
    let density = |e: f64| (-e * e / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let nodes: Vec<(f64, f64)> = (-48..=48).map(|i| f64::from(i) / 3.0).map(|e| (e, density(e) / 3.0)).collect();
    let (nodes, weights) = product_rule(z, &nodes);
    let n = nodes.len();
    let eps: Vec<f64> = nodes.iter().flat_map(|node| node.repeat(b)).collect();
    let noise = tensor([n * b, z], &eps);
    let noise = if subject.has_clusters() { noise.broadcast_to([3, n * b, z]) } else { noise };
    let tape = Tape::new(params);
    let x = tape.constant(x.broadcast_to([n, b, WIDTH]).reshape([n * b, WIDTH]));
    let log_weights = log_weights(model, x, &mut recorded(&noise));
    let losses = f64s(&model.objective(x, &mut recorded(&noise)).per_point().value());
    let mean = |f: &dyn Fn(usize) -> f64| {
        (0..b).map(|row| weights.iter().enumerate().map(|(i, w)| w * f(i * b + row)).sum()).collect::<Vec<f64>>()
    };
    Integrals {
        log_evidence: mean(&|i| log_weights[i].exp()).into_iter().map(f64::ln).collect(),
        mean_log_weight: mean(&|i| log_weights[i]),
        bound: mean(&|i| -losses[i]),
    }
}

proptest! {
    #![proptest_config(config(4))]

    /// `E_q[p(x, z)/q(z|x)] = p(x)` for every q. The bound of one row may happen to be that under another q; of three
    /// or more it is not.
    #[test]
    fn the_evidence_does_not_depend_on_the_recognition_network(seed: u64, b in 3..6usize) {
        let mut rng = rng(seed);
        for subject in smooth_subjects() {
            let ((model, params), (_, other)) = (create(&subject, seed), create(&subject, seed ^ 1));
            let mut changed = params.clone();
            for id in params.ids().filter(|&id| params.name(id).starts_with("q_")) {
                changed.flat_mut()[params.range(id)].copy_from_slice(&other.flat()[params.range(id)]);
            }
            let x = data(&subject, b, &mut rng);
            let [one, two] = [&params, &changed].map(|params| integrals(&subject, model.as_ref(), params, &x));
            let [evidence, bound] = [error(&one.log_evidence, &two.log_evidence), error(&one.bound, &two.bound)];
            prop_assert!(evidence <= EXACT, "{}", subject.name);
            prop_assert!(bound > 10.0 * EXACT, "{}: the bound depends on it", subject.name);
        }
    }

    #[test]
    fn the_evidences_of_all_binary_data_sum_to_one(seed: u64) {
        let states = Tensor::from_fn([1 << WIDTH, WIDTH], |i| ((i / WIDTH) >> (i % WIDTH) & 1) as Real);
        for subject in smooth_subjects().into_iter().filter(is_binary) {
            let (model, params) = create(&subject, seed);
            let evidence = integrals(&subject, model.as_ref(), &params, &states).log_evidence;
            let total: f64 = evidence.into_iter().map(f64::exp).sum();
            prop_assert!(error(&[total], &[1.0]) <= EXACT, "{}: {total}", subject.name);
        }
        let discrete = Subject::of("discrete-vae", &[("likelihood", text("bernoulli"))]);
        let (model, params) = discrete.create(seed);
        let tape = Tape::new(&params);
        let evidence = log_weights(model.as_ref(), tape.constant(states), &mut Noise::recorded([]));
        let total: f64 = evidence.into_iter().map(f64::exp).sum();
        prop_assert!(error(&[total], &[1.0]) <= EXACT, "{}: {total}", discrete.name);
    }

    /// `−E loss ≤ E ln w ≤ ln p(x)`; the first two are equal without classes, for then they differ in nothing but
    /// whether the divergence is sampled.
    #[test]
    fn the_bound_is_below_the_mean_log_weight_and_that_is_below_the_evidence(seed: u64, b in 1..4usize) {
        let mut rng = rng(seed);
        for subject in smooth_subjects() {
            let (model, params) = create(&subject, seed);
            let x = data(&subject, b, &mut rng);
            let all = integrals(&subject, model.as_ref(), &params, &x);
            for row in 0..b {
                let [bound, mean, evidence] = [all.bound[row], all.mean_log_weight[row], all.log_evidence[row]];
                let is_ordered = bound <= mean + EXACT * mean.abs() && mean < evidence;
                prop_assert!(is_ordered, "{}: {bound}, {mean} and {evidence}", subject.name);
            }
            if !subject.has_clusters() {
                prop_assert!(error(&all.bound, &all.mean_log_weight) <= EXACT, "{}", subject.name);
            }
        }
    }

    /// `E_q(y) ln w(y) − KL(q(y) ‖ p(y)) ≤ ln Σ_y p(y) w(y)` for every noise.
    #[test]
    fn a_bound_with_classes_is_below_the_logarithm_of_the_mean_weight(seed: u64, b in 1..5usize) {
        let mut rng = rng(seed);
        for subject in subjects().into_iter().filter(Subject::has_clusters) {
            let subject = subject.with("beta", float(1.0));
            let subject = if subject.has("eta") { subject.with("eta", float(1.0)) } else { subject };
            let (model, params) = subject.create(seed);
            let (x, noise) = (uniform([b, WIDTH], [0.0, 1.0], &mut rng), subject.noise(b, &mut rng));
            let tape = Tape::new(&params);
            let x = tape.constant(x);
            let losses = f64s(&model.objective(x, &mut recorded(&noise)).per_point().value());
            let weights = log_weights(model.as_ref(), x, &mut recorded(&noise));
            for (loss, weight) in losses.iter().zip(&weights) {
                prop_assert!(-loss <= weight + EXACT * weight.abs().max(1.0), "{}: {} > {weight}", subject.name, -loss);
            }
        }
    }

    /// With linear networks `ln p(x|y)` is linear in x but for what y does not change, and so is the exact posterior.
    #[test]
    fn the_evidence_exceeds_the_discrete_bound_by_the_divergence_from_the_posterior(seed: u64, b in 1..4usize) {
        let mut rng = rng(seed);
        for likelihood in ["gaussian", "mse", "sse", "bernoulli"] {
            let subject =
                Subject::of(
                    "discrete-vae",
                    &[("likelihood", text(likelihood)), ("variance", float(0.4)), ("hidden", ints(&[]))],
                );
            let (model, mut params) = subject.create(seed);
            let x = uniform([b, WIDTH], [0.0, 1.0], &mut rng);
            let (slopes, offsets) = exact_logits(&params, likelihood);
            for is_exact in [false, true] {
                if is_exact {
                    let k = offsets.len();
                    assign(&mut params, "q_y.logits.weight", |i| slopes[i % k][i / k]);
                    assign(&mut params, "q_y.logits.bias", |i| offsets[i]);
                }
                let tape = Tape::new(&params);
                let objective = model.objective(tape.constant(x.clone()), &mut Noise::recorded([]));
                let bounds: Vec<f64> = f64s(&objective.per_point().value()).iter().map(|loss| -loss).collect();
                let evidence = log_weights(model.as_ref(), tape.constant(x.clone()), &mut Noise::recorded([]));
                let q = f64s(&objective.clusters().expect("classes").value());
                let gap = |(x, q): (&[f64], &[f64])| {
                    let logit = |(slope, offset): (&Vec<f64>, &f64)| crate::support::dense::dot(slope, x) + offset;
                    let logits: Vec<f64> = slopes.iter().zip(&offsets).map(logit).collect();
                    let total = log_mean_exp(&logits) + (logits.len() as f64).ln();
                    q.iter().zip(&logits).map(|(q, logit)| q * (q.ln() - logit + total)).sum::<f64>()
                };
                let gaps: Vec<f64> = f64s(&x).chunks(WIDTH).zip(q.chunks(offsets.len())).map(gap).collect();
                let below: Vec<f64> = evidence.iter().zip(&gaps).map(|(evidence, gap)| evidence - gap).collect();
                prop_assert!(error(&bounds, &below) <= EXACT, "{likelihood}: {bounds:?} and {below:?}");
                if is_exact {
                    prop_assert!(error(&bounds, &evidence) <= EXACT, "{likelihood}: {bounds:?} and {evidence:?}");
                }
            }
        }
    }
}

/// For each class the slopes and the offset of `ln p(x|y)`, without what does not depend on y.
fn exact_logits(params: &Params, likelihood: &str) -> (Vec<Vec<f64>>, Vec<f64>) {
    let head = if likelihood == "bernoulli" { "p_x.logits" } else { "p_x.loc" };
    let bias = values(params, &format!("{head}.bias"));
    let rows = values(params, &format!("{head}.weight"));
    let outputs = rows.chunks(WIDTH).map(|row| row.iter().zip(&bias).map(|(w, b)| w + b).collect::<Vec<f64>>());
    let variance = match likelihood {
        "gaussian" => 0.4,
        "mse" => WIDTH as f64 / 2.0,
        _ => 0.5,
    };
    let logit = |out: Vec<f64>| match likelihood {
        "bernoulli" => (out.clone(), -out.iter().map(|l| l.exp().ln_1p()).sum::<f64>()),
        _ => (out.iter().map(|m| m / variance).collect(), -crate::support::dense::dot(&out, &out) / (2.0 * variance)),
    };
    outputs.map(logit).unzip()
}

/// Means over many draws of the importance-weighted bounds of 1, 2, 5 and 20 samples: they rise and stay below the
/// evidence. False-alarm rate over seeds: 12 models × 7 one-sided comparisons at 5 standard errors, 84 × 3e-7 ≈ 2e-5.
/// That 20 samples are better than `E ln w`, the bound of one, by more than 5 standard errors is a matter of the
/// models.
#[test]
fn importance_weighted_bounds_rise_with_the_number_of_samples_and_stay_below_the_evidence() {
    let (draws, mut rng) = (4000, rng(9));
    for (number, subject) in smooth_subjects().iter().enumerate() {
        let (model, params) = subject.create(3);
        let x = data(subject, 1, &mut rng);
        let exact = integrals(subject, model.as_ref(), &params, &x);
        let (evidence, of_one) = (exact.log_evidence[0], exact.mean_log_weight[0]);
        let bounds = [1, 2, 5, 20].map(|samples: usize| {
            let tape = Tape::new(&params);
            let x = tape.constant(x.broadcast_to([draws, WIDTH]));
            let stream = stream(shifted(number as u64), Purpose::Noise, samples as u64);
            let weights = log_weights(model.as_ref(), x, &mut Noise::from(stream).with_samples(samples));
            let of = |i: usize| log_mean_exp(&weights.iter().copied().skip(i).step_by(draws).collect::<Vec<_>>());
            mean_and_error(&(0..draws).map(of).collect::<Vec<_>>())
        });
        let z =
            |(low, low_error): (f64, f64), (high, high_error): (f64, f64)| (high - low) / low_error.hypot(high_error);
        for pair in bounds.windows(2) {
            let rise = z(pair[0], pair[1]);
            assert!(rise >= -5.0, "{}: z = {rise:.1}", subject.name);
        }
        for bound in bounds {
            let room = z(bound, (evidence, 0.0));
            assert!(room >= -5.0, "{}: z = {room:.1}", subject.name);
        }
        let gain = z((of_one, 0.0), bounds[3]);
        assert!(gain >= 5.0, "{}: 20 samples beside one: z = {gain:.1}", subject.name);
    }
}

/// Mean and its standard error.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    (mean, (square / (n - 1.0) / n).sqrt())
}
