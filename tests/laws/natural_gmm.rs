//! Laws of the mixture trained in natural parameters: its objective, its exact optimum, its guard, and where it
//! collapses without one.

use crate::support::estimators::value;
use crate::support::{EXACT, assert_close, error, f64s, l2_error, normal, rng, tensor, uniform};
use elbo::autograd::check;
use elbo::models::dist::natural::{MixtureSource, NormalSource};
use elbo::models::natural_gmm::{Guarding, Layout, MStepGradient, MStepSolver, Objective, StartVariance};
use elbo::models::{
    Configured, Degenerate, Estimator, EstimatorOptions, NaturalGmm, NaturalGmmOptions, Value, Word, argmax,
};
use elbo::tensor::{Real, Tensor};

/// `k` components, everything else at its default.
fn options(k: usize) -> NaturalGmmOptions {
    NaturalGmmOptions { k, seed: 3, ..NaturalGmmOptions::default() }
}

/// `n` rows around `centres` centres of standard deviation 1.5, the rows' own 1.
fn rows(n: usize, d: usize, centres: usize, seed: u64) -> Tensor {
    let mut rng = rng(seed);
    let (centre, noise) = (normal([centres, d], &mut rng), normal([n, d], &mut rng));
    Tensor::from_fn([n, d], |i| noise.as_slice()[i] + 1.5 * centre.as_slice()[i / d % centres * d + i % d])
}

fn source_values(model: &NaturalGmm) -> Vec<f64> {
    let mixture = model.mixture().expect("started").to_source();
    let components = mixture.components().iter().flat_map(|c| [c.mean(), c.var()]).flatten();
    mixture.weights().iter().chain(components).copied().collect()
}

fn is_sound(model: &NaturalGmm) -> bool {
    model.state().iter().all(|array| array.values.iter().all(|v| v.is_finite()))
        && model.mixture().is_some_and(|m| m.components().iter().all(|c| c.eta2().as_slice().iter().all(|&h| h < 0.0)))
}

/// An objective with every regulariser, and a point inside its domain.
fn objective(k: usize, d: usize, seed: u64) -> (Objective, Vec<Real>) {
    let (layout, mut rng) = (Layout { k, d }, rng(seed));
    let mut draw = |n: usize, range| uniform([n], range, &mut rng).as_slice().to_vec();
    let mut theta = draw(layout.len(), [-0.4, 0.4]);
    theta[k * d..k * d + d].iter_mut().for_each(|h| *h -= 1.0);
    let target = draw(layout.len(), [-1.0, 1.0]);
    (Objective { layout, target, upr: draw(k, [0.0, 0.3]), lwr: draw(k, [0.0, 0.3]), l2: 0.05 }, theta)
}

#[test]
fn the_objective_has_the_gradient_of_its_differences() {
    for (k, d) in [(1, 1), (1, 4), (2, 3), (4, 2)] {
        let (objective, theta) = objective(k, d, 1);
        let [eta1, eta2, logits] = objective.layout.parts(&theta);
        let mut inputs = vec![Tensor::from_slice([k, d], eta1), Tensor::from_slice([k, d], eta2)];
        inputs.extend((k > 1).then(|| Tensor::from_slice([k - 1], logits)));
        for comparison in check::inputs(&inputs, |_, vars| objective.value(vars[0], vars[1], vars.get(2).copied())) {
            assert!(comparison.passes(), "k {k}, d {d}: {comparison:?}");
        }
    }
}

#[test]
fn the_gradient_in_closed_form_is_that_of_the_tape() {
    for (k, d) in [(1, 1), (1, 7), (2, 3), (5, 50), (20, 33)] {
        let (objective, theta) = objective(k, d, 2);
        let [a, b] = [objective.closed_form(&theta), objective.autodiff(&theta)]
            .map(|g| g.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>());
        let error = l2_error(&a, &b);
        assert!(error < if cfg!(feature = "f64") { 1e-13 } else { 1e-5 }, "k {k}, d {d}: {error:.1e}");
    }
}

/// With a target of 0 the gradient is η(θ); [`MixtureNatural`] has it in f64.
#[test]
fn the_gradient_of_the_log_partition_is_the_mean() {
    let (k, d) = (4, 3);
    let (objective, theta) = objective(k, d, 3);
    let zeros = |n: usize| vec![0.0; n];
    let psi = Objective { target: zeros(theta.len()), upr: zeros(k), lwr: zeros(k), l2: 0.0, ..objective };
    let mean = psi.layout.mixture(&theta).expect("inside").to_mean().flatten();
    for gradient in [psi.closed_form(&theta), psi.autodiff(&theta)] {
        let [first, second, weights] = psi.layout.parts(&gradient);
        let rows = (0..k).flat_map(|j| [first, second].into_iter().flat_map(move |eta| &eta[j * d..][..d]));
        let got: Vec<f64> = rows.chain(weights).map(|&v| f64::from(v)).collect();
        assert_close("η", &got, &mean, EXACT);
    }
}

#[test]
fn both_gradients_train_alike() {
    let x = rows(200, 3, 4, 1);
    let [closed_form, autodiff] = [MStepGradient::ClosedForm, MStepGradient::Autodiff].map(|gradient| {
        let options = NaturalGmmOptions { gradient, max_iter: 2, batch_steps: 50, lr: 1e-2, ..options(4) };
        source_values(&NaturalGmm::new(options).fit(&x).expect("finite epochs"))
    });
    // In f32 Adam makes steps of full size of a gradient's last digits.
    assert_close("two epochs", &closed_form, &autodiff, if cfg!(feature = "f64") { 1e-6 } else { 1e-2 });
}

/// Many steps of a small size end at `σ² = (πs² + 2upr)/(π + 2lwr)`, the target's means and weights.
#[test]
fn the_inner_loop_tends_to_the_exact_optimum() {
    let x = rows(400, 3, 3, 2);
    for (upr_prs_reg, lwr_prs_reg) in [(0.0, 0.0), (0.0, 1e-2), (1e-2, 0.0), (2e-2, 1e-2)] {
        let steps =
            NaturalGmmOptions { upr_prs_reg, lwr_prs_reg, lr: 3e-4, batch_steps: 30_000, max_iter: 1, ..options(3) };
        let exact = NaturalGmmOptions { solver: MStepSolver::ClosedForm, ..steps.clone() };
        let [by_steps, exact] = [steps, exact].map(|options| NaturalGmm::new(options).fit(&x).expect("a finite epoch"));
        let what = format!("upr {upr_prs_reg}, lwr {lwr_prs_reg}");
        assert_close(&what, &source_values(&by_steps), &source_values(&exact), 1e-3);
    }
}

/// The E-step by hand, then the formula.
#[test]
fn the_exact_solver_is_the_formula() {
    let (x, upr, lwr) = (rows(60, 2, 2, 3), 0.03, 0.02);
    let solver = MStepSolver::ClosedForm;
    let mut model = NaturalGmm::new(NaturalGmmOptions { upr_prs_reg: upr, lwr_prs_reg: lwr, solver, ..options(2) });
    model.start(&x).expect("a start");
    let mixture = model.mixture().expect("started");
    let data = f64s(&x);
    let r: Vec<Vec<f64>> = data.chunks(2).map(|z| mixture.responsibilities(z)).collect();
    let (mut weights, mut moments) = (Vec::new(), Vec::new());
    for j in 0..2 {
        let count: f64 = r.iter().map(|r| r[j]).sum();
        let mean_of = |f: &dyn Fn(f64) -> f64, i: usize| {
            r.iter().zip(data.chunks(2)).map(|(r, z)| r[j] * f(z[i])).sum::<f64>() / count
        };
        let weight = count / 60.0;
        let mean = [0, 1].map(|i| mean_of(&|z| z, i));
        let var = [0, 1].map(|i| mean_of(&|z| (z - mean[i]).powi(2), i));
        weights.push(weight);
        moments.extend(mean.into_iter().chain(var.map(|s| (weight * s + 2.0 * upr) / (weight + 2.0 * lwr))));
    }
    model.iterate(&x).expect("a finite epoch");
    assert_close("formula", &source_values(&model), &[weights, moments].concat(), EXACT.max(1e-10));
}

#[test]
fn one_component_fits_the_moments_of_the_rows() {
    let x = rows(100, 2, 3, 4);
    let solver = MStepSolver::ClosedForm;
    let options = NaturalGmmOptions { lwr_prs_reg: 0.0, solver, max_iter: 1, ..options(1) };
    let model = NaturalGmm::new(options).fit(&x).expect("a finite epoch");
    let data = f64s(&x);
    let mean_of = |f: &dyn Fn(f64) -> f64, i: usize| data.chunks(2).map(|z| f(z[i])).sum::<f64>() / 100.0;
    let mean = [0, 1].map(|i| mean_of(&|z| z, i));
    let var = [0, 1].map(|i| mean_of(&|z| (z - mean[i]).powi(2), i));
    assert_close("moments", &source_values(&model), &[1.0, mean[0], mean[1], var[0], var[1]], EXACT.max(1e-10));
}

/// At the start the most probable component is the nearest centre, and each centre the mean of its rows.
#[test]
fn epoch_0_has_the_assignments_of_k_means() {
    let (k, d, x) = (5, 3, rows(500, 3, 5, 5));
    let mut model = NaturalGmm::new(options(k));
    model.start(&x).expect("a start");
    let centres: Vec<Vec<f64>> =
        model.mixture().unwrap().to_source().components().iter().map(|c| c.mean().to_vec()).collect();
    let (data, clusters) = (f64s(&x), model.infer(&x).clusters);
    let mut sums = vec![(0.0, vec![0.0; d]); k];
    for (z, p) in data.chunks(d).zip(clusters.chunks(k)) {
        let distance = |j: usize| z.iter().zip(&centres[j]).map(|(z, c)| (z - c).powi(2)).sum::<f64>();
        let nearest = (0..k).min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap();
        assert_eq!(nearest, argmax(p));
        sums[nearest].0 += 1.0;
        sums[nearest].1.iter_mut().zip(z).for_each(|(sum, z)| *sum += z);
    }
    for ((count, sum), centre) in sums.iter().zip(&centres) {
        assert_close("centre", centre, &sum.iter().map(|s| s / count).collect::<Vec<_>>(), EXACT.max(1e-10));
    }
}

/// 10,000 steps of every size, from rates that hardly move to rates of hundreds of times the parameters.
#[test]
fn a_guarded_fit_keeps_eta2_below_0_at_every_rate() {
    let x = rows(60, 2, 3, 6);
    for exponent in -6..=2 {
        for clip in [0.0, 1.0] {
            let rate = 10f64.powi(exponent);
            let mut model = NaturalGmm::new(NaturalGmmOptions { lr: rate, batch_steps: 5000, clip, ..options(3) });
            let mut events = Vec::new();
            for _ in 0..2 {
                events.extend(model.iterate(&x).unwrap_or_else(|stop| panic!("rate {rate}: {stop:?}")).events);
                assert!(is_sound(&model), "rate {rate}");
            }
            assert!(exponent >= -1 || events.is_empty(), "rate {rate}: {events:?}");
            assert!(exponent < 0 || !events.is_empty(), "rate {rate}: the guard acts");
        }
    }
}

/// Rows of standard deviation 60: η₂ starts near −1.4e-4, and two of Adam's first steps of 1e-4 cross 0.
#[test]
fn rows_that_are_not_standardised_collapse_at_once_without_a_guard() {
    let (d, k) = (10, 4);
    let large = rows(300, d, k, 7).map(|z| 40.0 * z);
    for init_var in [StartVariance::Within, StartVariance::Total] {
        let (init, new) = (init_var.word(), |mode| NaturalGmm::new(NaturalGmmOptions { mode, init_var, ..options(k) }));
        let stop = new(Guarding::Faithful).iterate(&large).expect_err("a collapse").0;
        assert!(stop.starts_with("epoch 0, batch 0, step ") && stop.ends_with("is not below 0"), "{init}: {stop}");
        let step: usize = stop["epoch 0, batch 0, step ".len()..].split(':').next().unwrap().parse().unwrap();
        assert!(step < 10, "{init}: {stop}");
        let mut guarded = new(Guarding::Guarded);
        let iteration = guarded.iterate(&large).expect("a finite epoch");
        assert!(is_sound(&guarded) && iteration.events.iter().any(|e| e.contains("shortened")), "{iteration:?}");
    }
}

#[test]
fn modes_agree_where_no_guard_acts() {
    let x = rows(500, 4, 3, 8);
    for batch in [0, 100] {
        let run = |mode| {
            let mut model = NaturalGmm::new(NaturalGmmOptions { mode, batch, lr: 1e-3, ..options(3) });
            let last = (0..3).map(|_| model.iterate(&x).expect("a finite epoch")).last().unwrap();
            assert!(last.events.is_empty(), "{last:?}");
            (value(&last, "log_likelihood"), source_values(&model))
        };
        let (guarded, faithful) = (run(Guarding::Guarded), run(Guarding::Faithful));
        assert_close("ln p", &[guarded.0], &[faithful.0], 1e-5);
        // In f32 Adam makes steps of full size of a gradient's last digits.
        assert_close("parameters", &guarded.1, &faithful.1, if cfg!(feature = "f64") { 1e-5 } else { 1e-3 });
    }
}

/// Two clusters and a third component, the anchor, far from all rows: its responsibilities are about 1e-22.
fn dead_anchor(mode: Guarding) -> (NaturalGmm, Tensor) {
    let mut rng = rng(9);
    let noise = normal([200, 2], &mut rng);
    let x = Tensor::from_fn([200, 2], |i| noise.as_slice()[i] + if i / 2 % 2 == 0 { 3.0 } else { -3.0 });
    let at = |m: f64| NormalSource::new(vec![m; 2], vec![1.0; 2]).unwrap();
    let mut model = NaturalGmm::new(NaturalGmmOptions { mode, batch_steps: 100, ..options(3) });
    let start = MixtureSource::new(vec![0.2, 0.4, 0.4], vec![at(12.0), at(3.0), at(-3.0)]).unwrap();
    model.start_from(&start).expect("inside");
    (model, x)
}

/// In f32 the other probabilities sum to 1, and the anchor's 1 − Σ is 0.
#[test]
#[cfg_attr(feature = "f64", ignore = "f64 has the digits for this anchor")]
fn a_dead_anchor_is_0_by_0_without_a_guard() {
    let (mut model, x) = dead_anchor(Guarding::Faithful);
    let stop = (0..200).find_map(|_| model.iterate(&x).err()).expect("a collapse").0;
    assert!(stop.contains("E-step: component 1, the anchor, has probability 1 − Σ = 0"), "{stop}");
    assert!(is_sound(&model), "the last parameters stay");
}

#[test]
fn a_dying_component_keeps_its_parameters_under_the_guard() {
    let (mut model, x) = dead_anchor(Guarding::Guarded);
    let before = model.mixture().unwrap().to_source().components()[0].clone();
    let first = model.iterate(&x).expect("a finite epoch");
    assert!(first.events.iter().any(|e| e.starts_with("component 1 keeps its mean and variances")), "{first:?}");
    for _ in 0..20 {
        let later = model.iterate(&x).expect("a finite epoch");
        assert!(later.events.is_empty(), "said once: {later:?}");
    }
    let after = model.mixture().unwrap().to_source().components()[0].clone();
    assert!(error(after.mean(), before.mean()) < EXACT && error(after.var(), before.var()) < EXACT, "{after:?}");
    assert!(is_sound(&model));
}

/// Epochs until a faithful fit collapses, at most `most`.
fn collapse(k: usize, x: &Tensor, penalties: [f64; 2], most: usize) -> Option<(usize, String)> {
    let [upr_prs_reg, lwr_prs_reg] = penalties;
    let options = NaturalGmmOptions { upr_prs_reg, lwr_prs_reg, lr: 1e-3, batch_steps: 500, ..options(k) };
    let mut model = NaturalGmm::new(NaturalGmmOptions { mode: Guarding::Faithful, ..options });
    (0..most).find_map(|epoch| model.iterate(x).err().map(|stop| (epoch, stop.0)))
}

/// `lwr_prs_reg` = 1e-2 alone shrinks small components until one has no responsibility left; with an equal
/// `upr_prs_reg` the same rows are fitted without end.
#[test]
#[cfg_attr(feature = "f64", ignore = "the collapse is one of f32")]
fn one_penalty_collapses_and_the_pair_does_not() {
    let x = rows(2000, 20, 12, 11);
    let (epoch, stop) = collapse(12, &x, [0.0, 1e-2], 200).expect("a collapse");
    assert!(epoch > 0 && stop.contains("has probability"), "{epoch}: {stop}");
    assert_eq!(collapse(12, &x, [1e-2, 1e-2], 60), None);
}

#[test]
fn a_fit_continues_from_its_state_to_the_same_bits() {
    let x = rows(120, 3, 3, 12);
    let new = |k| NaturalGmmOptions { batch: 50, batch_steps: 20, epoch_reset: false, ..options(k) }.build(3);
    let (mut unbroken, mut resumed) = (new(3), new(3));
    (0..2).for_each(|_| drop(unbroken.iterate(&x).unwrap()));
    resumed.restore(&unbroken.state()).expect("a state of its own");
    assert_eq!(resumed.iterate(&x), unbroken.iterate(&x));
    assert_eq!(resumed.state(), unbroken.state());
    let mut broken = unbroken.state();
    broken[3].values[0] = 1.0;
    assert!(resumed.restore(&broken).is_err() && resumed.restore(&broken[1..]).is_err());
    assert!(new(4).restore(&unbroken.state()).is_err());
}

/// Every one ends in finite parameters or in one line.
#[test]
fn hostile_rows_end_in_a_defined_result() {
    let plain = rows(30, 2, 2, 13);
    let scaled = |factor: Real| plain.map(move |z| z * factor);
    let mut outlier = plain.clone();
    outlier.as_mut_slice()[7] = 1e15;
    let hostile = [
        ("scarce: one row", Tensor::from_slice([1, 2], &[1.0, 2.0])),
        ("scarce: three rows", Tensor::from_slice([3, 2], &[1.0, 2.0, -1.0, 0.0, 5.0, 5.0])),
        ("two distinct rows", Tensor::from_fn([30, 2], |i| (i / 2 % 2) as Real)),
        ("all equal", Tensor::full([30, 2], 0.1)),
        ("a constant column", Tensor::from_fn([30, 2], |i| if i % 2 == 0 { 3.0 } else { plain.as_slice()[i] })),
        ("scale 1e-30", scaled(1e-30)),
        ("scale 1e15", scaled(1e15)),
        ("scale 1e30", scaled(1e30)),
        ("an outlier", outlier),
    ];
    for (what, x) in &hostile {
        for mode in [Guarding::Guarded, Guarding::Faithful] {
            for solver in [MStepSolver::Adam, MStepSolver::ClosedForm] {
                let mut model = NaturalGmm::new(NaturalGmmOptions { mode, solver, batch_steps: 50, ..options(5) });
                let stop = (0..3).find_map(|_| model.iterate(x).err());
                assert!(stop.as_ref().is_none_or(|stop| !stop.0.contains('\n')), "{what}: {stop:?}");
                assert!(stop.is_some() || is_sound(&model), "{what}, {mode:?}, {solver:?}");
                let inferred = model.infer(x);
                assert!(inferred.clusters.iter().all(|p| p.is_finite()), "{what}, {mode:?}, {solver:?}");
                if !what.starts_with("sca") && mode == Guarding::Guarded {
                    assert_eq!(stop, None, "{what}, {solver:?}");
                }
            }
        }
    }
}

/// Lines before a fit of three clumps of 60, 30 and 10 rows, of standard deviation `scale` about means of `offset` and
/// more.
fn advice(offset: f64, scale: f64, [lwr_prs_reg, upr_prs_reg]: [f64; 2]) -> String {
    let noise = normal([100, 2], &mut rng(9));
    let clump = |row: usize| usize::from(row >= 60) + usize::from(row >= 90);
    let x = Tensor::from_fn([100, 2], |i| {
        (offset + scale * (f64::from(noise.as_slice()[i]) + 20.0 * clump(i / 2) as f64)) as Real
    });
    NaturalGmm::new(NaturalGmmOptions { lwr_prs_reg, upr_prs_reg, ..options(3) }).advice(&x).join("\n")
}

/// `π/(π + 2 lwr)` of weights 0.6 and 0.1, `½/σ²` in steps of lr, and `|μ|/σ`.
#[test]
fn advice_is_of_the_rows() {
    let of = |lwr: f64, upr: f64| advice(0.0, 1.0, [lwr, upr]);
    let shrunk = of(1e-2, 0.0);
    assert!(shrunk.contains("warning: lwr_prs_reg = 0.01 with upr_prs_reg = 0"), "{shrunk}");
    let [least, most] = [("0.833", "1.00e-1"), ("0.968", "6.00e-1")]
        .map(|(factor, weight)| shrunk.contains(factor) && shrunk.contains(&format!("weight {weight})")));
    assert!(least && most, "{shrunk}");
    assert!(of(2e-2, 1e-2).contains("lwr_prs_reg/upr_prs_reg = 2.000") && !of(2e-2, 1e-2).contains("warning"));
    let none = of(0.0, 0.0);
    assert!(none.lines().count() == 1 && none.starts_with("η₂ starts ") && !none.contains("standardise"), "{none}");
    // The start has one variance, near 1: 5000 steps, and a 2025th of them at a standard deviation of 45.
    let steps = |text: &str| -> f64 { text["η₂ starts ".len()..].split(' ').next().unwrap().parse().unwrap() };
    let large = advice(0.0, 45.0, [0.0; 2]);
    assert!((4000.0..6000.0).contains(&steps(&none)) && (2.0..3.0).contains(&steps(&large)), "{none}, {large}");
    assert!(large.contains("steps of Adam from 0: standardise (data.standardize = true)"), "{large}");
    let far = advice(1000.0, 1.0, [0.0; 2]);
    assert!(
        far.contains("standard deviations from 0 (component ") && far.contains("loses digits: standardise"),
        "{far}"
    );
}

/// A row a batch: every component is kept and fitted again all the time, which is one line an epoch, and counted.
#[test]
fn a_guarded_epoch_of_many_batches_is_told_in_one_line() {
    let noise = normal([90, 1], &mut rng(4));
    let x = Tensor::from_fn([90, 1], |i| noise.as_slice()[i] + 40.0 * (i % 3) as Real);
    let mut model = NaturalGmm::new(NaturalGmmOptions { batch: 1, batch_steps: 5, ..options(3) });
    for _ in 0..2 {
        let iteration = model.iterate(&x).expect("a finite epoch");
        let line = iteration.events.join("\n");
        assert!(line.lines().count() == 1 && line.contains("of the 90 batches"), "{line}");
        assert_eq!(value(&iteration, "kept"), 180.0);
        assert!(value(&iteration, "refitted") > 30.0 && value(&iteration, "shortened") == 0.0, "{iteration:?}");
    }
    let faithful = NaturalGmmOptions { mode: Guarding::Faithful, ..options(3) };
    let faithful = NaturalGmm::new(faithful).iterate(&x).expect("a finite epoch");
    assert!(faithful.values.iter().all(|(name, _)| *name != "kept"));
}

#[test]
fn an_exact_step_to_a_variance_of_0_names_the_bound() {
    let free = NaturalGmmOptions { lat_min_var: 0.0, lwr_prs_reg: 0.0, ..options(2) };
    let x = Tensor::from_fn([30, 2], |i| if i % 2 == 1 { 3.0 } else { (i / 2 % 5) as Real });
    for mode in [Guarding::Guarded, Guarding::Faithful] {
        let options = NaturalGmmOptions { solver: MStepSolver::ClosedForm, mode, ..free.clone() };
        let Degenerate(stop) = NaturalGmm::new(options).fit(&x).expect_err("no variance");
        assert!(stop.contains("has no variance in dimension 2: raise train.lat_min_var"), "{stop}");
    }
}

/// Two epochs against PyTorch in f64, `reference/natural_gmm.json`.
#[test]
fn epochs_are_those_of_the_reference() {
    let reference: serde_json::Value =
        serde_json::from_str(include_str!("../reference/natural_gmm.json")).expect("the file is JSON");
    let numbers = |list: &serde_json::Value| -> Vec<f64> {
        list.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
    };
    for case in reference["cases"].as_array().expect("cases") {
        let [k, d] = ["k", "d"].map(|name| case[name].as_u64().expect("an extent") as usize);
        let mut settings = options(k);
        for (name, value) in case["settings"].as_object().expect("settings") {
            settings.set(&format!("train.{name}"), setting(value)).expect("a setting of the trainer");
        }
        let [x, weights, means, var] = ["x", "weights", "means", "var"].map(|name| numbers(&case[name]));
        let x = tensor([x.len() / d, d], &x);
        let components = means.chunks(d).zip(var.chunks(d));
        let components = components.map(|(m, v)| NormalSource::new(m.to_vec(), v.to_vec()).expect("inside"));
        let start = MixtureSource::new(weights, components.collect()).expect("inside");
        for (mode, gradient) in [
            (Guarding::Faithful, MStepGradient::ClosedForm),
            (Guarding::Guarded, MStepGradient::ClosedForm),
            (Guarding::Guarded, MStepGradient::Autodiff),
        ] {
            let mut model = NaturalGmm::new(NaturalGmmOptions { mode, gradient, ..settings.clone() });
            model.start_from(&start).expect("inside");
            for (want, likelihood) in
                case["theta"].as_array().expect("states").iter().zip(numbers(&case["log_likelihood"]))
            {
                let iteration = model.iterate(&x).expect("a finite epoch");
                let got = model.mixture().expect("started").flatten();
                let what = format!("{}, {mode:?}, {gradient:?}", case["name"]);
                let [sharp, loose] = if cfg!(feature = "f64") { [1e-10, 1e-10] } else { [1e-4, 1e-2] };
                assert_close(&what, &[value(&iteration, "log_likelihood")], &[likelihood], sharp);
                assert_close(&what, &got, &numbers(want), loose);
            }
        }
    }
}

/// A setting's value as the reference has it.
fn setting(value: &serde_json::Value) -> Value {
    match (value.as_bool(), value.as_u64(), value.as_f64()) {
        (Some(yes), ..) => Value::Bool(yes),
        (_, Some(whole), _) => Value::Int(whole),
        (.., Some(number)) => Value::Float(number),
        _ => panic!("a setting is {value}"),
    }
}
