//! Laws of the hierarchical mixture of Gaussians.

use crate::support::dense::{self, Matrix, apply, diagonal, inverse, normal_log_prob, product, sum, transpose};
use crate::support::{assert_close, config, f64s, normal, rng, uniform};
use elbo::models::dist::natural::{MixtureSource, NormalSource};
use elbo::models::{HierarchicalMixture, LinearGaussian, Standardization};
use elbo::tensor::Real;
use proptest::prelude::*;

/// Results that are stored as `Real`.
const STORED: f64 = if cfg!(feature = "f64") { 1e-10 } else { 1e-5 };

fn random(d: usize, l: usize, k: usize, seed: u64) -> HierarchicalMixture {
    let mut rng = rng(seed);
    let weights = f64s(&uniform([k], [0.1, 1.0], &mut rng));
    let total: f64 = weights.iter().sum();
    HierarchicalMixture {
        model: LinearGaussian {
            mean: f64s(&normal([d], &mut rng)),
            loadings: f64s(&normal([d, l], &mut rng)),
            noise: f64s(&uniform([d], [0.05, 2.0], &mut rng)),
        },
        weights: weights.iter().map(|weight| weight / total).collect(),
        means: f64s(&normal([k, l], &mut rng)).iter().map(|m| 3.0 * m).collect(),
        variances: f64s(&uniform([k, l], [0.01, 3.0], &mut rng)),
    }
}

fn reals(values: &[Real]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

proptest! {
    #![proptest_config(config(48))]

    /// `Σ_k π_k N(x; μ + W m_k, W S_k Wᵀ + Ψ)`, its posterior over k and `E[z|x]`, with every d by d matrix written
    /// out.
    #[test]
    fn everything_inferred_is_the_dense_mixtures(d in 1usize..6, l in 1usize..5, k in 1usize..5, seed in 0u64..1000) {
        let mixture = random(d, l, k, seed);
        let model = &mixture.model;
        let x = normal([7, d], &mut rng(seed + 1));
        let loadings = dense::matrix(&model.loadings, l);
        let (mut densities, mut posteriors, mut latents) = (Vec::new(), Vec::new(), Vec::new());
        for row in dense::matrix(&f64s(&x), d) {
            let (mut joint, mut means): (Vec<f64>, Matrix) = (Vec::new(), Vec::new());
            for c in 0..k {
                let (m, s) = (&mixture.means[c * l..][..l], diagonal(&mixture.variances[c * l..][..l]));
                let cross = product(&s, &transpose(&loadings));
                let sigma = sum(&product(&loadings, &cross), &diagonal(&model.noise));
                let centre: Vec<f64> = apply(&loadings, m).iter().zip(&model.mean).map(|(w, mu)| w + mu).collect();
                joint.push(mixture.weights[c].ln() + normal_log_prob(&row, &centre, &sigma));
                let off: Vec<f64> = row.iter().zip(&centre).map(|(x, c)| x - c).collect();
                let shift = apply(&product(&cross, &inverse(&sigma).0), &off);
                means.push(m.iter().zip(shift).map(|(m, shift)| m + shift).collect());
            }
            let density = joint.iter().map(|value| value.exp()).sum::<f64>().ln();
            let posterior: Vec<f64> = joint.iter().map(|value| (value - density).exp()).collect();
            latents.extend((0..l).map(|i| (0..k).map(|c| posterior[c] * means[c][i]).sum::<f64>()));
            densities.push(density);
            posteriors.extend(posterior);
        }
        let found = mixture.infer(&x);
        assert_close("density", &found.log_density, &densities, 1e-9);
        assert_close("posterior", &reals(&found.clusters), &posteriors, STORED);
        assert_close("latents", &reals(&found.latents), &latents, STORED);
    }

    /// `Σ_k π_k N(x; μ + W (D m'_k + mean), W D S'_k D Wᵀ + Ψ)` with `D = diag std`, every matrix written out.
    #[test]
    fn an_assembled_mixture_is_the_dense_one(d in 1usize..6, l in 1usize..5, k in 1usize..5, seed in 0u64..1000) {
        let HierarchicalMixture { model, weights, means, variances } = random(d, l, k, seed);
        let mut rng = rng(seed + 2);
        let map = Standardization {
            mean: f64s(&normal([l], &mut rng)),
            std: f64s(&uniform([l], [0.1, 4.0], &mut rng)),
        };
        let components = means.chunks(l).zip(variances.chunks(l));
        let components = components.map(|(m, s)| NormalSource::new(m.to_vec(), s.to_vec()).expect("inside"));
        let mixture = MixtureSource::new(weights.clone(), components.collect()).expect("inside");
        let x = normal([5, d], &mut rng);
        let image = product(&dense::matrix(&model.loadings, l), &diagonal(&map.std));
        let centre = apply(&dense::matrix(&model.loadings, l), &map.mean);
        let density = |row: &Vec<f64>| {
            let joint = |c: usize| {
                let [m, s] = [&means, &variances].map(|values| &values[c * l..][..l]);
                let offsets = centre.iter().zip(&model.mean).map(|(centre, mu)| centre + mu);
                let mean: Vec<f64> = apply(&image, m).iter().zip(offsets).map(|(w, offset)| w + offset).collect();
                let inside = product(&image, &product(&diagonal(s), &transpose(&image)));
                weights[c] * normal_log_prob(row, &mean, &sum(&inside, &diagonal(&model.noise))).exp()
            };
            (0..k).map(joint).sum::<f64>().ln()
        };
        let wanted: Vec<f64> = dense::matrix(&f64s(&x), d).iter().map(density).collect();
        let found = HierarchicalMixture::assemble(model.clone(), &mixture, &map).infer(&x);
        assert_close("density", &found.log_density, &wanted, 1e-8);
    }

    /// With the single component N(0, I) it is the linear-Gaussian model.
    #[test]
    fn one_standard_component_is_factor_analysis(d in 1usize..6, l in 1usize..5, seed in 0u64..1000) {
        let model = random(d, l, 1, seed).model;
        let x = normal([7, d], &mut rng(seed + 1));
        let expected = model.infer(&x);
        let (weights, means, variances) = (vec![1.0], vec![0.0; l], vec![1.0; l]);
        let found = HierarchicalMixture { model, weights, means, variances }.infer(&x);
        assert_close("density", &found.log_density, &expected.log_density, 1e-11);
        assert_close("latents", &reals(&found.latents), &reals(&expected.latents), STORED);
        prop_assert!(found.clusters.iter().all(|&r| r == 1.0));
    }
}

/// A component without weight changes nothing; a variance of 0 makes NaN and no panic.
#[test]
fn empty_components_are_harmless_and_improper_ones_are_marked() {
    let mut mixture = random(3, 2, 2, 5);
    mixture.weights = vec![1.0, 0.0];
    let x = normal([4, 3], &mut rng(6));
    let found = mixture.infer(&x);
    assert!(found.log_density.iter().all(|value| value.is_finite()));
    assert!(found.clusters.chunks(2).all(|r| r[0] == 1.0 && r[1] == 0.0));
    mixture.variances[0] = 0.0;
    assert!(mixture.infer(&x).log_density.iter().all(|value| value.is_nan()));
}
