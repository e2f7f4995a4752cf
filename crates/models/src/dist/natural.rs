//! Exponential families whose coordinates are types: natural parameters θ, mean parameters η = ∇ψ(θ) and source
//! parameters (means, variances, weights).
//!
//! A density is `exp(θ·s(z) − ψ(θ))` with respect to a base measure, s its sufficient statistics and ψ its
//! log-partition. The Legendre dual of ψ, `ψ*(η) = max_θ θ·η − ψ(θ)`, is the negative entropy with respect to the same
//! base measure, and `KL(p‖q) = ψ(θ_q) − ψ(θ_p) − (θ_q − θ_p)·η_p` (Amari, *Information Geometry and Its Applications*,
//! 2016, §2.1). All values are f64, all information is in nats.

mod mixture;
mod normal;

use elbo_tensor::math::LogSumExp;

pub use mixture::{MixtureMean, MixtureNatural, MixtureSource};
pub use normal::{Eta2, NormalMean, NormalNatural, NormalSource};

/// `Σᵢ aᵢ bᵢ`
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `ln Σᵢ exp xᵢ`; −∞ where no entry is larger.
fn log_sum_exp(x: &[f64]) -> f64 {
    let total = LogSumExp::of(x.iter().copied());
    if total.largest == f64::NEG_INFINITY { total.largest } else { total.value() }
}
