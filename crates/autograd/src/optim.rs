//! Adam over the flat block of parameters, with clipping by the global norm and refusal of non-finite gradients.

use elbo_tensor::{Real, Tensor};

use crate::{Grads, ParamId, Params};

/// Where Adam adds its ε.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpsilonForm {
    /// `m̂ / (√v̂ + ε)` with both moments bias-corrected (Kingma and Ba 2015, algorithm 1; PyTorch).
    Corrected,
    /// `lr·√(1−β₂ᵗ)/(1−β₁ᵗ) · m / (√v + ε)` (Kingma and Ba 2015, end of section 2; TensorFlow 1).
    Uncorrected,
}

/// Settings of [`Adam`].
#[derive(Debug, Clone, Copy)]
pub struct AdamConfig {
    /// Step size.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Summand of the denominator.
    pub epsilon: f64,
    /// Where `epsilon` is added.
    pub form: EpsilonForm,
    /// Largest norm of the whole gradient: `g ← g·c/‖g‖` if `‖g‖ ≥ c`. 0 does not clip.
    pub clip: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { lr: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, form: EpsilonForm::Corrected, clip: 0.0 }
    }
}

/// The optimiser and its moments.
#[derive(Debug, Clone)]
pub struct Adam {
    /// Settings; the step size may be changed between steps.
    pub config: AdamConfig,
    /// Steps taken.
    pub steps: u64,
    /// First moment of every parameter, in the order of [`Params::flat`].
    pub first: Vec<Real>,
    /// Second moment of every parameter.
    pub second: Vec<Real>,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StepReport {
    /// Parameters were updated; the norm of the gradient before clipping.
    Taken {
        /// ‖g‖₂ over all parameters.
        norm: f64,
    },
    /// A gradient was not finite: nothing was changed. The first parameter at fault.
    Refused {
        /// The parameter whose gradient is not finite.
        param: ParamId,
    },
    /// The gradient, clipped, was too large to be squared: nothing was changed.
    TooLarge {
        /// The parameter with the largest gradient.
        param: ParamId,
    },
}

/// The largest norm of a clipped gradient: the second moment is its square.
const LARGEST: f64 = if cfg!(feature = "f64") { 1e150 } else { 1e18 };

impl Adam {
    /// An optimiser at step 0.
    pub fn new(config: AdamConfig, params: &Params) -> Self {
        let n = params.flat().len();
        Self { config, steps: 0, first: vec![0.0; n], second: vec![0.0; n] }
    }

    /// One update. A parameter without a gradient is updated with gradient 0, so that its moments decay.
    pub fn step(&mut self, params: &mut Params, grads: &Grads) -> StepReport {
        let (mut squares, mut largest) = (0.0, (0.0, None));
        for id in params.ids() {
            let square = grads.param(id).map_or(0.0, sum_of_squares);
            if !square.is_finite() {
                return StepReport::Refused { param: id };
            }
            squares += square;
            if square > largest.0 {
                largest = (square, Some(id));
            }
        }
        let norm = squares.sqrt();
        let c = self.config;
        let factor = if c.clip > 0.0 && norm >= c.clip { c.clip / norm } else { 1.0 };
        if let Some(param) = largest.1.filter(|_| norm * factor > LARGEST) {
            return StepReport::TooLarge { param };
        }

        self.steps += 1;
        let update = c.update(self.steps, factor as Real);
        for id in params.ids() {
            let range = params.range(id);
            let moments = [&mut self.first[range.clone()], &mut self.second[range.clone()]];
            let zeros;
            let gradient = match grads.param(id) {
                Some(gradient) => gradient,
                None => {
                    zeros = Tensor::zeros([range.len()]);
                    &zeros
                }
            };
            update.apply(&mut params.flat_mut()[range], moments, gradient.as_slice());
        }
        StepReport::Taken { norm }
    }
}

/// `Σ g²` in f64, which no finite f32 overflows; infinite or NaN exactly if an entry is.
fn sum_of_squares(gradient: &Tensor) -> f64 {
    elbo_tensor::sum_of_squares(gradient.as_slice())
}

impl AdamConfig {
    /// Step number `step`, from 1, of gradients that are multiplied by `factor` first.
    pub fn update(&self, step: u64, factor: Real) -> AdamUpdate {
        let corrections = [self.beta1, self.beta2].map(|beta| -f64::exp_m1(step as f64 * beta.ln()));
        let rate = self.lr * corrections[1].sqrt() / corrections[0];
        let epsilon = match self.form {
            EpsilonForm::Corrected => self.epsilon * corrections[1].sqrt(),
            EpsilonForm::Uncorrected => self.epsilon,
        };
        AdamUpdate {
            factor,
            beta1: self.beta1 as Real,
            rest1: (1.0 - self.beta1) as Real,
            beta2: self.beta2 as Real,
            rest2: (1.0 - self.beta2) as Real,
            rate: rate as Real,
            epsilon: epsilon as Real,
        }
    }
}

/// The constants of one step of Adam.
#[derive(Debug, Clone, Copy)]
pub struct AdamUpdate {
    factor: Real,
    beta1: Real,
    rest1: Real,
    beta2: Real,
    rest2: Real,
    rate: Real,
    epsilon: Real,
}

impl AdamUpdate {
    /// `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`, `θ ← θ − lr·m̂/(√v̂ + ε)`; all lists have the same length.
    pub fn apply(self, values: &mut [Real], [first, second]: [&mut [Real]; 2], gradient: &[Real]) {
        let Self { factor, beta1, rest1, beta2, rest2, rate, epsilon } = self;
        elbo_tensor::update3(
            values,
            first,
            second,
            gradient,
            #[inline(always)]
            move |p, m, v, g| {
                let g = g * factor;
                let m = beta1 * m + rest1 * g;
                let v = beta2 * v + rest2 * g * g;
                (p - rate * m / (v.sqrt() + epsilon), m, v)
            },
        );
    }
}
