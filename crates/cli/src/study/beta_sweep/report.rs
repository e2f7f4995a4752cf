//! The report of `beta-sweep`.

mod figures;
mod series;

use super::super::judge::Quantity;
use super::super::text::rows;
use super::super::{Request, Results};
use super::setup::{BETAS, MODELS, PROSE};
use crate::report::{Block, Report, Section, Statement, Verdict, number};
use series::{look, medians, metrics};

/// Percentiles of independent restarts and the values of the source.
const REFERENCE: &str = include_str!("../reference/beta-sweep.csv");
/// `ln 3`, the most that the KL of a posterior over three classes from the uniform prior can be.
const LN_3: f64 = 1.098_612_289;

/// What the bands of most numbers are.
const RESTARTS: &str = "quartiles of 400 independent restarts";

/// The probe's values are in the source only; the quartiles of all others come from the independent restarts.
const PROBE: [f64; 6] = [1.0, 1.0, 1.0, 1.0, 1.0, 0.979];

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
    let mut sections = vec![takeaways_section(&takeaways), laws(results, &arms, request)];
    let numbers: Vec<Section> = arms.iter().map(|arm| numbers_section(results, arm, request)).collect();
    let open = open_section(numbers.iter().filter_map(tails));
    sections.extend(numbers);
    sections.push(figures::section(results, &arms));
    sections.push(open);
    Report {
        title: "Beta sweep: discrete against continuous latent".into(),
        question: PROSE.get("question"),
        summary: takeaways.into_iter().map(|(holds, text, _)| Statement { holds, text }).collect(),
        sections,
        provenance: Vec::new(),
    }
}

/// `metric` at the first β minus that at the last, of each seed.
fn falls(results: &Results<'_>, arm: &str, model: &str, metric: &str) -> Vec<f64> {
    let at = |beta| results.of(&[("arm", arm), ("model", model), ("beta", beta)]).by_seed(metric);
    let last = at(BETAS[BETAS.len() - 1]);
    let first = at(BETAS[0]).into_iter();
    first.filter_map(|(seed, a)| last.iter().find(|(s, _)| *s == seed).map(|(_, b)| a - b)).collect()
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

/// The source's three takeaways: whether each holds in every arm, the statement, and its evidence. The first is about
/// two measures, which part.
fn takeaways(results: &Results<'_>, arms: &[&str]) -> Vec<(Option<bool>, String, String)> {
    let of = |metric, model| arms.iter().map(|arm| medians(results, arm, model, metric)).collect::<Vec<_>>();
    let fall = |metric| arms.iter().map(|arm| falls(results, arm, "discrete", metric)).collect::<Vec<_>>();
    let by_arm = |values: &[Vec<f64>]| {
        let list = |values: &[f64]| values.iter().map(|&v| number(v)).collect::<Vec<_>>().join(", ");
        arms.iter().zip(values).map(|(arm, v)| format!("{arm} {}", list(v))).collect::<Vec<_>>().join("; ")
    };
    let signs = |falls: &[Vec<f64>]| {
        let one = |(arm, falls): (&&str, &Vec<f64>)| {
            format!(
                "median {}, better at the smaller β in {:.0} % of the seeds and worse in {:.0} % ({arm})",
                number(median(falls)),
                100.0 * share(falls, |d| d > 0.0),
                100.0 * share(falls, |d| d < 0.0)
            )
        };
        arms.iter().zip(falls).map(one).collect::<Vec<_>>().join("; ")
    };
    let (recon, nmi, accuracy) = (of("recon", "discrete"), fall("nmi"), fall("hungarian_accuracy"));
    let rises = recon.iter().all(|r| smallest_step(r, true) >= 0.0);
    let not_better = |falls: &[Vec<f64>]| falls.iter().all(|f| median(f) >= 0.0);
    // As many seeds either way, within two standard deviations of a fair coin, decide nothing.
    let decided = |falls: &[Vec<f64>]| falls.iter().all(|f| is_decided(f));
    let (probe, radius) = (of("probe_accuracy", "continuous"), of("mean_radius", "continuous"));
    let probe_holds = probe.iter().all(|p| p[..5].iter().all(|&p| p >= 0.98) && p[5] >= 0.85);
    let shrinks = radius.iter().all(|r| smallest_step(r, false) >= 0.0);
    vec![
        (
            decided(&nmi).then(|| rises && not_better(&nmi)),
            "At β = 5 the NMI with the modes is not better than at 0.1, and each larger β reconstructs worse \
             (discrete)"
                .into(),
            format!(
                "NMI of a seed at β = 0.1 minus its NMI at β = 5: {}. Median NMI by β: {}; median reconstruction error \
                 (squared units): {}.",
                signs(&nmi),
                by_arm(&of("nmi", "discrete")),
                by_arm(&recon)
            ),
        ),
        (
            decided(&accuracy).then(|| not_better(&accuracy)),
            "At β = 5 the accuracy after the best matching is not better than at 0.1 either (discrete)".into(),
            format!(
                "Accuracy of a seed at β = 0.1 minus its accuracy at β = 5: {}. Open if the signs in a layout are \
                 within two standard deviations of a fair coin's. Medians by β: {}.",
                signs(&accuracy),
                by_arm(&of("hungarian_accuracy", "discrete"))
            ),
        ),
        (
            Some(probe_holds),
            "Continuous codes stay linearly predictive of the modes at every β".into(),
            format!(
                "Median held-out accuracy of a linear probe by β: {}. The probe reads 48 held-out rows, so its \
                 accuracy moves in steps of 1/48.",
                by_arm(&probe)
            ),
        ),
        (
            Some(shrinks),
            "Larger β shrinks the continuous latent".into(),
            format!("Median over seeds of the mean radius of the posterior means by β: {}.", by_arm(&radius)),
        ),
    ]
}

fn is_decided(falls: &[f64]) -> bool {
    let signs: Vec<f64> = falls.iter().filter(|d| **d != 0.0).map(|d| d.signum()).collect();
    signs.iter().sum::<f64>().abs() > 2.0 * (signs.len() as f64).sqrt()
}

fn median(values: &[f64]) -> f64 {
    if values.is_empty() { f64::NAN } else { elbo_metrics::median(values) }
}

fn takeaways_section(takeaways: &[(Option<bool>, String, String)]) -> Section {
    let text = |(_, statement, evidence): &(_, String, String)| Block::Text(format!("{statement}. {evidence}"));
    let betas = format!(
        "β is {}. The first takeaway of the source is about two measures, and is judged for each. NMI and accuracy \
         read the most probable class of every row and the probe the posterior means, both without the noise of the \
         code, whose information the KL bounds: so they can be high where the KL is next to nothing.",
        BETAS.join(", ")
    );
    Section {
        title: "The source's three takeaways, with evidence".into(),
        blocks: [Block::Text(betas)].into_iter().chain(takeaways.iter().map(text)).collect(),
    }
}

/// What must hold whatever the seed.
fn laws(results: &Results<'_>, arms: &[&str], request: &Request<'_>) -> Section {
    let mut rows: Vec<Verdict> = Vec::new();
    let mut law = |name: String, value: f64, low: Option<f64>, high: Option<f64>| {
        rows.push(Quantity::single(&name, value, (low, high), request));
    };
    for arm in arms {
        let of = |model, metric| medians(results, arm, model, metric);
        let kl = results.of(&[("arm", arm), ("model", "discrete")]).metric("kl");
        law(
            format!("{arm}: largest KL of the discrete model (nats), at most ln 3"),
            kl.into_iter().fold(0.0, f64::max),
            None,
            Some(LN_3),
        );
        for model in MODELS {
            law(
                format!(
                    "{arm}, {model}: smallest rise of median reconstruction error (squared units) from one β to the \
                     next"
                ),
                smallest_step(&of(model, "recon"), true),
                Some(0.0),
                None,
            );
            law(
                format!("{arm}, {model}: smallest fall of median KL (nats) from one β to the next"),
                smallest_step(&of(model, "kl"), false),
                Some(0.0),
                None,
            );
        }
        law(
            format!("{arm}: smallest fall of median radius from one β to the next"),
            smallest_step(&of("continuous", "mean_radius"), false),
            Some(0.0),
            None,
        );
        law(
            format!("{arm}: median of NMI(0.1) − NMI(5)"),
            median(&falls(results, arm, "discrete", "nmi")),
            Some(0.0),
            None,
        );
        let accuracy = results.of(&[("arm", arm), ("model", "discrete"), ("beta", "0.1")]).metric("hungarian_accuracy");
        let shares = [("circle", 0.20, 0.50), ("axes", 0.55, 0.80)];
        if let Some((_, low, high)) = shares.into_iter().find(|(layout, ..)| layout == arm) {
            let merged = share(&accuracy, |a| a < 0.8);
            law(format!("{arm}: share of seeds that merge two clusters at β = 0.1"), merged, Some(low), Some(high));
        }
    }
    rows.push(Quantity::none_diverged(results, request));
    let caption = PROSE.get("laws");
    Section { title: "What must hold".into(), blocks: vec![Block::Verdicts { caption, rows }] }
}

/// The two tables of the source for one layout.
fn numbers_section(results: &Results<'_>, arm: &str, request: &Request<'_>) -> Section {
    let mut blocks = Vec::new();
    if arm == "axes" {
        blocks.push(Block::Text(format!(
            "The source does not say where the three components lie. With one hidden layer {} of its numbers \
                 without the probe lie between the 5th and the 95th percentile of 400 independent restarts with layout \
                 `axes`, means (4,0), (0,4), (−4,0), and {} with `circle` of radius 4, the second arm.",
            fitting("axes", "1"),
            fitting("circle", "1")
        )));
    }
    let depth = results
        .runs()
        .first()
        .map(|(experiment, _)| experiment.config.read::<elbo_models::VaeOptions>().layers.hidden.len());
    let depth = depth.unwrap_or_default().to_string();
    for model in MODELS {
        let mut rows = Vec::new();
        for (metric, name, unit) in metrics(model) {
            for (i, beta) in BETAS.iter().enumerate() {
                let known = reference(arm, &depth, model, metric, beta);
                let probe = (metric == "probe_accuracy").then_some(PROBE[i]);
                let quartiles = known.as_ref().map(|r| (Some(r.quartiles.0), Some(r.quartiles.1), RESTARTS));
                let least = if i == 5 { 0.85 } else { 0.98 };
                let quantity = Quantity {
                    name: format!("{name}, β = {beta}"),
                    unit,
                    values: results.of(&[("arm", arm), ("model", model), ("beta", beta)]).metric(metric),
                    band: quartiles.or(probe.map(|_| (Some(least), None, "what the study requires"))),
                    source: known.map(|r| r.source).or(probe),
                    look: look(model),
                };
                rows.push(quantity.verdict(request));
            }
        }
        let probe = if model == "continuous" { ", of the probe what the study requires" } else { "" };
        let restarts = rows.iter().any(|row: &Verdict| row.band.as_ref().is_some_and(|band| band.what == RESTARTS));
        let band = format!(
            " The band is the central half of 400 restarts of an independent implementation with other data and \
             initial weights{probe}; medians of many seeds scatter far less."
        );
        let band = if restarts { band.as_str() } else { "" };
        let caption = format!("Layout {arm}, {model} latent: median and central 95 % over seeds.{band}");
        blocks.push(Block::Verdicts { caption, rows });
    }
    Section { title: format!("The source's tables, layout {arm}"), blocks }
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
fn tails(section: &Section) -> Option<String> {
    let tables = section.blocks.iter().filter_map(|block| match block {
        Block::Verdicts { rows, .. } => Some(rows),
        _ => None,
    });
    let tails = tables.zip(MODELS).flat_map(|(rows, model)| {
        let far = rows.iter().filter(|row| row.is_in_tail());
        far.map(move |row| format!("{} ({model}, {})", row.quantity, row.place_text().0))
    });
    let tails: Vec<String> = tails.collect();
    (!tails.is_empty()).then(|| {
        format!(
            "{}: beyond the 5th or 95th percentile of our seeds lie the source's {}.",
            section.title,
            tails.join("; ")
        )
    })
}

fn open_section(tails: impl Iterator<Item = String>) -> Section {
    let mut items: Vec<String> = [
        "Equality with the source's numbers cannot be tested: learning rate, layout of the components, activation, \
         depth and the reduction of the squared error are not stated. Those used here (step size 0.001, one hidden \
         layer of ReLU, mean over the two dimensions) were found because they fit.",
        "The training of 80 steps is far from converged. Numbers at β = 0.1 are where it stands after 20 epochs, not \
         what the model could reach.",
        "The source's one seed (17) of unknown generators cannot be repeated.",
    ]
    .map(String::from)
    .into();
    items.extend(tails);
    items.push(format!(
        "Two hidden layers (`--set model.hidden=[32,32]`) bring the discrete KL nearer and move other numbers away: {} \
         of the source's numbers lie in the central 90 % of independent restarts with them and layout axes ({} with \
         one), {} with circle ({}).",
        fitting("axes", "2"),
        fitting("axes", "1"),
        fitting("circle", "2"),
        fitting("circle", "1")
    ));
    Section { title: "What is not reproduced, and why".into(), blocks: vec![Block::List(items)] }
}
