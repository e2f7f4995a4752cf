//! Values and gradients of every model's bound at fixed parameters and noise, against PyTorch in f64.
//!
//! `reference/bounds.json` stores losses and gradients; its header gives the formula for parameters, data and noise.

use std::sync::LazyLock;

use crate::support::{f64s, float, l2_error, named, options, tensor, text};
use elbo::autograd::{Params, Tape};
use elbo::models::{ModelOptions, Noise, Value as Setting};
use elbo::tensor::{Real, Shape, Tensor};
use serde_json::Value;

static REFERENCE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../reference/bounds.json")).expect("the file is JSON"));

/// Largest relative error of a loss or a term.
const VALUE: f64 = if cfg!(feature = "f64") { 1e-10 } else { 1e-5 };

/// Largest relative L2 error of the gradient of the tensor `name` in networks of this many units a layer. The gradient
/// of q(y|x) is of differences between the classes' losses, which at full size are 560 nats each: PyTorch 2.15 in
/// single precision is 1.3e-5 to 1.6e-5 off itself there, and 4e-7 at most elsewhere.
fn gradient_tolerance(units: usize, name: &str) -> f64 {
    match units {
        _ if cfg!(feature = "f64") => 1e-10,
        129.. if name.starts_with("q_y") => 3e-5,
        _ => 1e-5,
    }
}

/// Largest error of the sum of the noise, which is kept in the library's precision.
const NOISE_SUM: f64 = if cfg!(feature = "f64") { 1e-11 } else { 1e-3 };

/// Streams of the formula that hold data and noise.
const DATA: u64 = 1000;
const NOISE: u64 = 1001;

/// `u(stream, index)` of the formula, in [0, 1).
fn u(stream: u64, index: u64) -> f64 {
    let mix = |mut s: u64| {
        s = (s ^ (s >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        s = (s ^ (s >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        s ^ (s >> 31)
    };
    let bits = mix(mix(stream).wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    (bits >> 11) as f64 * 2f64.powi(-53)
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn sizes(list: &Value) -> Vec<usize> {
    numbers(list).into_iter().map(|v| v as usize).collect()
}

/// One case of the file.
struct Case(&'static Value);

fn cases() -> impl Iterator<Item = Case> {
    REFERENCE["cases"].as_array().expect("cases").iter().map(Case)
}

impl Case {
    fn text(&self, key: &str) -> &'static str {
        self.0[key].as_str().expect("text")
    }

    fn size(&self, key: &str) -> usize {
        self.0["sizes"][key].as_u64().expect("a size") as usize
    }

    fn stream(&self, t: u64) -> u64 {
        self.0["seed"].as_u64().expect("a seed") * 65536 + t
    }

    fn draws(&self, t: u64, shape: &[usize], map: impl Fn(f64) -> f64) -> Vec<f64> {
        (0..Shape::from(shape).size() as u64).map(|i| map(u(self.stream(t), i))).collect()
    }

    /// Data `[b, d]`.
    fn x(&self) -> Vec<f64> {
        let is_real = self.text("data") == "real";
        let map: fn(f64) -> f64 = if is_real { |u| 4.0 * u - 2.0 } else { |u| f64::from(u8::from(u > 0.5)) };
        self.draws(DATA, &[self.size("b"), self.size("d")], map)
    }

    /// The noise, if there is any.
    fn eps(&self) -> Option<Tensor> {
        let shape = Some(&self.0["noise_shape"]).filter(|shape| !shape.is_null()).map(sizes)?;
        let eps = self.draws(NOISE, &shape, |u| (2.0 * u - 1.0) * 3f64.sqrt());
        Some(tensor(&shape[..], &eps))
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        self.0["tensors"].as_array().expect("tensors").iter().map(Entry)
    }

    /// Parameter tensor number t of the formula, in f64.
    fn values(&self, t: usize, entry: &Entry) -> Vec<f64> {
        let shape = entry.shape();
        let scale = match entry.0["fan_in"].as_f64() {
            Some(fan_in) => (6.0 / (fan_in + shape[1] as f64)).sqrt(),
            None => 0.1,
        };
        self.draws(t as u64, &shape, |u| (2.0 * u - 1.0) * scale)
    }

    /// The model's options: a whole number, number, word or list of whole numbers each.
    fn options(&self) -> Box<dyn ModelOptions> {
        let value = |value: &Value| match value {
            Value::Number(number) => {
                number.as_u64().map_or_else(|| float(number.as_f64().expect("a number")), Setting::Int)
            }
            Value::String(word) => text(word),
            list => Setting::Ints(sizes(list).into_iter().map(|v| v as u64).collect()),
        };
        let mut options = options(self.text("model"));
        for (name, given) in self.0["settings"].as_object().expect("settings") {
            options.set(&format!("model.{name}"), value(given)).expect("a setting of the model");
        }
        options
    }
}

/// One parameter tensor of a case.
struct Entry(&'static Value);

impl Entry {
    fn name(&self) -> &'static str {
        self.0["name"].as_str().expect("a name")
    }

    fn shape(&self) -> Vec<usize> {
        sizes(&self.0["shape"])
    }

    /// Where the elements are in [`Params::flat`]: columns of a parameter, which holds outputs side by side.
    fn places(&self, params: &Params) -> Vec<usize> {
        let id = named(params, self.0["parameter"].as_str().expect("a name"));
        let (start, width) = (params.range(id).start, params.get(id).shape().last());
        let (first, shape) = (self.0["column"].as_u64().expect("a column") as usize, self.shape());
        let columns = *shape.last().expect("a parameter has an axis");
        let size = Shape::from(&shape[..]).size();
        assert_eq!(params.range(id).len() * columns, size * width, "{}", self.name());
        (0..size).map(|i| start + i / columns * width + first + i % columns).collect()
    }
}

#[test]
fn the_formula_rebuilds_the_stored_parameters_data_and_noise() {
    for example in REFERENCE["u_examples"].as_array().expect("examples") {
        let [stream, index] = ["stream", "index"].map(|key| example[key].as_u64().expect("a number"));
        assert_eq!(Some(u(stream, index)), example["u"].as_f64());
    }
    let close = |a: f64, b: &Value| (a - b.as_f64().expect("a number")).abs() <= 1e-12 * a.abs().max(1.0);
    for case in cases() {
        let name = case.text("name");
        assert!(close(case.x().iter().sum(), &case.0["x_sum"]), "x of {name}");
        let eps = case.eps().map_or(0.0, |eps| f64s(&eps).iter().sum());
        assert!((eps - case.0["eps_sum"].as_f64().expect("a number")).abs() <= NOISE_SUM, "eps of {name}");
        for (t, entry) in case.entries().enumerate() {
            let values = case.values(t, &entry);
            assert!(close(values[0], &entry.0["first"]), "{} of {name}", entry.name());
            assert!(close(values[values.len() - 1], &entry.0["last"]), "{} of {name}", entry.name());
        }
    }
}

#[test]
fn every_bound_and_its_gradient_are_those_of_pytorch() {
    for case in cases() {
        let name = case.text("name");
        let (model, mut params) = case.options().create(case.size("d"), 0).expect("options inside their domains");
        let mut covered = Vec::new();
        for (t, entry) in case.entries().enumerate() {
            let places = entry.places(&params);
            covered.extend(places.iter().copied());
            for (&place, value) in places.iter().zip(case.values(t, &entry)) {
                params.flat_mut()[place] = value as Real;
            }
        }
        covered.sort_unstable();
        let all: Vec<usize> = (0..params.flat().len()).collect();
        assert!(covered == all, "{name}: every parameter has one reference");

        let tape = Tape::new(&params);
        let x = tape.constant(tensor([case.size("b"), case.size("d")], &case.x()));
        let objective = model.objective(x, &mut Noise::recorded(case.eps()));
        let loss = objective.per_point().mean_all();
        let terms = case.0["terms"].as_object().expect("terms");
        assert_eq!(objective.terms().len(), terms.len(), "{name}: number of terms");
        let means = objective.terms().iter().map(|term| (term.name, term.value.mean_all().item(), &terms[term.name]));
        for (term, value, expected) in means.chain([("loss", loss.item(), &case.0["loss"])]) {
            let expected = expected.as_f64().expect("a number");
            let error = (f64::from(value) - expected).abs() / expected.abs();
            assert!(error <= VALUE, "{term} of {name}: {value} instead of {expected}, relative error {error:.2e}");
        }

        let grads = tape.backward(loss);
        let mut flat = vec![0.0; params.flat().len()];
        for id in params.ids() {
            let gradient: &Tensor = grads.param(id).unwrap_or_else(|| panic!("{name}: no gradient"));
            flat[params.range(id)].copy_from_slice(&f64s(gradient));
        }
        for entry in case.entries() {
            let tolerance = gradient_tolerance(case.size("units"), entry.name());
            let ours: Vec<f64> = entry.places(&params).iter().map(|&place| flat[place]).collect();
            let expected = numbers(&entry.0["grad"]);
            let stored: Vec<f64> = match &entry.0["grad_indices"] {
                Value::Null => ours.clone(),
                indices => sizes(indices).into_iter().map(|i| ours[i]).collect(),
            };
            let error = l2_error(&stored, &expected);
            assert!(error <= tolerance, "{} of {name}: relative L2 error {error:.2e}", entry.name());
            let norm = ours.iter().map(|g| g * g).sum::<f64>().sqrt();
            let norm_error = l2_error(&[norm], &numbers(&Value::Array(vec![entry.0["grad_norm"].clone()])));
            assert!(norm_error <= tolerance, "{} of {name}: norm off by {norm_error:.2e}", entry.name());
        }
    }
}
