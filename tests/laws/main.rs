//! The laws, one file each, and the values of other programs.
//! One binary, because linking one for every file costs minutes.

mod determinism;
mod distributions;
mod equal_components;
mod evidence;
mod factor_analysis;
mod fitting;
mod gradients;
mod hierarchical_mixture;
mod kl_identities;
mod linear_gaussian;
mod mixtures;
mod models;
mod natural;
mod natural_gmm;
mod optimisers;
mod options;
mod pca;
mod reference_bounds;
mod reference_mixtures;
mod special_cases;
mod support;
