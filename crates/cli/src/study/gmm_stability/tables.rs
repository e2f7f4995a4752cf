//! The tables of `gmm-stability`: the source's grid with ours beside it, what collapses, and the references.

use super::super::{Experiment, Results};
use super::runs::{guarded, mean, of};
use super::setup::{
    EM, FACTORS, FAITHFUL, FLOORS, GUARDED, KS, LARGEST, PENALTIES, PROSE, RAW, RAW_GUARDED, RAW_TOTAL, SCALED,
    SHIPPED, STEPS, SWEPT, SWEPT_FACTORS, SYMMETRIC,
};
use super::source;
use crate::grid::Outcome;
use crate::report::{Block, Section, number};

/// Three digits, or the source's sign for a run that ended in NaN, or that fell below the rule.
fn flagged(outcome: &Outcome, name: &str) -> String {
    if outcome.diverged() {
        return "**".into();
    }
    let flag = if outcome.value("stable") == 1.0 { "" } else { "*" };
    format!("{:.3}{flag}", outcome.value(name))
}

/// After the point, with the minus of the other numbers.
fn three_digits(value: f64) -> String {
    format!("{value:.3}").replace('-', "−")
}

fn list(runs: &Results<'_>, cell: impl Fn(&Outcome) -> String) -> String {
    runs.runs().iter().map(|(_, outcome)| cell(outcome)).collect::<Vec<_>>().join(", ")
}

/// Components with a row; of a run that collapsed they were last counted long before.
fn active(outcome: &Outcome) -> String {
    if outcome.diverged() { "–".into() } else { number(outcome.value("active")) }
}

fn verdict(runs: &Results<'_>) -> String {
    let all = runs.runs().len();
    let stable = runs.runs().iter().filter(|(_, outcome)| outcome.value("stable") == 1.0).count();
    match (runs.diverged(), stable) {
        (0, stable) if stable == all => "stable".into(),
        (0, stable) => format!("{} of {all} fall", all - stable),
        (collapsed, _) if collapsed == all => "all collapse".into(),
        (collapsed, _) => format!("{collapsed} of {all} collapse"),
    }
}

fn table(caption: String, head: &[&str], rows: Vec<Vec<String>>) -> Block {
    Block::Table { caption, head: head.iter().map(|name| name.to_string()).collect(), rows }
}

/// The source's tables, one for each K and floor, with ours in its format.
pub fn grid(results: &Results<'_>) -> Section {
    let mut blocks = vec![Block::Text(PROSE.get("grid"))];
    for (k, floor) in KS.into_iter().flat_map(|k| FLOORS.map(|floor| (k, floor))) {
        let row = |arm: &str, penalty: &str, steps: &str| {
            let runs = of(results, arm, k, floor, penalty, steps);
            let faithful = if arm == FAITHFUL { ", faithful" } else { "" };
            vec![
                format!("lwr {penalty}{faithful}"),
                steps.to_string(),
                source::train_nmi(k, floor, penalty, steps).to_string(),
                list(&runs, |outcome| flagged(outcome, "train nmi")),
                list(&runs, |outcome| flagged(outcome, "test nmi")),
                list(&runs, active),
                verdict(&runs),
            ]
        };
        let mut rows: Vec<_> =
            PENALTIES.iter().flat_map(|penalty| STEPS.map(|steps| row(GUARDED, penalty, steps))).collect();
        rows.extend(STEPS.map(|steps| row(FAITHFUL, LARGEST, steps)));
        let caption = format!("K = {k}, lat_min_var = {floor}.");
        let head =
            ["lwr_prs_reg", "batch_steps", "source, train", "ours, train", "ours, test", "active", "by the rule"];
        blocks.push(table(caption, &head, rows));
    }
    Section::new("The source's tables", blocks)
}

/// Every run that ended in NaN, and why.
pub fn collapses(results: &Results<'_>) -> Section {
    let cell = |arm: &str, k: &str, floor: &str, penalty: &str, steps: &str| {
        let runs = of(results, arm, k, floor, penalty, steps);
        let ended: Vec<String> = ended(&runs).map(|(_, outcome)| number(outcome.value("iterations"))).collect();
        match (runs.is_empty(), ended.is_empty()) {
            (true, _) => "–".to_string(),
            (_, true) => "none".to_string(),
            _ => format!("epochs {}", ended.join(", ")),
        }
    };
    let row = |arm: &str, k: &str, floor: &str, penalty: &str| {
        let factors = if arm == SWEPT { "its own route" } else { "exact EM" };
        let head = [factors, k, floor, penalty].map(String::from);
        head.into_iter().chain(STEPS.map(|steps| cell(arm, k, floor, penalty, steps))).collect::<Vec<_>>()
    };
    let settings = KS.into_iter().flat_map(|k| FLOORS.map(|floor| (k, floor)));
    let mut rows: Vec<_> = settings.map(|(k, floor)| row(FAITHFUL, k, floor, LARGEST)).collect();
    let (faithful, swept) = (results.of(&[("arm", FAITHFUL)]), results.of(&[("arm", SWEPT)]));
    if !swept.is_empty() {
        rows.extend(KS.iter().flat_map(|k| ["0", LARGEST].map(|penalty| row(SWEPT, k, "0.01", penalty))));
    }
    let head = ["factors", "K", "lat_min_var", "lwr_prs_reg", "100 steps", "500 steps", "1000 steps"];
    let caption = "Whole epochs before the collapse of each faithful run that collapsed.".to_string();
    let mut reasons: Vec<(String, usize)> = Vec::new();
    for (_, outcome) in ended(&faithful).chain(ended(&swept)) {
        let reason = outcome.record["reason"].as_str().unwrap_or("no reason noted");
        // Without epoch, batch and step, which differ from run to run.
        let kind = reason.split_once(": ").map_or(reason, |(_, kind)| kind).to_string();
        match reasons.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => reasons.push((kind, 1)),
        }
    }
    reasons.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut blocks = vec![table(caption, &head, rows)];
    if !reasons.is_empty() {
        let rows = reasons.into_iter().map(|(reason, count)| vec![reason, count.to_string()]).collect();
        blocks.push(table("By which mechanism.".into(), &["the first NaN", "runs"], rows));
    }
    Section::new("What collapses, when, and how", blocks)
}

fn ended<'a, 'b>(runs: &'b Results<'a>) -> impl Iterator<Item = &'b (&'a Experiment, &'a Outcome)> {
    runs.runs().iter().filter(|(_, outcome)| outcome.diverged())
}

/// The same fit on latents of the source's scale, and why a normalisation is enough.
pub fn root_cause(results: &Results<'_>) -> Section {
    let row = |arm: &str| {
        let runs = results.of(&[("arm", arm)]);
        let end = |outcome: &Outcome| match outcome.record["reason"].as_str() {
            Some(reason) => reason.to_string(),
            None => format!("NMI {:.3}", outcome.value("train nmi")),
        };
        let ends: Vec<String> = runs.runs().iter().map(|(e, o)| format!("seed {}: {}", e.seed(), end(o))).collect();
        vec![arm.to_string(), format!("{} of {}", runs.diverged(), runs.runs().len()), ends.join("; ")]
    };
    let rows = [RAW, RAW_TOTAL, RAW_GUARDED, SCALED].map(row).into();
    let head = ["latents × 60", "collapse", "end"];
    Section {
        title: "The first collapse: latents of the source's scale".into(),
        blocks: vec![
            Block::Text(PROSE.get("root-cause")),
            table("K = 20, lwr_prs_reg = 0, 1000 steps, latents multiplied by 60.".into(), &head, rows),
        ],
    }
}

/// EM on the same latents, ours and that of scikit-learn.
pub fn references(results: &Results<'_>) -> Section {
    let mut rows = Vec::new();
    for (i, k) in KS.into_iter().enumerate() {
        let runs = results.of(&[("arm", EM), ("k", k)]);
        let of = |name: &str| list(&runs, |outcome| three_digits(outcome.value(name)));
        let row = |who: String, cells: [String; 4]| [vec![format!("K = {k}, {who}")], cells.into()].concat();
        let active = list(&runs, |outcome| number(outcome.value("active")));
        rows.push(row("ours".into(), [of("train nmi"), of("test nmi"), active, of("log likelihood")]));
        let fits = source::scikit_learn(k);
        let of = |pick: fn(&source::Fit) -> f64| {
            fits.iter().map(|fit| three_digits(pick(fit))).collect::<Vec<_>>().join(", ")
        };
        let active = fits.iter().map(|fit| number(fit.active)).collect::<Vec<_>>().join(", ");
        let cells = [of(|fit| fit.train), of(|fit| fit.test), active, of(|fit| fit.log_likelihood)];
        rows.push(row("scikit-learn".into(), cells));
        let [train, test] = source::REFERENCE[i].map(|nmi| format!("{nmi:.4}"));
        rows.push(row("the source's".into(), [train, test, k.to_string(), "–".into()]));
    }
    let head = ["EM, 5 starts, at most 500 iterations", "train NMI", "test NMI", "active", "log-likelihood (nats)"];
    let caption = format!(
        "Mixtures of diagonal normals by EM on our latents ({}), and the source's on its own.",
        source::version()
    );
    Section { title: "The reference: EM".into(), blocks: vec![table(caption, &head, rows)] }
}

/// The shipped configuration, and both penalties together.
pub fn recommended(results: &Results<'_>) -> Section {
    let row = |arm: &str, k: &str, penalty: &str, what: &str| {
        let runs = of(results, arm, k, "0.01", penalty, "1000");
        vec![
            format!("K = {k}, {what}"),
            list(&runs, |outcome| format!("{:.3}", outcome.value("train nmi at epoch 0"))),
            list(&runs, |outcome| flagged(outcome, "train nmi")),
            list(&runs, |outcome| flagged(outcome, "test nmi")),
            list(&runs, active),
            list(&runs, |outcome| number(outcome.value("smallest precision"))),
            list(&runs, |outcome| number(outcome.value("largest precision"))),
        ]
    };
    let mut rows = Vec::new();
    for k in KS {
        rows.push(row(SHIPPED, k, "1e-5", "as shipped, lwr_prs_reg = 1e-5"));
        rows.push(row(SYMMETRIC, k, "1e-2", "lwr_prs_reg = upr_prs_reg = 1e-2, faithful"));
        rows.push(row(FAITHFUL, k, "1e-2", "lwr_prs_reg = 1e-2 alone, faithful"));
    }
    let head = ["setting", "NMI at epoch 0", "train NMI", "test NMI", "active", "least Λ", "largest Λ"];
    Section {
        title: "The shipped configuration, and the penalty's missing half".into(),
        blocks: vec![Block::Text(PROSE.get("penalty")), table(PROSE.get("recommended"), &head, rows)],
    }
}

/// Latents by exact EM and by the source's route.
pub fn latents(results: &Results<'_>) -> Section {
    let row = |arm: &str| {
        let runs = results.of(&[("arm", arm)]);
        let of = |name: &str| number(runs.median(name));
        let range = format!("{} to {}", of("smallest std"), of("largest std"));
        vec![
            arm.to_string(),
            of("iterations"),
            of("test log likelihood"),
            of("median std"),
            range,
            of("median excess kurtosis"),
        ]
    };
    let arms = [FACTORS, SWEPT_FACTORS].into_iter().filter(|arm| !results.of(&[("arm", arm)]).is_empty());
    let rows: Vec<_> = arms.map(row).collect();
    let head = [
        "factor analysis",
        "iterations",
        "test log-likelihood (nats)",
        "median std",
        "over dimensions",
        "excess kurtosis",
    ];
    let other = " The log-likelihoods, per image, are of models with different floors under the noise (1e-4 and 1e-5) \
                 and different priors, and do not rank the two.";
    let caption = format!(
        "Latents of the training rows: standard deviation of each dimension, and how heavy its tails are (median over \
         dimensions; 0 for a normal).{}",
        if rows.len() > 1 { other } else { "" }
    );
    let mut blocks = vec![Block::Text(PROSE.get("latents")), table(caption, &head, rows)];
    let swept = results.of(&[("arm", SWEPT)]);
    if !swept.is_empty() {
        let row = |k: &str, floor: &str, penalty: &str, steps: &str| {
            let runs = of(&swept, SWEPT, k, floor, penalty, steps);
            let ours = if penalty == LARGEST {
                of(results, FAITHFUL, k, floor, penalty, steps)
            } else {
                guarded(results, k, floor, penalty, steps)
            };
            vec![
                format!("K = {k}, floor {floor}, lwr {penalty}, {steps} steps"),
                source::train_nmi(k, floor, penalty, steps).to_string(),
                list(&runs, |outcome| format!("{:.3}", outcome.value("train nmi at epoch 0"))),
                list(&runs, |outcome| flagged(outcome, "train nmi")),
                list(&ours, |outcome| flagged(outcome, "train nmi")),
            ]
        };
        let mut rows = Vec::new();
        for k in KS {
            let penalties = ["0", LARGEST].into_iter().flat_map(|penalty| STEPS.map(|steps| (penalty, steps)));
            rows.extend(penalties.map(|(penalty, steps)| row(k, "0.01", penalty, steps)));
            rows.extend(["0.1", "1"].map(|floor| row(k, floor, "0", "1000")));
        }
        let head = ["setting", "source", "epoch 0, its route", "train NMI, its route", "train NMI, exact EM"];
        let caption = PROSE.get("swept");
        blocks.push(table(caption, &head, rows));
        let here = [swept.of(&[("lwr_prs_reg", "0")]), results.of(&[("arm", GUARDED), ("lwr_prs_reg", "0")])];
        let [its, ours] = here.map(|runs| mean(&runs.of(&[("k", "20"), ("lat_min_var", "0.01")]), "train nmi"));
        blocks.push(Block::Text(format!(
            "So the latents decide how good a clustering is found: {its:.3} on those of its route and {ours:.3} on \
             those of exact EM (mean train NMI, K = 20, no penalty, floor .01, last value of each run), {:.3} in the \
             source. Our run of its route is not its run: what its latents were is not known.",
            source::RECOMMENDED[0]
        )));
    }
    Section::new("Whether the latents decide", blocks)
}
