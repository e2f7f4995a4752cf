//! Laws of a training step: Adam, clipping, the reduction of the batch, and what is refused.

mod support;

use elbo::autograd::{Adam, AdamConfig, EpsilonForm, Grads, Params, StepReport, Tape};
use elbo::models::fit::{Cause, Divergence, Trainer, settings};
use elbo::models::{Model, Settings, Value};
use elbo::tensor::{Real, Tensor};
use support::{EXACT, assert_close, assign, defaults, f64s, l2_error, normal, rng, spec, tensor, uniform};

/// Gradients that are exactly these, of the loss `Σ g·w`; parameters without a tensor have none.
fn gradients(params: &Params, values: &[Option<Tensor>]) -> Grads {
    let tape = Tape::new(params);
    let terms = params
        .ids()
        .zip(values)
        .filter_map(|(id, value)| value.as_ref().map(|g| (tape.param(id) * tape.constant(g.clone())).sum_all()));
    tape.backward(terms.reduce(|a, b| a + b).expect("a gradient"))
}

/// Adam as the specification writes it, in f64: `lr·m̂/(√v̂ + ε)`, or `lr·√(1−β₂ᵗ)/(1−β₁ᵗ)·m/(√v + ε)`.
fn adam_by_hand(c: &AdamConfig, w: &mut [f64], gradients: &[Vec<f64>]) {
    let (mut m, mut v) = (vec![0.0; w.len()], vec![0.0; w.len()]);
    for (t, g) in (1..).zip(gradients) {
        let [correct1, correct2] = [c.beta1, c.beta2].map(|beta| 1.0 - beta.powi(t));
        for i in 0..w.len() {
            m[i] = c.beta1 * m[i] + (1.0 - c.beta1) * g[i];
            v[i] = c.beta2 * v[i] + (1.0 - c.beta2) * g[i] * g[i];
            w[i] -= match c.form {
                EpsilonForm::Corrected => c.lr * (m[i] / correct1) / ((v[i] / correct2).sqrt() + c.epsilon),
                EpsilonForm::Uncorrected => c.lr * correct2.sqrt() / correct1 * m[i] / (v[i].sqrt() + c.epsilon),
            };
        }
    }
}

#[test]
fn adam_takes_the_steps_of_both_formulas() {
    let mut results = Vec::new();
    for form in [EpsilonForm::Corrected, EpsilonForm::Uncorrected] {
        // An ε of the size of the gradients, so that the forms differ.
        let config = AdamConfig { lr: 0.1, beta1: 0.8, beta2: 0.95, epsilon: 0.5, form, clip: 0.0 };
        let mut rng = rng(1);
        let mut params = Params::new();
        params.add("a", uniform([3, 7], [-1.0, 1.0], &mut rng));
        params.add("b", uniform([5], [-1.0, 1.0], &mut rng));
        let mut by_hand = params.flat().iter().map(|&w| f64::from(w)).collect::<Vec<_>>();
        let mut adam = Adam::new(config, &params);
        let mut all: Vec<Vec<f64>> = Vec::new();
        for t in 0..3 {
            // The second parameter has no gradient in the last step, which counts as zero.
            let values = [Some(normal([3, 7], &mut rng)), (t < 2).then(|| normal([5], &mut rng))];
            all.push(values.iter().zip([21, 5]).flat_map(|(g, n)| g.as_ref().map_or(vec![0.0; n], f64s)).collect());
            let grads = gradients(&params, &values);
            let StepReport::Taken { norm } = adam.step(&mut params, &grads) else { panic!("finite") };
            let expected = all[t].iter().map(|g: &f64| g * g).sum::<f64>().sqrt();
            assert_close("norm", &[norm], &[expected], EXACT);
        }
        adam_by_hand(&config, &mut by_hand, &all);
        let values: Vec<f64> = params.flat().iter().map(|&w| f64::from(w)).collect();
        assert_close(&format!("{form:?}"), &values, &by_hand, if cfg!(feature = "f64") { 1e-13 } else { 1e-6 });
        results.push(values);
    }
    assert!(l2_error(&results[0], &results[1]) > 1e-2, "the forms are told apart");
}

/// After the first step the first moment is `(1 − β₁)` times the gradient that was applied.
fn applied(adam: &Adam) -> Vec<f64> {
    adam.first.iter().map(|&m| f64::from(m) / (1.0 - adam.config.beta1)).collect()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

#[test]
fn clipping_bounds_the_norm_of_the_whole_gradient_and_keeps_its_direction() {
    let mut params = Params::new();
    params.add("a", Tensor::zeros([2]));
    params.add("b", Tensor::zeros([3]));
    // Norm 13 over both parameters, 5 and 12 in each; 10³⁰ squared is beyond f32.
    for size in [1.0, 1e30, 1e-30] {
        let g = [3.0, 4.0, 0.0, -12.0, 0.0].map(|g| g * size);
        let values = [Some(tensor([2], &g[..2])), Some(tensor([3], &g[2..]))];
        for (clip, expected) in [(0.0, 13.0), (12.9, 12.9), (13.1, 13.0), (1.0, 1.0)] {
            let config = AdamConfig { clip: clip * size, ..AdamConfig::default() };
            let mut adam = Adam::new(config, &params);
            let grads = gradients(&params, &values);
            let StepReport::Taken { norm: before } = adam.step(&mut params.clone(), &grads) else { panic!("finite") };
            assert_close("norm before", &[before / size], &[13.0], EXACT);
            let after: Vec<f64> = applied(&adam).into_iter().map(|g| g / size).collect();
            let scaled = g.map(|g| g / size * expected / 13.0);
            assert_close(&format!("{size} clipped to {clip}"), &after, &scaled, EXACT);
        }
    }
}

fn train(changes: &[(&str, Value)]) -> Settings {
    let settings = Settings::defaults(&settings());
    changes.iter().fold(settings, |settings, (name, value)| settings.with(name, value.clone()))
}

fn small_gmvae() -> (Box<dyn Model>, Params) {
    let spec = spec("gmvae");
    let settings =
        defaults(spec).with("k", Value::Int(3)).with("z", Value::Int(2)).with("hidden", Value::Ints(vec![8, 8]));
    spec.create(&settings, 10, 4)
}

/// A norm of c clips the gradient of the batch mean; of the sum, b times as large, a norm of b·c does the same.
#[test]
fn the_gradient_of_the_sum_is_b_times_that_of_the_mean_also_where_it_is_clipped() {
    let (b, (model, params)) = (6, small_gmvae());
    let x = uniform([b, 10], [0.0, 1.0], &mut rng(2));
    let step = |reduction: &str, clip: f64| {
        let settings = train(&[("reduction", Value::Text(reduction.into())), ("clip", Value::Float(clip))]);
        let mut trainer = Trainer::new(model.as_ref(), params.clone(), &settings);
        let info = trainer.step(x.clone()).expect("finite");
        (info, applied(&trainer.adam))
    };
    let (mean, of_mean) = step("mean", 0.0);
    let (sum, of_sum) = step("sum", 0.0);
    let times_b = |g: &[f64]| g.iter().map(|g| g * b as f64).collect::<Vec<_>>();
    assert_eq!(mean.loss, sum.loss, "the loss reported is the mean in both");
    assert!((mean.gradient_norm - norm(&of_mean)).abs() <= EXACT * mean.gradient_norm);
    assert!((sum.gradient_norm - b as f64 * mean.gradient_norm).abs() <= EXACT * sum.gradient_norm);
    assert!(l2_error(&of_sum, &times_b(&of_mean)) <= EXACT);

    let clip = mean.gradient_norm / 3.0;
    let (_, clipped) = step("mean", clip);
    assert!((norm(&clipped) - clip).abs() <= EXACT * clip);
    assert!(l2_error(&clipped, &of_mean.iter().map(|g| g / 3.0).collect::<Vec<_>>()) <= EXACT);
    assert!(l2_error(&step("sum", clip * b as f64).1, &times_b(&clipped)) <= EXACT);
    assert!((norm(&step("sum", clip).1) - clip).abs() <= EXACT * clip);
}

/// Takes one good step, then one that must be refused and leave everything as it was.
fn refused(model: &dyn Model, params: Params, x: Tensor, harm: impl Fn(&mut Trainer, &mut Tensor)) -> Divergence {
    let mut trainer = Trainer::new(model, params, &train(&[]));
    trainer.step(x.clone()).expect("the first step is finite");
    let mut x = x;
    harm(&mut trainer, &mut x);
    let state = |t: &Trainer| {
        let numbers = [t.params.flat(), &t.adam.first, &t.adam.second].concat();
        (numbers.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), t.adam.steps, t.step)
    };
    let (before, sums) = (state(&trainer), trainer.sums.clone());
    let divergence = trainer.step(x).expect_err("the second step is not finite");
    assert!(state(&trainer) == before, "a refused step changes nothing");
    assert_eq!(trainer.sums, sums, "a refused batch is not summed");
    assert_eq!(divergence.step, 1);
    divergence
}

#[test]
fn a_batch_with_nan_is_refused() {
    let (model, params) = small_gmvae();
    let x = uniform([4, 10], [0.0, 1.0], &mut rng(3));
    for bad in [Real::NAN, Real::INFINITY] {
        let divergence = refused(model.as_ref(), params.clone(), x.clone(), |_, x| x.as_mut_slice()[17] = bad);
        assert_eq!(divergence.cause, Cause::Term("recon"));
        assert_eq!(divergence.to_string(), "term `recon` of the loss is not finite at step 1");
    }
}

#[test]
fn an_infinite_weight_is_refused_wherever_it_is() {
    let (model, params) = small_gmvae();
    let x = uniform([4, 10], [0.1, 1.0], &mut rng(3));
    for id in params.ids() {
        let name = params.name(id);
        let divergence = refused(model.as_ref(), params.clone(), x.clone(), |trainer, _| {
            let start = trainer.params.range(id).start;
            trainer.params.flat_mut()[start] = Real::INFINITY;
        });
        // The prior of z meets nothing but its divergence.
        let term = if name.starts_with("p_z") { "kl_z" } else { "recon" };
        assert_eq!(divergence.cause, Cause::Term(term), "{name}");
        assert_eq!(divergence.layer.as_deref(), Some(name));
    }
}

/// A Gaussian VAE of one hidden layer, on data `[4, 3]`.
fn small_vae() -> (Box<dyn Model>, Params, Tensor) {
    let (model, params) = spec("vae").create(&defaults(spec("vae")), 3, 4);
    (model, params, uniform([4, 3], [-1.0, 1.0], &mut rng(4)))
}

#[test]
fn the_term_that_overflows_is_named() {
    let (model, params, x) = small_vae();
    // The mean of q(z|x) is too large to square, and the decoder does not look at z.
    let divergence = refused(model.as_ref(), params, x, |trainer, _| {
        let huge = f64::from(Real::MAX).sqrt() * 4.0;
        assign(&mut trainer.params, "q_z.loc_spread.bias", |i| if i == 0 { huge } else { 0.0 });
        assign(&mut trainer.params, "p_x.hidden.0.weight", |_| 0.0);
    });
    assert_eq!(divergence.cause, Cause::Term("kl_z"));
}

#[test]
fn the_parameter_whose_gradient_overflows_is_named() {
    let (model, params, x) = small_vae();
    // The residual and the hidden unit are finite, the residual's square too, but not their product.
    let divergence = refused(model.as_ref(), params, x, |trainer, x| {
        let max = f64::from(Real::MAX);
        assign(&mut trainer.params, "p_x.hidden.0.bias", |_| max.powf(0.65));
        assign(&mut trainer.params, "p_x.loc.weight", |_| 0.0);
        x.as_mut_slice()[0] = max.powf(0.47) as Real;
        assign(&mut trainer.params, "q_z.hidden.0.weight", |_| 0.0);
    });
    assert_eq!(divergence.cause, Cause::Gradient("p_x.loc.weight".into()));
    assert_eq!(divergence.to_string(), "the gradient of `p_x.loc.weight` is not finite at step 1");
}
