//! The report of `beta-sweep`.

mod figures;
mod series;

use super::super::judge::Quantity;
use super::super::results::median;
use super::super::text::rows;
use super::super::{Request, Results};
use super::setup::{BETAS, MODELS, PROSE};
use crate::report::{Band, Block, Report, Section, Statement, Verdict, number};
use series::{look, medians, metrics, of};

/// Percentiles of independent restarts and the values of the source.
const REFERENCE: &str = include_str!("../../../studies/beta-sweep/source.csv");
/// `ln 3`, the most that the KL of a posterior over three classes from the uniform prior can be.
const LN_3: f64 = 1.098_612_289;

/// What the bands of most numbers are.
const RESTARTS: &str = "quartiles of 400 independent restarts";

/// The accuracy of the probe by β, which the restarts do not have: the source's value, and the least that ours must be.
const PROBE: [(f64, f64); 6] = [(1.0, 0.98), (1.0, 0.98), (1.0, 0.98), (1.0, 0.98), (1.0, 0.98), (0.979, 0.85)];

/// The share of seeds that merge two clusters by layout: lower and upper end.
const MERGED: [(&str, f64, f64); 2] = [("circle", 0.20, 0.50), ("axes", 0.55, 0.80)];

/// The orderings of medians from one β to the next: model, metric, whether it rises, and what the smallest step is.
const STEPS: [(&str, &str, bool, &str); 5] = [
    ("discrete", "recon", true, ", discrete: smallest rise of median reconstruction error (squared units)"),
    ("discrete", "kl", false, ", discrete: smallest fall of median KL (nats)"),
    ("continuous", "recon", true, ", continuous: smallest rise of median reconstruction error (squared units)"),
    ("continuous", "kl", false, ", continuous: smallest fall of median KL (nats)"),
    ("continuous", "mean_radius", false, ": smallest fall of median radius"),
];

/// A row of the reference.
struct Row {
    source: f64,
    quartiles: (f64, f64),
    /// Of the source's value among the restarts.
    percentile: f64,
}

/// The row of the reference for networks of `depth` hidden layers.
fn reference(arm: &str, depth: &str, model: &str, metric: &str, beta: &str) -> Option<Row> {
    let cells = rows(REFERENCE).find(|cells| cells[..5] == [arm, depth, model, metric, beta])?;
    let number = |i: usize| cells.get(i)?.parse::<f64>().ok();
    Some(Row { source: number(5)?, quartiles: (number(7)?, number(9)?), percentile: number(11)? })
}

pub(super) fn report(results: &Results<'_>, request: &Request<'_>) -> Report {
    let mut arms: Vec<&str> = results.runs().iter().map(|(experiment, _)| experiment.label("arm")).collect();
    arms.dedup();
    let takeaways = takeaways(results, &arms);
    let mut evidence = vec![PROSE.fill("betas", &[("betas", BETAS.join(", "))])];
    evidence.extend(takeaways.iter().map(|(statement, evidence)| format!("{}. {evidence}", statement.text)));
    let laws = Block::Verdicts { caption: PROSE.get("laws"), rows: laws(results, &arms, request) };
    let mut sections = vec![
        Section::new("The source's three takeaways, with evidence", evidence.into_iter().map(Block::Text).collect()),
        Section::new("What must hold", vec![laws]),
    ];
    let mut open = PROSE.list("open");
    for arm in &arms {
        let title = format!("The source's tables, layout {arm}");
        let tables = MODELS.map(|model| (model, numbers(results, arm, model, request)));
        let tails = tails(&tables);
        if !tails.is_empty() {
            open.push(PROSE.fill("tails", &[("title", &title), ("numbers", &tails)]));
        }
        let mut blocks: Vec<Block> = tables.into_iter().map(|(model, rows)| verdicts(arm, model, rows)).collect();
        if *arm == "axes" {
            let fitting = ["axes", "circle"].map(|layout| (layout, fitting(layout, "1")));
            blocks.insert(0, Block::Text(PROSE.fill("layouts", &fitting)));
        }
        sections.push(Section { title, blocks });
    }
    sections.push(Section::new("Figures", figures::blocks(results, &arms)));
    let networks = [("axes", "1"), ("axes", "2"), ("circle", "1"), ("circle", "2")];
    let depths = networks.map(|(layout, depth)| (format!("{layout}, {depth}"), fitting(layout, depth)));
    open.push(PROSE.fill("depth", &depths));
    sections.push(Section::new("What is not reproduced, and why", vec![Block::List(open)]));
    PROSE.report(takeaways.into_iter().map(|(statement, _)| statement).collect(), sections)
}

/// `metric` at the first β minus that at the last, of each seed.
fn falls(results: &Results<'_>, arm: &str, metric: &str) -> Vec<f64> {
    let at = |beta| of(results, arm, "discrete", beta);
    at(BETAS[0]).minus(&at(BETAS[BETAS.len() - 1]), metric)
}

fn share(values: &[f64], holds: impl Fn(f64) -> bool) -> f64 {
    values.iter().filter(|&&v| holds(v)).count() as f64 / values.len().max(1) as f64
}

/// The smallest step from one β to the next, upwards if `rising`; NaN if a value is.
fn smallest_step(values: &[f64], rising: bool) -> f64 {
    let sign = if rising { 1.0 } else { -1.0 };
    let steps = values.windows(2).map(|pair| sign * (pair[1] - pair[0]));
    steps.fold(f64::INFINITY, |least, step| if least.is_nan() || step >= least { least } else { step })
}

/// The source's three takeaways, each with its evidence, and whether it holds in every arm. The first is about two
/// measures, which part.
fn takeaways(results: &Results<'_>, arms: &[&str]) -> Vec<(Statement, String)> {
    let by_arm = |model, metric| arms.iter().map(|arm| medians(results, arm, model, metric)).collect::<Vec<_>>();
    let fall = |metric| arms.iter().map(|arm| falls(results, arm, metric)).collect::<Vec<_>>();
    let list = |values: &[Vec<f64>]| {
        let one = |values: &[f64]| values.iter().map(|&v| number(v)).collect::<Vec<_>>().join(", ");
        arms.iter().zip(values).map(|(arm, v)| format!("{arm} {}", one(v))).collect::<Vec<_>>().join("; ")
    };
    let signs = |falls: &[Vec<f64>]| {
        let percent = |falls: &[f64], sign: f64| format!("{:.0}", 100.0 * share(falls, |fall| sign * fall > 0.0));
        let one = |(arm, falls): (&&str, &Vec<f64>)| {
            let (better, worse) = (percent(falls, 1.0), percent(falls, -1.0));
            let median = number(median(falls));
            PROSE.fill("falls", &[("median", &*median), ("better", &better), ("worse", &worse), ("arm", arm)])
        };
        arms.iter().zip(falls).map(one).collect::<Vec<_>>().join("; ")
    };
    let (recon, nmi, accuracy) = (by_arm("discrete", "recon"), fall("nmi"), fall("hungarian_accuracy"));
    let (probe, radius) = (by_arm("continuous", "probe_accuracy"), by_arm("continuous", "mean_radius"));
    let rises = recon.iter().all(|r| smallest_step(r, true) >= 0.0);
    let not_better = |falls: &[Vec<f64>]| falls.iter().all(|f| median(f) >= 0.0);
    // As many seeds either way, within two standard deviations of a fair coin, decide nothing.
    let decided = |falls: &[Vec<f64>]| falls.iter().all(|f| is_decided(f));
    let holds = [
        decided(&nmi).then(|| rises && not_better(&nmi)),
        decided(&accuracy).then(|| not_better(&accuracy)),
        Some(probe.iter().all(|p| p.iter().zip(PROBE).all(|(&p, (_, least))| p >= least))),
        Some(radius.iter().all(|r| smallest_step(r, false) >= 0.0)),
    ];
    let values = [
        ("NMI falls", signs(&nmi)),
        ("NMI", list(&by_arm("discrete", "nmi"))),
        ("reconstruction", list(&recon)),
        ("accuracy falls", signs(&accuracy)),
        ("accuracy", list(&by_arm("discrete", "hungarian_accuracy"))),
        ("probe accuracy", list(&probe)),
        ("radius", list(&radius)),
    ];
    let statements = holds.into_iter().zip(PROSE.list("takeaways")).map(|(holds, text)| Statement { holds, text });
    statements.zip(PROSE.fill_list("evidence", &values)).collect()
}

fn is_decided(falls: &[f64]) -> bool {
    let signs: Vec<f64> = falls.iter().filter(|d| **d != 0.0).map(|d| d.signum()).collect();
    signs.iter().sum::<f64>().abs() > 2.0 * (signs.len() as f64).sqrt()
}

/// What must hold whatever the seed.
fn laws(results: &Results<'_>, arms: &[&str], request: &Request<'_>) -> Vec<Verdict> {
    let mut rows: Vec<Verdict> = Vec::new();
    let at_least_0 = (Some(0.0), None);
    for arm in arms {
        let mut law = |what: &str, value, band| {
            rows.push(Quantity::single(&format!("{arm}{what}"), value, band, request));
        };
        let kl = results.of(&[("arm", arm), ("model", "discrete")]).metric("kl");
        let largest = kl.into_iter().fold(0.0, f64::max);
        law(": largest KL of the discrete model (nats), at most ln 3", largest, (None, Some(LN_3)));
        for (model, metric, rising, what) in STEPS {
            let step = smallest_step(&medians(results, arm, model, metric), rising);
            law(&format!("{what} from one β to the next"), step, at_least_0);
        }
        law(": median of NMI(0.1) − NMI(5)", median(&falls(results, arm, "nmi")), at_least_0);
        if let Some((_, low, high)) = MERGED.into_iter().find(|(layout, ..)| layout == arm) {
            let accuracy = of(results, arm, "discrete", BETAS[0]).metric("hungarian_accuracy");
            let merged = share(&accuracy, |a| a < 0.8);
            law(": share of seeds that merge two clusters at β = 0.1", merged, (Some(low), Some(high)));
        }
    }
    rows.push(Quantity::none_diverged(results, request));
    rows
}

/// The numbers of the source for one layout and model beside ours.
fn numbers(results: &Results<'_>, arm: &str, model: &str, request: &Request<'_>) -> Vec<Verdict> {
    let depth = results
        .runs()
        .first()
        .map(|(experiment, _)| experiment.config.read::<elbo_models::VaeOptions>().layers.hidden.len());
    let depth = depth.unwrap_or_default().to_string();
    let row = |(metric, name, unit): (&str, &str, &'static str), beta: &str, probe: (f64, f64)| {
        let (source, band) = match reference(arm, &depth, model, metric, beta) {
            Some(Row { source, quartiles: (low, high), .. }) => {
                (Some(source), Some(Band { low: Some(low), high: Some(high), what: RESTARTS }))
            }
            None if metric == "probe_accuracy" => (Some(probe.0), Some(Band::required(Some(probe.1), None))),
            None => (None, None),
        };
        let name = format!("{name}, β = {beta}");
        let values = of(results, arm, model, beta).metric(metric);
        Quantity { name, unit, values, band, source, look: look(model) }.verdict(request)
    };
    let columns = || BETAS.into_iter().zip(PROBE);
    metrics(model).into_iter().flat_map(|metric| columns().map(move |(beta, probe)| row(metric, beta, probe))).collect()
}

fn verdicts(arm: &str, model: &str, rows: Vec<Verdict>) -> Block {
    let mut caption = PROSE.fill("numbers", &[("arm", arm), ("model", model)]);
    if rows.iter().any(|row| row.band.is_some_and(|band| band.what == RESTARTS)) {
        let probe = if model == "continuous" { ", of the probe what the study requires" } else { "" };
        caption += &format!(" {}", PROSE.fill("restarts", &[("probe", probe)]));
    }
    Block::Verdicts { caption, rows }
}

/// How many of the source's numbers that the reference has lie in the central 90 % of its restarts, of how many.
fn fitting(arm: &str, depth: &str) -> String {
    let list = MODELS.iter().flat_map(|model| metrics(model).map(|(metric, ..)| (model, metric)));
    let rows = list.flat_map(|(model, metric)| BETAS.map(|beta| reference(arm, depth, model, metric, beta)));
    let rows: Vec<Row> = rows.flatten().collect();
    let inside = rows.iter().filter(|row| (5.0..=95.0).contains(&row.percentile)).count();
    format!("{inside} of {}", rows.len())
}

/// The source's values in the tails of ours, from the tables of a layout.
fn tails(tables: &[(&str, Vec<Verdict>)]) -> String {
    let tails = tables.iter().flat_map(|(model, rows)| {
        let far = rows.iter().filter(|row| row.is_in_tail());
        far.map(move |row| format!("{} ({model}, {})", row.quantity, row.place_text().0))
    });
    tails.collect::<Vec<_>>().join("; ")
}
