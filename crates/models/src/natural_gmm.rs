//! A mixture of diagonal normals trained by gradient steps in natural parameters: frozen expectations, many Adam steps
//! a batch.
//!
//! Each batch has one E-step, whose statistics are bounded in mean coordinates and then frozen while Adam minimises
//! `ψ(θ) − θ·η̂ + R(θ)` in the anchored coordinates of [`MixtureNatural`] (the M-step of Sokoloski and Berens,
//! *Hierarchical mixtures of Gaussians for combined dimensionality reduction and clustering*, arXiv:2206.04841, by
//! gradient steps). Every step of the anchor moves all components.

mod advice;
mod bounds;
mod layout;
mod m_step;
mod objective;
mod options;
mod point;
mod report;
mod start;

use elbo_tensor::{Purpose, Real, Stream, Tensor, fill_uniform, stream};

use crate::dist::natural::{MixtureNatural, MixtureSource, NormalSource};
use crate::mixture::{DiagonalComponents, EStep};
use crate::{Array, Degenerate, Estimator, EstimatorFacts, EstimatorOptions, Inferred, Invalid, Iteration};
use bounds::{Moments, by_component, by_differences, mean_coordinates};
pub use layout::Layout;
use m_step::{Collapse, MStep};
pub use objective::Objective;
pub use options::{Guarding, MStepGradient, MStepSolver, NaturalGmmOptions, StartVariance};
use report::Report;

impl EstimatorOptions for NaturalGmmOptions {
    fn facts(&self) -> EstimatorFacts {
        EstimatorFacts {
            kind: "natural-gmm",
            seed: self.seed,
            max_iterations: self.max_iter,
            clusters: self.k,
            shows_collapse: !self.guarded(),
        }
    }
    fn fits(&self, _width: usize) -> Result<(), Invalid> {
        if self.exact() && self.l2_reg > 0.0 {
            let l2 = self.l2_reg;
            return Err(Invalid(format!("train.l2_reg = {l2}: train.solver = \"closed-form\" needs 0")));
        }
        Ok(())
    }
    fn build(&self, width: usize) -> Box<dyn Estimator> {
        Box::new(NaturalGmm::new(self.clone()).of_width(width))
    }
}

/// The trainer; an iteration is an epoch. Component 1 is the anchor.
///
/// In `mode = "faithful"` the anchor's probability is `1 − Σⱼ πⱼ` in [`Real`] and its statistics are differences,
/// divided by it before anything is bounded: once all others sum to 1 that is 0/0, and the fit ends as [`Degenerate`].
///
/// In `mode = "guarded"` nothing becomes NaN. Every component's statistics are its own sums. A component whose mean
/// responsibility is below 1e-7 keeps its mean and variances: they become its target, the penalties of its precision
/// are left out, and after the M-step, whose steps of the anchor move every component, they are put back; its weight
/// goes to `min_prob` by the bounds. A step of Adam is shortened as a whole until no component's −η₂ falls below half
/// of what it was, and halved until the gradient is finite.
#[derive(Debug)]
pub struct NaturalGmm {
    options: NaturalGmmOptions,
    /// Of no dimensions before the width of the rows is known, and then `kept` and `inner` have no room yet.
    layout: Layout,
    epoch: u64,
    /// Whether the rows have given the first parameters.
    started: bool,
    /// Components that the last bounds kept because they were dying.
    kept: Vec<bool>,
    e_step: EStep,
    inner: MStep,
}

impl NaturalGmm {
    /// Not fitted yet.
    pub fn new(options: NaturalGmmOptions) -> Self {
        let (layout, inner) = (Layout { k: options.k, d: 0 }, MStep::new(Layout { k: 1, d: 0 }, Vec::new()));
        Self { options, layout, epoch: 0, started: false, kept: Vec::new(), e_step: EStep::new(), inner }
    }

    /// The same for rows of `width` columns.
    fn of_width(mut self, width: usize) -> Self {
        self.widen(width);
        self
    }

    /// The fitted mixture; `None` before the start.
    pub fn mixture(&self) -> Option<MixtureNatural> {
        self.started.then(|| self.layout.mixture(&self.inner.theta)).flatten()
    }

    /// Starts from `mixture` in place of k-means.
    ///
    /// # Errors
    /// If its coordinates are not representable.
    ///
    /// # Panics
    /// If it has another number of components than the options.
    #[track_caller]
    pub fn start_from(&mut self, mixture: &MixtureSource) -> Result<(), Degenerate> {
        assert_eq!(mixture.weights().len(), self.layout.k, "a start with as many components as the model");
        self.widen(mixture.components()[0].mean().len());
        self.take(&mixture.to_natural()).ok_or_else(|| out_of_range("the start"))?;
        self.started = true;
        Ok(())
    }

    /// Makes room for rows of `width` columns, if there is none yet.
    fn widen(&mut self, width: usize) {
        if !self.started && (self.kept.is_empty() || self.layout.d != width) {
            self.layout.d = width;
            self.inner = MStep::new(self.layout, vec![0.0; self.layout.len()]);
            self.kept = vec![false; self.layout.k];
        }
    }

    /// Takes over a mixture whose coordinates, rounded to [`Real`], are inside the domain.
    fn take(&mut self, mixture: &MixtureNatural) -> Option<()> {
        let theta = self.layout.coordinates(mixture);
        self.layout.mixture(&theta)?;
        self.inner.theta = theta;
        Some(())
    }

    /// Row numbers of each batch of this epoch; `None` for all rows at once. The last batch may be smaller.
    fn batches(&self, rows: usize) -> Option<Vec<Vec<usize>>> {
        let size = self.options.batch;
        if size == 0 || size >= rows {
            return None;
        }
        let mut keys = vec![0.0; rows];
        fill_uniform(&mut stream(self.options.seed, Purpose::Shuffle, self.epoch), &mut keys);
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
        Some(order.chunks(size).map(<[usize]>::to_vec).collect())
    }

    /// E-step, bounds and M-step of one batch.
    fn fit(&mut self, x: &Tensor, batch: usize, report: &mut Report) -> Result<(), Degenerate> {
        let epoch = self.epoch;
        let place = |step: Option<usize>| match step {
            Some(step) => format!("epoch {epoch}, batch {batch}, step {step}"),
            None => format!("epoch {epoch}, batch {batch}, E-step"),
        };
        let present = self.mixture().ok_or_else(|| out_of_range(&place(None)))?;
        let (sums, rows) = (self.e_step.run(x, &diagonal(&present)), x.shape().rows());
        report.add(sums, rows);
        let (moments, kept) = if self.options.guarded() {
            by_component(sums, rows, &present)
        } else {
            let coordinates = mean_coordinates(sums, rows, self.layout);
            (by_differences(&coordinates, self.layout), vec![false; self.layout.k])
        };
        let shares: Vec<f64> = sums.counts.iter().map(|count| count / rows as f64).collect();
        let lost_weight = moments.weight.iter().position(|&weight| weight == 0.0);
        let target = moments.bounded(&self.options, &kept);
        if let Some((j, what)) = target.first_non_finite() {
            let why = match lost_weight.filter(|_| !self.options.guarded()) {
                Some(0) => "component 1, the anchor, has probability 1 − Σ = 0 and is divided by it".into(),
                Some(j) => format!("component {} has probability 0 and is divided by it", j + 1),
                None => format!("the {what} of component {} is not finite", j + 1),
            };
            return Err(Degenerate(format!("{}: {why}", place(None))));
        }
        report.guard(&kept, &self.kept, &shares);
        self.kept = kept;
        if self.options.exact() {
            if let Some((j, i)) = self.without_variance(&target) {
                let (place, j, i) = (place(None), j + 1, i + 1);
                let reason = format!("component {j} has no variance in dimension {i}: raise train.lat_min_var");
                return Err(Degenerate(format!("{place}: {reason}")));
            }
            return self.solve(&target).ok_or_else(|| out_of_range(&place(None)));
        }
        let objective = self.objective(&target);
        let taken = self.inner.run(&objective, &self.options).map_err(|Collapse { step, component }| {
            let why = component.map_or("the gradient is not finite or too large to be squared".into(), |j| {
                format!("η₂ of component {}{} is not below 0", j + 1, if j == 0 { ", the anchor," } else { "" })
            });
            Degenerate(format!("{}: {why}", place(step)))
        })?;
        report.norm = Some(taken.norm);
        report.shortened += taken.shortened;
        self.put_back(&present).ok_or_else(|| out_of_range(&place(None)))
    }

    /// The objective of an M-step; the penalties of components that are kept are left out.
    fn objective(&self, target: &Moments) -> Objective {
        let weights = |weight: f64| self.kept.iter().map(|&kept| if kept { 0.0 } else { weight as Real }).collect();
        Objective {
            layout: self.layout,
            target: target.joined(self.layout),
            upr: weights(self.options.upr_prs_reg),
            lwr: weights(self.options.lwr_prs_reg),
            l2: self.options.l2_reg as Real,
        }
    }

    /// The minimum of the objective without `‖θ‖²`: means and weights of the target and its variances
    /// [shrunk](Moments::shrunk).
    fn solve(&mut self, target: &Moments) -> Option<()> {
        let d = self.layout.d;
        let (weights, mean) = (wide(&target.weight), wide(&target.mean));
        let component = |j: usize| {
            let var = target.shrunk(j, &self.options, self.kept[j]);
            NormalSource::new(mean[j * d..][..d].to_vec(), var)
        };
        let components = (0..self.layout.k).map(component).collect::<Option<_>>()?;
        self.take(&MixtureSource::new(weights, components)?.to_natural())
    }

    /// The first component and dimension of which an exact M-step would make a variance that [`Real`] does not hold.
    fn without_variance(&self, target: &Moments) -> Option<(usize, usize)> {
        let least = |j: usize| {
            let var = target.shrunk(j, &self.options, self.kept[j]);
            Some((j, var.iter().position(|&var| var < f64::from(Real::MIN_POSITIVE))?))
        };
        (0..self.layout.k).find_map(least)
    }

    /// Gives the components that are kept the means and variances that they had.
    fn put_back(&mut self, before: &MixtureNatural) -> Option<()> {
        if !self.kept.contains(&true) {
            return Some(());
        }
        let after = self.mixture()?;
        let of = |j: usize| if self.kept[j] { before.components()[j].clone() } else { after.components()[j].clone() };
        self.take(&MixtureNatural::new(&after.log_weights(), (0..self.layout.k).map(of).collect()))
    }
}

/// The mixture as the E-step takes it.
fn diagonal(mixture: &MixtureNatural) -> DiagonalComponents {
    let sources: Vec<_> = mixture.components().iter().map(|c| c.to_source()).collect();
    DiagonalComponents {
        log_weights: mixture.log_weights(),
        means: sources.iter().flat_map(|source| source.mean()).copied().collect(),
        variances: sources.iter().flat_map(|source| source.var()).copied().collect(),
    }
}

/// A start or a target that [`Real`] cannot hold.
fn out_of_range(place: &str) -> Degenerate {
    Degenerate(format!("{place}: parameters out of the range of numbers; standardise the rows"))
}

fn wide(values: &[Real]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

impl Estimator for NaturalGmm {
    fn options(&self) -> &dyn EstimatorOptions {
        &self.options
    }

    /// The parameters before the first epoch: k-means' centres and their shared variance. Refused if there are fewer
    /// rows than components.
    fn start(&mut self, x: &Tensor) -> Result<bool, Degenerate> {
        if !self.started {
            self.widen(x.shape().last());
            let mixture = start::start(x, self.layout, &self.options)?.ok_or_else(|| out_of_range("the start"))?;
            self.take(&mixture.to_natural()).ok_or_else(|| out_of_range("the start"))?;
            self.started = true;
        }
        Ok(true)
    }

    fn advice(&mut self, x: &Tensor) -> Vec<String> {
        let started = self.start(x).ok().and_then(|_| self.mixture());
        started.map_or_else(Vec::new, |present| {
            let mut e_step = EStep::new();
            advice::of(&present, e_step.run(x, &diagonal(&present)), x.shape().rows(), &self.options)
        })
    }

    /// An epoch. `log_likelihood` and `active` (components with a row's worth of responsibility or more) are those of
    /// its E-steps, before the update; `min_weight`, `min_precision`, `max_precision` and `gradient_norm` are those of
    /// its end. In `mode = "guarded"` what the guard did is counted: components that `kept` mean and variances, summed
    /// over the batches, those that were `refitted` afterwards, and steps that were `shortened`.
    fn iterate(&mut self, x: &Tensor) -> Result<Iteration, Degenerate> {
        self.options.fits(x.shape().last())?;
        self.start(x)?;
        if self.options.epoch_reset {
            self.inner.reset();
        }
        let mut report = Report::new(self.layout.k, self.options.guarded());
        match self.batches(x.shape().rows()) {
            None => self.fit(x, 0, &mut report)?,
            Some(batches) => {
                for (number, rows) in batches.iter().enumerate() {
                    self.fit(&gathered(x, rows), number, &mut report)?;
                }
            }
        }
        self.epoch += 1;
        Ok(report.finish(self.mixture().as_ref(), self.epoch >= self.options.max_iter as u64))
    }

    fn state(&self) -> Vec<Array> {
        if self.kept.is_empty() {
            return Vec::new();
        }
        let Layout { k, d } = self.layout;
        let [eta1, eta2, logits] = self.layout.parts(&self.inner.theta);
        let array = |name, shape: &[usize], values: &[Real]| Array::of(name, shape, &wide(values));
        let kept: Vec<f64> = self.kept.iter().map(|&kept| f64::from(u8::from(kept))).collect();
        vec![
            Array::number("epoch", self.epoch as f64),
            Array::number("started", f64::from(u8::from(self.started))),
            array("eta1", &[k, d], eta1),
            array("eta2", &[k, d], eta2),
            array("theta_z", &[k - 1], logits),
            Array::number("adam_steps", self.inner.steps as f64),
            array("adam_first", &[self.layout.len()], &self.inner.first),
            array("adam_second", &[self.layout.len()], &self.inner.second),
            Array::of("kept", &[k], &kept),
        ]
    }

    fn restore(&mut self, state: &[Array]) -> Result<(), String> {
        let Layout { k, d } = self.layout;
        let array = |name: &str, shape: &[usize]| -> Result<Vec<Real>, String> {
            let values = Array::expect(state, name, shape)?;
            let finite = values.iter().all(|v| v.is_finite()).then(|| values.iter().map(|&v| v as Real).collect());
            finite.ok_or_else(|| format!("`{name}` is not finite"))
        };
        let theta = [array("eta1", &[k, d])?, array("eta2", &[k, d])?, array("theta_z", &[k - 1])?].concat();
        let started = Array::count(state, "started")? != 0;
        if started && self.layout.mixture(&theta).is_none() {
            return Err("an η₂ is not below 0".into());
        }
        let moments = ["adam_first", "adam_second"].map(|name| array(name, &[self.layout.len()]));
        let [first, second] = moments;
        (self.inner.first, self.inner.second) = (first?, second?);
        self.inner.steps = Array::count(state, "adam_steps")? as u64;
        self.kept = array("kept", &[k])?.iter().map(|&kept| kept != 0.0).collect();
        self.epoch = Array::count(state, "epoch")? as u64;
        (self.started, self.inner.theta) = (started, theta);
        Ok(())
    }

    fn infer(&self, x: &Tensor) -> Inferred {
        let Some(mixture) = self.mixture() else { return Inferred::default() };
        let posterior = EStep::new().posterior(x, &diagonal(&mixture));
        Inferred { log_density: posterior.log_density, clusters: posterior.responsibilities, latents: Vec::new() }
    }

    fn sample(&self, count: usize, rng: &mut Stream) -> Option<Tensor> {
        let mixture = self.mixture()?;
        let draws: Vec<Real> = (0..count).flat_map(|_| mixture.sample(rng).0).map(|v| v as Real).collect();
        Some(Tensor::from_slice([count, self.layout.d], &draws))
    }
}

/// Rows `rows` of `x`.
fn gathered(x: &Tensor, rows: &[usize]) -> Tensor {
    let d = x.shape().last();
    let values: Vec<Real> = rows.iter().flat_map(|&row| &x.as_slice()[row * d..][..d]).copied().collect();
    Tensor::from_slice([rows.len(), d], &values)
}
