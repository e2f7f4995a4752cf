//! How components are evaluated: which by a product with `[y, y², 1]`, which by their distances in f64.

use std::f64::consts::PI;

use elbo_tensor::{Real, mixture::squared_distances};

use super::DiagonalComponents;

/// Largest `Σ (μ − c)² / v` of a component that is expanded about the common centre `c`: 1/√ε of f32. Near its mean the
/// expanded terms have about this size and cancel, so the log-density is off by up to about 3e-4 nats in f32.
const EXPANDED_UP_TO: f64 = 2896.0;

/// Largest coefficient of y² in a product; beyond it squares might overflow.
const LARGEST_COEFFICIENT: f64 = 1e30;

/// Components as the passes over blocks want them.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The common centre `c`, `[d]`: the mixture's mean, rounded.
    pub shift: Vec<Real>,
    /// Powers of two near 1 / the mixture's standard deviation, `[d]`: `y = (x − c) · scale` is about 1.
    pub scale: Vec<Real>,
    /// Coefficients of `[y, y², 1]`, `[k, 2d + 1]`; 0 for components evaluated by distances.
    pub theta: Vec<Real>,
    /// `ln π − ½ Σ ln 2πv`, less `offset`, `[k]`.
    pub constants: Vec<f64>,
    /// What all log-densities were lowered by, so that they keep their digits in f32.
    pub offset: f64,
    /// Whether a component is evaluated by its distances.
    pub direct: Vec<bool>,
    /// Where the moments of each component are taken about: `c`, or its mean; `[k, d]`.
    pub centres: Vec<f64>,
    /// `scale` in f64.
    pub factor: Vec<f64>,
    means: Vec<f64>,
    /// `1/√v`, `[k, d]`.
    inverse_sd: Vec<f64>,
}

impl Plan {
    pub fn width(&self) -> usize {
        self.shift.len()
    }

    pub fn len(&self) -> usize {
        self.constants.len()
    }

    /// Replaces the plan, in the same memory.
    pub fn set(&mut self, components: &DiagonalComponents) {
        let d = components.width();
        self.means.clone_from(&components.means);
        self.set_coordinates(components);
        replace(&mut self.inverse_sd, components.variances.iter().map(|v| 1.0 / v.sqrt()));
        let log_scales = |v: &[f64]| 0.5 * v.iter().map(|v| (2.0 * PI * v).ln()).sum::<f64>();
        let constants = components.log_weights.iter().zip(components.variances.chunks_exact(d));
        replace(&mut self.constants, constants.map(|(ln_pi, v)| ln_pi - log_scales(v)));
        let largest = self.constants.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        self.offset = if largest.is_finite() { largest } else { 0.0 };
        self.constants.iter_mut().for_each(|constant| *constant -= self.offset);
        self.theta.clear();
        self.direct.clear();
        self.centres.clear();
        for j in 0..components.len() {
            self.add_component(j, &components.variances[j * d..][..d]);
        }
    }

    /// Mean and, rounded to powers of two, standard deviation of the mixture.
    fn set_coordinates(&mut self, components: &DiagonalComponents) {
        let (k, d) = (components.len(), components.width());
        let weight = |j: usize| components.log_weights[j].exp();
        let total: f64 = (0..k).map(weight).sum();
        let average = |of: &dyn Fn(usize) -> f64| (0..k).map(|j| weight(j) * of(j)).sum::<f64>() / total;
        let (means, variances) = (&components.means, &components.variances);
        replace(&mut self.shift, (0..d).map(|i| average(&|j| means[j * d + i]) as Real));
        let shift = &self.shift;
        let from_shift = |j: usize, i: usize| means[j * d + i] - f64::from(shift[i]);
        let spread = |i: usize| average(&|j| variances[j * d + i] + from_shift(j, i).powi(2));
        let largest = f64::from(Real::MAX_EXP - 8);
        let exponent = |i: usize| (-0.5 * spread(i).log2()).round().clamp(-largest, largest);
        replace(&mut self.factor, (0..d).map(|i| exponent(i).exp2()));
        replace(&mut self.scale, self.factor.iter().map(|&factor| factor as Real));
    }

    fn add_component(&mut self, j: usize, variances: &[f64]) {
        let d = self.width();
        let mean = &self.means[j * d..][..d];
        // In the scaled coordinates: mean m and variance v.
        let scaled = |i: usize| {
            let factor = self.factor[i];
            ((mean[i] - f64::from(self.shift[i])) * factor, variances[i] * factor * factor)
        };
        let cancelling: f64 = (0..d).map(|i| scaled(i).0.powi(2) / scaled(i).1).sum();
        let largest = (0..d).map(|i| 1.0 / scaled(i).1).fold(0.0, f64::max);
        let expanded = cancelling <= EXPANDED_UP_TO && largest <= LARGEST_COEFFICIENT;
        self.direct.push(!expanded);
        if expanded {
            self.centres.extend(self.shift.iter().map(|&c| f64::from(c)));
            self.theta.extend((0..d).map(|i| (scaled(i).0 / scaled(i).1) as Real));
            self.theta.extend((0..d).map(|i| (-0.5 / scaled(i).1) as Real));
            self.theta.push((self.constants[j] - 0.5 * cancelling) as Real);
        } else {
            self.centres.extend_from_slice(mean);
            self.theta.extend(std::iter::repeat_n(0.0, 2 * d + 1));
        }
    }

    /// `ln p(x, j) − offset` of each row of `x: [m, d]` by its distances from component `j`, in f64.
    pub fn log_joint(&self, j: usize, x: &[Real], out: &mut [f64]) {
        let own = j * self.width()..(j + 1) * self.width();
        squared_distances(x, &self.means[own.clone()], &self.inverse_sd[own], out);
        out.iter_mut().for_each(|value| *value = self.constants[j] - 0.5 * *value);
    }
}

fn replace<T>(target: &mut Vec<T>, values: impl Iterator<Item = T>) {
    target.clear();
    target.extend(values);
}
