//! From values over seeds to verdicts.

use elbo_metrics::{Spread, percentile_of};

use super::{Request, Results};
use crate::plot::Look;
use crate::plot::panel::Strip;
use crate::report::{Band, Verdict};

/// A number of a study over its seeds, before it is judged.
pub struct Quantity {
    /// Name: "KL at β = 0.1".
    pub name: String,
    /// Its unit.
    pub unit: &'static str,
    /// One value a seed.
    pub values: Vec<f64>,
    /// Where the median should lie.
    pub band: Option<Band>,
    /// The source's value.
    pub source: Option<f64>,
    /// Look of the dots.
    pub look: Look,
}

impl Quantity {
    /// The verdict: ours is judged if there is a band and the request is the one that the band is for.
    pub fn verdict(self, request: &Request<'_>) -> Verdict {
        let spread = (!self.values.is_empty()).then(|| Spread::of(&self.values));
        let median = spread.map_or(f64::NAN, |spread| spread.median);
        let ends = self.band.map(|band| (band.low, band.high));
        let strip = Strip { look: self.look, values: self.values.clone(), band: ends, source: self.source };
        Verdict {
            quantity: self.name,
            unit: self.unit,
            median,
            spread: spread.map_or((f64::NAN, f64::NAN), |spread| (spread.low, spread.high)),
            n: self.values.len(),
            holds: self.band.filter(|_| request.is_judged()).map(|band| band.holds(median)),
            band: self.band,
            source: self.source,
            source_percentile: self.source.filter(|_| self.values.len() > 1).map(|s| percentile_of(s, &self.values)),
            strip: (self.values.len() > 1).then(|| strip.draw()),
        }
    }

    /// The same for one number that is computed from all seeds together.
    pub fn single(name: &str, value: f64, band: (Option<f64>, Option<f64>), request: &Request<'_>) -> Verdict {
        let band = Some(Band::required(band.0, band.1));
        let quantity = Self { name: name.into(), unit: "", values: vec![value], band, source: None, look: Look::GREY };
        Verdict { n: 0, ..quantity.verdict(request) }
    }

    /// That every run came to its end: medians are of those that did.
    pub fn none_diverged(results: &Results<'_>, request: &Request<'_>) -> Verdict {
        Self::single("runs that diverged", results.diverged() as f64, (None, Some(0.0)), request)
    }
}
