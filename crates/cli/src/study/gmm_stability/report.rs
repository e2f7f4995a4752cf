//! The report of `gmm-stability`.

use super::super::judge::Quantity;
use super::super::{Request, Results, Scale};
use super::measure::STABLE;
use super::source::{self, guarded, of};
use super::tables::{self, average, mean, median_ratio, value};
use super::{
    EM, EXACT, FACTORS, FAITHFUL, FLOORS, GUARDED, KMEANS, KS, LARGEST, MORE_SEEDS, MORE_SEEDS_OF, PENALTIES, RAW,
    RAW_TOTAL, SCALED, STEPS, SWEPT_FACTORS, SYMMETRIC, UNCLIPPED, figures,
};
use crate::grid::Outcome;
use crate::report::{Block, Report, Section, Statement, Verdict, number};

pub fn report(results: &Results<'_>, request: &Request<'_>) -> Report {
    let mut sections = vec![bars(results, request), claims(results)];
    sections.push(tables::grid(results));
    sections.push(figures::section(results));
    sections.extend([
        tables::collapses(results),
        tables::root_cause(results),
        tables::recommended(results),
        tables::references(results),
        tables::latents(results),
        method(request),
    ]);
    Report {
        title: "Stability of a mixture in natural parameters".into(),
        question:
            "A mixture of diagonal normals is trained by Adam in natural parameters on 50 factors of MNIST: which settings keep its \
             clustering, and which end in NaN? The source answers from a grid of 216 runs; every one is run again here, with a \
             guard and, where the source saw a collapse, without."
                .into(),
        summary: summary(results),
        sections,
        provenance: Vec::new(),
    }
}

fn summary(results: &Results<'_>) -> Vec<Statement> {
    let grid = results.of(&[("arm", GUARDED)]);
    let faithful = results.of(&[("arm", FAITHFUL)]);
    let (cells, stable) = (grid.runs().len(), grid.metric("stable").iter().filter(|&&s| s == 1.0).count());
    let collapsed = |steps: &str| {
        let runs = faithful.of(&[("batch_steps", steps)]);
        format!("{} of {}", runs.diverged(), runs.runs().len())
    };
    let symmetric = results.of(&[("arm", SYMMETRIC)]);
    let state = |holds, text| Statement { holds, text };
    vec![
        state(
            Some(grid.diverged() == 0),
            format!(
                "With the guard {} of {cells} runs end without a NaN; {stable} are stable by the source's rule.",
                cells - grid.diverged()
            ),
        ),
        state(
            None,
            format!(
                "Without it, lwr_prs_reg = {LARGEST} collapses in {} runs at 100 steps, {} at 500 and {} at 1000: the anchor's probability, \
                 1 − Σ, becomes exactly 0 and is divided by.",
                collapsed("100"),
                collapsed("500"),
                collapsed("1000")
            ),
        ),
        state(
            None,
            format!(
                "Without a penalty it clusters as EM does: train NMI {:.3} beside {:.3} (K = 20) and {:.3} beside {:.3} (K = 50), means over seeds.",
                mean(&guarded(results, "20", "0.01", "0", "1000"), "train nmi"),
                mean(&results.of(&[("arm", EM), ("k", "20")]), "train nmi"),
                mean(&guarded(results, "50", "0.01", "0", "1000"), "train nmi"),
                mean(&results.of(&[("arm", EM), ("k", "50")]), "train nmi")
            ),
        ),
        state(
            None,
            format!(
                "The same penalty with upr_prs_reg = {LARGEST} beside it: {} of {} runs collapse without any guard.",
                symmetric.diverged(),
                symmetric.runs().len()
            ),
        ),
        state(
            None,
            format!(
                "On latents of the source's scale {} of {} runs end in NaN within the first epoch; standardised, {}.",
                results.of(&[("arm", RAW)]).diverged() + results.of(&[("arm", RAW_TOTAL)]).diverged(),
                results.of(&[("arm", RAW)]).runs().len() + results.of(&[("arm", RAW_TOTAL)]).runs().len(),
                match results.of(&[("arm", SCALED)]).diverged() {
                    0 => "none".to_string(),
                    some => some.to_string(),
                }
            ),
        ),
    ]
}

/// The numbers that must hold.
fn bars(results: &Results<'_>, request: &Request<'_>) -> Section {
    let mut rows: Vec<Verdict> = Vec::new();
    let mut bar = |name: String, value: f64, low: Option<f64>, high: Option<f64>| {
        rows.push(Quantity::single(&name, value, (low, high), request));
    };
    let raw = results.of(&[("arm", RAW)]);
    let latest = raw.metric("iterations").into_iter().fold(0.0, f64::max);
    bar("latents × 60, not standardised: share of runs that collapse".into(), share(&raw), Some(1.0), None);
    bar("the same: whole epochs before the collapse, at most".into(), latest, None, Some(0.0));
    bar(
        "latents × 60, standardised: runs that collapse".into(),
        results.of(&[("arm", SCALED)]).diverged() as f64,
        None,
        Some(0.0),
    );
    bar(
        "guarded runs of the grid that collapse".into(),
        results.of(&[("arm", GUARDED)]).diverged() as f64,
        None,
        Some(0.0),
    );
    for penalty in &PENALTIES[..3] {
        let runs = guarded(results, "20", "0.01", penalty, "1000");
        let name = |what: &str| format!("K = 20, lat_min_var .01, lwr_prs_reg {penalty}, 1000 steps: {what}");
        let apart = runs.runs().iter().map(|(_, o)| value(o, "test nmi") - value(o, "train nmi"));
        let ratio = mean(&runs, "train nmi") / mean(&runs, "train nmi at epoch 0");
        bar(name("mean train NMI"), mean(&runs, "train nmi"), Some(0.42), Some(0.46));
        bar(name("the same as a share of that at epoch 0"), ratio, Some(0.9), Some(1.1));
        bar(name("largest distance of test from train"), apart.map(f64::abs).fold(0.0, f64::max), None, Some(0.02));
        bar(name("fewest active"), runs.metric("active").into_iter().fold(f64::INFINITY, f64::min), Some(18.0), None);
        let runs = guarded(results, "50", "0.01", penalty, "1000");
        let name = format!("K = 50, lat_min_var .01, lwr_prs_reg {penalty}, 1000 steps: mean train NMI");
        bar(name, mean(&runs, "train nmi"), Some(0.47), Some(0.52));
    }
    for k in KS {
        let ours = mean(&guarded(results, k, "0.01", "0", "1000"), "train nmi");
        let reference = mean(&results.of(&[("arm", EM), ("k", k)]), "train nmi");
        bar(
            format!("K = {k}: mean train NMI as a share of EM's on the same latents"),
            ours / reference,
            Some(0.95),
            None,
        );
    }
    let faithful = |steps: &str| of(results, FAITHFUL, "20", "0.01", LARGEST, steps);
    let early = |runs: &Results<'_>| {
        let ended = runs.runs().iter().filter(|(_, o)| o.diverged() && value(o, "iterations") < 200.0).count();
        ended as f64 / runs.runs().len() as f64
    };
    let name = |what: &str| format!("K = 20, lat_min_var .01, lwr_prs_reg {LARGEST}, {what}");
    bar(name("1000 steps, faithful: share that collapse before epoch 200"), early(&faithful("1000")), Some(0.5), None);
    let runs = guarded(results, "20", "0.01", LARGEST, "1000");
    bar(
        name("1000 steps, guarded: NMI as a share of that at epoch 0"),
        median_ratio(&runs, "train nmi", "train nmi at epoch 0"),
        None,
        Some(STABLE),
    );
    let floor = |floor: &str| average(&all_seeds(results, floor));
    bar(
        "K = 20: mean NMI lost from lat_min_var .01 to 1, over more seeds".into(),
        floor("0.01") - floor("1"),
        Some(0.02),
        None,
    );
    let unclipped = results.of(&[("arm", UNCLIPPED)]).by_seed("train nmi");
    let clipped = guarded(results, "20", "0.01", "0", "1000").by_seed("train nmi");
    let apart = clipped.iter().zip(&unclipped).map(|(a, b)| (a.1 - b.1).abs()).fold(f64::NAN, f64::max);
    bar("K = 20: largest change of a run's NMI without clipping".into(), apart, None, Some(0.02));
    let caption = "Bars of the study, over its seeds. That many small steps reach the closed form of an M-step, and that gradient and \
                   coordinates are exact, is tested with the library."
        .into();
    Section { title: "What must hold".into(), blocks: vec![Block::Verdicts { caption, rows }] }
}

fn share(runs: &Results<'_>) -> f64 {
    runs.diverged() as f64 / runs.runs().len() as f64
}

/// What the source says, and what the runs show.
fn claims(results: &Results<'_>) -> Section {
    let nmi = |floor: &str, penalty: &str, steps: &str| {
        let [a, b] = KS.map(|k| mean(&guarded(results, k, floor, penalty, steps), "train nmi"));
        format!("{a:.3} (K = 20), {b:.3} (K = 50)")
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |says: &str, find: String, verdict: &str| rows.push(vec![says.into(), find, verdict.into()]);

    row(
        "NaN because η₂ starts three Adam steps from 0",
        format!(
            "latents × 60: {} of {} runs end within the first epoch, from the variance within clusters as well as from the total",
            results.of(&[("arm", RAW)]).diverged() + results.of(&[("arm", RAW_TOTAL)]).diverged(),
            results.of(&[("arm", RAW)]).runs().len() + results.of(&[("arm", RAW_TOTAL)]).runs().len()
        ),
        "reproduced",
    );
    let within: Vec<String> = KS
        .iter()
        .map(|k| {
            let runs = results.of(&[("arm", KMEANS), ("k", k)]);
            format!("{:.3} (K = {k})", within_share(&runs))
        })
        .collect();
    row(
        "variance within clusters ≈ 1/K of the total",
        format!("k-means: {} of the total", within.join(", ")),
        "not so: the start is hardly farther from 0",
    );
    row(
        "all K = 20 rows equal to three digits for lwr 0 to 1e-2 and 100 to 1000 steps",
        format!(
            "of one seed the rows differ by up to {:.3} (lwr ≤ 1e-3) and {:.3} (all); an M-step at 1e-2 shrinks a variance by 1.4 at \
             weight 1/20 and by 3 at 1/100",
            widest(results, &PENALTIES[..3]),
            widest(results, &PENALTIES)
        ),
        "not reproduced",
    );
    let one = guarded(results, "20", "0.01", "0", "1000").metric("train nmi");
    row(
        "\"by epoch 500 all seeds converge to similar NMI\"",
        format!(
            "the source's own are .329, .493, .441; ours {}",
            one.iter().map(|v| format!("{v:.3}")).collect::<Vec<_>>().join(", ")
        ),
        "inconsistent in the source",
    );
    row(
        "\".44 train NMI, 91 % of EM\" (K = 20)",
        format!(
            ".44 is its seed 2; its mean is {:.3}, {:.0} % of .4828; ours {:.0} % of EM on our latents",
            source::RECOMMENDED[0],
            100.0 * source::RECOMMENDED[0] / source::REFERENCE[0][0],
            100.0 * mean(&guarded(results, "20", "0.01", "0", "1000"), "train nmi")
                / mean(&results.of(&[("arm", EM), ("k", "20")]), "train nmi")
        ),
        "one seed for a mean",
    );
    row(
        "100 steps strictly stable, 1000 dip at epoch 100 (lat_min_var .01, lwr ≤ 1e-3)",
        format!(
            "stable by its rule: {}; its own table calls every row unstable",
            STEPS
                .map(|steps| {
                    let runs: Vec<f64> = PENALTIES[..3]
                        .iter()
                        .flat_map(|penalty| KS.map(|k| guarded(results, k, "0.01", penalty, steps).metric("stable")))
                        .flatten()
                        .collect();
                    format!("{} of {} at {steps} steps", runs.iter().filter(|&&s| s == 1.0).count(), runs.len())
                })
                .join(", ")
        ),
        "inconsistent in the source",
    );
    row(
        "lwr_prs_reg penalises \"small log-det (low variance)\"",
        "−lwr ln|Λ| is minimised: it penalises large variance and shrinks it, most where the weight is small, \
         σ² = (π s² + 2 upr)/(π + 2 lwr)"
            .into(),
        "right in effect, wrong in sign",
    );
    let epochs = |runs: Results<'_>| runs.runs().iter().map(|(_, o)| end(o)).collect::<Vec<_>>().join(", ");
    row(
        "1e-2 with 100 steps is stable",
        format!(
            "it only takes longer: whole epochs before the collapse without guard {} (K = 20) and {} (K = 50); the same training in \
             PyTorch, other starts, K = 20: {} in single and {} in double precision. With the guard train NMI falls to {}",
            epochs(of(results, FAITHFUL, "20", "0.01", LARGEST, "100")),
            epochs(of(results, FAITHFUL, "50", "0.01", LARGEST, "100")),
            source::pytorch("float32").join(", "),
            source::pytorch("float64").join(", "),
            nmi("0.01", LARGEST, "100")
        ),
        "not reproduced",
    );
    let ends =
        |k: &str| STEPS.map(|steps| of(results, FAITHFUL, k, "0.01", LARGEST, steps).diverged().to_string()).join(", ");
    row(
        "1e-2: some seeds collapse at 500 steps, all at 1000",
        format!(
            "faithful runs that collapse at 100, 500, 1000 steps: {} (K = 20), {} (K = 50), of 3 each",
            ends("20"),
            ends("50")
        ),
        match results.of(&[("arm", FAITHFUL)]) {
            runs if runs.diverged() == runs.runs().len() => "here every run does",
            runs if runs.diverged() == 0 => "not reproduced",
            _ => "some here as well",
        },
    );
    let exact = |penalty: &str| {
        let runs = results.of(&[("arm", EXACT), ("lwr_prs_reg", penalty)]);
        format!("{:.3}", mean(&runs, "train nmi"))
    };
    row(
        "many M-steps per E-step make the penalty aggressive",
        format!(
            "with the M-step solved exactly (K = 20): NMI {} without the penalty and {} with 1e-2; the steps only decide how soon the \
             optimum, which is what hurts, is reached",
            exact("0"),
            exact(LARGEST)
        ),
        "a speed, not a cause",
    );
    let both = |floor: &str| all_seeds(results, floor);
    row(
        "lat_min_var = 1 is catastrophic, NMI .10; .1 moderate",
        format!(
            "{}. K = 20 over {} seeds each: {}",
            FLOORS.map(|floor| format!("{floor}: {}", nmi(floor, "0", "1000"))).join("; "),
            both("1").len(),
            MORE_SEEDS_OF.map(|floor| format!("{floor}: {:.3}", average(&both(floor)))).join(", ")
        ),
        match FLOORS.map(|floor| average(&KS.map(|k| mean(&guarded(results, k, floor, "0", "1000"), "train nmi")))) {
            [a, b, c] if a > b && b > c => "the same order, not the size",
            [a, b, c] if c < a && c < b => "1 is the worst here as well, by far less",
            _ => "not reproduced",
        },
    );
    row(
        "gradient clipping is part of the stable regime",
        {
            let (a, b) = (
                mean(&guarded(results, "20", "0.01", "0", "1000"), "train nmi"),
                mean(&results.of(&[("arm", UNCLIPPED)]), "train nmi"),
            );
            format!("NMI {a:.3} with and {b:.3} without; Adam divides by the size of the gradient")
        },
        "inert",
    );
    row(
        "latents of standard deviation 43 to 78",
        {
            let exact = results.of(&[("arm", FACTORS)]);
            let swept = results.of(&[("arm", SWEPT_FACTORS)]);
            let route = if swept.is_empty() {
                "its own route is run by --full".to_string()
            } else {
                format!("by its route {}", number(swept.median("median std")))
            };
            format!("by exact EM a median of {}; {route}", number(exact.median("median std")))
        },
        "larger than 1 by its route as well, not as large",
    );
    row(
        "its update ships lwr_prs_reg = 1e-5",
        "no run of its grid has this value; run here as `shipped`".into(),
        "untested in the source",
    );
    let head = ["the source says", "we find", "verdict"].map(String::from).into();
    let caption = "Claims of the source. Not reproduced on our latents is not the same as wrong on its own, which are not published.";
    Section {
        title: "What the source says, what we find".into(),
        blocks: vec![Block::Table { caption: caption.into(), head, rows }],
    }
}

/// Train NMI with K = 20, no penalty and 1000 steps over all seeds that there are.
fn all_seeds(results: &Results<'_>, floor: &str) -> Vec<f64> {
    [GUARDED, MORE_SEEDS].map(|arm| of(results, arm, "20", floor, "0", "1000").metric("train nmi")).concat()
}

/// Whole epochs before the collapse of a run, or that there was none.
fn end(outcome: &Outcome) -> String {
    if outcome.diverged() { number(value(outcome, "iterations")) } else { "none".into() }
}

/// Mean variance within clusters as a share of the variance of standardised rows, 1.
fn within_share(runs: &Results<'_>) -> f64 {
    mean(runs, "within variance")
}

/// The largest difference between the rows of one seed in the source's first table.
fn widest(results: &Results<'_>, penalties: &[&str]) -> f64 {
    let mut by_seed: Vec<(u64, Vec<f64>)> = Vec::new();
    for (penalty, steps) in penalties.iter().flat_map(|penalty| STEPS.map(|steps| (penalty, steps))) {
        for (seed, nmi) in guarded(results, "20", "0.01", penalty, steps).by_seed("train nmi") {
            match by_seed.iter_mut().find(|(known, _)| *known == seed) {
                Some((_, list)) => list.push(nmi),
                None => by_seed.push((seed, vec![nmi])),
            }
        }
    }
    let range = |list: &[f64]| {
        let (least, most) = list.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
        most - least
    };
    by_seed.iter().map(|(_, list)| range(list)).fold(0.0, f64::max)
}

fn method(request: &Request<'_>) -> Section {
    let data = match request.scale {
        Scale::Quick => {
            "A first look on rows of a synthetic linear model of ten factors; nothing is judged, and the source's numbers are for MNIST."
        }
        _ => {
            "Latents: factor analysis of the 60,000 training images by EM on the covariance matrix (floor 1e-4), 50 dimensions in \
              canonical coordinates, standardised over the training rows; test images through the same maps."
        }
    };
    let list = [
        data,
        "Start: k-means++ and Lloyd, one start a seed; centres as means, one variance, equal weights. Full batches, one E-step an \
         epoch, Adam with a step of 1e-4 that starts anew with each epoch, clipping at 1, min_prob 1e-5.",
        "Guarded: every component's statistics are its own sums; one with a mean responsibility below 1e-7 keeps mean and variances \
         and loses its penalty; a step of Adam is shortened until no −η₂ is halved. Faithful: the anchor's statistics are differences, \
         divided by 1 − Σ before anything is bounded, as in the source.",
        "NMI by the arithmetic mean of the entropies, from the most probable component; active: components with a training row.",
    ];
    Section { title: "How it was asked".into(), blocks: vec![Block::List(list.map(String::from).into())] }
}
