//! The inner loop of an M-step: Adam on the anchored coordinates, with or without its guard.

use elbo_autograd::AdamConfig;
use elbo_tensor::{Real, sum_of_squares};

use super::layout::Layout;
use super::objective::Objective;
use super::options::{MStepGradient, NaturalGmmOptions};
use super::point::Point;

/// The largest fraction of a component's −η₂ that a guarded step takes away.
const MOST: Real = 0.5;

/// The largest norm of a gradient that is not clipped: Adam squares it.
const LARGEST: Real = 1e18;

/// Halvings of a guarded step before it is not taken at all.
const HALVINGS: usize = 60;

/// Parameters, moments and what the loop writes in.
#[derive(Debug, Clone)]
pub(super) struct MStep {
    pub theta: Vec<Real>,
    pub first: Vec<Real>,
    pub second: Vec<Real>,
    /// Steps since the moments were 0.
    pub steps: u64,
    previous: Vec<Real>,
    here: Point,
    next: Point,
}

/// What the steps of an M-step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Taken {
    /// `‖∇(J + R)‖₂` at the end, before clipping.
    pub norm: f64,
    /// Steps that the guard shortened.
    pub shortened: usize,
}

/// A step after which the gradient is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Collapse {
    /// Its number in the M-step, from 0; `None` if the gradient is not finite before the first.
    pub step: Option<usize>,
    /// The first component with an η₂ that is not below 0, if that is why.
    pub component: Option<usize>,
}

impl MStep {
    /// At `theta`, with moments of 0.
    pub fn new(layout: Layout, theta: Vec<Real>) -> Self {
        let zeros = vec![0.0; layout.len()];
        let [here, next] = [(); 2].map(|()| Point::new(layout));
        Self { theta, first: zeros.clone(), second: zeros.clone(), steps: 0, previous: zeros, here, next }
    }

    /// Forgets the moments.
    pub fn reset(&mut self) {
        self.first.fill(0.0);
        self.second.fill(0.0);
        self.steps = 0;
    }

    /// `batch_steps` steps towards the minimum of the objective. Without a guard the first step with a gradient that is
    /// not finite ends it, at the parameters before that step.
    ///
    /// With it a step is shortened as a whole until no component's −η₂ falls below half of what it was, and halved
    /// until the gradient is finite; so η₂ < 0 and a finite gradient are kept from step to step at any rate.
    pub fn run(&mut self, objective: &Objective, options: &NaturalGmmOptions) -> Result<Taken, Collapse> {
        let mut norm = self.evaluate(objective, options.gradient);
        std::mem::swap(&mut self.here, &mut self.next);
        if !is_usable(norm, options) {
            return Err(Collapse { step: None, component: self.lost_precision(objective.layout) });
        }
        let mut shortened = 0;
        for step in 0..options.batch_steps {
            self.previous.copy_from_slice(&self.theta);
            self.adam(norm, options);
            norm = self.evaluate(objective, options.gradient);
            if options.guarded() {
                let (guarded, was_shortened) = self.guard(norm, objective, options);
                norm = guarded;
                shortened += usize::from(was_shortened);
            } else if !is_usable(norm, options) {
                let component = self.lost_precision(objective.layout);
                self.theta.copy_from_slice(&self.previous);
                return Err(Collapse { step: Some(step), component });
            }
            std::mem::swap(&mut self.here, &mut self.next);
        }
        Ok(Taken { norm: f64::from(norm), shortened })
    }

    /// Gradient at `theta` into `next`, and its norm.
    fn evaluate(&mut self, objective: &Objective, gradient: MStepGradient) -> Real {
        let norm = self.next.evaluate(objective, &self.theta);
        if gradient == MStepGradient::ClosedForm {
            return norm;
        }
        self.next.gradient = objective.autodiff(&self.theta);
        sum_of_squares(&self.next.gradient).sqrt() as Real
    }

    /// `θ ← θ − lr·m̂/(√v̂ + ε)` of the gradient `here`, clipped to the global norm (Kingma and Ba 2015, algorithm 1).
    fn adam(&mut self, norm: Real, options: &NaturalGmmOptions) {
        let clip = options.clip as Real;
        let factor = if clip > 0.0 && norm >= clip { clip / norm } else { 1.0 };
        self.steps += 1;
        let config = AdamConfig { lr: options.lr, ..AdamConfig::default() };
        let moments = [&mut *self.first, &mut *self.second];
        config.update(self.steps, factor).apply(&mut self.theta, moments, &self.here.gradient);
    }

    /// Shortens the step from `previous` to `theta` as [`MStep::run`] says; the norm at its end, and whether it did.
    fn guard(&mut self, mut norm: Real, objective: &Objective, options: &NaturalGmmOptions) -> (Real, bool) {
        if is_usable(norm, options) && self.next.keeps_precision_of(&self.here, MOST) {
            return (norm, false);
        }
        for _ in 0..HALVINGS {
            let left = self.next.least_precision_ratio(&self.here);
            let fraction = if left < MOST { MOST / (1.0 - left) } else { 0.5 };
            for (theta, previous) in self.theta.iter_mut().zip(&self.previous) {
                *theta = previous + fraction * (*theta - previous);
            }
            norm = self.evaluate(objective, options.gradient);
            // A step shortened to the limit may miss it by rounding.
            if is_usable(norm, options) && self.next.keeps_precision_of(&self.here, 0.9 * MOST) {
                return (norm, true);
            }
        }
        self.theta.copy_from_slice(&self.previous);
        (self.evaluate(objective, options.gradient), true)
    }

    /// The first component with an η₂ that is not below 0.
    fn lost_precision(&self, Layout { k, d }: Layout) -> Option<usize> {
        let eta2 = &self.theta[k * d..2 * k * d];
        let of = |j: usize, i: usize| eta2[i] + if j == 0 { 0.0 } else { eta2[j * d + i] };
        // Written so that NaN counts.
        (0..k).find(|&j| (0..d).any(|i| !matches!(of(j, i).partial_cmp(&0.0), Some(std::cmp::Ordering::Less))))
    }
}

/// Whether Adam can take a step of a gradient with this norm.
fn is_usable(norm: Real, options: &NaturalGmmOptions) -> bool {
    norm.is_finite() && (options.clip > 0.0 || norm <= LARGEST)
}
