//! Laws of a training step: Adam, clipping, the reduction of the batch, schedules, averages, what is refused and what
//! is watched.

use crate::support::{EXACT, assert_close, assign, f64s, l2_error, normal, rng, tensor, uniform};
use elbo::autograd::{Adam, AdamConfig, EpsilonForm, Grads, Params, StepReport, Tape};
use elbo::models::fit::{Cause, Divergence, LrDecay, Reduction, TrainOptions, Trainer};
use elbo::models::{ClusteringOptions, GmvaeOptions, Model, ModelOptions, Noise, VaeOptions, Word};
use elbo::tensor::{Purpose, Real, Tensor, fill_normal, stream};

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
    // Norm 13 over both parameters, 5 and 12 in each.
    for size in [1.0, 1e16, 1e-30] {
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

/// The second moment is the gradient squared: were it infinite, the step would be 0 for good.
#[test]
fn a_gradient_too_large_to_be_squared_is_refused_unless_it_is_clipped() {
    let mut params = Params::new();
    let [_, b] = ["a", "b"].map(|name| params.add(name, Tensor::zeros([2])));
    let size = if cfg!(feature = "f64") { 1e152 } else { 1e30 };
    let grads = gradients(&params, &[[3.0, 0.0], [0.0, 4.0]].map(|g| Some(tensor([2], &g.map(|g| g * size)))));
    let mut adam = Adam::new(AdamConfig::default(), &params);
    let mut after = params.clone();
    assert_eq!(adam.step(&mut after, &grads), StepReport::TooLarge { param: b });
    assert_eq!((adam.steps, after.flat()), (0, params.flat()));
    let mut adam = Adam::new(AdamConfig { clip: 5.0, ..AdamConfig::default() }, &params);
    assert!(matches!(adam.step(&mut after, &grads), StepReport::Taken { norm } if (norm / size - 5.0).abs() < 1e-6));
    assert_close("clipped", &applied(&adam), &[3.0, 0.0, 0.0, 4.0], EXACT);
}

/// A GMVAE on data of 10 dimensions, with both divergences of this weight.
fn weighted_gmvae(weight: f64) -> (Box<dyn Model>, Params) {
    let clustering = ClusteringOptions { k: 3, z: 2, hidden: vec![8, 8], floor: 0.0, eta: weight, beta: weight };
    GmvaeOptions { clustering }.create(10, 4).expect("options inside their domains")
}

fn small_gmvae() -> (Box<dyn Model>, Params) {
    weighted_gmvae(1.0)
}

/// A norm of c clips the gradient of the batch mean; of the sum, b times as large, a norm of b·c does the same.
#[test]
fn the_gradient_of_the_sum_is_b_times_that_of_the_mean_also_where_it_is_clipped() {
    let (b, (model, params)) = (6, small_gmvae());
    let x = uniform([b, 10], [0.0, 1.0], &mut rng(2));
    let step = |reduction: Reduction, clip: f64| {
        let options = TrainOptions { reduction, clip, ..TrainOptions::default() };
        let mut trainer = Trainer::new(model.as_ref(), params.clone(), &options);
        let info = trainer.step(x.clone()).expect("finite");
        (info, applied(&trainer.adam))
    };
    let (mean, of_mean) = step(Reduction::Mean, 0.0);
    let (sum, of_sum) = step(Reduction::Sum, 0.0);
    let times_b = |g: &[f64]| g.iter().map(|g| g * b as f64).collect::<Vec<_>>();
    assert_eq!(mean.loss, sum.loss, "the loss reported is the mean in both");
    assert!((mean.gradient_norm - norm(&of_mean)).abs() <= EXACT * mean.gradient_norm);
    assert!((sum.gradient_norm - b as f64 * mean.gradient_norm).abs() <= EXACT * sum.gradient_norm);
    assert!(l2_error(&of_sum, &times_b(&of_mean)) <= EXACT);

    let clip = mean.gradient_norm / 3.0;
    let (_, clipped) = step(Reduction::Mean, clip);
    assert!((norm(&clipped) - clip).abs() <= EXACT * clip);
    assert!(l2_error(&clipped, &of_mean.iter().map(|g| g / 3.0).collect::<Vec<_>>()) <= EXACT);
    assert!(l2_error(&step(Reduction::Sum, clip * b as f64).1, &times_b(&clipped)) <= EXACT);
    assert!((norm(&step(Reduction::Sum, clip).1) - clip).abs() <= EXACT * clip);
}

/// Takes one good step, then one that must be refused and leave everything as it was.
fn refused(model: &dyn Model, params: Params, x: Tensor, harm: impl Fn(&mut Trainer, &mut Tensor)) -> Divergence {
    let mut trainer = Trainer::new(model, params, &TrainOptions::default());
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
    let (model, params) = VaeOptions::default().create(3, 4).expect("options inside their domains");
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

/// With `β₁ = β₂ = 0` a step of Adam is the step size in every coordinate that has a gradient, against its sign.
#[test]
fn the_step_size_falls_to_zero_over_all_steps_as_lr_decay_says() {
    let (total, lr) = (8, 0.01);
    let cosine = |done: f64| 0.5 + 0.5 * (std::f64::consts::PI * done).cos();
    let factor = |decay: LrDecay, done: f64| match decay {
        LrDecay::None => 1.0,
        LrDecay::Linear => 1.0 - done,
        LrDecay::Cosine => cosine(done),
    };
    for &(word, lr_decay) in LrDecay::WORDS {
        let (model, params, x) = small_vae();
        let options = TrainOptions { lr, lr_decay, beta1: 0.0, beta2: 0.0, epsilon: 1e-30, ..TrainOptions::default() };
        let mut trainer = Trainer::new(model.as_ref(), params, &options).over(total);
        for step in 0..total {
            let before: Vec<f64> = trainer.params.flat().iter().map(|&p| f64::from(p)).collect();
            trainer.step(x.clone()).expect("finite");
            let expected = lr * factor(lr_decay, step as f64 / total as f64);
            let moved = before.iter().zip(trainer.params.flat()).map(|(a, &b)| (a - f64::from(b)).abs());
            let moved: Vec<f64> = moved.filter(|&moved| moved > 0.0).collect();
            assert!(moved.len() > before.len() / 4, "{word}: many coordinates have a gradient");
            assert_close(&format!("{word}, step {step}"), &moved, &vec![expected; moved.len()], EXACT);
            assert_eq!(trainer.adam.config.lr, lr, "the setting stays");
        }
    }
}

/// Step t of w steps of warm-up, from 0, weighs every divergence by `(t + 1)/w`.
#[test]
fn the_weight_of_the_divergences_rises_linearly_over_the_warm_up() {
    let (model, params) = small_gmvae();
    let x = uniform([4, 10], [0.0, 1.0], &mut rng(2));
    let warming = TrainOptions { kl_warmup: 4, ..TrainOptions::default() };
    let mut trainer = Trainer::new(model.as_ref(), params.clone(), &warming);
    for weight in [0.25, 0.5, 0.75, 1.0, 1.0, 1.0] {
        let loss = trainer.step(x.clone()).expect("finite").loss;
        let terms = trainer.end_epoch();
        let [recon, kl_y, kl_z] = ["recon", "kl_y", "kl_z"].map(|name| terms.get(name).expect("a term"));
        assert_close("loss", &[loss], &[recon + weight * (kl_y + kl_z)], EXACT);
    }
    // The first step is that of a model whose own weights are a quarter.
    let first = |weight: f64, options: &TrainOptions| {
        let (model, _) = weighted_gmvae(weight);
        let mut trainer = Trainer::new(model.as_ref(), params.clone(), options);
        trainer.step(x.clone()).expect("finite");
        applied(&trainer.adam)
    };
    let plain = TrainOptions::default();
    let [warmed, weighted] = [first(1.0, &warming), first(0.25, &plain)];
    assert!(l2_error(&warmed, &weighted) <= EXACT);
    assert!(l2_error(&warmed, &first(1.0, &plain)) > 1e-3, "the warm-up changes the gradient");
}

/// Until `t = 1/(1 − decay)` the plain mean of all parameters so far, then `a ← decay·a + (1 − decay)·θ`.
#[test]
fn averaged_weights_are_first_a_plain_and_then_an_exponential_mean() {
    let (model, params, x) = small_vae();
    let options = TrainOptions { lr: 0.1, ..TrainOptions::default() };
    let mut averaging =
        Trainer::new(model.as_ref(), params.clone(), &TrainOptions { average: 0.75, ..options.clone() });
    let mut plain = Trainer::new(model.as_ref(), params, &options);
    let f64s = |values: &[Real]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    let (mut seen, mut by_hand) = (Vec::new(), Vec::new());
    for step in 1..=9 {
        averaging.step(x.clone()).expect("finite");
        plain.step(x.clone()).expect("finite");
        assert_eq!(averaging.params.flat(), plain.params.flat(), "averaging does not change training");
        assert_eq!(plain.evaluated().flat(), plain.params.flat(), "without averages the parameters are evaluated");
        seen.push(f64s(averaging.params.flat()));
        by_hand = if step <= 4 {
            (0..seen[0].len()).map(|i| seen.iter().map(|values| values[i]).sum::<f64>() / f64::from(step)).collect()
        } else {
            by_hand.iter().zip(&seen[seen.len() - 1]).map(|(a, p)| 0.75 * a + 0.25 * p).collect::<Vec<_>>()
        };
        assert!(l2_error(&f64s(averaging.evaluated().flat()), &by_hand) <= EXACT, "after step {step}");
    }
    assert!(plain.average.is_empty());
    assert!(l2_error(&by_hand, &seen[8]) > 1e-3, "the average is not the last value");
}

#[test]
fn a_step_of_several_samples_takes_the_gradient_of_their_mean_bound() {
    for samples in [1, 3] {
        let (model, params, x) = small_vae();
        let options = TrainOptions { samples, seed: 5, ..TrainOptions::default() };
        let mut trainer = Trainer::new(model.as_ref(), params.clone(), &options);
        let info = trainer.step(x.clone()).expect("finite");
        let noise = normal_of_step(5, 0, samples * 4 * 2);
        let mut mean = vec![0.0; params.flat().len()];
        let mut losses = 0.0;
        for eps in noise.chunks(4 * 2) {
            let tape = Tape::new(&params);
            let mut eps = Noise::recorded([Tensor::from_slice([4, 2], eps)]);
            let loss = model.objective(tape.constant(x.clone()), &mut eps).per_point().mean_all();
            losses += f64::from(loss.item()) / samples as f64;
            let grads = tape.backward(loss);
            for id in params.ids() {
                let gradient = grads.param(id).map_or(vec![0.0; params.range(id).len()], f64s);
                mean[params.range(id)].iter_mut().zip(gradient).for_each(|(m, g)| *m += g / samples as f64);
            }
        }
        assert_close("loss", &[info.loss], &[losses], EXACT);
        assert!(l2_error(&applied(&trainer.adam), &mean) <= EXACT, "{samples} samples");
    }
}

/// The noise of a step: the stream of its number.
fn normal_of_step(seed: u64, step: u64, count: usize) -> Vec<Real> {
    let mut out = vec![0.0; count];
    fill_normal(&mut stream(seed, Purpose::Noise, step), &mut out);
    out
}

/// Raw spread and variance of every network with a softplus, and the largest entry of the gradient.
#[test]
fn a_watched_step_shows_the_smallest_spreads_and_the_largest_gradient() {
    let (model, mut params) = small_gmvae();
    // Nothing but these biases decides the spreads: columns are means, then raw spreads.
    for name in ["q_z.loc_spread", "p_z.loc_spread"] {
        assign(&mut params, &format!("{name}.weight"), |_| 0.0);
    }
    assign(&mut params, "q_z.loc_spread.bias", |i| [9.0, -9.0, 0.5, -1.5][i]);
    assign(&mut params, "p_z.loc_spread.bias", |i| [0.0, 0.0, -3.0, 2.0][i]);
    let x = uniform([4, 10], [0.0, 1.0], &mut rng(2));
    let mut unwatched = Trainer::new(model.as_ref(), params.clone(), &TrainOptions::default());
    unwatched.step(x.clone()).expect("finite");
    assert!(unwatched.watched.is_empty(), "who does not watch sees nothing");
    let mut trainer = Trainer::new(model.as_ref(), params, &TrainOptions::default());
    trainer.watch = true;
    trainer.step(x).expect("finite");
    assert_eq!(trainer.params.flat(), unwatched.params.flat(), "watching changes nothing");
    let names: Vec<&str> = trainer.watched.iter().map(|(name, _)| name.as_str()).collect();
    let expected =
        ["q_z.loc_spread.raw", "q_z.loc_spread.var", "p_z.loc_spread.raw", "p_z.loc_spread.var", "largest_gradient"];
    assert_eq!(names, expected);
    let seen: Vec<f64> = trainer.watched.iter().map(|(_, value)| *value).collect();
    let softplus = |raw: f64| raw.exp().ln_1p();
    assert_close("spreads", &seen[..4], &[-1.5, softplus(-1.5), -3.0, softplus(-3.0)], EXACT);
    let largest = applied(&trainer.adam).iter().fold(0.0, |max, g| f64::max(max, g.abs()));
    assert_close("largest gradient", &[seen[4]], &[largest], EXACT);
}
