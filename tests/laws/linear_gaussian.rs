//! A VAE without hidden layers and with a Gaussian likelihood is factor analysis, where everything is known exactly:
//! the evidence, the posterior, and the gap between evidence and bound.

use crate::support::dense::{self, Matrix};
use crate::support::subjects::{Subject, WIDTH};
use crate::support::{
    EXACT, GAUSS_HERMITE, assign, config, error, f64s, float, int, ints, log_weights, normal, product_rule, recorded,
    rng, tensor, text, uniform, values,
};
use elbo::autograd::{Params, Tape};
use elbo::models::Model;
use elbo::tensor::Tensor;
use proptest::prelude::*;

/// Every posterior and every constant covariance of the data.
fn subjects() -> Vec<Subject> {
    let mut all = Vec::new();
    for (z, posterior, noise) in (1..=3).flat_map(|z| {
        ["diagonal", "full"]
            .into_iter()
            .flat_map(move |posterior| ["fixed", "global"].map(|noise| (z, posterior, noise)))
    }) {
        all.push(Subject::of(
            "vae",
            &[
                ("hidden", ints(&[])),
                ("z", int(z)),
                ("posterior", text(posterior)),
                ("decoder_var", text(noise)),
                ("variance", float(0.3)),
            ],
        ));
    }
    all
}

/// `z ~ N(0, I)`, `x | z ~ N(Wᵀz + b, diag Ψ)` with W `[z, d]`, read from the parameters.
struct FactorAnalysis {
    w: Matrix,
    b: Vec<f64>,
    psi: Vec<f64>,
}

impl FactorAnalysis {
    fn of(subject: &Subject, params: &Params) -> Self {
        let psi = if subject.is("decoder_var", "global") {
            values(params, "p_x.log_var").into_iter().map(f64::exp).collect()
        } else {
            vec![subject.float("variance"); WIDTH]
        };
        let w = dense::matrix(&values(params, "p_x.loc.weight"), WIDTH);
        Self { w, b: values(params, "p_x.loc.bias"), psi }
    }

    /// `ln N(x; b, WᵀW + Ψ)`
    fn log_evidence(&self, x: &[f64]) -> f64 {
        let wtw = dense::square(&dense::transpose(&self.w));
        dense::normal_log_prob(x, &self.b, &dense::sum(&wtw, &dense::diagonal(&self.psi)))
    }

    /// The matrix A and the covariance S of the posterior `N(A(x − b), S)`: `S = (I + WΨ⁻¹Wᵀ)⁻¹`, `A = SWΨ⁻¹`.
    fn posterior(&self) -> (Matrix, Matrix) {
        let inverse: Vec<f64> = self.psi.iter().map(|v| 1.0 / v).collect();
        let scaled = dense::product(&self.w, &dense::diagonal(&inverse));
        let precision =
            dense::sum(&dense::identity(self.w.len()), &dense::product(&scaled, &dense::transpose(&self.w)));
        let covariance = dense::inverse(&precision).0;
        (dense::product(&covariance, &scaled), covariance)
    }
}

/// The name of the encoder's joint head.
fn head(params: &Params) -> &'static str {
    let is_full = params.ids().any(|id| params.name(id) == "q_z.loc_spread_lower.weight");
    if is_full { "q_z.loc_spread_lower" } else { "q_z.loc_spread" }
}

/// Mean and covariance of q(z|x), from the encoder's linear heads.
fn recognition(params: &Params, z: usize, x: &[f64]) -> (Vec<f64>, Matrix) {
    let bias = values(params, &format!("{}.bias", head(params)));
    let weight = dense::matrix(&values(params, &format!("{}.weight", head(params))), bias.len());
    let out: Vec<f64> = dense::apply(&dense::transpose(&weight), x).iter().zip(&bias).map(|(o, b)| o + b).collect();
    let scale: Vec<f64> = out[z..2 * z].iter().map(|raw| (raw / 2.0).exp()).collect();
    (out[..z].to_vec(), dense::square(&dense::triangle(&scale, &out[2 * z..])))
}

/// Makes the encoder of a full posterior the exact one.
fn infer_exactly(params: &mut Params, z: usize, analysis: &FactorAnalysis) {
    let (a, covariance) = analysis.posterior();
    let factor = dense::cholesky(&covariance);
    let lower: Vec<f64> = (0..z).flat_map(|i| factor[i][..i].to_vec()).collect();
    let mut bias: Vec<f64> = dense::apply(&a, &analysis.b).iter().map(|shift| -shift).collect();
    bias.extend((0..z).map(|i| 2.0 * factor[i][i].ln()));
    bias.extend(lower);
    let (name, columns) = (head(params), bias.len());
    assign(params, &format!("{name}.bias"), |i| bias[i]);
    assign(params, &format!("{name}.weight"), |i| if i % columns < z { a[i % columns][i / columns] } else { 0.0 });
}

/// `E_q[ln p(x|z)] − KL(q ‖ p)` of each row: quadratic in the noise, so that 3 nodes in each dimension are exact.
fn exact_bound(model: &dyn Model, params: &Params, z: usize, x: &Tensor) -> Vec<f64> {
    let b = x.shape()[0];
    let (nodes, weights) = product_rule(z, &GAUSS_HERMITE);
    let mut bound = vec![0.0; b];
    for (node, weight) in nodes.iter().zip(weights) {
        let tape = Tape::new(params);
        let loss = model.objective(tape.constant(x.clone()), &mut recorded(&tensor([b, z], &node.repeat(b))));
        let losses = f64s(&loss.per_point().value());
        bound.iter_mut().zip(losses).for_each(|(bound, loss)| *bound -= weight * loss);
    }
    bound
}

proptest! {
    #![proptest_config(config(16))]

    #[test]
    fn the_evidence_exceeds_the_bound_by_the_divergence_from_the_posterior(seed: u64, b in 1..4usize) {
        let mut rng = rng(seed);
        for subject in subjects() {
            let z = subject.int("z");
            let (model, params) = subject.create(seed);
            let analysis = FactorAnalysis::of(&subject, &params);
            let x = uniform([b, WIDTH], [-2.0, 2.0], &mut rng);
            let bounds = exact_bound(model.as_ref(), &params, z, &x);
            let (a, covariance) = analysis.posterior();
            let expected: Vec<f64> = f64s(&x).chunks(WIDTH).map(|x| {
                let shifted: Vec<f64> = x.iter().zip(&analysis.b).map(|(x, b)| x - b).collect();
                let (loc, spread) = recognition(&params, z, x);
                let gap = dense::normal_kl((&loc, &spread), (&dense::apply(&a, &shifted), &covariance));
                analysis.log_evidence(x) - gap
            }).collect();
            prop_assert!(error(&bounds, &expected) <= EXACT, "{}: {bounds:?} and {expected:?}", subject.name);
        }
    }

    /// With the exact posterior the bound is the evidence, and so is every single importance weight.
    #[test]
    fn at_the_exact_posterior_bound_and_importance_weights_are_the_evidence(seed: u64, b in 1..4usize) {
        let mut rng = rng(seed);
        let full = subjects().into_iter().filter(|subject| subject.is("posterior", "full") && subject.int("z") > 1);
        for subject in full {
            let z = subject.int("z");
            let (model, mut params) = subject.create(seed);
            let analysis = FactorAnalysis::of(&subject, &params);
            infer_exactly(&mut params, z, &analysis);
            let x = uniform([b, WIDTH], [-2.0, 2.0], &mut rng);
            let evidence: Vec<f64> = f64s(&x).chunks(WIDTH).map(|x| analysis.log_evidence(x)).collect();
            let bounds = exact_bound(model.as_ref(), &params, z, &x);
            prop_assert!(error(&bounds, &evidence) <= EXACT, "{}: {bounds:?} and {evidence:?}", subject.name);
            let tape = Tape::new(&params);
            let noise = normal([b, z], &mut rng);
            let weights = log_weights(model.as_ref(), tape.constant(x), &mut recorded(&noise));
            prop_assert!(error(&weights, &evidence) <= EXACT, "{}: {weights:?} and {evidence:?}", subject.name);
        }
    }
}
