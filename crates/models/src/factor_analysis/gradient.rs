//! Factor analysis by steps in natural coordinates: the targets of an E-step are held fixed for many steps of AdamW.

use elbo_tensor::linalg::{Moments, dot};
use elbo_tensor::{Mat, Purpose, Real, Stream, Tensor, dgemm, fill_normal, stream};

use super::em;
use super::harmonium::{Harmonium, LatentMoments};
use super::options::{FactorAnalysisOptions, Rotation};
use super::statistics::{Statistics, advice};
use crate::linear_gaussian::{Projector, product};
use crate::{Array, Degenerate, Estimator, EstimatorOptions, Inferred, Iteration, LinearGaussian};

/// Standard deviation of the interactions at the start.
const INIT_SCALE: f64 = 0.01;

/// Factor analysis that minimises `ψ(θ) − θᵀ η̂ + l2 ‖θ‖²` over the natural parameters θ of a [`Harmonium`], where the
/// η̂ are the expected statistics of an E-step.
pub struct GradientFactorAnalysis {
    options: FactorAnalysisOptions,
    /// Dimensions of the rows; 0 before the first.
    width: usize,
    statistics: Statistics,
    fit: Option<Fit>,
}

#[derive(Clone)]
struct Fit {
    harmonium: Harmonium,
    moments: AdamMoments,
    iterations: usize,
}

/// The expected statistics of an E-step.
struct Target {
    /// `E[x]`, `E[x²]` and `E[x zᵀ]`, in the order of the parameters.
    statistics: Vec<f64>,
    /// The moments of z, if the M-step has no prior of its own to take them from.
    latent: Option<LatentMoments>,
}

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2), β = (0.9, 0.999), ε = 1e-8.
struct AdamW {
    lr: f64,
    weight_decay: f64,
}

#[derive(Clone)]
struct AdamMoments {
    first: Vec<f64>,
    second: Vec<f64>,
    steps: f64,
}

impl GradientFactorAnalysis {
    /// Not fitted yet; `solver` and `tol` are not used.
    pub fn new(options: FactorAnalysisOptions) -> Self {
        Self { options, width: 0, statistics: Statistics::default(), fit: None }
    }

    /// The same for rows of `width` columns.
    pub(super) fn of_width(self, width: usize) -> Self {
        Self { width, ..self }
    }

    fn model(&self) -> Option<LinearGaussian> {
        let model = self.fit.as_ref()?.harmonium.model()?;
        Some(if self.options.rotate == Rotation::Canonical { model.canonical() } else { model })
    }
}

impl Estimator for GradientFactorAnalysis {
    fn options(&self) -> &dyn EstimatorOptions {
        &self.options
    }

    fn advice(&mut self, x: &Tensor) -> Vec<String> {
        let conjugation = (!self.options.conjugation).then(|| {
            "without the conjugation correction the posterior, not the prior, of the latents has variance 1".into()
        });
        advice(self.options.latents, x.shape().last()).into_iter().chain(conjugation).collect()
    }

    /// One E-step and the steps that follow it.
    fn iterate(&mut self, x: &Tensor) -> Result<Iteration, Degenerate> {
        self.width = x.shape().last();
        let FactorAnalysisOptions { latents, seed, conjugation, clip, l2_reg, .. } = self.options;
        let optimiser = AdamW { lr: self.options.lr, weight_decay: self.options.weight_decay };
        let moments = self.statistics.of(x, self.options.floor)?;
        let mut fit = self.fit.clone().unwrap_or_else(|| {
            let harmonium = start(moments, latents, seed, conjugation);
            Fit { moments: AdamMoments::new(harmonium.flat.len()), harmonium, iterations: 0 }
        });
        if self.options.epoch_reset {
            fit.moments = AdamMoments::new(fit.harmonium.flat.len());
        }
        let target = target(&fit.harmonium, moments)?;
        let mut gradient = vec![0.0; fit.harmonium.flat.len()];
        let mut norm = 0.0;
        for _ in 0..self.options.batch_steps {
            write_gradient(&fit.harmonium, &target, l2_reg, &mut gradient)?;
            norm = dot(&gradient, &gradient).sqrt();
            if clip > 0.0 && norm >= clip {
                gradient.iter_mut().for_each(|g| *g *= clip / norm);
            }
            optimiser.step(&mut fit.harmonium.flat, &mut fit.moments, &gradient);
            if let Some(column) = fit.harmonium.quadratic().iter().position(|h| h.is_nan() || *h >= 0.0) {
                return Err(Degenerate(format!("a step made the precision of column {column} negative")));
            }
        }
        let log_likelihood = fit.harmonium.model().map_or(f64::NAN, |model| model.log_likelihood(moments));
        if !log_likelihood.is_finite() {
            return Err(Degenerate("the likelihood of factor analysis is not finite".into()));
        }
        fit.iterations += 1;
        let done = fit.iterations >= self.options.max_iter;
        self.fit = Some(fit);
        let values = vec![("log_likelihood", log_likelihood), ("grad_norm", norm)];
        Ok(Iteration { values, events: Vec::new(), done })
    }

    fn state(&self) -> Vec<Array> {
        let Some(fit) = &self.fit else {
            return Vec::new();
        };
        let AdamMoments { first, second, steps } = &fit.moments;
        let mut arrays = fit.harmonium.to_state();
        arrays.extend([
            Array::of("first", &[first.len()], first),
            Array::of("second", &[second.len()], second),
            Array::number("steps", *steps),
        ]);
        arrays.push(Array::number("iterations", fit.iterations as f64));
        arrays
    }

    fn restore(&mut self, state: &[Array]) -> Result<(), String> {
        self.fit = None;
        if state.is_empty() {
            return Ok(());
        }
        let harmonium = Harmonium::read(state, [self.width, self.options.latents], self.options.conjugation)?;
        let size = [harmonium.flat.len()];
        let list = |name| Array::expect(state, name, &size).map(<[f64]>::to_vec);
        let steps = Array::expect(state, "steps", &[])?[0];
        let moments = AdamMoments { first: list("first")?, second: list("second")?, steps };
        self.fit = Some(Fit { harmonium, moments, iterations: Array::count(state, "iterations")? });
        Ok(())
    }

    /// Without the conjugation correction the latents are the posterior means `Θᵀ x` of the coordinates that were
    /// fitted, whose prior is not standard.
    fn infer(&self, x: &Tensor) -> Inferred {
        let (Some(model), Some(fit)) = (self.model(), &self.fit) else {
            return Inferred::default();
        };
        let inferred = model.infer(x);
        if self.options.conjugation {
            return inferred;
        }
        let l = self.options.latents;
        let theta: Vec<Real> = fit.harmonium.interaction().iter().map(|&theta| theta as Real).collect();
        let mut latents = vec![0.0; x.shape().rows() * l];
        elbo_tensor::gemm(x.as_mat(), Mat::new(&theta, self.width, l), 0.0, &mut latents);
        Inferred { latents, ..inferred }
    }

    fn sample(&self, count: usize, rng: &mut Stream) -> Option<Tensor> {
        Some(self.model()?.sample(count, rng))
    }
}

/// Mean and variances of the columns, and small random interactions.
fn start(moments: &Moments, latents: usize, seed: u64, conjugated: bool) -> Harmonium {
    let d = moments.mean.len();
    let mut normals: Vec<Real> = vec![0.0; d * latents];
    fill_normal(&mut stream(seed, Purpose::Init, 0), &mut normals);
    let interaction: Vec<f64> = normals.into_iter().map(|normal| INIT_SCALE * f64::from(normal)).collect();
    let variances = || moments.covariance.iter().step_by(d + 1);
    let linear: Vec<f64> = moments.mean.iter().zip(variances()).map(|(mean, var)| mean / var).collect();
    let quadratic: Vec<f64> = variances().map(|var| -0.5 / var).collect();
    Harmonium::new(&linear, &quadratic, &interaction, conjugated)
}

/// The E-step on the moments of the rows. Without the conjugation correction the posterior mean is `Θᵀ x`, and the
/// prior's moments follow from the parameters.
fn target(harmonium: &Harmonium, moments: &Moments) -> Result<Target, Degenerate> {
    let (d, l) = (moments.mean.len(), harmonium.latents());
    let squares = moments.covariance.iter().step_by(d + 1).zip(&moments.mean).map(|(var, mean)| var + mean * mean);
    let mut statistics: Vec<f64> = moments.mean.iter().copied().chain(squares).collect();
    let theta = Mat::new(harmonium.interaction(), d, l);
    let (mut cross, mean, latent) = if harmonium.conjugated {
        let model = harmonium.model().ok_or_else(improper)?;
        let expectation = em::expectation(&model, moments)?;
        let centred = moments.mean.iter().zip(&model.mean).map(|(x, mu)| x - mu).collect();
        let mean = Projector::of(&model).ok_or_else(improper)?.project(centred).latents;
        let axes = Mat::new(&expectation.axes, l, l);
        let mut second = product(axes.t(), Mat::new(&product(Mat::new(&expectation.second, l, l), axes), l, l));
        dgemm(Mat::new(&mean, l, 1), Mat::new(&mean, 1, l), 1.0, &mut second);
        let cross = product(Mat::new(&expectation.cross, d, l), axes);
        (cross, mean.clone(), Some(LatentMoments { mean, second }))
    } else {
        let mean = product(theta.t(), Mat::new(&moments.mean, d, 1));
        (product(Mat::new(&moments.covariance, d, d), theta), mean, None)
    };
    dgemm(Mat::new(&moments.mean, d, 1), Mat::new(&mean, 1, l), 1.0, &mut cross);
    statistics.extend(cross);
    Ok(Target { statistics, latent })
}

/// `η(θ) − η̂ + 2 l2 θ`
fn write_gradient(harmonium: &Harmonium, target: &Target, l2: f64, out: &mut [f64]) -> Result<(), Degenerate> {
    match &target.latent {
        Some(latent) => harmonium.mean_parameters(latent, out),
        None => harmonium.mean_parameters(&harmonium.latent_moments().ok_or_else(improper)?, out),
    }
    let parameters = out.iter_mut().zip(&target.statistics).zip(&harmonium.flat);
    parameters.for_each(|((out, target), theta)| *out += 2.0 * l2 * theta - target);
    Ok(())
}

fn improper() -> Degenerate {
    Degenerate("the prior precision I − ΘᵀΨΘ is not positive definite".into())
}

impl AdamMoments {
    fn new(size: usize) -> Self {
        Self { first: vec![0.0; size], second: vec![0.0; size], steps: 0.0 }
    }
}

impl AdamW {
    fn step(&self, theta: &mut [f64], moments: &mut AdamMoments, gradient: &[f64]) {
        const BETA: [f64; 2] = [0.9, 0.999];
        const EPSILON: f64 = 1e-8;
        moments.steps += 1.0;
        let corrections = BETA.map(|beta| 1.0 - beta.powf(moments.steps));
        let state = moments.first.iter_mut().zip(&mut moments.second);
        for ((theta, (m, v)), g) in theta.iter_mut().zip(state).zip(gradient) {
            *m = BETA[0] * *m + (1.0 - BETA[0]) * g;
            *v = BETA[1] * *v + (1.0 - BETA[1]) * g * g;
            let direction = (*m / corrections[0]) / ((*v / corrections[1]).sqrt() + EPSILON);
            *theta -= self.lr * (direction + self.weight_decay * *theta);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The averages over rows of `x zᵀ` and `z zᵀ + M⁻¹` with `z = E[z|x]`, of a model whose mean is
    /// not that of the rows.
    #[test]
    fn the_target_is_the_average_over_rows() {
        let mut x = Tensor::scratch([40, 3]);
        fill_normal(&mut stream(1, Purpose::Test, 0), x.as_mut_slice());
        let moments = Moments::of(&x);
        for conjugated in [true, false] {
            let interaction = [0.3, -0.2, 0.1, 0.25, -0.15, 0.05];
            let harmonium = Harmonium::new(&[0.5, -1.0, 2.0], &[-0.4, -0.7, -1.1], &interaction, conjugated);
            let model = harmonium.model().expect("a proper prior");
            let projector = Projector::of(&model).expect("positive definite");
            let rows: Vec<Vec<f64>> =
                x.as_slice().chunks(3).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect();
            let mean = |row: &Vec<f64>| {
                if !conjugated {
                    return product(Mat::new(row, 1, 3), Mat::new(&interaction, 3, 2));
                }
                projector.project(row.iter().zip(&model.mean).map(|(x, mu)| x - mu).collect()).latents
            };
            let means: Vec<Vec<f64>> = rows.iter().map(mean).collect();
            let average = |of: &dyn Fn(usize) -> f64| (0..40).map(of).sum::<f64>() / 40.0;
            let target = target(&harmonium, &moments).expect("an E-step");
            for at in 0..6 {
                let expected = average(&|i| rows[i][at / 2] * means[i][at % 2]);
                assert!((target.statistics[6 + at] - expected).abs() < 1e-12, "{conjugated}");
            }
            let Some(latent) = target.latent else {
                continue;
            };
            for at in 0..4 {
                let expected = projector.inverse[at] + average(&|i| means[i][at / 2] * means[i][at % 2]);
                assert!((latent.second[at] - expected).abs() < 1e-12);
            }
        }
    }
}
