//! What theory says of a fit before it begins, from its start and the E-step there.

use elbo_tensor::Real;

use super::bounds::{Moments, by_component};
use super::options::NaturalGmmOptions;
use crate::dist::natural::{MixtureNatural, NormalNatural};
use crate::mixture::Statistics;

/// Steps of Adam between η₂ and 0 below which rows should be standardised.
const FEW_STEPS: f64 = 10.0;
/// `|μ|/σ` above which a target's `μ² + σ²` in single precision has fewer than four digits of σ².
const FAR: f64 = 100.0;

/// A number of a component, counted from 0.
type Of = (usize, f64);

/// Lines on the penalties, the first M-step's variances, the steps from η₂ to 0 and the means, for `statistics` of
/// `rows` rows under the start `present`.
pub(super) fn of(
    present: &MixtureNatural,
    statistics: &Statistics,
    rows: usize,
    options: &NaturalGmmOptions,
) -> Vec<String> {
    let (moments, kept) = by_component(statistics, rows, present);
    let target = moments.bounded(options, &kept);
    let lines = [penalties(options), shrinkage(&target, &kept, options), steps(present, options), means(&target)];
    lines.into_iter().flatten().collect()
}

/// Where the penalties alone lead.
fn penalties(options: &NaturalGmmOptions) -> Option<String> {
    let (lwr, upr) = (options.lwr_prs_reg, options.upr_prs_reg);
    match (lwr > 0.0, upr > 0.0) {
        (true, false) => Some(format!(
            "warning: lwr_prs_reg = {lwr} with upr_prs_reg = 0 shrinks every variance without limit as a weight \
             goes to 0; upr_prs_reg = lwr_prs_reg keeps it near 1"
        )),
        (true, true) => {
            Some(format!("the penalties alone pull every precision to lwr_prs_reg/upr_prs_reg = {:.3}", lwr / upr))
        }
        _ => None,
    }
}

/// What the penalties make of the variances, summed over dimensions: `Σσ²ⱼ / Σs²ⱼ` of [`Moments::shrunk`].
fn shrinkage(target: &Moments, kept: &[bool], options: &NaturalGmmOptions) -> Option<String> {
    if options.lwr_prs_reg == 0.0 && options.upr_prs_reg == 0.0 {
        return None;
    }
    // A kept component's variances are those of the target.
    let total = |j: usize, kept: bool| target.shrunk(j, options, kept).iter().sum::<f64>();
    let factor = |j: usize| (j, total(j, false) / total(j, true));
    let (least, most) = range((0..kept.len()).filter(|&j| !kept[j]).map(factor))?;
    let say = |(j, factor): Of| format!("{factor:.3} (component {}, weight {:.2e})", j + 1, target.weight[j]);
    let [low, high] = [least, most].map(|(_, factor)| format!("{factor:.3}"));
    let all = if low == high { low } else { format!("{} to {}", say(least), say(most)) };
    Some(format!("the penalties multiply the variances of the first M-step by {all}"))
}

/// How far the smallest `|η₂|` of a component is from 0 when every step of Adam moves it by lr.
fn steps(present: &MixtureNatural, options: &NaturalGmmOptions) -> Option<String> {
    let least = |c: &NormalNatural| c.eta2().precisions().fold(f64::INFINITY, f64::min);
    let steps = present.components().iter().map(|component| 0.5 * least(component) / options.lr);
    let (least, most) = range(steps.enumerate()).filter(|_| !options.exact())?;
    let say = |steps: f64| if steps < 100.0 { format!("{steps:.1}") } else { format!("{steps:.0}") };
    let all = if say(least.1) == say(most.1) {
        say(least.1)
    } else {
        format!("{} (component {}) to {} (component {})", say(least.1), least.0 + 1, say(most.1), most.0 + 1)
    };
    let advice = if least.1 < FEW_STEPS { ": standardise (data.standardize = true)" } else { "" };
    Some(format!("η₂ starts {all} steps of Adam from 0{advice}"))
}

/// Means that are too far from 0 for single precision.
fn means(target: &Moments) -> Option<String> {
    let ratio = |(mean, var): (&Real, &Real)| f64::from(mean.abs()) / f64::from(*var).sqrt();
    let (_, (at, ratio)) = range(target.mean.iter().zip(&target.var).map(ratio).enumerate())?;
    let (d, ratio) = (target.var.len() / target.weight.len(), Some(ratio).filter(|&ratio| ratio > FAR)?);
    Some(format!(
        "warning: a mean is {ratio:.0} standard deviations from 0 (component {}, dimension {}), where single precision \
         loses digits: standardise (data.standardize = true)",
        at / d + 1,
        at % d + 1
    ))
}

/// The smallest and the largest finite number.
fn range(numbers: impl Iterator<Item = Of>) -> Option<(Of, Of)> {
    let numbers: Vec<Of> = numbers.filter(|(_, number)| number.is_finite()).collect();
    let order = |a: &&Of, b: &&Of| a.1.total_cmp(&b.1);
    Some((*numbers.iter().min_by(order)?, *numbers.iter().max_by(order)?))
}
