//! Laws of the Kullback–Leibler divergence, for every pair of distributions that has one.

use crate::support::families::{
    BERNOULLI, CATEGORICAL, Family, Library, NORMAL, Rule, STANDARD_NORMAL, Size, TRIL_NORMAL, distributions,
    tril_normal,
};
use crate::support::seeds::shifted;
use crate::support::{EXACT, assert_close, config, error, f64s, rng, uniform};
use elbo::autograd::{Params, Tape, Var, check};
use elbo::models::dist::{Bernoulli, Categorical, DiagNormal, Kl, StandardNormal, UniformCategorical};
use elbo::tensor::{Real, Stream, Tensor};
use proptest::prelude::*;

/// `Cat(1/k, …)`: a prior only, so it is neither sampled nor summed over.
const UNIFORM: Family = Family {
    name: "UniformCategorical",
    params: &[],
    library: Library::Prior(|x| UniformCategorical { classes: x.shape().last() }.log_prob(x)),
    textbook: |_, x| -(x.len() as f64).ln(),
    ..CATEGORICAL
};

/// A pair with its divergence, declared once.
struct Pair {
    q: Family,
    p: Family,
    /// The closed form from the parameters of q and of p.
    kl: for<'t> fn(&[Var<'t>], &[Var<'t>]) -> Var<'t>,
    /// Parameters of q that make it equal to p.
    matching: fn(&[Tensor], Size) -> Vec<Tensor>,
}

fn pairs() -> [Pair; 6] {
    fn normal<'t>(params: &[Var<'t>]) -> DiagNormal<'t> {
        DiagNormal { loc: params[0], scale: params[1] }
    }
    [
        Pair {
            q: NORMAL,
            p: STANDARD_NORMAL,
            kl: |q, _| normal(q).kl(&StandardNormal),
            matching: |_, size| vec![Tensor::zeros(size), Tensor::full(size, 1.0)],
        },
        Pair { q: NORMAL, p: NORMAL, kl: |q, p| normal(q).kl(&normal(p)), matching: |p, _| p.to_vec() },
        Pair {
            q: BERNOULLI,
            p: BERNOULLI,
            kl: |q, p| Bernoulli { logits: q[0] }.kl(&Bernoulli { logits: p[0] }),
            matching: |p, _| p.to_vec(),
        },
        Pair {
            q: CATEGORICAL,
            p: UNIFORM,
            kl: |q, _| Categorical::from_logits(q[0]).kl(&UniformCategorical { classes: q[0].shape().last() }),
            matching: |_, size| vec![Tensor::full(size, 0.7)],
        },
        Pair {
            q: CATEGORICAL,
            p: CATEGORICAL,
            kl: |q, p| Categorical::from_logits(q[0]).kl(&Categorical::from_logits(p[0])),
            matching: |p, _| p.to_vec(),
        },
        Pair {
            q: TRIL_NORMAL,
            p: STANDARD_NORMAL,
            kl: |q, _| tril_normal(q).kl(&StandardNormal),
            matching: |_, [b, d]| {
                vec![Tensor::zeros([b, d]), Tensor::full([b, d], 1.0), Tensor::zeros([b, d * (d - 1) / 2])]
            },
        },
    ]
}

impl Pair {
    fn name(&self) -> String {
        format!("KL({} ‖ {})", self.q.name, self.p.name)
    }

    /// The closed form, `[b]`.
    fn closed_form(&self, q: &[Tensor], p: &[Tensor]) -> Vec<f64> {
        let params = Params::new();
        let tape = Tape::new(&params);
        let [q, p] = [q, p].map(|side| side.iter().map(|t| tape.constant(t.clone())).collect::<Vec<_>>());
        f64s(&(self.kl)(&q, &p).value())
    }

    /// `ln q(x) − ln p(x)` of events `[n, b, d]` by the library's densities: `[n, b]`.
    fn log_ratio(&self, q: &[Tensor], p: &[Tensor], x: &Tensor) -> Vec<f64> {
        let params = Params::new();
        let tape = Tape::new(&params);
        let [q, p] = [q, p].map(|side| side.iter().map(|t| tape.constant(t.clone())).collect::<Vec<_>>());
        let x = tape.constant(x.clone());
        f64s(&(self.q.log_prob(&q, x) - self.p.log_prob(&p, x)).value())
    }

    fn draw(&self, size: Size, rng: &mut Stream) -> [Vec<Tensor>; 2] {
        [self.q.draw(size, rng), self.p.draw(size, rng)]
    }

    /// `Σ cᵢ KLᵢ` and its gradient compared with differences, for weights c that tell the rows apart.
    fn gradients(&self, q: &[Tensor], p: &[Tensor]) -> Vec<check::Comparison> {
        check::inputs(&[q, p].concat(), |tape, both| {
            let kl = (self.kl)(&both[..q.len()], &both[q.len()..]);
            let row_weights = Tensor::from_fn(kl.shape(), |row| 1.0 + row as Real);
            (tape.constant(row_weights) * kl).sum_all()
        })
    }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn the_divergence_of_a_distribution_from_itself_is_zero_and_stationary(seed: u64, b in 1..4usize, d in 1..5usize) {
        for pair in pairs() {
            let d = pair.q.width(d);
            let p = pair.p.draw([b, d], &mut rng(seed));
            let q = (pair.matching)(&p, [b, d]);
            let error = error(&pair.closed_form(&q, &p), &vec![0.0; b]);
            prop_assert!(error <= EXACT, "{} is {error:.2e}", pair.name());

            let params = Params::new();
            let tape = Tape::new(&params);
            let [q, p] = [q, p].map(|side| side.into_iter().map(|t| tape.variable(t)).collect::<Vec<_>>());
            let grads = tape.backward((pair.kl)(&q, &p).sum_all());
            for var in [q, p].concat() {
                let gradient = f64s(grads.of(var).expect("KL depends on every parameter"));
                let slope = gradient.iter().fold(0.0, |max, g| f64::max(max, g.abs()));
                prop_assert!(slope <= EXACT, "{} has slope {slope:.2e}", pair.name());
            }
        }
    }

    #[test]
    fn a_divergence_is_never_negative(seed: u64, b in 1..4usize, d in 1..5usize) {
        let mut rng = rng(seed);
        for pair in pairs() {
            let d = pair.q.width(d);
            let [far, p] = pair.draw([b, d], &mut rng);
            // Close to the minimum a wrong second derivative shows.
            let near: Vec<Tensor> = (pair.matching)(&p, [b, d])
                .iter()
                .map(|t| t.zip(&uniform(t.shape(), [-0.02, 0.02], &mut rng), |a, b| a + b))
                .collect();
            for q in [far, near] {
                let lowest = pair.closed_form(&q, &p).into_iter().fold(f64::INFINITY, f64::min);
                prop_assert!(lowest >= -EXACT, "{} is {lowest:e}", pair.name());
            }
        }
    }

    #[test]
    fn the_closed_form_is_the_exact_mean_of_the_log_ratio(seed: u64, b in 1..4usize, d in 1..5usize) {
        let mut rng = rng(seed);
        for pair in pairs() {
            let d = pair.q.width(d);
            let [q, p] = pair.draw([b, d], &mut rng);
            let rule = (pair.q.expectation)(&q, [b, d]);
            let exact = rule.sum(&pair.log_ratio(&q, &p, &rule.x));
            let error = error(&pair.closed_form(&q, &p), &exact);
            prop_assert!(error <= EXACT, "{}: error {error:.2e}", pair.name());
        }
    }

    #[test]
    fn a_prior_for_all_rows_is_the_prior_repeated(seed: u64, b in 2..4usize, d in 1..5usize) {
        let mut rng = rng(seed);
        for pair in pairs() {
            let d = pair.q.width(d);
            let [q, _] = pair.draw([b, d], &mut rng);
            let p = pair.p.draw([1, d], &mut rng);
            let repeated: Vec<Tensor> = p.iter().map(|t| t.broadcast_to([b, d])).collect();
            let error = error(&pair.closed_form(&q, &p), &pair.closed_form(&q, &repeated));
            prop_assert!(error <= EXACT, "{}: error {error:.2e}", pair.name());
            for comparison in pair.gradients(&q, &p) {
                prop_assert!(comparison.passes(), "{}: {comparison:?}", pair.name());
            }
        }
    }

    /// `∫ q ln(q/p)` over the whole space, on a dense grid where it is continuous.
    #[test]
    fn the_closed_form_is_the_integral_of_the_density_times_the_log_ratio(seed: u64, b in 1..4usize, d in 1..3usize) {
        let mut rng = rng(seed);
        for pair in pairs() {
            let d = pair.q.width(d);
            let [q, p] = pair.draw([b, d], &mut rng);
            let rule = (pair.q.integral)(&q, [b, d]);
            let densities = pair.q.textbook_values(&q, &rule.x).into_iter().map(f64::exp);
            let log_ratios = pair.log_ratio(&q, &p, &rule.x);
            let weighted: Vec<f64> = densities.zip(log_ratios).map(|(q, ratio)| q * ratio).collect();
            let error = error(&pair.closed_form(&q, &p), &rule.sum(&weighted));
            prop_assert!(error <= EXACT, "{}: error {error:.2e}", pair.name());
        }
    }

    /// `KL(q ‖ p) = −E_q ln p − H(q)`
    #[test]
    fn a_divergence_is_the_cross_entropy_minus_the_entropy(seed: u64, b in 1..4usize, d in 1..5usize) {
        let mut rng = rng(seed);
        for pair in pairs() {
            let d = pair.q.width(d);
            let [q, p] = pair.draw([b, d], &mut rng);
            let rule = (pair.q.expectation)(&q, [b, d]);
            let cross = rule.sum(&pair.p.textbook_values(&p, &rule.x));
            let params = Params::new();
            let tape = Tape::new(&params);
            let vars: Vec<_> = q.iter().map(|t| tape.constant(t.clone())).collect();
            let entropy = f64s(&pair.q.distribution(&vars).expect("no prior").entropy().value());
            let split: Vec<f64> = cross.iter().zip(&entropy).map(|(log_p, entropy)| -log_p - entropy).collect();
            let error = error(&pair.closed_form(&q, &p), &split);
            prop_assert!(error <= EXACT, "{}: error {error:.2e}", pair.name());
        }
    }

    #[test]
    fn the_gradients_of_both_sides_match_differences(seed: u64, b in 2..5usize, d in 1..5usize) {
        let mut rng = rng(seed);
        for pair in pairs() {
            let d = pair.q.width(d);
            let [q, p] = pair.draw([b, d], &mut rng);
            for comparison in pair.gradients(&q, &p) {
                prop_assert!(comparison.passes() && comparison.kinks == 0, "{}: {comparison:?}", pair.name());
            }
        }
    }
}

/// False-alarm rate over seeds: 24 comparisons at 5 standard errors, 24 × 6e-7 ≈ 1e-5.
#[test]
fn the_closed_form_is_the_monte_carlo_mean_of_the_log_ratio() {
    let (n, size) = (50_000, [4, 3]);
    let mut rng = rng(shifted(3));
    for pair in pairs() {
        let [q, p] = pair.draw(size, &mut rng);
        let x = pair.q.sample(&q, size, n, &mut rng);
        let rule = Rule { x, weights: vec![1.0 / n as f64; n * size[0]] };
        let log_ratio = pair.log_ratio(&q, &p, &rule.x);
        let mean = rule.sum(&log_ratio);
        let square = rule.sum(&log_ratio.iter().map(|r| r * r).collect::<Vec<_>>());
        for (row, kl) in pair.closed_form(&q, &p).into_iter().enumerate() {
            let standard_error = ((square[row] - mean[row].powi(2)) / n as f64).sqrt();
            let z = (mean[row] - kl) / standard_error;
            assert!(z.abs() <= 5.0, "{}: z = {z:.1}, KL {kl}, Monte Carlo {}", pair.name(), mean[row]);
        }
    }
}

#[test]
fn every_distribution_has_a_divergence() {
    for family in distributions() {
        assert!(pairs().iter().any(|pair| pair.q.name == family.name), "{} has none", family.name);
    }
}

#[test]
fn from_a_uniform_prior_a_certain_class_is_log_k_away_and_a_uniform_one_nothing() {
    let from_uniform = &pairs()[3];
    for k in (1..=100).chain([1000]) {
        let certain = Tensor::from_fn([k, k], |i| if i / k == i % k { 200.0 } else { 0.0 });
        let log_k = (k as f64).ln();
        assert_close(&format!("ln {k}"), &from_uniform.closed_form(&[certain], &[]), &vec![log_k; k], EXACT);
        for constant in [-5.0, 0.0, 3.0] {
            let flat = Tensor::full([1, k], constant);
            assert_close(&format!("0 of {k}"), &from_uniform.closed_form(&[flat], &[]), &[0.0], EXACT);
        }
    }
}

#[test]
#[should_panic(expected = "different numbers of classes")]
fn categoricals_of_different_sizes_have_no_divergence() {
    let params = Params::new();
    let tape = Tape::new(&params);
    Categorical::from_logits(tape.constant(Tensor::zeros([2, 3]))).kl(&UniformCategorical { classes: 4 });
}
