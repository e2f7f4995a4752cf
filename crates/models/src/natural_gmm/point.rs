//! The closed-form gradient of an M-step's objective: a few passes over all coordinates without allocation.

use elbo_tensor::{Real, math, sum_of_squares, vectorize};

use super::layout::Layout;
use super::objective::Objective;

/// Elements that the sum over a row keeps apart; a multiple of every vector width.
const LANES: usize = 16;

/// Elements that the passes over all coordinates take together.
const WIDE: usize = 32;

/// What an M-step knows at a point θ.
#[derive(Debug, Clone)]
pub(super) struct Point {
    /// `∇(J + R)` in the order of the layout.
    pub gradient: Vec<Real>,
    /// Variances `1/Λ` of the components, `[k, d]`.
    pub var: Vec<Real>,
    mean: Vec<Real>,
    /// `½(η₁²/Λ − ln Λ)`, `[k, d]`.
    terms: Vec<Real>,
    weights: Vec<Real>,
}

impl Point {
    /// Room for a mixture of these extents.
    pub fn new(layout: Layout) -> Self {
        let zeros = |len: usize| vec![0.0; len];
        let cells = layout.k * layout.d;
        Self {
            gradient: zeros(layout.len()),
            var: zeros(cells),
            mean: zeros(cells),
            terms: zeros(cells),
            weights: zeros(layout.k),
        }
    }

    /// Evaluates the gradient at `theta`; its norm, which is finite exactly if every entry is. Where a precision is not
    /// positive the gradient is not a number.
    pub fn evaluate(&mut self, objective: &Objective, theta: &[Real]) -> Real {
        let squares = vectorize(
            #[inline(always)]
            || {
                self.components(objective.layout, theta);
                self.mixture_weights(objective.layout, theta);
                self.differentiate(objective);
                self.subtract_target(objective, theta)
            },
        );
        // The squares may overflow where the entries do not.
        if squares.is_finite() { squares.sqrt() } else { sum_of_squares(&self.gradient).sqrt() as Real }
    }

    /// Mean, variance and log-partition terms of every component.
    #[inline(always)]
    fn components(&mut self, layout: Layout, theta: &[Real]) {
        let [eta1, eta2, _] = layout.parts(theta);
        component_rows(eta1, layout.d, &mut self.mean);
        component_rows(eta2, layout.d, &mut self.var);
        for ((mean, var), term) in self.mean.iter_mut().zip(&mut self.var).zip(&mut self.terms) {
            let (n, precision) = (*mean, -2.0 * *var);
            *var = 1.0 / precision;
            *mean = n * *var;
            *term = 0.5 * (n * *mean - math::ln(precision));
        }
    }

    /// `πⱼ ∝ exp(θ_Z,ⱼ + ψ(θⱼ))`
    #[inline(always)]
    fn mixture_weights(&mut self, layout: Layout, theta: &[Real]) {
        let [.., logits] = layout.parts(theta);
        for (weight, row) in self.weights.iter_mut().zip(self.terms.chunks_exact(layout.d)) {
            *weight = lane_sum(row);
        }
        self.weights[1..].iter_mut().zip(logits).for_each(|(weight, logit)| *weight += logit);
        // A NaN is passed over here and shows in the sum.
        let top = self.weights.iter().fold(Real::NEG_INFINITY, |top, &w| if w > top { w } else { top });
        self.weights.iter_mut().for_each(|weight| *weight = math::exp(*weight - top));
        let scale = 1.0 / self.weights.iter().sum::<Real>();
        self.weights.iter_mut().for_each(|weight| *weight *= scale);
    }

    /// Component j's part `πⱼηⱼ + ∇Rⱼ` goes to Θⱼ, and the sum of all to θ_X.
    #[inline(always)]
    fn differentiate(&mut self, objective: &Objective) {
        let Layout { k, d } = objective.layout;
        let [g1, g2, gz] = objective.layout.parts_mut(&mut self.gradient);
        let (g1_anchor, g1) = g1.split_at_mut(d);
        let (g2_anchor, g2) = g2.split_at_mut(d);
        let rows = |j: usize| (&self.mean[j * d..][..d], &self.var[j * d..][..d]);
        let part = |j: usize| {
            let (weight, upr, lwr) = (self.weights[j], -2.0 * objective.upr[j], 2.0 * objective.lwr[j]);
            #[inline(always)]
            move |mean: Real, var: Real| (weight * mean, weight * (mean * mean + var) + (lwr * var + upr))
        };
        let (mean, var) = rows(0);
        let of = part(0);
        for i in 0..d {
            (g1_anchor[i], g2_anchor[i]) = of(mean[i], var[i]);
        }
        for j in 1..k {
            let ((mean, var), of) = (rows(j), part(j));
            let (g1, g2) = (&mut g1[(j - 1) * d..][..d], &mut g2[(j - 1) * d..][..d]);
            let (anchor1, anchor2) = (&mut g1_anchor[..d], &mut g2_anchor[..d]);
            for i in 0..d {
                let (first, second) = of(mean[i], var[i]);
                (g1[i], g2[i]) = (first, second);
                anchor1[i] += first;
                anchor2[i] += second;
            }
        }
        gz.copy_from_slice(&self.weights[1..]);
    }

    /// `− η̂ + 2 l2 θ`, and the sum of the squares of what results.
    #[inline(always)]
    fn subtract_target(&mut self, objective: &Objective, theta: &[Real]) -> Real {
        let twice = 2.0 * objective.l2;
        let (g, g_rest) = self.gradient.as_chunks_mut::<WIDE>();
        let (target, target_rest) = objective.target.as_chunks::<WIDE>();
        let (theta, theta_rest) = theta.as_chunks::<WIDE>();
        let mut lanes = [0.0; WIDE];
        for ((g, target), theta) in g.iter_mut().zip(target).zip(theta) {
            // A copy that cannot alias: otherwise the compiler gives up on vectorising.
            let mut x = *g;
            for l in 0..WIDE {
                x[l] += twice * theta[l] - target[l];
                lanes[l] += x[l] * x[l];
            }
            *g = x;
        }
        let mut squares = lanes.iter().sum::<Real>();
        for ((g, target), theta) in g_rest.iter_mut().zip(target_rest).zip(theta_rest) {
            *g += twice * theta - target;
            squares += *g * *g;
        }
        squares
    }

    /// Whether every precision is positive and at least `fraction` of what it is in `other`.
    pub fn keeps_precision_of(&self, other: &Self, fraction: Real) -> bool {
        let most = fraction.recip();
        vectorize(
            #[inline(always)]
            || {
                let cells = self.var.iter().zip(&other.var);
                cells.fold(true, move |kept, (&var, &other)| kept & (var > 0.0) & (var <= most * other))
            },
        )
    }

    /// The least `Λ/Λ'` of a precision to what it is in `other`, below 0 if one is lost; a NaN is passed over.
    pub fn least_precision_ratio(&self, other: &Self) -> Real {
        let ratios = self.var.iter().zip(&other.var).map(|(var, other)| other / var);
        ratios.fold(Real::INFINITY, |least, ratio| if ratio < least { ratio } else { least })
    }
}

impl Objective {
    /// The gradient in closed form, in the order of the layout.
    pub fn closed_form(&self, theta: &[Real]) -> Vec<Real> {
        let mut point = Point::new(self.layout);
        point.evaluate(self, theta);
        point.gradient
    }
}

/// `θⱼ = θ_X + Θⱼ` row by row; the first row is θ_X.
#[inline(always)]
fn component_rows(eta: &[Real], d: usize, out: &mut [Real]) {
    let (anchor, differences) = eta.split_at(d);
    let (first, rest) = out.split_at_mut(d);
    first.copy_from_slice(anchor);
    for (row, difference) in rest.chunks_exact_mut(d).zip(differences.chunks_exact(d)) {
        for ((y, difference), anchor) in row.iter_mut().zip(difference).zip(anchor) {
            *y = anchor + difference;
        }
    }
}

/// `Σ x`, in lanes.
#[inline(always)]
fn lane_sum(x: &[Real]) -> Real {
    let mut lanes = [0.0; LANES];
    let (whole, rest) = x.as_chunks::<LANES>();
    for chunk in whole {
        for l in 0..LANES {
            lanes[l] += chunk[l];
        }
    }
    let eight: [Real; LANES / 2] = std::array::from_fn(|l| lanes[l] + lanes[l + LANES / 2]);
    let four: [Real; LANES / 4] = std::array::from_fn(|l| eight[l] + eight[l + LANES / 4]);
    rest.iter().sum::<Real>() + (four[0] + four[2]) + (four[1] + four[3])
}
