//! The models that there are.

use elbo_autograd::Entry;

use crate::{
    DiscreteVaeOptions, EstimatorOptions, FactorAnalysisOptions, GmmOptions, GmvaeOptions, KmeansOptions, M2Options,
    ModelOptions, ModifiedM2Options, NaturalGmmOptions, PcaOptions, VaeOptions, dist, nn,
};

/// Every model that is trained by steps, at its defaults.
pub fn models() -> Vec<Box<dyn ModelOptions>> {
    vec![
        Box::<GmvaeOptions>::default(),
        Box::<M2Options>::default(),
        Box::<ModifiedM2Options>::default(),
        Box::<VaeOptions>::default(),
        Box::<DiscreteVaeOptions>::default(),
    ]
}

/// Every model that is fitted by iterations over all rows, at its defaults.
pub fn estimators() -> Vec<Box<dyn EstimatorOptions>> {
    vec![
        Box::<FactorAnalysisOptions>::default(),
        Box::<GmmOptions>::default(),
        Box::<KmeansOptions>::default(),
        Box::<NaturalGmmOptions>::default(),
        Box::<PcaOptions>::default(),
    ]
}

/// Every operation that this crate adds to those of the engine, each declared beside the distribution or network that
/// uses it. Tests of gradients and benches iterate over [`elbo_autograd::ops::all`] and this list.
pub fn ops() -> Vec<Entry> {
    vec![
        Entry::of(dist::bernoulli::BernoulliLogProb),
        Entry::of(dist::categorical::UniformKl),
        Entry::of(dist::normal::NormalLogProb),
        Entry::of(dist::normal::StandardNormalKl),
        Entry::of(nn::direct_softplus::DirectSoftplus),
        Entry::of(nn::squared_error::SquaredError { weight: -0.5 }),
    ]
}
