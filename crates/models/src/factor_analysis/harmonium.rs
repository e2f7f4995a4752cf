//! Factor analysis in natural coordinates, as a harmonium.

use elbo_tensor::linalg::{Cholesky, dot};
use elbo_tensor::{Mat, dgemm};

use crate::linear_gaussian::product;
use crate::{Array, LinearGaussian};

/// `p(x, z) ∝ exp(nᵀx + hᵀx² + xᵀ Θ z + qᵀz − ½ zᵀ P z)` with `n = Ψ⁻¹ μ`, `h = −½ diag Ψ⁻¹` and `Θ = Ψ⁻¹ W` (Welling,
/// Rosen-Zvi & Hinton 2004, *Exponential family harmoniums*).
///
/// The posterior of z is `N(P⁻¹(q + Θᵀx), P⁻¹)`; summing out x adds the conjugation term to the parameters of z, so
/// that the prior has precision `P − Θᵀ Ψ Θ` and linear parameter `q + Θᵀ μ`. With the correction
/// `(q, P) = (−Θᵀμ, I + Θᵀ Ψ Θ)` the prior is `N(0, I)`; without it, `(q, P) = (0, I)`, the posterior has variance 1
/// and the prior a larger one.
#[derive(Debug, Clone, PartialEq)]
pub struct Harmonium {
    /// Whether the parameters of z are corrected for conjugation.
    pub conjugated: bool,
    /// Number of dimensions `d`.
    width: usize,
    /// `n`, `h` and `Θ` one after another, `[2d + d·l]`.
    pub(super) flat: Vec<f64>,
}

/// The first two moments of z: `E[z]`, `[l]`, and `E[z zᵀ]`, `[l, l]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LatentMoments {
    pub mean: Vec<f64>,
    pub second: Vec<f64>,
}

impl Harmonium {
    /// The harmonium with `linear` n and `quadratic` h, `[d]` each, h negative, and `interaction` Θ, `[d, l]`.
    pub fn new(linear: &[f64], quadratic: &[f64], interaction: &[f64], conjugated: bool) -> Self {
        Self { conjugated, width: linear.len(), flat: [linear, quadratic, interaction].concat() }
    }

    /// The harmonium in the state of a fit by gradients; `None` if there is none yet.
    pub fn from_state(state: &[Array], conjugated: bool) -> Option<Self> {
        let values = |name| state.iter().find(|array| array.name == name).map(|array| &array.values[..]);
        Some(Self::new(values("linear")?, values("quadratic")?, values("interaction")?, conjugated))
    }

    /// The parameters as arrays of a state.
    pub(super) fn to_state(&self) -> Vec<Array> {
        let (d, l) = (self.width, self.latents());
        vec![
            Array::of("linear", &[d], self.linear()),
            Array::of("quadratic", &[d], self.quadratic()),
            Array::of("interaction", &[d, l], self.interaction()),
        ]
    }

    /// The parameters in a state, or what is wrong with it.
    pub(super) fn read(state: &[Array], [d, l]: [usize; 2], conjugated: bool) -> Result<Self, String> {
        let list = |name, shape: &[usize]| Array::expect(state, name, shape);
        Ok(Self::new(list("linear", &[d])?, list("quadratic", &[d])?, list("interaction", &[d, l])?, conjugated))
    }

    /// `n = Ψ⁻¹ μ`, `[d]`.
    pub fn linear(&self) -> &[f64] {
        &self.flat[..self.width]
    }

    /// `h = −½ diag Ψ⁻¹`, `[d]`.
    pub fn quadratic(&self) -> &[f64] {
        &self.flat[self.width..2 * self.width]
    }

    /// `Θ = Ψ⁻¹ W`, `[d, l]` row-major.
    pub fn interaction(&self) -> &[f64] {
        &self.flat[2 * self.width..]
    }

    /// Number of latents `l`.
    pub fn latents(&self) -> usize {
        self.interaction().len() / self.width
    }

    /// `Ψ = −1/(2h)`, `[d]`.
    pub fn noise(&self) -> Vec<f64> {
        self.quadratic().iter().map(|h| -0.5 / h).collect()
    }

    /// The distribution of x as a linear-Gaussian model: `μ + Ψ Θ E[z]`, loadings `Ψ Θ L⁻ᵀ` and noise Ψ, where `L Lᵀ`
    /// is the precision of the prior. `None` unless that is positive definite.
    pub fn model(&self) -> Option<LinearGaussian> {
        let noise = self.noise();
        let mut mean: Vec<f64> = self.linear().iter().zip(&noise).map(|(n, psi)| n * psi).collect();
        let mut loadings = self.scaled_interaction(&noise);
        if !self.conjugated {
            let prior = self.prior_precision(&loadings)?;
            let centre = self.prior_mean(&prior, &loadings);
            let shifts = loadings.chunks_exact(self.latents()).map(|row| dot(row, &centre));
            mean.iter_mut().zip(shifts).for_each(|(mean, shift)| *mean += shift);
            // A row w of Ψ Θ becomes L⁻¹ w.
            loadings.chunks_exact_mut(self.latents()).for_each(|row| prior.solve_lower(row));
        }
        Some(LinearGaussian { mean, loadings, noise })
    }

    /// The moments of z under the prior. `None` unless its precision is positive definite.
    pub(super) fn latent_moments(&self) -> Option<LatentMoments> {
        let l = self.latents();
        if self.conjugated {
            let mut second = vec![0.0; l * l];
            second.iter_mut().step_by(l + 1).for_each(|entry| *entry = 1.0);
            return Some(LatentMoments { mean: vec![0.0; l], second });
        }
        let loadings = self.scaled_interaction(&self.noise());
        let prior = self.prior_precision(&loadings)?;
        let mean = self.prior_mean(&prior, &loadings);
        let mut second = prior.inverse();
        dgemm(Mat::new(&mean, l, 1), Mat::new(&mean, 1, l), 1.0, &mut second);
        Some(LatentMoments { mean, second })
    }

    /// `E[x]`, `E[x²]` and `E[x zᵀ]`, in the order of the parameters they belong to, for z of the given moments: the
    /// gradient of the log-partition function where these are the prior's.
    pub(super) fn mean_parameters(&self, latent: &LatentMoments, out: &mut [f64]) {
        let (d, l) = (self.width, self.latents());
        let (first, rest) = out.split_at_mut(d);
        let (square, cross) = rest.split_at_mut(d);
        // Row i of Θ E[z zᵀ].
        dgemm(Mat::new(self.interaction(), d, l), Mat::new(&latent.second, l, l), 0.0, cross);
        for i in 0..d {
            let (n, psi) = (self.linear()[i], -0.5 / self.quadratic()[i]);
            let (theta, cross) = (&self.interaction()[i * l..][..l], &mut cross[i * l..][..l]);
            let along = dot(theta, &latent.mean);
            first[i] = psi * (n + along);
            square[i] = psi + psi * psi * (n * n + 2.0 * n * along + dot(theta, cross));
            cross.iter_mut().zip(&latent.mean).for_each(|(cross, mean)| *cross = psi * (n * mean + *cross));
        }
    }

    /// `Ψ Θ`, `[d, l]`.
    fn scaled_interaction(&self, noise: &[f64]) -> Vec<f64> {
        let rows = self.interaction().chunks_exact(self.latents()).zip(noise);
        rows.flat_map(|(row, psi)| row.iter().map(move |theta| theta * psi)).collect()
    }

    /// `I − Θᵀ Ψ Θ`, factored, for loadings `Ψ Θ`.
    fn prior_precision(&self, loadings: &[f64]) -> Option<Cholesky> {
        let (d, l) = (self.width, self.latents());
        let mut precision = product(Mat::new(self.interaction(), d, l).t(), Mat::new(loadings, d, l));
        precision.iter_mut().for_each(|entry| *entry = -*entry);
        precision.iter_mut().step_by(l + 1).for_each(|entry| *entry += 1.0);
        Cholesky::new(precision, l)
    }

    /// `E[z]`: the solution of `(I − Θᵀ Ψ Θ) E[z] = Θᵀ μ`.
    fn prior_mean(&self, precision: &Cholesky, loadings: &[f64]) -> Vec<f64> {
        let (d, l) = (self.width, self.latents());
        let mut mean = product(Mat::new(loadings, d, l).t(), Mat::new(self.linear(), d, 1));
        precision.solve(&mut mean);
        mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn harmonium() -> Harmonium {
        let interaction = [0.3, -0.2, 0.1, 0.25, -0.15, 0.05];
        Harmonium::new(&[0.5, -1.0, 2.0], &[-0.4, -0.7, -1.1], &interaction, false)
    }

    /// `ψ(θ) = ½ Σ_j (n_j² Ψ_j + ln Ψ_j) + ½ bᵀ P⁻¹ b − ½ ln det P` with `P = I − Θᵀ Ψ Θ` and
    /// `b = Θᵀ Ψ n`, up to a constant.
    fn log_partition(harmonium: &Harmonium) -> f64 {
        let noise = harmonium.noise();
        let own: f64 = harmonium.linear().iter().zip(&noise).map(|(n, psi)| n * n * psi + psi.ln()).sum();
        let loadings = harmonium.scaled_interaction(&noise);
        let precision = harmonium.prior_precision(&loadings).expect("a proper prior");
        let b = product(Mat::new(&loadings, 3, 2).t(), Mat::new(harmonium.linear(), 3, 1));
        0.5 * (own + dot(&b, &harmonium.prior_mean(&precision, &loadings)) - precision.log_det())
    }

    #[test]
    fn the_gradient_of_the_log_partition_is_the_mean_parameter() {
        let harmonium = harmonium();
        let mut means = vec![0.0; harmonium.flat.len()];
        harmonium.mean_parameters(&harmonium.latent_moments().expect("a proper prior"), &mut means);
        for (index, mean) in means.iter().enumerate() {
            let at = |step: f64| {
                let mut moved = harmonium.clone();
                moved.flat[index] += step;
                log_partition(&moved)
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((difference - mean).abs() < 1e-8 * mean.abs().max(1.0), "{index}: {difference} and {mean}");
        }
    }
}
