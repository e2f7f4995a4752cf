//! `elbo check-grad`: the gradient of a model's loss against finite differences, parameter by parameter.

use clap::ArgAction;
use elbo_autograd::check::{self, Comparison};
use elbo_models::{Configured, ModelOptions, Noise};
use elbo_tensor::{Purpose, Tensor, fill_uniform, stream};
use serde_json::{Value, json};

use crate::config::{Config, argument_key};
use crate::data::limits;
use crate::machine::error::{Error, Result};
use crate::machine::output;

/// Arguments of `elbo check-grad`.
#[derive(Debug, clap::Args)]
pub struct CheckGrad {
    /// Kind of the model, e.g. gmvae
    pub model: String,
    /// Set a key of the model, e.g. `model.posterior=full`; repeatable
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append)]
    pub set: Vec<String>,
    /// Seed of the point at which the gradient is taken
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Rows and width of the data, and the sizes of the networks unless `--set` says otherwise: differences cost two losses
/// a coordinate.
const ROWS: usize = 4;
const WIDTH: usize = 7;
const SIZES: [(&str, &str); 4] =
    [("model.k", "3"), ("model.z", "3"), ("model.hidden", "[8, 6]"), ("model.decoder_hidden", "[8, 6]")];
/// Random points that are tried for one without kinks.
const POINTS: u64 = 100;
/// Coordinates of a tensor that are compared at most.
const COORDINATES: usize = 200;

/// Prints the error of every parameter tensor.
pub fn run(args: &CheckGrad) -> Result<()> {
    let models = elbo_models::models();
    if !models.iter().any(|model| model.facts().kind == args.model) {
        let kinds: Vec<&str> = models.iter().map(|model| model.facts().kind).collect();
        let problem = format!("no model of kind `{}`; there are {}", args.model, kinds.join(", "));
        return Err(Error::usage(problem));
    }
    if let Some(set) = args.set.iter().find(|set| argument_key(set) == "model.kind") {
        return Err(Error::usage(format_args!("--set {set}: the model is the one that was named, {}", args.model)));
    }
    let mut config = Config::of_kind(&args.model)?;
    let declared = config.settings();
    let small = SIZES.iter().filter(|(key, _)| declared.iter().any(|setting| setting.key == *key));
    let small = small.map(|(key, value)| format!("{key}={value}"));
    config.set(&small.chain(args.set.iter().cloned()).collect::<Vec<_>>())?;
    let model = &*config.steps().model;

    limits::networks(model, WIDTH)?;
    // A point beside a kink of a ReLU is drawn anew; whether the gradient is right there plays no part.
    let mut points = (0..POINTS).map(|index| compare(model, (args.seed, index)));
    let smooth = points.find(|comparisons| comparisons.iter().all(Comparison::is_smooth));
    let comparisons = smooth.ok_or_else(|| {
        Error::check(format_args!(
            "{}: {POINTS} random points all lie at kinks; try smaller layers",
            model.facts().kind
        ))
    })?;
    output::result(args.json, || json(&comparisons), || table(&comparisons))?;
    let wrong: Vec<&str> = comparisons.iter().filter(|c| !c.passes()).map(|c| c.name.as_str()).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Error::check(format_args!("{}: gradient wrong for {}", model.facts().kind, wrong.join(", "))))
}

/// Gradients of the mean loss of a random batch at random parameters.
fn compare(options: &dyn ModelOptions, (seed, index): (u64, u64)) -> Vec<Comparison> {
    let (model, mut params) = options.create(WIDTH, seed).expect("the options were checked");
    let mut random = stream(seed, Purpose::Test, index);
    let mut uniform = |n: usize| {
        let mut u = Tensor::scratch([n]);
        fill_uniform(&mut random, u.as_mut_slice());
        u
    };
    // Biases start at zero, where too much is symmetric: a random point is one where nothing is.
    let shift = uniform(params.flat().len());
    params.flat_mut().iter_mut().zip(shift.as_slice()).for_each(|(p, u)| *p += 0.4 * u - 0.2);
    let x = uniform(ROWS * WIDTH).reshape([ROWS, WIDTH]);
    check::parameters(&params, COORDINATES, |tape| {
        let mut noise = Noise::from(stream(seed, Purpose::Noise, index));
        model.objective(tape.constant(x.clone()), &mut noise).per_point().mean_all()
    })
}

fn precision() -> &'static str {
    if cfg!(feature = "f64") { "f64" } else { "f32" }
}

fn table(comparisons: &[Comparison]) -> String {
    let mut text = format!("{:32} {:>14} {:>9} {:>6}\n", "parameter", "relative error", "compared", "kinks");
    for c in comparisons {
        let verdict = if c.passes() { "" } else { "  WRONG" };
        text += &format!("{:32} {:>14.2e} {:>9} {:>6}{verdict}\n", c.name, c.error, c.compared, c.kinks);
    }
    text + &format!(
        "precision {}, tolerance {:.0e}; relative to the norm of the gradient, or to {:.0e} where that is smaller\n",
        precision(),
        check::TOLERANCE,
        check::FLOOR
    )
}

fn json(comparisons: &[Comparison]) -> Value {
    let row = |c: &Comparison| {
        json!({
            "parameter": c.name, "relative_error": c.error, "compared": c.compared, "kinks": c.kinks,
            "passes": c.passes(),
        })
    };
    let rows: Vec<_> = comparisons.iter().map(row).collect();
    json!({"precision": precision(), "tolerance": check::TOLERANCE, "floor": check::FLOOR, "parameters": rows})
}
