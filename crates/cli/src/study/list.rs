//! The studies that there are.

use super::Study;
use super::beta_sweep::BetaSweep;
use super::gmm_stability::GmmStability;
use super::mnist_clustering::MnistClustering;
use super::modified_m2_nan::ModifiedM2Nan;
use super::toy_density::ToyDensity;

/// Every study.
pub fn all() -> [&'static dyn Study; 5] {
    [&BetaSweep, &ToyDensity, &MnistClustering, &ModifiedM2Nan, &GmmStability]
}
