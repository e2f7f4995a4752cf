//! Laws of the models' bounds.

use crate::support::subjects::{Subject, WIDTH, subjects};
use crate::support::{EXACT, config, error, f64s, float, l2_error, log_weights, named, normal, recorded, rng, uniform};
use elbo::autograd::{Activation, Grads, Init, Params, Tape, Var, check, concat};
use elbo::models::nn::{Builder, Net};
use elbo::models::{Domain, Model, ModelOptions, Noise, Value, models};
use elbo::tensor::{Real, Tensor};
use proptest::prelude::*;

/// Value of the bound of each row: `[b]`.
fn per_point(model: &dyn Model, params: &Params, x: &Tensor, noise: &Tensor) -> Vec<f64> {
    let tape = Tape::new(params);
    f64s(&model.objective(tape.constant(x.clone()), &mut recorded(noise)).per_point().value())
}

/// Gradient of the mean bound with respect to all parameters, in the order of [`Params::flat`].
fn gradient(model: &dyn Model, params: &Params, x: &Tensor, noise: &Tensor) -> Vec<f64> {
    let tape = Tape::new(params);
    let objective = model.objective(tape.constant(x.clone()), &mut recorded(noise));
    of_parameters(params, &tape.backward(objective.per_point().mean_all()))
}

/// The gradients of all parameters, in the order of [`Params::flat`].
fn of_parameters(params: &Params, grads: &Grads) -> Vec<f64> {
    let of = |id| grads.param(id).map_or(vec![0.0; params.range(id).len()], f64s);
    params.ids().flat_map(of).collect()
}

/// Rows `order` of the axis before the last.
fn rows(x: &Tensor, order: &[usize]) -> Tensor {
    let shape = x.shape();
    let [b, d] = shape[shape.len() - 2..] else { panic!("rows of {shape:?}") };
    let blocks = x.as_slice().chunks(b * d);
    let picked = blocks.flat_map(|block| order.iter().flat_map(move |&row| &block[row * d..(row + 1) * d]));
    let mut extents = shape.to_vec();
    extents[shape.len() - 2] = order.len();
    Tensor::from_slice(&extents[..], &picked.copied().collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(config(if cfg!(feature = "f64") { 12 } else { 3 }))]

    /// `∂ lossᵢ / ∂θⱼ` for every data point i and every coordinate j.
    #[test]
    fn the_jacobian_of_every_bound_matches_differences(seed: u64) {
        let (b, mut rng) = (2, rng(seed));
        for subject in subjects() {
            let (model, params) = subject.create(seed);
            let (x, noise) = (uniform([b, WIDTH], [0.0, 1.0], &mut rng), subject.noise(b, &mut rng));
            for point in 0..b {
                let comparisons = check::parameters(&params, usize::MAX, |tape| {
                    let objective = model.objective(tape.constant(x.clone()), &mut recorded(&noise));
                    objective.per_point().slice(point..point + 1)
                });
                let (mut compared, mut kinks) = (0, 0);
                for (id, comparison) in params.ids().zip(comparisons) {
                    prop_assert_eq!(comparison.compared + comparison.kinks, params.range(id).len());
                    prop_assert!(comparison.error <= check::TOLERANCE, "{}: {comparison:?}", subject.name);
                    (compared, kinks) = (compared + comparison.compared, kinks + comparison.kinks);
                }
                // The step of f32 is a thousand times that of f64 and crosses a ReLU's kink more often.
                let share = if cfg!(feature = "f64") { 50 } else { 2 };
                prop_assert!(share * kinks <= compared, "{}: {kinks} kinks beside {compared}", subject.name);
            }
        }
    }

    #[test]
    fn a_loss_is_the_sum_of_its_weighted_terms(seed: u64, b in 1..6usize) {
        let mut rng = rng(seed);
        for subject in subjects() {
            let (model, params) = subject.create(seed);
            let tape = Tape::new(&params);
            let x = tape.constant(uniform([b, WIDTH], [0.0, 1.0], &mut rng));
            let objective = model.objective(x, &mut recorded(&subject.noise(b, &mut rng)));
            let mut sum = vec![0.0; b];
            for term in objective.terms() {
                let weight = f64::from(subject.weight(term.name) as Real);
                prop_assert_eq!(f64::from(term.weight), weight, "weight of {} in {}", term.name, subject.name);
                prop_assert_eq!(&term.value.shape()[..], [b]);
                sum.iter_mut().zip(f64s(&term.value.value())).for_each(|(sum, value)| *sum += weight * value);
            }
            prop_assert!(error(&f64s(&objective.per_point().value()), &sum) <= EXACT, "{}", subject.name);
            if let Some(clusters) = objective.clusters() {
                let totals = f64s(&clusters.value().sum_last());
                prop_assert!(error(&totals, &vec![1.0; b]) <= EXACT, "{}", subject.name);
            }
        }
    }

    /// A point's bound depends on its own row and noise only: rows in another order, left out or repeated.
    #[test]
    fn the_bound_of_a_row_does_not_depend_on_the_other_rows(
        seed: u64, order in prop::collection::vec(0..5usize, 1..9),
    ) {
        let mut rng = rng(seed);
        for subject in subjects() {
            let (model, params) = subject.create(seed);
            let (x, noise) = (uniform([5, WIDTH], [0.0, 1.0], &mut rng), subject.noise(5, &mut rng));
            let all = per_point(model.as_ref(), &params, &x, &noise);
            let picked = per_point(model.as_ref(), &params, &rows(&x, &order), &rows(&noise, &order));
            let expected: Vec<f64> = order.iter().map(|&row| all[row]).collect();
            prop_assert!(error(&picked, &expected) <= EXACT, "{}: {picked:?} and {expected:?}", subject.name);
        }
    }

    /// The mean and its gradient are the same for a batch in another order and for a batch twice.
    #[test]
    fn a_gradient_does_not_depend_on_the_order_or_repetition_of_the_batch(seed: u64) {
        let mut rng = rng(seed);
        for subject in subjects() {
            let (model, params) = subject.create(seed);
            let (x, noise) = (uniform([3, WIDTH], [0.0, 1.0], &mut rng), subject.noise(3, &mut rng));
            let once = gradient(model.as_ref(), &params, &x, &noise);
            for order in [&[2, 0, 1][..], &[0, 1, 2, 0, 1, 2]] {
                let again = gradient(model.as_ref(), &params, &rows(&x, order), &rows(&noise, order));
                let error = l2_error(&again, &once);
                prop_assert!(error <= EXACT, "{}: error {error:.2e}", subject.name);
            }
        }
    }

    /// m samples of the latent at once, and each alone.
    #[test]
    fn the_bound_of_several_samples_is_the_mean_of_the_bounds_of_each(seed: u64, m in 2..5usize, b in 1..5usize) {
        let mut rng = rng(seed);
        for subject in subjects().into_iter().filter(Subject::is_random) {
            let (model, params) = subject.create(seed);
            let x = uniform([b, WIDTH], [0.0, 1.0], &mut rng);
            let noise = normal(subject.noise_shape(b).stacked(m), &mut rng);
            let n = noise.len() / m;
            let each: Vec<Tensor> = (0..m).map(|i| noise.window(i * n..(i + 1) * n, subject.noise_shape(b))).collect();
            let mean = |lists: Vec<Vec<f64>>| {
                let mean = |i: usize| lists.iter().map(|list| list[i]).sum::<f64>() / m as f64;
                (0..lists[0].len()).map(mean).collect::<Vec<_>>()
            };

            let tape = Tape::new(&params);
            let [mut together, mut again] = [(); 2].map(|()| recorded(&noise).with_samples(m));
            let objective = model.objective(tape.constant(x.clone()), &mut together);
            let gradients = of_parameters(&params, &tape.backward(objective.per_point().mean_all()));
            let bounds = each.iter().map(|noise| per_point(model.as_ref(), &params, &x, noise)).collect();
            prop_assert!(error(&f64s(&objective.per_point().value()), &mean(bounds)) <= EXACT, "{}", subject.name);
            let mean_gradient = mean(each.iter().map(|noise| gradient(model.as_ref(), &params, &x, noise)).collect());
            prop_assert!(l2_error(&gradients, &mean_gradient) <= EXACT, "{}", subject.name);

            let weights = model.log_evidence(tape.constant(x.clone()), &mut again).expect("an evidence").value();
            prop_assert_eq!(&weights.shape()[..], [m, b], "{}", subject.name);
            let each_weight = |noise| log_weights(model.as_ref(), tape.constant(x.clone()), &mut recorded(noise));
            let weights_of_each: Vec<f64> = each.iter().flat_map(each_weight).collect();
            prop_assert!(error(&f64s(&weights), &weights_of_each) <= EXACT, "{}", subject.name);
        }
    }

    /// `loss(w) = loss(0) + w·KL` with the same KL for every w, and the same for the gradient.
    #[test]
    fn a_loss_is_affine_in_the_weight_of_each_divergence(seed: u64, b in 1..4usize, weight in 2.0..9.0f64) {
        let mut rng = rng(seed);
        for subject in subjects() {
            let (model, params) = subject.create(seed);
            let (x, noise) = (uniform([b, WIDTH], [0.0, 1.0], &mut rng), subject.noise(b, &mut rng));
            let tape = Tape::new(&params);
            let objective = model.objective(tape.constant(x.clone()), &mut recorded(&noise));
            for term in objective.terms() {
                let Some(setting) = subject.weight_setting(term.name) else { continue };
                let at = |weight: f64| {
                    let (model, _) = subject.with(setting, float(weight)).create(seed);
                    [per_point(model.as_ref(), &params, &x, &noise), gradient(model.as_ref(), &params, &x, &noise)]
                };
                let [zero, one, far] = [0.0, 1.0, weight].map(at);
                let line = |zero: &[f64], slope: Vec<f64>, weight: f64| {
                    zero.iter().zip(slope).map(|(zero, slope)| zero + weight * slope).collect::<Vec<_>>()
                };
                let divergence = f64s(&term.value.value());
                prop_assert!(error(&one[0], &line(&zero[0], divergence.clone(), 1.0)) <= EXACT, "{}", subject.name);
                prop_assert!(error(&far[0], &line(&zero[0], divergence, weight)) <= EXACT, "{}", subject.name);
                let slope = one[1].iter().zip(&zero[1]).map(|(one, zero)| one - zero).collect();
                prop_assert!(l2_error(&far[1], &line(&zero[1], slope, weight)) <= EXACT, "{}", subject.name);
                prop_assert!(l2_error(&one[1], &zero[1]) > 1e-3, "{}: {} has a gradient", subject.name, term.name);
            }
        }
    }

    /// `x` beside every class's code through one matrix, and x and y each through their block of it.
    #[test]
    fn a_layer_of_several_inputs_is_the_layer_of_their_concatenation(seed: u64, b in 1..5usize, k in 1..5usize) {
        let ([d, e, h], mut rng) = ([4, 3, 5], rng(seed));
        for activation in [Activation::Relu, Activation::Tanh] {
            let mut builder = Builder::new(Init::Torch, activation, rng.clone());
            let two = Net::new(&mut builder, "two", "out", &[("x", d), ("y", k)], &[h, h], 2);
            let three = Net::new(&mut builder, "three", "out", &[("x", d), ("u", e), ("y", k)], &[h], 2);
            let params = builder.finish();
            let [x, u, z] = [&[b, d][..], &[b, e], &[k, b, d]].map(|shape| uniform(shape, [-1.0, 1.0], &mut rng));
            let tape = Tape::new(&params);
            let [x, u, z] = [x, u, z].map(|value| tape.variable(value));
            let y = tape.constant(Tensor::eye(k).reshape([k, 1, k]));
            let codes = y.broadcast_to([k, b, k]);
            let pairs = [
                (two.forward(&[x, y]), joint(&tape, &params, "two", &["x", "y"], beside(x, codes), activation)),
                (two.forward(&[z, y]), joint(&tape, &params, "two", &["x", "y"], concat(&[z, codes]), activation)),
                (
                    three.forward(&[x, u, y]),
                    joint(&tape, &params, "three", &["x", "u", "y"], beside(concat(&[x, u]), codes), activation),
                ),
            ];
            for (shared, naive) in pairs {
                prop_assert!(error(&f64s(&shared.value()), &f64s(&naive.value())) <= EXACT);
                let dy = normal(naive.shape(), &mut rng);
                let [shared, naive] = [shared, naive].map(|value| {
                    let grads = tape.backward((value * tape.constant(dy.clone())).sum_all());
                    let of_params = params.ids().filter_map(|id| grads.param(id)).flat_map(f64s).collect::<Vec<_>>();
                    let of_inputs = [x, u, z].into_iter().filter_map(|var| grads.of(var)).flat_map(f64s);
                    [of_params, of_inputs.collect()]
                });
                for (shared, naive) in shared.iter().zip(&naive) {
                    prop_assert!(l2_error(shared, naive) <= EXACT, "{shared:?} and {naive:?}");
                }
            }
        }
    }
}

/// Every row of `x`, `[b, d]`, beside every code of `codes`, `[k, b, k]`.
fn beside<'t>(x: Var<'t>, codes: Var<'t>) -> Var<'t> {
    let [k, b, _] = codes.shape()[..] else { unreachable!() };
    concat(&[x.broadcast_to([k, b, x.shape().last()]), codes])
}

/// The net `name` with its first layer on one joined input and one joined matrix.
fn joint<'t>(
    tape: &'t Tape<'t>,
    params: &Params,
    name: &str,
    inputs: &[&str],
    joined: Var<'t>,
    activation: Activation,
) -> Var<'t> {
    let param = |part: String| tape.param(named(params, &format!("{name}.{part}")));
    let blocks: Vec<_> = inputs.iter().map(|input| param(format!("hidden.0.weight_{input}")).transpose()).collect();
    let mut h = joined.matmul(concat(&blocks).transpose()).add_activate(param("hidden.0.bias".into()), activation);
    if name == "two" {
        h = h.matmul(param("hidden.1.weight".into())).add_activate(param("hidden.1.bias".into()), activation);
    }
    h.matmul(param("out.weight".into())) + param("out.bias".into())
}

#[test]
fn every_model_is_a_subject_of_the_laws() {
    let subjects = subjects();
    for options in elbo::models::models() {
        let kind = options.facts().kind;
        assert!(subjects.iter().any(|subject| subject.options.facts().kind == kind), "no subject of `{kind}`");
    }
}

/// Every word of every choice, together with every other, and both ways to lay out a normal network's heads.
#[test]
fn every_parameter_of_every_model_receives_a_gradient() {
    let (width, b, mut rng) = (36, 16, rng(7));
    for defaults in models() {
        let mut variants = vec![defaults.boxed()];
        for setting in defaults.boxed().settings() {
            let values: Vec<Value> = match &setting.domain {
                Domain::Choice(words) => words.iter().map(|&word| Value::Text(word.into())).collect(),
                Domain::Bool => vec![Value::Bool(false), Value::Bool(true)],
                Domain::Int { min: 0, .. } => vec![Value::Int(0), Value::Int(8)],
                _ => continue,
            };
            let with = |variant: &dyn ModelOptions, value: &Value| {
                let mut options = variant.boxed();
                options.set(setting.key, value.clone()).expect("a value of the domain");
                options
            };
            variants = variants.iter().flat_map(|v| values.iter().map(|value| with(v.as_ref(), value))).collect();
        }
        for options in variants {
            let (model, params) = options.create(width, 3).expect("options inside their domains");
            let tape = Tape::new(&params);
            let x = tape.constant(uniform([b, width], [0.0, 1.0], &mut rng));
            let grads = tape.backward(model.objective(x, &mut Noise::from(rng.clone())).per_point().mean_all());
            for id in params.ids() {
                let name = format!("{} of {}", params.name(id), options.facts().kind);
                let gradient = f64s(grads.param(id).unwrap_or_else(|| panic!("{name}: no gradient, {options:?}")));
                assert!(gradient.iter().all(|g| g.is_finite()), "{name}: {options:?}");
                // A hidden unit may be idle on a whole batch; an output may not.
                let is_hidden = name.contains(".hidden.") || name.contains(".branch.");
                let columns = if is_hidden { 1 } else { params.get(id).shape().last() };
                for column in 0..columns {
                    let is_used = gradient.iter().skip(column).step_by(columns).any(|&g| g != 0.0);
                    assert!(is_used, "{name}, column {column}: {options:?}");
                }
            }
        }
    }
}

/// `(f(θ + hv) − f(θ − hv)) / 2h = g·v` for one random direction v in each parameter and one in all of them, at a
/// realistic size. The error is relative to `‖g‖‖v‖/√n`, the size of `g·v` for a random v of n coordinates. A
/// direction along which the slopes over h and h/2 differ crosses a ReLU's kink, and is drawn again. (In f32 a step
/// that rounding does not drown crosses many.)
#[cfg(feature = "f64")]
#[test]
fn a_large_bound_changes_along_a_direction_as_its_gradient_says() {
    use crate::support::{int, ints, text};
    let (width, b, mut rng) = (784, 8, rng(11));
    let large = |kind: &str, changes: &[(&str, Value)]| {
        Subject::of(kind, &[&[("z", int(16)), ("hidden", ints(&[128, 128]))], changes].concat())
    };
    let (full, branch, tanh) = (("posterior", text("full")), ("branch", int(64)), ("activation", text("tanh")));
    let subjects = [
        large("gmvae", &[]),
        large("m2", &[("decoder_hidden", ints(&[64, 128]))]),
        large("modified-m2", &[]),
        large("vae", &[("likelihood", text("bernoulli")), full]),
        large("vae", &[("decoder_var", text("per-sample")), branch, tanh]),
    ];
    for subject in subjects {
        let (model, params) = subject.options.create(width, 5).expect("options inside their domains");
        let x = uniform([b, width], [0.0, 1.0], &mut rng).map(|u| u.round());
        let noise = subject.noise(b, &mut rng);
        let gradient = gradient(model.as_ref(), &params, &x, &noise);
        let everything = std::iter::once(0..params.flat().len());
        for range in params.ids().map(|id| params.range(id)).chain(everything) {
            let g = &gradient[range.clone()];
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let mut compare = || {
                let v = normal([range.len()], &mut rng);
                let v = v.as_slice();
                let size = (dot(g, g) * dot(v, v) / range.len() as f64).sqrt();
                let slope = |h: f64| {
                    let [high, low] = [h, -h].map(|h| {
                        let mut params = params.clone();
                        params.flat_mut()[range.clone()].iter_mut().zip(v).for_each(|(p, v)| *p += h * v);
                        per_point(model.as_ref(), &params, &x, &noise).iter().sum::<f64>() / b as f64
                    });
                    (high - low) / (2.0 * h)
                };
                // A change of 3e-6 nats: large beside the rounding of the loss, too small to cross many kinks.
                let h = 3e-6 / size;
                let [whole, half] = [h, h / 2.0].map(slope);
                let is_smooth = (whole - half).abs() <= 0.3 * check::TOLERANCE * size;
                is_smooth.then(|| (whole - dot(g, v)).abs() / size)
            };
            let error = (0..9)
                .find_map(|_| compare())
                .unwrap_or_else(|| panic!("{}, coordinates {range:?}: no direction without a kink", subject.name));
            assert!(error <= check::TOLERANCE, "{}, coordinates {range:?}: error {error:.2e}", subject.name);
        }
    }
}
