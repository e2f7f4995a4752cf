//! From an E-step's statistics to the target of an M-step: probabilities, means and variances of
//! the components, bounded.

use elbo_tensor::Real;

use super::layout::Layout;
use super::options::NaturalGmmOptions;
use crate::dist::natural::MixtureNatural;
use crate::mixture::Statistics;

/// A component whose mean responsibility is below this is dying: in f32 the anchor's share `1 − Σ πⱼ` is then
/// rounding alone. A guarded fit keeps its mean and variances.
pub(super) const DYING: f64 = 1e-7;

/// Probabilities `[k]`, means and variances `[k, d]` of the components.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Moments {
    pub weight: Vec<Real>,
    pub mean: Vec<Real>,
    pub var: Vec<Real>,
}

/// The mean coordinates `[Σⱼ πⱼηⱼ | πⱼηⱼ, j ≥ 2 | πⱼ, j ≥ 2]` of the statistics of `rows` rows, laid out as [`Layout`]
/// says.
pub(super) fn mean_coordinates(statistics: &Statistics, rows: usize, Layout { d, .. }: Layout) -> Vec<Real> {
    let (first, second) = statistics.sums();
    let total = |of: &[f64]| -> Vec<f64> { (0..d).map(|i| of.iter().skip(i).step_by(d).sum()).collect() };
    let [first, second] = [first, second].map(|of| [&total(&of)[..], &of[d..]].concat());
    first.iter().chain(&second).chain(&statistics.counts[1..]).map(|sum| (sum / rows as f64) as Real).collect()
}

/// Weights, means and variances from mean coordinates as the source has them: `π₁ = 1 − Σ πⱼ` in [`Real`], and the
/// division by it before any bound. An anchor without weight gives 0/0.
pub(super) fn by_differences(coordinates: &[Real], layout: Layout) -> Moments {
    let Layout { k, d } = layout;
    let [first, second, weights] = layout.parts(coordinates);
    let anchor = 1.0 - weights.iter().sum::<Real>();
    let weight: Vec<Real> = std::iter::once(anchor).chain(weights.iter().copied()).collect();
    let others = |of: &[Real], i: usize| (1..k).map(|j| of[j * d + i]).sum::<Real>();
    let joint = |of: &[Real]| -> Vec<Real> {
        let row0 = (0..d).map(|i| of[i] - others(of, i));
        row0.chain(of[d..].iter().copied()).enumerate().map(|(at, sum)| sum / weight[at / d]).collect()
    };
    let (mean, second) = (joint(first), joint(second));
    let var = mean.iter().zip(second).map(|(mean, second)| second - mean * mean).collect();
    Moments { weight, mean, var }
}

/// Weights, means and variances from every component's own sums, in f64; a dying component keeps mean and
/// variances of `present`. Says which components are kept.
pub(super) fn by_component(statistics: &Statistics, rows: usize, present: &MixtureNatural) -> (Moments, Vec<bool>) {
    let weights: Vec<f64> = statistics.counts.iter().map(|count| count / rows as f64).collect();
    let kept: Vec<bool> = weights.iter().map(|&weight| weight < DYING).collect();
    let moments = |j: usize| {
        let source = present.components()[j].to_source();
        if kept[j] { (source.mean().to_vec(), source.var().to_vec()) } else { statistics.moments(j) }
    };
    let (mean, var): (Vec<_>, Vec<_>) = (0..weights.len()).map(moments).unzip();
    let [weight, mean, var] = [weights, mean.concat(), var.concat()].map(|of| of.iter().map(|&v| v as Real).collect());
    (Moments { weight, mean, var }, kept)
}

impl Moments {
    /// `σ² ← max(σ² + lat_jitter_var, lat_min_var)` with the mean as it is, `π ← clip(π, min_prob, 1)/Σ`; what is not a
    /// number stays so. Components that are kept keep their variances, too.
    pub fn bounded(mut self, options: &NaturalGmmOptions, kept: &[bool]) -> Self {
        let d = self.var.len() / self.weight.len();
        let [jitter_var, min_var, min_prob] =
            [options.lat_jitter_var, options.lat_min_var, options.min_prob].map(|bound| bound as Real);
        for (_, var) in self.var.iter_mut().enumerate().filter(|(at, _)| !kept[at / d]) {
            let jittered = *var + jitter_var;
            *var = if jittered < min_var { min_var } else { jittered };
        }
        for weight in &mut self.weight {
            *weight = if *weight < min_prob { min_prob } else { *weight };
            *weight = if *weight > 1.0 { 1.0 } else { *weight };
        }
        let total: Real = self.weight.iter().sum();
        self.weight.iter_mut().for_each(|weight| *weight /= total);
        self
    }

    /// The variances of component `j`, `[d]`, at the minimum of an M-step's objective without `‖θ‖²`:
    /// `(πⱼ s²ⱼ + 2 upr)/(πⱼ + 2 lwr)`, and s²ⱼ itself of a component that is kept.
    pub fn shrunk(&self, j: usize, options: &NaturalGmmOptions, kept: bool) -> Vec<f64> {
        let (d, weight) = (self.var.len() / self.weight.len(), f64::from(self.weight[j]));
        let (upr, lwr) = if kept { (0.0, 0.0) } else { (options.upr_prs_reg, options.lwr_prs_reg) };
        let var = self.var[j * d..][..d].iter().map(|&s| f64::from(s));
        var.map(|s| (weight * s + 2.0 * upr) / (weight + 2.0 * lwr)).collect()
    }

    /// Back in mean coordinates: `[Σⱼ πⱼηⱼ | πⱼηⱼ, j ≥ 2 | πⱼ, j ≥ 2]`.
    pub fn joined(&self, layout: Layout) -> Vec<Real> {
        let Layout { k, d } = layout;
        let mut flat = vec![0.0; layout.len()];
        let [first, second, weights] = layout.parts_mut(&mut flat);
        for at in 0..k * d {
            let (weight, mean) = (self.weight[at / d], self.mean[at]);
            (first[at], second[at]) = (weight * mean, weight * (mean * mean + self.var[at]));
        }
        for of in [first, second] {
            let (anchor, others) = of.split_at_mut(d);
            others.chunks_exact(d).for_each(|row| anchor.iter_mut().zip(row).for_each(|(sum, v)| *sum += v));
        }
        weights.copy_from_slice(&self.weight[1..]);
        flat
    }

    /// The first component with a number that is not finite, and what it is of.
    pub fn first_non_finite(&self) -> Option<(usize, &'static str)> {
        let d = self.var.len() / self.weight.len();
        let of = |values: &[Real], width: usize| values.iter().position(|v| !v.is_finite()).map(|at| at / width);
        let weight = of(&self.weight, 1).map(|j| (j, "probability"));
        weight.or(of(&self.mean, d).map(|j| (j, "mean"))).or(of(&self.var, d).map(|j| (j, "variance")))
    }
}

#[cfg(test)]
mod tests {
    use elbo_tensor::{Purpose, fill_uniform, stream};

    use super::super::{NaturalGmm, objective::Objective, point::Point};
    use super::*;

    const LAYOUT: Layout = Layout { k: 4, d: 3 };
    /// What the conversions lose where |μ|/σ ≤ 3.
    const EXACT: Real = if cfg!(feature = "f64") { 1e-13 } else { 1e-5 };

    fn moments() -> Moments {
        let mut u = [0.0; 24];
        fill_uniform(&mut stream(1, Purpose::Test, 0), &mut u);
        let var: Vec<Real> = u[..12].iter().map(|u| 0.5 + u).collect();
        let mean = u[12..].iter().zip(&var).map(|(u, var)| (6.0 * u - 3.0) * var.sqrt()).collect();
        Moments { weight: vec![0.1, 0.2, 0.3, 0.4], mean, var }
    }

    #[track_caller]
    fn assert_same(a: &Moments, b: &Moments) {
        for (a, b) in [(&a.weight, &b.weight), (&a.mean, &b.mean), (&a.var, &b.var)] {
            let close = a.iter().zip(b).all(|(a, b)| (a - b).abs() <= EXACT * b.abs().max(1.0));
            assert!(close && a.len() == b.len(), "{a:?} and {b:?}");
        }
    }

    /// Source to natural coordinates, from there by the M-step's gradient to mean coordinates, and by division back.
    #[test]
    fn natural_and_mean_coordinates_lead_back() {
        let options = NaturalGmmOptions { k: 4, upr_prs_reg: 0.0, lwr_prs_reg: 0.0, ..NaturalGmmOptions::default() };
        let mut trainer = NaturalGmm::new(options).of_width(3);
        let zeros = |n: usize| vec![0.0; n];
        let psi = Objective { layout: LAYOUT, target: zeros(LAYOUT.len()), upr: zeros(4), lwr: zeros(4), l2: 0.0 };
        trainer.solve(&moments()).expect("inside");
        let mut point = Point::new(LAYOUT);
        point.evaluate(&psi, &trainer.inner.theta);
        assert_same(&by_differences(&point.gradient, LAYOUT), &moments());
    }

    #[test]
    fn mean_coordinates_lead_back() {
        assert_same(&by_differences(&moments().joined(LAYOUT), LAYOUT), &moments());
    }

    #[test]
    fn variances_and_probabilities_are_bounded_and_means_are_not() {
        let options = NaturalGmmOptions {
            lat_min_var: 1.0,
            lat_jitter_var: 0.25,
            min_prob: 0.25,
            ..NaturalGmmOptions::default()
        };
        let (before, kept) = (moments(), [false, false, true, false]);
        let after = before.clone().bounded(&options, &kept);
        assert_eq!(after.mean, before.mean);
        for (at, (after, before)) in after.var.iter().zip(&before.var).enumerate() {
            assert_eq!(*after, if kept[at / 3] { *before } else { (before + 0.25).max(1.0) });
        }
        let clipped = [0.25, 0.25, 0.3, 0.4].map(|p: Real| p / (0.25 + 0.25 + 0.3 + 0.4));
        assert!(after.weight.iter().zip(clipped).all(|(a, b)| (a - b).abs() <= EXACT));
    }

    /// 0/0 is found behind the bounds, and named.
    #[test]
    fn an_anchor_without_probability_is_no_number() {
        let mut target = moments();
        (target.weight[0], target.weight[1]) = (0.0, 0.3);
        let (mut coordinates, halves) = (target.joined(LAYOUT), [0.25, 0.25, 0.5]);
        LAYOUT.parts_mut(&mut coordinates)[2].copy_from_slice(&halves);
        let after = by_differences(&coordinates, LAYOUT).bounded(&NaturalGmmOptions::default(), &[false; 4]);
        assert_eq!(after.first_non_finite().map(|(j, _)| j), Some(0), "{after:?}");
        assert!(after.weight.iter().all(|weight| *weight > 0.0));
    }

    #[test]
    fn a_dying_component_keeps_its_mean_and_variances() {
        let layout = Layout { k: 2, d: 1 };
        let theta = [1.0, 0.0, -0.5, 0.25, 0.0];
        let present = layout.mixture(&theta).expect("inside");
        let statistics = |share: f64| Statistics {
            counts: vec![10.0 * share, 10.0 * (1.0 - share)],
            centres: vec![1.0, 2.0],
            first: vec![0.0, 5.0],
            second: vec![40.0 * share, 30.0],
            log_likelihood: 0.0,
        };
        let (moments, kept) = by_component(&statistics(0.9 * DYING), 10, &present);
        assert_eq!((kept, moments.mean[0], moments.var[0]), (vec![true, false], 1.0, 1.0));
        let (moments, kept) = by_component(&statistics(1.1 * DYING), 10, &present);
        assert_eq!((kept, moments.mean[0], moments.var[0]), (vec![false; 2], 1.0, 4.0));
        assert!((moments.mean[1] - 2.5).abs() < 1e-6 && (moments.var[1] - 2.75).abs() < 1e-6);
    }
}
