//! The outcomes of a study, by label.

use elbo_metrics::Spread;
use serde_json::Value;

use super::experiment::Experiment;
use crate::grid::Outcome;

/// Every run of a study with its outcome, in the order of the plan.
pub struct Results<'a>(Vec<(&'a Experiment, &'a Outcome)>);

impl<'a> Results<'a> {
    /// Pairs runs and outcomes.
    pub fn new(runs: impl Iterator<Item = (&'a Experiment, &'a Outcome)>) -> Self {
        Self(runs.collect())
    }

    /// The runs with these labels.
    pub fn of(&self, labels: &[(&str, &str)]) -> Results<'a> {
        let keep =
            |e: &Experiment| labels.iter().all(|(name, value)| e.labels.iter().any(|(n, v)| n == name && v == value));
        Results(self.0.iter().filter(|(experiment, _)| keep(experiment)).copied().collect())
    }

    /// The runs themselves.
    pub fn runs(&self) -> &[(&'a Experiment, &'a Outcome)] {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A metric of every run that has it, with the seed; of a run that diverged its last value, if the study measures
    /// that.
    pub fn by_seed(&self, metric: &str) -> Vec<(u64, f64)> {
        self.0.iter().filter_map(|(e, outcome)| Some((e.seed(), outcome.find(metric)?))).collect()
    }

    /// A metric of every run that has it, in the order of the seeds.
    pub fn metric(&self, metric: &str) -> Vec<f64> {
        self.by_seed(metric).into_iter().map(|(_, value)| value).collect()
    }

    /// The median of a metric; NaN without a run.
    pub fn median(&self, metric: &str) -> f64 {
        median(&self.metric(metric))
    }

    /// A metric minus that of other runs, of each seed that both have.
    pub fn minus(&self, other: &Results<'_>, metric: &str) -> Vec<f64> {
        let theirs = other.by_seed(metric);
        let of = |seed| theirs.iter().find(|(other, _)| *other == seed).map(|(_, value)| value);
        self.by_seed(metric).into_iter().filter_map(|(seed, ours)| Some(ours - of(seed)?)).collect()
    }

    /// The record of the run with the smallest seed.
    pub fn first_record(&self) -> Option<&'a Value> {
        let first = self.0.iter().filter(|(_, outcome)| !outcome.diverged()).min_by_key(|(e, _)| e.seed());
        first.map(|(_, outcome)| &outcome.record)
    }

    /// The runs that diverged, with what they said.
    pub fn diverged(&self) -> usize {
        self.0.iter().filter(|(_, outcome)| outcome.diverged()).count()
    }

    /// Median and quartiles over the runs of a list of numbers in their records, position by position.
    pub fn history(&self, path: &str) -> Vec<Spread> {
        let lists: Vec<Vec<f64>> = self.0.iter().filter_map(|(_, outcome)| numbers(&outcome.record[path])).collect();
        let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
        let at = |i: usize| {
            lists.iter().filter_map(|list| list.get(i).copied()).filter(|v| v.is_finite()).collect::<Vec<_>>()
        };
        (0..longest).map(at).filter(|values| !values.is_empty()).map(|values| Spread::of(&values)).collect()
    }
}

/// The median; NaN without a value.
pub fn median(values: &[f64]) -> f64 {
    if values.is_empty() { f64::NAN } else { elbo_metrics::median(values) }
}

/// The least and the largest value; +∞ and −∞ without one.
pub fn ends(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), &v| (least.min(v), most.max(v)))
}

/// The values of a column of `metrics.csv`.
pub fn without_epochs(column: &[(f64, f64)]) -> Vec<f64> {
    column.iter().map(|(_, value)| *value).collect()
}

/// A list of numbers in a record.
pub fn numbers(value: &Value) -> Option<Vec<f64>> {
    Some(value.as_array()?.iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect())
}
