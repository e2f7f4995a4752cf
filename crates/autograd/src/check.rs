//! A gradient checker for any function built on a tape and for any operation: backpropagation
//! against central differences.
//!
//! Under the test-only feature `f64` the differences are good to about 1e-9 and the check is sharp; in f32 their noise
//! is about 1e-3 and it is a smoke test. The step is `h·max(1, |x|)`. Where a ReLU changes sign within it a smaller
//! step is taken, and a coordinate with a kink in the smallest one is left out and counted.

use elbo_tensor::{Real, Stream, Tensor};

use crate::{Case, Entry, Params, Tape, Var};

/// Largest relative L2 error of a correct gradient: 1e-2 in f32, 1e-6 in f64.
pub const TOLERANCE: f64 = if cfg!(feature = "f64") { 1e-6 } else { 1e-2 };
/// Relative step of the differences.
pub const STEP: f64 = if cfg!(feature = "f64") { 1e-5 } else { 1e-2 };

/// Norm below which a gradient counts as this large: the differences themselves are not better known.
pub const FLOOR: f64 = if cfg!(feature = "f64") { 1e-4 } else { 0.1 };

/// The comparison for one tensor.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Name of the parameter, number of the input, or operation, argument and case.
    pub name: String,
    /// `‖g − d‖₂ / max(‖g‖₂, ‖d‖₂, FLOOR)`, g by backpropagation and d by differences.
    pub error: f64,
    /// Coordinates compared.
    pub compared: usize,
    /// Coordinates left out because of a kink.
    pub kinks: usize,
}

impl Comparison {
    /// Whether the gradient is right to [`TOLERANCE`] with at most a tenth of the coordinates left out.
    pub fn passes(&self) -> bool {
        self.error <= TOLERANCE && self.is_smooth()
    }

    /// Whether at most a tenth of the coordinates was left out because of a kink.
    pub fn is_smooth(&self) -> bool {
        self.kinks * 10 <= self.compared + self.kinks
    }
}

/// Compares the gradients of the scalar `f` at `inputs`, one comparison an input.
pub fn inputs(inputs: &[Tensor], f: impl for<'t> Fn(&'t Tape<'t>, &[Var<'t>]) -> Var<'t>) -> Vec<Comparison> {
    let mut params = Params::new();
    let numbered = inputs.iter().enumerate();
    let ids: Vec<_> = numbered.map(|(which, input)| params.add(which.to_string(), input.clone())).collect();
    parameters(&params, usize::MAX, |tape| {
        let vars: Vec<_> = ids.iter().map(|&id| tape.param(id)).collect();
        f(tape, &vars)
    })
}

/// Compares the gradients of the scalar `loss` with respect to the parameters, at no more than `most` evenly spread
/// coordinates of each.
pub fn parameters(params: &Params, most: usize, loss: impl for<'t> Fn(&'t Tape<'t>) -> Var<'t>) -> Vec<Comparison> {
    let grads = {
        let tape = Tape::new(params);
        tape.backward(loss(&tape))
    };
    let mut moved = params.clone();
    let ids = params.ids();
    ids.map(|id| {
        let range = params.range(id);
        let gradient = grads.param(id).cloned().unwrap_or_else(|| Tensor::zeros(params.get(id).shape()));
        let stride = range.len().div_ceil(most.max(1)).max(1);
        let base = &params.flat()[range.clone()];
        let coordinates = (0..range.len()).step_by(stride);
        compare(
            params.name(id).to_string(),
            &gradient,
            coordinates,
            |at, x| {
                moved.flat_mut()[range.start + at] = x;
                let y = {
                    let tape = Tape::new(&moved);
                    (f64::from(loss(&tape).item()), tape.pattern())
                };
                moved.flat_mut()[range.start + at] = base[at];
                y
            },
            base,
        )
    })
    .collect()
}

/// Compares the gradients of `Σ y ⊙ dy` with differences for a random dy and random arguments of every test case of an
/// operation, one comparison a case and argument.
///
/// # Panics
/// If a gradient has another shape than its argument.
pub fn operation(op: &Entry, rng: &mut Stream) -> Vec<Comparison> {
    let mut found = Vec::new();
    for case in op.cases() {
        let x: Vec<Tensor> = case.iter().map(|argument| argument.draw(rng)).collect();
        let x: Vec<&Tensor> = x.iter().collect();
        let y = op.forward(&x);
        let dy = Case::of(&y.shape()).within(-1.0, 1.0).draw(rng);
        for wrt in 0..x.len() {
            let gradient = op.gradient(wrt, &x, &y, &dy);
            assert_eq!(gradient.shape(), x[wrt].shape(), "{} argument {wrt}", op.name());
            let project = |i: usize, v: Real| -> f64 {
                let mut moved = x[wrt].clone();
                moved.as_mut_slice()[i] = v;
                let mut arguments = x.clone();
                arguments[wrt] = &moved;
                let y = op.forward(&arguments);
                y.as_slice().iter().zip(dy.as_slice()).map(|(&y, &dy)| f64::from(y) * f64::from(dy)).sum()
            };
            let [low, high] = case[wrt].range;
            let (mut off, mut size) = (0.0, 0.0);
            for (i, (&at, &g)) in x[wrt].as_slice().iter().zip(gradient.as_slice()).enumerate() {
                let mut h = STEP as Real * at.abs().max(1.0).min(high - low);
                if low > 0.0 || high < 0.0 {
                    // Stay inside a domain that ends at 0.
                    h = h.min(10.0 * STEP as Real * at.abs());
                }
                let d = (project(i, at + h) - project(i, at - h)) / (f64::from(at + h) - f64::from(at - h));
                off += (f64::from(g) - d).powi(2);
                size += d * d;
            }
            // A few elements of one operation are known better than a model's loss.
            let floor = if cfg!(feature = "f64") { 1e-9 } else { FLOOR };
            found.push(Comparison {
                name: format!("{} argument {wrt} of {case:?}", op.name()),
                error: off.sqrt() / size.sqrt().max(floor),
                compared: gradient.len(),
                kinks: 0,
            });
        }
    }
    found
}

/// `evaluate(coordinate, x)` is the function's value with one coordinate of `base` moved to x, and the pattern of its
/// kinks.
fn compare(
    name: String,
    gradient: &Tensor,
    coordinates: impl Iterator<Item = usize>,
    mut evaluate: impl FnMut(usize, Real) -> (f64, u64),
    base: &[Real],
) -> Comparison {
    let (mut off, mut size_g, mut size_d, mut compared, mut kinks) = (0.0, 0.0, 0.0, 0, 0);
    for at in coordinates {
        let here = evaluate(at, base[at]).1;
        let mut slope = |h: f64| {
            let h = h as Real * base[at].abs().max(1.0);
            let (low, high) = (base[at] - h, base[at] + h);
            let [a, b] = [low, high].map(|x| evaluate(at, x));
            let smooth = a.1 == here && b.1 == here;
            smooth.then(|| (b.0 - a.0) / (f64::from(high) - f64::from(low)))
        };
        let Some(d) = [STEP, STEP / 4.0].into_iter().find_map(&mut slope) else {
            kinks += 1;
            continue;
        };
        let g = f64::from(gradient.as_slice()[at]);
        compared += 1;
        off += (g - d) * (g - d);
        size_g += g * g;
        size_d += d * d;
    }
    let size = f64::max(size_g, size_d).sqrt().max(FLOOR);
    Comparison { name, error: off.sqrt() / size, compared, kinks }
}
