//! Laws of the ways to fit: whichever is shorter to write is the loop written out.

use crate::support::estimators::{factor_rows, value};
use crate::support::{EXACT, assert_close, f64s, named, normal, rng, uniform};
use elbo::autograd::{ParamId, Params, Tape, Var};
use elbo::models::fit::{Batches, LrDecay, Reduction, Shuffle, Terms, TrainOptions, Trainer};
use elbo::models::gmm::{Covariance, GmmInit};
use elbo::models::kmeans::{KmeansInit, kmeans, kmeans_from};
use elbo::models::natural_gmm::MStepSolver;
use elbo::models::{
    Degenerate, Estimator, EstimatorOptions, FactorAnalysis, FactorAnalysisOptions, FactorSolver, Gmm, GmmOptions,
    GradientFactorAnalysis, Inferred, Kmeans, KmeansOptions, Model, ModelOptions, NaturalGmm, NaturalGmmOptions, Noise,
    Objective, Pca, PcaOptions, VaeOptions, estimators,
};
use elbo::tensor::{Real, Tensor};

const WIDTH: usize = 4;

fn rows(n: usize) -> Tensor {
    factor_rows(n, WIDTH, 2, &mut rng(1))
}

/// Every estimator and solver with options under which a fit is short, and the same fitted by its own type.
fn all(x: &Tensor) -> Vec<(Box<dyn EstimatorOptions>, Box<dyn Estimator>)> {
    fn pair<O, E>(options: O, new: fn(O) -> E, x: &Tensor) -> (Box<dyn EstimatorOptions>, Box<dyn Estimator>)
    where
        O: EstimatorOptions + Clone + 'static,
        E: Estimator + 'static,
    {
        let fitted = new(options.clone()).fit(x).unwrap_or_else(|stop| panic!("{options:?}: {stop}"));
        (Box::new(options), Box::new(fitted))
    }
    let gmm = GmmOptions { k: 3, n_init: 3, max_iter: 6, seed: 2, ..GmmOptions::default() };
    let natural = NaturalGmmOptions { k: 3, seed: 2, max_iter: 3, batch_steps: 20, ..NaturalGmmOptions::default() };
    let factors = FactorAnalysisOptions { latents: 2, seed: 2, max_iter: 9, batch_steps: 20, ..Default::default() };
    let kmeans = KmeansOptions { k: 3, n_init: 2, seed: 2, ..KmeansOptions::default() };
    let pca = PcaOptions { latents: 2, ..PcaOptions::default() };
    vec![
        pair(gmm.clone(), Gmm::new, x),
        pair(GmmOptions { covariance: Covariance::Full, init: GmmInit::Random, ..gmm }, Gmm::new, x),
        pair(KmeansOptions { init: KmeansInit::Random, ..kmeans.clone() }, Kmeans::new, x),
        pair(kmeans, Kmeans::new, x),
        pair(NaturalGmmOptions { batch: 50, ..natural.clone() }, NaturalGmm::new, x),
        pair(NaturalGmmOptions { solver: MStepSolver::ClosedForm, ..natural }, NaturalGmm::new, x),
        pair(factors.clone(), FactorAnalysis::new, x),
        pair(FactorAnalysisOptions { solver: FactorSolver::Gradient, ..factors }, GradientFactorAnalysis::new, x),
        pair(pca.clone(), Pca::new, x),
        pair(PcaOptions { latents: WIDTH, ..pca }, Pca::new, x),
    ]
}

#[test]
fn a_fit_is_its_iterations_to_the_end() {
    let x = rows(130);
    let all = all(&x);
    for options in estimators() {
        assert!(all.iter().any(|(other, _)| other.facts().kind == options.facts().kind), "{options:?} is tested");
    }
    for (options, by_type) in all {
        let mut by_hand = options.build(WIDTH);
        let mut iterations = 1;
        while !by_hand.iterate(&x).expect("a fit").done {
            iterations += 1;
        }
        let by_options = options.fit(&x).expect("a fit");
        assert_eq!(options.build(WIDTH).iterate_to_end(&x), Ok(iterations), "{options:?}");
        for fitted in [&by_type, &by_options] {
            assert_eq!(fitted.state(), by_hand.state(), "{options:?}");
            assert_eq!(fitted.infer(&x), by_hand.infer(&x), "{options:?}");
            assert_eq!(fitted.converged(), by_hand.converged(), "{options:?}");
            assert_eq!(fitted.options().boxed().settings(), options.boxed().settings());
        }
    }
}

/// Of more rows than are inferred at a time; the seams lie where no block of rows ends.
#[test]
fn rows_some_at_a_time_are_inferred_as_all_at_once() {
    let (few, many) = (rows(130), rows(20_011));
    for (options, fitted) in all(&few) {
        for x in [&few, &many] {
            let [whole, chunked] = [fitted.infer(x), fitted.infer_chunked(x)];
            assert_eq!(chunked.log_density.len(), whole.log_density.len(), "{options:?}");
            assert_close("density", &chunked.log_density, &whole.log_density, EXACT);
            for (a, b) in [(&chunked.clusters, &whole.clusters), (&chunked.latents, &whole.latents)] {
                let [a, b] = [a, b].map(|values| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
                assert_close("posterior", &a, &b, 10.0 * EXACT);
            }
        }
        assert_eq!(fitted.infer_chunked(&Tensor::from_slice([0, WIDTH], &[])), Inferred::default(), "{options:?}");
    }
}

#[test]
fn predictions_and_scores_are_those_of_what_is_inferred() {
    let (x, held_out) = (rows(130), uniform([37, WIDTH], [-2.0, 2.0], &mut rng(3)));
    for (options, fitted) in all(&x) {
        for rows in [&x, &held_out] {
            let Inferred { log_density, clusters, .. } = fitted.infer(rows);
            let (n, k) = (rows.shape().rows(), options.facts().clusters);
            let largest =
                |row: &[Real]| (0..k).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("a cluster") as u32;
            let expected: Vec<u32> = clusters.chunks_exact(k).map(largest).collect();
            assert_eq!(fitted.predict(rows), expected, "{options:?}");
            assert_eq!(expected.len(), if k > 1 { n } else { 0 }, "{options:?}");
            let mean = (!log_density.is_empty()).then(|| log_density.iter().sum::<f64>() / n as f64);
            assert_eq!(fitted.score(rows), mean, "{options:?}");
        }
        let none = Tensor::from_slice([0, WIDTH], &[]);
        assert_eq!((fitted.predict(&none), fitted.score(&none)), (vec![], None), "{options:?}");
        // Clusters without spread, and components that hold all of the variance, are no distribution.
        let is_distribution = options.facts().kind != "kmeans" && !format!("{options:?}").contains("latents: 4");
        assert_eq!(fitted.score(&x).is_some(), is_distribution, "{options:?}");
    }
}

/// Those whose last likelihood is of the parameters after the update.
#[test]
fn the_likelihood_of_the_last_iteration_is_the_score() {
    let x = rows(130);
    for solver in [FactorSolver::Em, FactorSolver::Gradient] {
        let options = FactorAnalysisOptions { latents: 2, solver, max_iter: 5, batch_steps: 20, ..Default::default() };
        let mut factors = options.build(WIDTH);
        let last = (0..5).map(|_| factors.iterate(&x).expect("a fit")).last().expect("five iterations");
        assert!(last.done);
        assert_close("factors", &[value(&last, "log_likelihood")], &[factors.score(&x).expect("a density")], 1e-10);
    }
    let mut pca = Pca::new(PcaOptions { latents: 2, ..PcaOptions::default() });
    let last = pca.iterate(&x).expect("a fit");
    assert_close("PCA", &[value(&last, "log_likelihood")], &[pca.score(&x).expect("a density")], 1e-10);
}

/// Refused by the type and by the options, in a line that names the key, before anything is made.
#[track_caller]
fn refused<O: EstimatorOptions + Clone, E: Estimator>(options: O, new: fn(O) -> E, key: &str) {
    let x = rows(20);
    let Some(Degenerate(reason)) = options.fit(&x).err() else { panic!("{options:?} is fitted") };
    assert!(reason.contains(key) && !reason.contains('\n'), "{options:?}: {reason}");
    assert_eq!(options.check_for(WIDTH).map_err(Degenerate::from), Err(Degenerate(reason.clone())));
    assert_eq!(new(options).fit(&x).err(), Some(Degenerate(reason)));
}

#[test]
fn a_fit_refuses_options_outside_their_domains() {
    for k in [0, usize::MAX] {
        refused(GmmOptions { k, ..GmmOptions::default() }, Gmm::new, "model.k");
        refused(KmeansOptions { k, ..KmeansOptions::default() }, Kmeans::new, "model.k");
        refused(NaturalGmmOptions { k, ..NaturalGmmOptions::default() }, NaturalGmm::new, "model.k");
    }
    for latents in [0, WIDTH + 1, usize::MAX] {
        let (factors, key) = (FactorAnalysisOptions { latents, ..Default::default() }, "model.latents");
        refused(factors.clone(), FactorAnalysis::new, key);
        refused(FactorAnalysisOptions { solver: FactorSolver::Gradient, ..factors }, GradientFactorAnalysis::new, key);
        refused(PcaOptions { latents, ..PcaOptions::default() }, Pca::new, key);
    }
    for tol in [f64::NAN, -1e-9, f64::INFINITY] {
        refused(GmmOptions { tol, ..GmmOptions::default() }, Gmm::new, "train.tol");
        refused(KmeansOptions { tol, ..KmeansOptions::default() }, Kmeans::new, "train.tol");
        refused(FactorAnalysisOptions { tol, latents: 2, ..Default::default() }, FactorAnalysis::new, "train.tol");
    }
    refused(GmmOptions { max_iter: 0, ..GmmOptions::default() }, Gmm::new, "train.max_iter");
    refused(NaturalGmmOptions { lr: f64::NAN, ..NaturalGmmOptions::default() }, NaturalGmm::new, "train.lr");
    let exact = NaturalGmmOptions { solver: MStepSolver::ClosedForm, l2_reg: 0.1, ..NaturalGmmOptions::default() };
    refused(exact, NaturalGmm::new, "train.l2_reg");
    let x = rows(20);
    let none = KmeansOptions { k: 0, ..KmeansOptions::default() };
    assert!(kmeans(&x, &none).is_err() && kmeans_from(&x, vec![], &none).is_err());
}

/// k-means gives each restart of a mixture its first posterior, under a seed that only the library derives.
#[test]
fn restarts_from_k_means_are_fits_of_their_own_and_the_best_counts() {
    let x = rows(200);
    for seed in [0, 1, 1 << 53] {
        let fit = |n_init| {
            let options = GmmOptions { k: 5, seed, n_init, max_iter: 20, tol: 0.0, ..GmmOptions::default() };
            let mut gmm = Gmm::new(options);
            let iterations = gmm.iterate_to_end(&x).expect("a fit");
            assert_eq!(iterations, 20 * n_init as u64);
            gmm.score(&x).expect("a density")
        };
        let [one, many] = [1, 6].map(fit);
        assert!(many >= one - 1e-3 * one.abs(), "seed {seed}: {many} of six fits, {one} of the first");
    }
}

/// Rows `order` of `x`.
fn gathered(x: &Tensor, order: &[u32]) -> Tensor {
    let picked: Vec<Real> =
        order.iter().flat_map(|&row| &x.as_slice()[row as usize * WIDTH..][..WIDTH]).copied().collect();
    Tensor::from_slice([order.len(), WIDTH], &picked)
}

/// Steps on the batches of each epoch, as the documentation of the parts has it.
fn by_hand<'m>(model: &'m dyn Model, params: Params, options: &TrainOptions, x: &Tensor) -> (Trainer<'m>, Terms) {
    let mut batches = Batches::new(x.shape().rows(), options.batch, options.seed);
    if options.shuffle == Shuffle::AfterFirstPass {
        batches = batches.first_in_order();
    }
    let epoch_steps = if options.epoch_steps == 0 { batches.steps_per_pass() } else { options.epoch_steps as u64 };
    let mut trainer = Trainer::new(model, params, options).over(options.epochs as u64 * epoch_steps);
    let mut last = Terms::default();
    for epoch in 0..options.epochs as u64 {
        for step in epoch * epoch_steps..(epoch + 1) * epoch_steps {
            trainer.step(gathered(x, batches.indices(step))).expect("finite");
        }
        last = trainer.end_epoch();
    }
    (trainer, last)
}

fn small_vae() -> (Box<dyn Model>, Params) {
    VaeOptions::default().create(WIDTH, 4).expect("options inside their domains")
}

fn bits(values: &[Real]) -> Vec<u64> {
    values.iter().map(|&value| f64::from(value).to_bits()).collect()
}

#[track_caller]
fn assert_same_bits(what: &dyn std::fmt::Debug, a: &Trainer<'_>, b: &Trainer<'_>) {
    assert_eq!((a.step, a.adam.steps), (b.step, b.adam.steps), "{what:?}");
    let pairs = [
        (a.params.flat(), b.params.flat()),
        (&a.average, &b.average),
        (&a.adam.first, &b.adam.first),
        (&a.adam.second, &b.adam.second),
    ];
    assert!(pairs.iter().all(|(a, b)| bits(a) == bits(b)), "{what:?}");
}

#[test]
fn training_over_rows_is_the_loop_over_their_batches() {
    let x = rows(23);
    let plain = TrainOptions { epochs: 3, batch: 7, seed: 5, lr: 1e-2, ..TrainOptions::default() };
    let all = [
        plain.clone(),
        TrainOptions { shuffle: Shuffle::AfterFirstPass, ..plain.clone() },
        TrainOptions { epoch_steps: 6, lr_decay: LrDecay::Cosine, ..plain.clone() },
        TrainOptions { epoch_steps: 2, lr_decay: LrDecay::Linear, samples: 2, ..plain.clone() },
        TrainOptions { average: 0.5, kl_warmup: 5, clip: 0.1, reduction: Reduction::Sum, ..plain.clone() },
        TrainOptions { batch: 100, ..plain },
    ];
    for options in all {
        let (model, params) = small_vae();
        let (by_hand, expected) = by_hand(model.as_ref(), params.clone(), &options, &x);
        let mut trainer = Trainer::new(model.as_ref(), params, &options);
        assert_eq!(trainer.fit(&x).expect("finite"), expected, "{options:?}");
        assert_same_bits(&options, &trainer, &by_hand);
        assert!(trainer.step > 0 && trainer.fit(&x).is_ok(), "{options:?}");
        assert_same_bits(&options, &trainer, &by_hand);
    }
}

/// Where steps were taken by hand before, the rest follows.
#[test]
fn training_goes_on_from_its_step() {
    let (x, options) = (rows(23), TrainOptions { epochs: 4, batch: 7, lr: 1e-2, ..TrainOptions::default() });
    let (model, params) = small_vae();
    let (whole, expected) = by_hand(model.as_ref(), params.clone(), &options, &x);
    for steps in [1, 4, 6] {
        let mut trainer = Trainer::new(model.as_ref(), params.clone(), &options);
        let mut batches = options.batches(23);
        for step in 0..steps {
            trainer.step(gathered(&x, batches.indices(step))).expect("finite");
            if (step + 1) % options.steps_of_epoch(&batches) == 0 {
                trainer.end_epoch();
            }
        }
        assert_eq!(trainer.fit(&x).expect("finite"), expected, "{steps} steps");
        assert_same_bits(&steps, &trainer, &whole);
    }
}

#[test]
fn training_stops_at_the_first_batch_that_is_not_finite() {
    let (mut x, options) = (rows(23), TrainOptions { epochs: 2, batch: 7, ..TrainOptions::default() });
    x.as_mut_slice()[11 * WIDTH] = Real::NAN;
    let bad = (0..4).find(|&step| options.batches(23).indices(step).contains(&11)).expect("every row is in a batch");
    let (model, params) = small_vae();
    let mut trainer = Trainer::new(model.as_ref(), params.clone(), &options);
    let divergence = trainer.fit(&x).expect_err("a row of NaN");
    assert_eq!((divergence.step, trainer.step), (bad, bad));
    let mut good = Trainer::new(model.as_ref(), params, &options);
    for step in 0..bad {
        good.step(gathered(&x, options.batches(23).indices(step))).expect("finite");
    }
    assert_same_bits(&bad, &trainer, &good);
}

/// `loc` of a normal of variance ½, up to a constant: what is left of a model that is only trained.
struct OnlyObjective {
    loc: ParamId,
}

impl Model for OnlyObjective {
    fn objective<'t>(&self, x: Var<'t>, _noise: &mut Noise) -> Objective<'t> {
        Objective::nll(-(x - x.tape().param(self.loc)).square().sum_last())
    }
}

#[test]
fn a_model_of_an_objective_alone_is_trained() {
    let x = normal([60, WIDTH], &mut rng(6)).map(|v| v + 3.0);
    let mut params = Params::new();
    let loc = params.add("loc", Tensor::zeros([WIDTH]));
    let model = OnlyObjective { loc };
    let options = TrainOptions { epochs: 400, batch: 60, lr: 0.05, lr_decay: LrDecay::Linear, ..Default::default() };
    let loss = |trainer: &mut Trainer<'_>| trainer.fit(&x).expect("finite").get("loss").expect("a loss");
    let first = loss(&mut Trainer::new(&model, params.clone(), &TrainOptions { epochs: 1, ..options.clone() }));
    let mut trainer = Trainer::new(&model, params, &options);
    let last = loss(&mut trainer);
    let means: Vec<f64> = (0..WIDTH).map(|i| f64s(&x).iter().skip(i).step_by(WIDTH).sum::<f64>() / 60.0).collect();
    assert_close("means", &f64s(&trainer.params.get(named(&trainer.params, "loc"))), &means, 1e-3);
    assert!(last < first, "{first} to {last}");
    let tape = Tape::new(&trainer.params);
    assert!(model.log_evidence(tape.constant(x.clone()), &mut Noise::recorded([])).is_none());
    assert!(model.generate(&tape, 3, &mut Noise::recorded([])).is_none());
}
