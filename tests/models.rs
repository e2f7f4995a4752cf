//! Laws of the models' bounds.

mod support;

use elbo::autograd::{Activation, Init, Params, Tape, Var, check, concat};
use elbo::models::nn::{Builder, Net};
use elbo::models::{Domain, Model, ModelSpec, Noise, Settings, Value, all};
use elbo::tensor::{Shape, Tensor};
use proptest::prelude::*;
use support::{EXACT, config, defaults, error, f64s, l2_error, named, normal, recorded, rng, spec, uniform};

/// Largest relative L2 error of a parameter's gradient. In f32 the differences cross a ReLU's kink unseen now and then;
/// there the sharp check is the one against stored gradients.
const JACOBIAN: f64 = if cfg!(feature = "f64") { check::TOLERANCE } else { 0.2 };

/// A small model whose laws are checked.
struct Subject {
    name: &'static str,
    spec: &'static ModelSpec,
    settings: Settings,
    width: usize,
    /// Weight of `kl_z`.
    beta: f64,
    /// Shape of the noise of one bound for b rows.
    noise: fn(usize) -> Shape,
}

impl Subject {
    /// The model with random parameters, biases included.
    fn create(&self, seed: u64) -> (Box<dyn Model>, Params) {
        let (model, mut params) = self.spec.create(&self.settings, self.width, seed);
        let shift = uniform([params.flat().len()], [-0.2, 0.2], &mut rng(seed));
        params.flat_mut().iter_mut().zip(shift.as_slice()).for_each(|(p, s)| *p += s);
        (model, params)
    }
}

fn subjects() -> Vec<Subject> {
    let ints = |values: &[u64]| Value::Ints(values.to_vec());
    let text = |word: &str| Value::Text(word.into());
    let vae = || defaults(spec("vae")).with("hidden", ints(&[4])).with("z", Value::Int(2));
    let gmvae = defaults(spec("gmvae")).with("k", Value::Int(3)).with("z", Value::Int(2)).with("hidden", ints(&[4, 3]));
    let of_vae = |name, beta, settings: Settings| Subject {
        name,
        spec: spec("vae"),
        settings: settings.with("beta", Value::Float(beta)),
        width: 5,
        beta,
        noise: |b| [b, 2].into(),
    };
    vec![
        Subject {
            name: "gmvae",
            spec: spec("gmvae"),
            settings: gmvae,
            width: 5,
            beta: 1.0,
            noise: |b| [3, b, 2].into(),
        },
        of_vae("vae, Bernoulli", 0.5, vae().with("likelihood", text("bernoulli"))),
        of_vae("vae, fixed variance", 2.0, vae().with("variance", Value::Float(0.2))),
        of_vae("vae, global variance", 1.0, vae().with("decoder_var", text("global")).with("activation", text("tanh"))),
        of_vae(
            "vae, branches",
            0.0,
            vae()
                .with("decoder_var", text("per-sample"))
                .with("branch", Value::Int(3))
                .with("activation", text("tanh")),
        ),
    ]
}

/// Value of the bound of each row: `[b]`.
fn per_point(model: &dyn Model, params: &Params, x: &Tensor, noise: &Tensor) -> Vec<f64> {
    let tape = Tape::new(params);
    f64s(&model.objective(tape.constant(x.clone()), &mut recorded(noise)).per_point().value())
}

/// Gradient of the mean bound with respect to all parameters, in the order of [`Params::flat`].
fn gradient(model: &dyn Model, params: &Params, x: &Tensor, noise: &Tensor) -> Vec<f64> {
    let tape = Tape::new(params);
    let grads = tape.backward(model.objective(tape.constant(x.clone()), &mut recorded(noise)).per_point().mean_all());
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
    #![proptest_config(config(if cfg!(feature = "f64") { 24 } else { 3 }))]

    /// `∂ lossᵢ / ∂θⱼ` for every data point i and every coordinate j.
    #[test]
    fn the_jacobian_of_every_bound_matches_differences(seed: u64) {
        let (b, mut rng) = (2, rng(seed));
        for subject in subjects() {
            let (model, params) = subject.create(seed);
            let (x, noise) = (uniform([b, subject.width], [0.0, 1.0], &mut rng), normal((subject.noise)(b), &mut rng));
            for point in 0..b {
                let comparisons = check::parameters(&params, usize::MAX, |tape| {
                    let objective = model.objective(tape.constant(x.clone()), &mut recorded(&noise));
                    objective.per_point().slice(point..point + 1)
                });
                for (id, comparison) in params.ids().zip(comparisons) {
                    prop_assert_eq!(comparison.compared + comparison.kinks, params.range(id).len());
                    let is_right = comparison.error <= JACOBIAN && 10 * comparison.kinks <= comparison.compared;
                    prop_assert!(is_right, "{}: {comparison:?}", subject.name);
                }
            }
        }
    }

    #[test]
    fn a_loss_is_the_sum_of_its_weighted_terms(seed: u64, b in 1..6usize) {
        let mut rng = rng(seed);
        for subject in subjects() {
            let (model, params) = subject.create(seed);
            let tape = Tape::new(&params);
            let x = tape.constant(uniform([b, subject.width], [0.0, 1.0], &mut rng));
            let objective = model.objective(x, &mut recorded(&normal((subject.noise)(b), &mut rng)));
            let mut sum = vec![0.0; b];
            for term in objective.terms() {
                let weight = if term.name == "kl_z" { subject.beta } else { 1.0 };
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
    fn the_bound_of_a_row_does_not_depend_on_the_other_rows(seed: u64, order in prop::collection::vec(0..5usize, 1..9)) {
        let mut rng = rng(seed);
        for subject in subjects() {
            let (model, params) = subject.create(seed);
            let (x, noise) = (uniform([5, subject.width], [0.0, 1.0], &mut rng), normal((subject.noise)(5), &mut rng));
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
            let (x, noise) = (uniform([3, subject.width], [0.0, 1.0], &mut rng), normal((subject.noise)(3), &mut rng));
            let once = gradient(model.as_ref(), &params, &x, &noise);
            for order in [&[2, 0, 1][..], &[0, 1, 2, 0, 1, 2]] {
                let again = gradient(model.as_ref(), &params, &rows(&x, order), &rows(&noise, order));
                let error = l2_error(&again, &once);
                prop_assert!(error <= EXACT, "{}: error {error:.2e}", subject.name);
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
            let [codes, expanded] = [y.broadcast_to([k, b, k]), x.one_hot_expand(k)];
            let pairs = [
                (two.forward(&[x, y]), joint(&tape, &params, "two", &["x", "y"], expanded, activation)),
                (two.forward(&[z, y]), joint(&tape, &params, "two", &["x", "y"], concat(&[z, codes]), activation)),
                (
                    three.forward(&[x, u, y]),
                    joint(&tape, &params, "three", &["x", "u", "y"], concat(&[x, u]).one_hot_expand(k), activation),
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

/// Every word of every choice, together with every other, and both ways to lay out a normal network's heads.
#[test]
fn every_parameter_of_every_model_receives_a_gradient() {
    let (width, b, mut rng) = (36, 16, rng(7));
    for spec in all() {
        let declared = (spec.settings)();
        let mut variants = vec![Settings::defaults(&declared)];
        for setting in &declared {
            let values: Vec<Value> = match &setting.domain {
                Domain::Choice(words) => words.iter().map(|&word| Value::Text(word.into())).collect(),
                Domain::Bool => vec![Value::Bool(false), Value::Bool(true)],
                Domain::Int { min: 0, .. } => vec![Value::Int(0), Value::Int(8)],
                _ => continue,
            };
            let with_each =
                |v: &Settings| values.iter().map(|value| v.clone().with(setting.name, value.clone())).collect();
            variants = variants.iter().flat_map::<Vec<_>, _>(with_each).collect();
        }
        for settings in variants {
            let (model, params) = spec.create(&settings, width, 3);
            let tape = Tape::new(&params);
            let x = tape.constant(uniform([b, width], [0.0, 1.0], &mut rng));
            let grads = tape.backward(model.objective(x, &mut Noise::from(rng.clone())).per_point().mean_all());
            for id in params.ids() {
                let name = format!("{} of {}", params.name(id), spec.kind);
                let gradient = f64s(grads.param(id).unwrap_or_else(|| panic!("{name}: no gradient, {settings:?}")));
                assert!(gradient.iter().all(|g| g.is_finite()), "{name}: {settings:?}");
                // A hidden unit may be idle on a whole batch; an output may not.
                let is_hidden = name.contains(".hidden.") || name.contains(".branch.");
                let columns = if is_hidden { 1 } else { params.get(id).shape().last() };
                for column in 0..columns {
                    let is_used = gradient.iter().skip(column).step_by(columns).any(|&g| g != 0.0);
                    assert!(is_used, "{name}, column {column}: {settings:?}");
                }
            }
        }
    }
}

/// `(f(θ + hv) − f(θ − hv)) / 2h = g·v` for one random direction v in each parameter and one in all of them, at a
/// realistic size. The error is relative to `‖g‖‖v‖/√n`, the size of `g·v` for a random v of n coordinates. A
/// direction along which the slopes over h and h/2 differ crosses a ReLU's kink, and is drawn again. (In f32 a step that
/// rounding does not drown crosses many.)
#[cfg(feature = "f64")]
#[test]
fn a_large_bound_changes_along_a_direction_as_its_gradient_says() {
    let (width, b, mut rng) = (784, 8, rng(11));
    let text = |word: &str| Value::Text(word.into());
    let large = |kind| defaults(spec(kind)).with("z", Value::Int(16)).with("hidden", Value::Ints(vec![128, 128]));
    let subjects = [
        (spec("gmvae"), large("gmvae"), vec![10, b, 16]),
        (spec("vae"), large("vae").with("likelihood", text("bernoulli")), vec![b, 16]),
        (spec("vae"), large("vae").with("decoder_var", text("per-sample")).with("branch", Value::Int(64)), vec![b, 16]),
    ];
    for (spec, settings, noise) in subjects {
        let (model, params) = spec.create(&settings, width, 5);
        let x = uniform([b, width], [0.0, 1.0], &mut rng).map(|u| u.round());
        let noise = normal(&noise[..], &mut rng);
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
            let error = (0..9).find_map(|_| compare()).expect("a direction without a kink");
            assert!(error <= check::TOLERANCE, "{}, coordinates {range:?}: error {error:.2e}", spec.kind);
        }
    }
}
