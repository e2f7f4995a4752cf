//! The hierarchical mixture of Gaussians: a mixture over the latents of a linear-Gaussian model.

use std::f64::consts::TAU;

use elbo_tensor::linalg::{Cholesky, dot};
use elbo_tensor::math::softmax;
use elbo_tensor::{Mat, Real, Tensor};

use crate::dist::natural::{MixtureSource, NormalSource};
use crate::linear_gaussian::{Projected, Projector, product};
use crate::{Inferred, LinearGaussian, Standardization};

/// `z ~ Σ_k π_k N(m_k, diag s_k)`, `x | z ~ N(μ + W z, Ψ)`, hence `p(x) = Σ_k π_k N(x; μ + W m_k, W S_k Wᵀ + Ψ)`: the
/// prior `N(0, I)` of the linear-Gaussian model is replaced by a mixture.
#[derive(Debug, Clone, PartialEq)]
pub struct HierarchicalMixture {
    /// `μ`, `W` and `Ψ`.
    pub model: LinearGaussian,
    /// `π`, `[k]`.
    pub weights: Vec<f64>,
    /// `m`, `[k, l]`.
    pub means: Vec<f64>,
    /// `s`: positive variances, `[k, l]`.
    pub variances: Vec<f64>,
}

/// One component as its posterior `N(z_k, M_k⁻¹)` of z needs it, `M_k = S_k⁻¹ + Wᵀ Ψ⁻¹ W`.
struct Component<'a> {
    /// `m_k`, `[l]`.
    mean: &'a [f64],
    /// `s_k`, `[l]`.
    variance: &'a [f64],
    /// `S_k⁻¹ m_k`, `[l]`.
    linear: Vec<f64>,
    /// `M_k⁻¹`, `[l, l]`.
    inverse: Vec<f64>,
    /// `ln π_k − ½ (d ln 2π + Σ_j ln Ψ_j + Σ_i ln s_ki + ln det M_k)`
    offset: f64,
}

impl HierarchicalMixture {
    /// The mixture of the model's latents, standardised by `map`, in place of their prior `N(0, I)`:
    /// `m_k = std · m'_k + mean` and `s_k = std² · s'_k` of the normals of `mixture`.
    ///
    /// # Panics
    /// If map or mixture are not of as many dimensions as the model has latents.
    #[track_caller]
    pub fn assemble(model: LinearGaussian, mixture: &MixtureSource, map: &Standardization) -> Self {
        let widths = mixture.components().iter().map(|component| component.mean().len());
        let l = model.latents();
        assert!(widths.chain([map.std.len()]).all(|width| width == l), "a mixture and a map of {l} latents");
        let flat = |of: fn(&NormalSource) -> &[f64]| mixture.components().iter().flat_map(of).copied().collect();
        let (mut means, mut variances): (Vec<f64>, Vec<f64>) = (flat(NormalSource::mean), flat(NormalSource::var));
        map.invert_normals(&mut means, &mut variances);
        Self { model, weights: mixture.weights().to_vec(), means, variances }
    }

    /// `ln p(x)` in nats, the posterior over components and the posterior mean of z of each row of `x`, `[n, d]`; NaN
    /// where a precision `M_k` is not positive definite to working precision.
    ///
    /// Rows are projected to the `l` latents once; nothing of size `d` is done for a component.
    pub fn infer(&self, x: &Tensor) -> Inferred {
        let (n, k, l) = (x.shape().rows(), self.weights.len(), self.model.latents());
        let projector = Projector::of(&self.model);
        let components = projector.as_ref().and_then(|projector| self.components(&projector.information));
        let (Some(projector), Some(components)) = (&projector, components) else {
            let nan = |len| vec![Real::NAN; len];
            return Inferred { log_density: vec![f64::NAN; n], clusters: nan(n * k), latents: nan(n * l) };
        };
        let blocks = projector.blocks(x, |block| infer_block(&components, &projector.information, &block, l));
        let mut all = Inferred::default();
        for block in blocks {
            all.log_density.extend(block.log_density);
            all.clusters.extend(block.clusters);
            all.latents.extend(block.latents);
        }
        all
    }

    fn components(&self, information: &[f64]) -> Option<Vec<Component<'_>>> {
        let l = self.model.latents();
        let log_noise: f64 = self.model.noise.iter().map(|psi| psi.ln()).sum();
        let constant = self.model.width() as f64 * TAU.ln() + log_noise;
        let normals = self.means.chunks_exact(l).zip(self.variances.chunks_exact(l)).zip(&self.weights);
        normals.map(|((m, s), weight)| Component::of(m, s, weight.ln() - 0.5 * constant, information)).collect()
    }
}

/// With `ẑ` the posterior mean under the prior N(0, I) and `δ = z_k − ẑ`, the quadratic form of component k is
/// `‖x − μ − W ẑ‖² − 2 δᵀẑ + δᵀ Wᵀ Ψ⁻¹ W δ + (z_k − m_k)ᵀ S_k⁻¹ (z_k − m_k)`, because `Wᵀ Ψ⁻¹ (x − μ − W ẑ) = ẑ`.
fn infer_block(components: &[Component<'_>], information: &[f64], block: &Projected, l: usize) -> Inferred {
    let (b, k) = (block.residuals.len(), components.len());
    let mut joint = vec![0.0; b * k];
    let mut means = Vec::with_capacity(k);
    for (index, component) in components.iter().enumerate() {
        let linear = block.scores.chunks_exact(l).flat_map(|row| row.iter().zip(&component.linear).map(|(t, m)| t + m));
        let linear: Vec<f64> = linear.collect();
        let z = product(Mat::new(&linear, b, l), Mat::new(&component.inverse, l, l));
        let delta: Vec<f64> = z.iter().zip(&block.latents).map(|(z, centre)| z - centre).collect();
        let image = product(Mat::new(&delta, b, l), Mat::new(information, l, l));
        for row in 0..b {
            let of = |values| row_of(values, row, l);
            let fit = block.residuals[row] - 2.0 * dot(of(&delta), of(&block.latents)) + dot(of(&delta), of(&image));
            joint[row * k + index] = component.offset - 0.5 * (fit + component.distance(of(&z)));
        }
        means.push(z);
    }
    let mut out = Inferred::default();
    for (row, joint) in joint.chunks_exact_mut(k).enumerate() {
        out.log_density.push(softmax(joint).value());
        let mean = |i: usize| joint.iter().zip(&means).map(|(r, z)| r * z[row * l + i]).sum::<f64>();
        out.latents.extend((0..l).map(|i| mean(i) as Real));
        out.clusters.extend(joint.iter().map(|&r| r as Real));
    }
    out
}

fn row_of(values: &[f64], row: usize, width: usize) -> &[f64] {
    &values[row * width..][..width]
}

impl<'a> Component<'a> {
    /// `None` if the precision is not positive definite to working precision.
    fn of(mean: &'a [f64], variance: &'a [f64], constant: f64, information: &[f64]) -> Option<Self> {
        let l = mean.len();
        let mut precision = information.to_vec();
        precision.iter_mut().step_by(l + 1).zip(variance).for_each(|(entry, s)| *entry += 1.0 / s);
        let precision = Cholesky::new(precision, l)?;
        let log_det = variance.iter().map(|s| s.ln()).sum::<f64>() + precision.log_det();
        let linear = mean.iter().zip(variance).map(|(m, s)| m / s).collect();
        Some(Self { mean, variance, linear, inverse: precision.inverse(), offset: constant - 0.5 * log_det })
    }

    /// `(z − m_k)ᵀ S_k⁻¹ (z − m_k)`
    fn distance(&self, z: &[f64]) -> f64 {
        z.iter().zip(self.mean).zip(self.variance).map(|((z, m), s)| (z - m) * (z - m) / s).sum()
    }
}
