//! What an epoch says of itself.

use crate::Iteration;
use crate::dist::natural::MixtureNatural;
use crate::mixture::Statistics;

/// What an epoch gathers.
#[derive(Debug)]
pub(super) struct Report {
    guarded: bool,
    rows: usize,
    batches: usize,
    log_likelihood: f64,
    counts: Vec<f64>,
    /// Norm of the last gradient before clipping; none if no step was taken.
    pub norm: Option<f64>,
    /// Steps that the guard shortened.
    pub shortened: usize,
    /// Batches in which each component kept its mean and variances, `[k]`.
    kept: Vec<usize>,
    /// Times that a component was fitted again.
    refitted: usize,
    /// Components that began or ceased to be kept in the first batch, and how often one did in all.
    first: Vec<String>,
    changes: usize,
}

impl Report {
    /// Of an epoch of `k` components, in which nothing has happened yet.
    pub fn new(k: usize, guarded: bool) -> Self {
        let (counts, kept, first) = (vec![0.0; k], vec![0; k], Vec::new());
        let (rows, batches, log_likelihood, norm) = (0, 0, 0.0, None);
        let (shortened, refitted, changes) = (0, 0, 0);
        Self { guarded, rows, batches, log_likelihood, counts, norm, shortened, kept, refitted, first, changes }
    }

    /// Adds the E-step of a batch of `rows` rows.
    pub fn add(&mut self, statistics: &Statistics, rows: usize) {
        self.rows += rows;
        self.batches += 1;
        self.log_likelihood += rows as f64 * statistics.log_likelihood;
        self.counts.iter_mut().zip(&statistics.counts).for_each(|(sum, count)| *sum += count);
    }

    /// Adds which components the batch just added keeps, which `before` were kept, and their mean responsibilities.
    pub fn guard(&mut self, kept: &[bool], before: &[bool], shares: &[f64]) {
        self.kept.iter_mut().zip(kept).for_each(|(sum, &kept)| *sum += usize::from(kept));
        for j in (0..kept.len()).filter(|&j| kept[j] != before[j]) {
            self.changes += 1;
            self.refitted += usize::from(before[j]);
            if self.batches == 1 {
                let what = if kept[j] { "keeps its mean and variances" } else { "is fitted again" };
                self.first.push(format!("component {} {what}: its mean responsibility is {:.1e}", j + 1, shares[j]));
            }
        }
    }

    /// `log_likelihood` and `active`, the components with a row's worth of responsibility, of the E-steps; the other
    /// values of the mixture at the end.
    pub fn finish(self, mixture: Option<&MixtureNatural>, done: bool) -> Iteration {
        let active = self.counts.iter().filter(|&&count| count >= 1.0).count();
        let mut values = vec![("log_likelihood", self.log_likelihood / self.rows as f64), ("active", active as f64)];
        if let Some(mixture) = mixture {
            let precisions = || mixture.components().iter().flat_map(|c| c.eta2().precisions());
            let least_weight = mixture.log_weights().into_iter().fold(f64::INFINITY, f64::min).exp();
            values.push(("min_weight", least_weight));
            values.push(("min_precision", precisions().fold(f64::INFINITY, f64::min)));
            values.push(("max_precision", precisions().fold(0.0, f64::max)));
        }
        values.extend(self.norm.map(|norm| ("gradient_norm", norm)));
        if self.guarded {
            let kept: usize = self.kept.iter().sum();
            let counts = [("kept", kept), ("refitted", self.refitted), ("shortened", self.shortened)];
            values.extend(counts.map(|(name, count)| (name, count as f64)));
        }
        Iteration { values, events: self.events(), done }
    }

    /// Lines for the log: of one batch a line for each component, of more the counts in one line.
    fn events(self) -> Vec<String> {
        let mut lines = self.first;
        if self.batches > 1 && self.changes > 0 {
            let components = self.kept.iter().filter(|&&count| count > 0).count();
            let (most, count) =
                self.kept.iter().enumerate().fold((0, 0), |best, (j, &n)| if n > best.1 { (j, n) } else { best });
            let often = if count > 0 { format!(", component {} in {count} of them", most + 1) } else { String::new() };
            lines = vec![format!(
                "{components} components kept mean and variances in some of the {} batches{often}; fitted again: {}",
                self.batches, self.refitted
            )];
        }
        if self.shortened > 0 {
            lines.push(format!("{} steps were shortened to keep η₂ < 0", self.shortened));
        }
        lines
    }
}
