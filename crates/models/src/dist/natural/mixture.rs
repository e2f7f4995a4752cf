//! The mixture of k diagonal normals as one exponential family over (z, component).
//!
//! Its statistics are `[s(z) | 1(j) s(z), j ≥ 2 | 1(j), j ≥ 2]`: a harmonium whose first component, the *anchor*, has
//! no coordinates of its own (Welling, Rosen-Zvi and Hinton, *Exponential Family Harmoniums*, NIPS 2004). Natural
//! coordinates `[θ_X | Θ_XZ | θ_Z]` of length `2d + 2d(k−1) + (k−1)`: component 1 is `θ₁ = θ_X`, component j is
//! `θⱼ = θ_X + Θⱼ`, and `ln(πⱼ/π₁) = θ_Z,ⱼ + ψ(θⱼ) − ψ(θ₁)`. The base measure is `(2π)^{−d/2} dz` times counting.

use elbo_tensor::{Real, Stream, fill_uniform};

use super::{Eta2, NormalMean, NormalNatural, NormalSource, dot, log_sum_exp};

/// Natural parameters: those of each component, and `θ_Z` with a leading 0 for the anchor.
#[derive(Debug, Clone, PartialEq)]
pub struct MixtureNatural {
    components: Vec<NormalNatural>,
    logits: Vec<f64>,
}

/// Mean parameters: weights and the mean parameters of each component.
#[derive(Debug, Clone, PartialEq)]
pub struct MixtureMean {
    weights: Vec<f64>,
    components: Vec<NormalMean>,
}

/// Source parameters: weights, means and variances.
#[derive(Debug, Clone, PartialEq)]
pub struct MixtureSource {
    weights: Vec<f64>,
    components: Vec<NormalSource>,
}

impl MixtureNatural {
    /// From `ln π` up to a constant, finite, and θⱼ of each component: `θ_Z,ⱼ = ln(πⱼ/π₁) − (ψ(θⱼ) − ψ(θ₁))`.
    ///
    /// # Panics
    /// Without components, or if there is not one weight for each.
    #[track_caller]
    pub fn new(log_weights: &[f64], components: Vec<NormalNatural>) -> Self {
        assert!(!components.is_empty() && components.len() == log_weights.len(), "one weight a component");
        let anchor = log_weights[0] - components[0].log_partition();
        let logits = log_weights.iter().zip(&components).map(|(weight, c)| weight - c.log_partition() - anchor);
        Self { logits: logits.collect(), components }
    }

    /// From anchored coordinates `[θ_X | Θ_XZ | θ_Z]` of k components in d dimensions; `None` outside the domain: a
    /// component's η₂ that is not below 0, or what is not finite.
    #[track_caller]
    pub fn from_flat(flat: &[f64], k: usize, d: usize) -> Option<Self> {
        let [anchor, interaction, logits] = parts(flat, k, d);
        let component = |shift: &[f64]| {
            let theta: Vec<f64> = anchor.iter().zip(shift).map(|(anchor, shift)| anchor + shift).collect();
            NormalNatural::new(theta[..d].to_vec(), Eta2::new(theta[d..].to_vec())?)
        };
        let zeros = vec![0.0; 2 * d];
        let shifts = std::iter::once(&zeros[..]).chain((0..k - 1).map(|j| &interaction[2 * d * j..][..2 * d]));
        let components: Vec<_> = shifts.map(component).collect::<Option<_>>()?;
        let logits: Vec<f64> = std::iter::once(0.0).chain(logits.iter().copied()).collect();
        logits.iter().all(|logit| logit.is_finite()).then_some(Self { components, logits })
    }

    /// Anchored coordinates `[θ_X | Θ_XZ | θ_Z]`, `[2d + 2d(k−1) + (k−1)]`.
    pub fn flatten(&self) -> Vec<f64> {
        let anchor = self.components[0].flatten();
        let shifts = self.components[1..].iter().flat_map(|c| c.flatten()).zip(anchor.iter().cycle());
        let shifts: Vec<f64> = shifts.map(|(theta, anchor)| theta - anchor).collect();
        [anchor, shifts, self.logits[1..].to_vec()].concat()
    }

    /// θⱼ of each component.
    pub fn components(&self) -> &[NormalNatural] {
        &self.components
    }

    /// `θ_Z,ⱼ + ψ(θⱼ)` with `θ_Z,₁ = 0`: `ln πⱼ` up to a constant.
    fn masses(&self) -> Vec<f64> {
        self.logits.iter().zip(&self.components).map(|(logit, component)| logit + component.log_partition()).collect()
    }

    /// `ln π`, `[k]`.
    pub fn log_weights(&self) -> Vec<f64> {
        let masses = self.masses();
        let total = log_sum_exp(&masses);
        masses.iter().map(|mass| mass - total).collect()
    }

    /// `ψ(θ) = ln(1 + Σⱼ exp(θ_Z,ⱼ + ρⱼ)) + ψ(θ₁)`, `ρⱼ = ψ(θⱼ) − ψ(θ₁)`.
    pub fn log_partition(&self) -> f64 {
        log_sum_exp(&self.masses())
    }

    /// `ln p(z, j)` of every component, `[k]`.
    fn log_joint(&self, z: &[f64]) -> Vec<f64> {
        self.log_weights().iter().zip(&self.components).map(|(weight, c)| weight + c.log_density(z)).collect()
    }

    /// `ln p(z) = ln Σⱼ πⱼ p(z|j)`
    pub fn log_density(&self, z: &[f64]) -> f64 {
        log_sum_exp(&self.log_joint(z))
    }

    /// `p(j|z)`, `[k]`.
    pub fn responsibilities(&self, z: &[f64]) -> Vec<f64> {
        let joint = self.log_joint(z);
        let total = log_sum_exp(&joint);
        joint.iter().map(|joint| (joint - total).exp()).collect()
    }

    /// `η = ∇ψ(θ)`
    pub fn to_mean(&self) -> MixtureMean {
        let weights = self.log_weights().into_iter().map(f64::exp).collect();
        MixtureMean { weights, components: self.components.iter().map(NormalNatural::to_mean).collect() }
    }

    /// Weights, means and variances.
    pub fn to_source(&self) -> MixtureSource {
        let weights = self.log_weights().into_iter().map(f64::exp).collect();
        MixtureSource { weights, components: self.components.iter().map(NormalNatural::to_source).collect() }
    }

    /// Entropy of (z, j): `H = Σⱼ πⱼ (H(p(z|j)) − ln πⱼ) = −ψ*(η) + (d/2) ln 2π`.
    pub fn entropy(&self) -> f64 {
        let terms = self.log_weights().into_iter().zip(&self.components);
        terms.map(|(weight, component)| weight.exp() * (component.entropy() - weight)).sum()
    }

    /// KL of the joint distributions of (z, j), `Σⱼ πⱼ (ln(πⱼ/π'ⱼ) + KL(p(z|j)‖q(z|j)))`, as the Bregman divergence
    /// `ψ(θ_q) − ψ(θ) − (θ_q − θ)·η` in anchored coordinates. Not less than the KL of the densities of z.
    pub fn kl(&self, q: &Self) -> f64 {
        let difference: Vec<f64> = q.flatten().iter().zip(self.flatten()).map(|(q, p)| q - p).collect();
        q.log_partition() - self.log_partition() - dot(&difference, &self.to_mean().flatten())
    }

    /// One draw: z, `[d]`, and its component.
    pub fn sample(&self, rng: &mut Stream) -> (Vec<f64>, usize) {
        let mut u = [Real::default()];
        fill_uniform(rng, &mut u);
        let mut rest = f64::from(u[0]);
        let after = |weight: f64| {
            rest -= weight;
            rest < 0.0
        };
        let j = self.log_weights().into_iter().map(f64::exp).position(after).unwrap_or(self.components.len() - 1);
        (self.components[j].sample(rng), j)
    }
}

/// The anchor's part of flat coordinates, that of all components with it, and that of the components' weights.
#[track_caller]
fn parts(flat: &[f64], k: usize, d: usize) -> [&[f64]; 3] {
    assert!(k > 0 && flat.len() == 2 * d * k + k - 1, "{} coordinates of {k} components in {d} dimensions", flat.len());
    let (anchor, rest) = flat.split_at(2 * d);
    let (joint, weights) = rest.split_at(2 * d * (k - 1));
    [anchor, joint, weights]
}

impl MixtureMean {
    /// From coordinates `[Σⱼ πⱼηⱼ | πⱼηⱼ, j ≥ 2 | πⱼ, j ≥ 2]`: `π₁ = 1 − Σ πⱼ`, and η₁ by division; `None` outside the
    /// domain: a weight or a variance that is not positive.
    #[track_caller]
    pub fn from_flat(flat: &[f64], k: usize, d: usize) -> Option<Self> {
        let [total, joint, others] = parts(flat, k, d);
        let joint: Vec<&[f64]> = (0..k - 1).map(|j| &joint[2 * d * j..][..2 * d]).collect();
        let anchor: Vec<f64> = (0..2 * d).map(|i| total[i] - joint.iter().map(|row| row[i]).sum::<f64>()).collect();
        let weights: Vec<f64> =
            std::iter::once(1.0 - others.iter().sum::<f64>()).chain(others.iter().copied()).collect();
        let divided = |(weight, row): (&f64, &[f64])| {
            let eta: Vec<f64> = row.iter().map(|v| v / weight).collect();
            (*weight > 0.0).then(|| NormalMean::new(eta[..d].to_vec(), eta[d..].to_vec())).flatten()
        };
        let components =
            weights.iter().zip(std::iter::once(&anchor[..]).chain(joint)).map(divided).collect::<Option<_>>()?;
        Some(Self { weights, components })
    }

    /// `[Σⱼ πⱼηⱼ | πⱼηⱼ, j ≥ 2 | πⱼ, j ≥ 2]`, the gradient of ψ in anchored coordinates.
    pub fn flatten(&self) -> Vec<f64> {
        let weighted = |(weight, component): (&f64, &NormalMean)| -> Vec<f64> {
            component.flatten().iter().map(|eta| weight * eta).collect()
        };
        let joint: Vec<Vec<f64>> = self.weights.iter().zip(&self.components).map(weighted).collect();
        let total: Vec<f64> = (0..joint[0].len()).map(|i| joint.iter().map(|row| row[i]).sum()).collect();
        [total, joint[1..].concat(), self.weights[1..].to_vec()].concat()
    }

    /// π, `[k]`.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// ηⱼ of each component.
    pub fn components(&self) -> &[NormalMean] {
        &self.components
    }

    /// Weights, means and variances; `None` where rounding leaves no positive variance.
    pub fn to_source(&self) -> Option<MixtureSource> {
        let components = self.components.iter().map(NormalMean::to_source).collect::<Option<_>>()?;
        Some(MixtureSource { weights: self.weights.clone(), components })
    }

    /// `θ = ∇ψ*(η)`; `None` as for [`MixtureMean::to_source`].
    pub fn to_natural(&self) -> Option<MixtureNatural> {
        self.to_source().map(|source| source.to_natural())
    }

    /// `ψ*(η) = Σⱼ πⱼ (ln πⱼ + ψ*(ηⱼ))`: the negative entropy of (z, j) with respect to `(2π)^{−d/2} dz` times
    /// counting; `None` as for [`MixtureMean::to_source`].
    pub fn dual(&self) -> Option<f64> {
        let terms = self.weights.iter().zip(&self.components);
        terms.map(|(weight, component)| Some(weight * (weight.ln() + component.dual()?))).sum()
    }
}

impl MixtureSource {
    /// Weights (positive, of sum 1 to 1e-6; they are divided by their sum) and components, or
    /// `None` outside the domain.
    ///
    /// # Panics
    /// Without components, or if there is not one weight for each.
    #[track_caller]
    pub fn new(weights: Vec<f64>, components: Vec<NormalSource>) -> Option<Self> {
        assert!(!weights.is_empty() && weights.len() == components.len(), "one weight a component");
        let total: f64 = weights.iter().sum();
        let inside = weights.iter().all(|&weight| weight > 0.0) && (total - 1.0).abs() <= 1e-6;
        inside.then(|| Self { weights: weights.iter().map(|weight| weight / total).collect(), components })
    }

    /// π, `[k]`.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Means and variances of each component.
    pub fn components(&self) -> &[NormalSource] {
        &self.components
    }

    /// `θ_Z,ⱼ = ln(πⱼ/π₁) − (ψ(θⱼ) − ψ(θ₁))`
    pub fn to_natural(&self) -> MixtureNatural {
        let log_weights: Vec<f64> = self.weights.iter().map(|weight| weight.ln()).collect();
        MixtureNatural::new(&log_weights, self.components.iter().map(NormalSource::to_natural).collect())
    }

    /// `η = [Σⱼ πⱼηⱼ | πⱼηⱼ | πⱼ]`
    pub fn to_mean(&self) -> MixtureMean {
        let components = self.components.iter().map(NormalSource::to_mean).collect();
        MixtureMean { weights: self.weights.clone(), components }
    }
}
