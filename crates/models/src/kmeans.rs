//! k-means: centres that minimise the sum of squared distances of the rows from the nearest one (Lloyd 1982).
//!
//! Meanings and defaults of the settings are scikit-learn's. Distances are compared in [`Real`], centres
//! and inertia are f64.

mod geometry;
mod lloyd;
mod seeding;

use elbo_tensor::{Purpose, Real, Stream, Tensor, stream};

use crate::{
    Array, Configured, Degenerate, Estimator, EstimatorFacts, EstimatorOptions, Inferred, Iteration, Visitor, Word,
    estimator, fit,
};
use geometry::Coordinates;
use lloyd::Lloyd;

/// How the first centres are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KmeansInit {
    /// k-means++ with `2 + ⌊ln k⌋` greedy trials (Arthur & Vassilvitskii 2007).
    PlusPlus,
    /// Different rows at random.
    Random,
}

impl Word for KmeansInit {
    const WORDS: &'static [(&'static str, Self)] = &[("kmeans++", Self::PlusPlus), ("random", Self::Random)];
}

/// Options of [`Kmeans`].
#[derive(Debug, Clone, PartialEq)]
pub struct KmeansOptions {
    /// Number of clusters.
    pub k: usize,
    /// Seed of the first centres.
    pub seed: u64,
    /// How the first centres are chosen.
    pub init: KmeansInit,
    /// Number of fits, of which the one with the least inertia counts.
    pub n_init: usize,
    /// Iterations of a fit at most.
    pub max_iter: usize,
    /// A fit ends when `Σ ‖Δc‖²` is at most this times the mean over dimensions of the rows' variance.
    pub tol: f64,
}

impl Default for KmeansOptions {
    fn default() -> Self {
        Self { k: 10, seed: 0, init: KmeansInit::PlusPlus, n_init: 1, max_iter: 300, tol: 1e-4 }
    }
}

impl Configured for KmeansOptions {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.int("model.k", &mut self.k, 1..=1_000_000, "number of clusters");
        v.seed("train.seed", &mut self.seed, fit::SEED);
        v.word("train.init", &mut self.init, "first centres: rows far from each other, or any rows");
        v.int("train.n_init", &mut self.n_init, 1..=100_000, estimator::N_INIT);
        v.int("train.max_iter", &mut self.max_iter, 1..=1_000_000_000, "iterations of a fit at most");
        v.float("train.tol", &mut self.tol, 0.0..=1e12, "the fit ends at Σ‖Δcentre‖² ≤ tol · mean column variance");
    }
}

impl EstimatorOptions for KmeansOptions {
    fn facts(&self) -> EstimatorFacts {
        EstimatorFacts {
            kind: "kmeans",
            seed: self.seed,
            max_iterations: self.max_iter,
            clusters: self.k,
            shows_collapse: false,
        }
    }
    fn build(&self, width: usize) -> Box<dyn Estimator> {
        Box::new(Kmeans { width, ..Kmeans::new(self.clone()) })
    }
}

/// Rows in clusters.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    /// `[k, d]`.
    pub centres: Vec<f64>,
    /// The nearest centre of each row, `[n]`.
    pub labels: Vec<u32>,
    /// `Σ ‖x − c‖²` of the rows and their centres.
    pub inertia: f64,
    /// Iterations of this fit.
    pub iterations: usize,
}

/// Clusters of the rows `x: [n, d]`: the best of `n_init` fits.
///
/// # Errors
/// If there are fewer rows than clusters, or an option is outside its domain.
pub fn kmeans(x: &Tensor, options: &KmeansOptions) -> Result<Clustering, Degenerate> {
    options.check_for(x.shape().last())?;
    Kmeans::new(options.clone()).clustering(x)
}

/// One fit from given centres, `[k, d]`; `k`, `init` and `n_init` are not used.
///
/// # Errors
/// As for [`kmeans`].
pub fn kmeans_from(x: &Tensor, centres: Vec<f64>, options: &KmeansOptions) -> Result<Clustering, Degenerate> {
    let k = centres.len() / x.shape().last().max(1);
    let options = KmeansOptions { k, n_init: 1, ..options.clone() };
    options.check_for(x.shape().last())?;
    let mut kmeans = Kmeans::new(options);
    kmeans.centres = Some(centres);
    kmeans.clustering(x)
}

/// k-means as an estimator: `n_init` fits one after the other, an iteration of Lloyd's at a time. The rows must be the
/// same in every iteration.
#[derive(Debug)]
pub struct Kmeans {
    options: KmeansOptions,
    /// Dimensions of the rows; 0 before the first.
    width: usize,
    /// Fits that are done, and iterations of the one under way.
    runs: usize,
    iterations: usize,
    /// Centres of the fit under way, and those of its last assignment.
    centres: Option<Vec<f64>>,
    assigned: Option<Vec<f64>>,
    best: Option<Best>,
    /// What is known of the rows, and of the fit under way; found again after a restart.
    rows: Option<Rows>,
    lloyd: Option<Lloyd>,
}

/// The fit of the least inertia so far.
#[derive(Debug)]
struct Best {
    centres: Vec<f64>,
    inertia: f64,
    iterations: usize,
    converged: bool,
}

#[derive(Debug)]
struct Rows {
    coordinates: Coordinates,
    /// `Σ ‖x − shift‖²`.
    spread: f64,
    /// Mean over dimensions of the variance.
    variance: f64,
}

impl Kmeans {
    /// Not fitted yet.
    pub fn new(options: KmeansOptions) -> Self {
        let (centres, assigned, best) = (None, None, None);
        Self { options, width: 0, runs: 0, iterations: 0, centres, assigned, best, rows: None, lloyd: None }
    }

    /// The whole fit, of any seed: those that other starts derive are above the domain of `train.seed`.
    pub(crate) fn clustering(mut self, x: &Tensor) -> Result<Clustering, Degenerate> {
        while !self.iterate(x)?.done {}
        let (labels, Best { centres, inertia, iterations, .. }) = (self.labels(x), self.best.expect("a fit is done"));
        Ok(Clustering { centres, labels, inertia, iterations })
    }

    /// The centres of the best fit so far, `[k, d]`; `None` before the first is done.
    pub fn centres(&self) -> Option<&[f64]> {
        self.best.as_ref().map(|best| best.centres.as_slice())
    }

    /// The nearest of the best fit's centres for each row of `x: [n, d]`, before the first fit is done those of the fit
    /// under way; all 0 before that.
    fn labels(&self, x: &Tensor) -> Vec<u32> {
        let best = self.best.as_ref().map(|best| &best.centres);
        let under_way = self.lloyd.as_ref().map(|lloyd| &lloyd.centres).or(self.centres.as_ref());
        let Some(centres) = best.or(under_way) else { return vec![0; x.shape().rows()] };
        let mut lloyd = Lloyd::new(Coordinates::of(x.as_slice(), self.width, centres), centres.clone());
        lloyd.assign(x.as_slice());
        lloyd.labels()
    }

    /// The fit under way as its last iteration left it, or a new one.
    fn resume(&mut self, x: &[Real]) -> Lloyd {
        let given = self.centres.as_deref().unwrap_or_default();
        let rows = self.rows.get_or_insert_with(|| Rows::of(x, self.width, given));
        if let Some(lloyd) = self.lloyd.take() {
            return lloyd;
        }
        let start = || {
            let mut rng: Stream = stream(self.options.seed, Purpose::Init, self.runs as u64);
            match self.options.init {
                KmeansInit::PlusPlus => seeding::plus_plus(x, &rows.coordinates, self.options.k, &mut rng),
                KmeansInit::Random => seeding::random_rows(x, self.width, self.options.k, &mut rng),
            }
        };
        let centres = self.centres.take().unwrap_or_else(start);
        let mut lloyd = Lloyd::new(rows.coordinates.clone(), centres.clone());
        if let Some(assigned) = self.assigned.take() {
            lloyd.centres = assigned;
            lloyd.assign(x);
            lloyd.centres = centres;
        }
        lloyd
    }

    /// Ends a fit: labels that belong to its centres, and their inertia.
    fn finish(&mut self, mut lloyd: Lloyd, changed: usize, converged: bool, x: &[Real]) -> f64 {
        if changed > 0 {
            lloyd.assign(x);
        }
        let inertia = lloyd.inertia(x);
        if self.best.as_ref().is_none_or(|best| inertia < best.inertia) {
            self.best = Some(Best { centres: lloyd.centres, inertia, iterations: self.iterations, converged });
        }
        (self.runs, self.iterations, self.centres, self.assigned) = (self.runs + 1, 0, None, None);
        inertia
    }
}

impl Rows {
    fn of(x: &[Real], d: usize, centres: &[f64]) -> Self {
        let coordinates = Coordinates::of(x, d, centres);
        let n = (x.len() / d) as f64;
        let (first, second) = coordinates.moments(x);
        let variances = first.iter().zip(&second).map(|(first, second)| (second / n - (first / n).powi(2)).max(0.0));
        let variance = variances.sum::<f64>() / d as f64;
        Self { coordinates, spread: second.iter().sum(), variance }
    }

    /// `Σ ‖x − c‖²` where each of the centres is the mean of `counts` rows.
    fn inertia(&self, centres: &[f64], counts: &[u64]) -> f64 {
        let shift = &self.coordinates.shift;
        let off = |c: &[f64]| c.iter().zip(shift).map(|(c, &shift)| (c - f64::from(shift)).powi(2)).sum::<f64>();
        let explained = centres.chunks_exact(shift.len()).zip(counts).map(|(c, &count)| count as f64 * off(c));
        (self.spread - explained.sum::<f64>()).max(0.0)
    }
}

impl Estimator for Kmeans {
    fn options(&self) -> &dyn EstimatorOptions {
        &self.options
    }

    /// One of Lloyd's iterations: `inertia` of the means of the new clusters, and rows that `changed` theirs.
    fn iterate(&mut self, x: &Tensor) -> Result<Iteration, Degenerate> {
        self.width = x.shape().last();
        let (n, k, x) = (x.shape().rows(), self.options.k, x.as_slice());
        if n < k {
            return Err(Degenerate(format!("{k} clusters need as many rows, but there are {n}")));
        }
        let mut lloyd = self.resume(x);
        let assigned = lloyd.centres.clone();
        let step = lloyd.iterate(x);
        self.iterations += 1;
        let rows = self.rows.as_ref().expect("known since the fit began");
        let converged = step.changed == 0 || step.shift <= self.options.tol * rows.variance;
        let ends = converged || self.iterations >= self.options.max_iter;
        let mut inertia = rows.inertia(&lloyd.centres, &lloyd.counts);
        if ends {
            inertia = self.finish(lloyd, step.changed, converged, x);
        } else {
            (self.centres, self.assigned) = (Some(lloyd.centres.clone()), Some(assigned));
            self.lloyd = Some(lloyd);
        }
        let moved =
            (step.relocated > 0).then(|| format!("{} empty clusters moved to the farthest rows", step.relocated));
        Ok(Iteration {
            values: vec![("inertia", inertia), ("changed", step.changed as f64)],
            events: moved.into_iter().collect(),
            done: self.runs >= self.options.n_init,
        })
    }

    /// `inertia` of the best fit.
    fn fitted(&self, _log_likelihood: Option<f64>, _rows: usize) -> Vec<(&'static str, f64)> {
        self.best.iter().map(|best| ("inertia", best.inertia)).collect()
    }

    fn converged(&self) -> Option<bool> {
        self.best.as_ref().map(|best| best.converged)
    }

    fn state(&self) -> Vec<Array> {
        let shape = [self.options.k, self.width];
        let optional = |name, values: &Option<Vec<f64>>| values.as_ref().map(|values| Array::of(name, &shape, values));
        let mut state =
            vec![Array::number("runs", self.runs as f64), Array::number("iterations", self.iterations as f64)];
        state.extend(optional("centres", &self.centres));
        state.extend(optional("assigned", &self.assigned));
        if let Some(best) = &self.best {
            state.push(Array::of("best_centres", &shape, &best.centres));
            state.push(Array::number("best_inertia", best.inertia));
            state.push(Array::number("best_iterations", best.iterations as f64));
            state.push(Array::flag("best_converged", best.converged));
        }
        state
    }

    fn restore(&mut self, state: &[Array]) -> Result<(), String> {
        let shape = [self.options.k, self.width];
        let centres = |name| Ok::<_, String>(Array::find(state, name, &shape)?.map(<[f64]>::to_vec));
        let (runs, iterations) = (Array::count(state, "runs")?, Array::count(state, "iterations")?);
        let best = match centres("best_centres")? {
            None => None,
            Some(centres) => {
                let inertia = Array::expect(state, "best_inertia", &[])?[0];
                let converged = Array::find_flag(state, "best_converged")?.unwrap_or(true);
                Some(Best { centres, inertia, iterations: Array::count(state, "best_iterations")?, converged })
            }
        };
        let (centres, assigned) = (centres("centres")?, centres("assigned")?);
        *self = Self {
            runs,
            iterations,
            centres,
            assigned,
            best,
            rows: None,
            lloyd: None,
            width: self.width,
            ..Self::new(self.options.clone())
        };
        Ok(())
    }

    /// The nearest centre of the best fit as a posterior that is 0 or 1.
    fn infer(&self, x: &Tensor) -> Inferred {
        let mut clusters = vec![0.0; x.shape().rows() * self.options.k];
        let rows = clusters.chunks_exact_mut(self.options.k).zip(self.labels(x));
        rows.for_each(|(row, label)| row[label as usize] = 1.0);
        Inferred { clusters, ..Inferred::default() }
    }
}

#[cfg(test)]
mod tests {
    use elbo_tensor::fill_normal;

    use super::*;

    fn options(k: usize, seed: u64) -> KmeansOptions {
        KmeansOptions { k, seed, ..KmeansOptions::default() }
    }

    fn normals(shape: [usize; 2]) -> Tensor {
        let mut x = Tensor::scratch(shape);
        fill_normal(&mut stream(5, Purpose::Test, 0), x.as_mut_slice());
        x
    }

    /// Centres far apart are found whatever the first draw, which uniform draws would miss in 24 of 25 cases: 8 draws
    /// hit 8 groups with probability 8!/8⁸ = 0.0024.
    #[test]
    fn k_means_plus_plus_finds_separated_groups() {
        let noise = normals([800, 2]);
        let x = Tensor::from_fn([800, 2], |i| noise.as_slice()[i] + 100.0 * (i / 2 % 8) as Real * (1 + i % 2) as Real);
        for seed in 0..25 {
            let fit = kmeans(&x, &options(8, seed)).unwrap();
            assert!(fit.inertia < 2000.0, "seed {seed}: inertia {}", fit.inertia);
            assert_eq!(fit.labels.iter().enumerate().filter(|(i, l)| **l != fit.labels[i % 8]).count(), 0);
        }
    }

    #[test]
    fn a_fit_goes_on_from_its_state_to_the_same_bits() {
        let x = normals([3000, 4]);
        let options = KmeansOptions { n_init: 3, max_iter: 7, init: KmeansInit::Random, ..options(5, 9) };
        let mut whole = options.build(4);
        loop {
            let mut broken = options.build(4);
            broken.restore(&whole.state()).unwrap();
            let (a, b) = (whole.iterate(&x).unwrap(), broken.iterate(&x).unwrap());
            assert!(a == b && whole.state() == broken.state());
            if a.done {
                break;
            }
        }
        assert_eq!(Array::count(&whole.state(), "runs"), Ok(3));
    }

    #[test]
    fn the_first_fit_has_labels_while_it_is_under_way() {
        let x = normals([60, 3]);
        let mut kmeans = Kmeans::new(options(4, 1));
        assert!(!kmeans.iterate(&x).unwrap().done);
        let labels = kmeans.labels(&x);
        assert!((0..4).all(|k| labels.contains(&k)), "{labels:?}");
        // The same from what is stored.
        let mut restored = Kmeans { width: 3, ..Kmeans::new(options(4, 1)) };
        restored.restore(&kmeans.state()).unwrap();
        assert_eq!(restored.labels(&x), labels);
    }

    #[test]
    fn a_state_of_another_shape_is_refused() {
        let state =
            [Array::number("runs", 0.0), Array::number("iterations", 1.0), Array::of("centres", &[1, 2], &[0.0; 2])];
        let refusal = options(2, 0).build(2).restore(&state).unwrap_err();
        assert_eq!(refusal, "`centres` has shape [1, 2], not [2, 2]");
    }

    #[test]
    fn hostile_rows_end_in_a_result_or_a_refusal() {
        let normal = normals([60, 3]);
        let with = |f: &dyn Fn(usize, Real) -> Real| Tensor::from_fn([60, 3], |i| f(i, normal.as_slice()[i]));
        let sets = [
            ("duplicates", with(&|i, _| (i / 3 % 4) as Real)),
            ("constant column", with(&|i, x| if i % 3 == 1 { 7.0 } else { x })),
            ("outlier", with(&|i, x| if i == 9 { 1e15 } else { x })),
            ("tiny", with(&|_, x| x * 1e-30)),
            ("huge", with(&|_, x| x * 1e30)),
            ("all equal", with(&|_, _| 3.0)),
        ];
        for (name, x) in sets {
            for k in [1, 3, 10, 60] {
                let fit = kmeans(&x, &options(k, 1)).unwrap();
                assert!(
                    fit.inertia.is_finite() && fit.centres.iter().all(|c| c.is_finite()),
                    "{name}, k = {k}: {fit:?}"
                );
            }
        }
        assert_eq!(kmeans(&with(&|i, _| (i / 3 % 4) as Real), &options(10, 1)).unwrap().inertia, 0.0);
        assert_eq!(
            kmeans(&normals([2, 3]), &options(3, 1)),
            Err(Degenerate("3 clusters need as many rows, but there are 2".into()))
        );
    }

    /// An outlier must not cost the digits of the others.
    #[test]
    fn an_outlier_leaves_the_other_clusters() {
        let noise = normals([300, 2]);
        let value = |i: usize| noise.as_slice()[i] + 60.0 * (i / 2 % 2) as Real - 30.0;
        let x = Tensor::from_fn([300, 2], |i| if i == 7 { 1e15 } else { value(i) });
        let fit = kmeans(&x, &options(3, 2)).unwrap();
        let rows = (0..300).filter(|&row| row != 3);
        assert!(rows.clone().all(|row| fit.labels[row] == fit.labels[if row % 2 == 0 { 0 } else { 1 }]));
        assert_ne!(fit.labels[0], fit.labels[1]);
    }
}
