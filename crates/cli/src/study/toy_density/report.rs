//! The report of `toy-density`.

mod failures;
mod figures;
mod latent_sizes;
mod runs;

use elbo_datasets::Toy;
use elbo_metrics::{Interval, median, paired_interval};

use super::super::judge::Quantity;
use super::super::results::ends;
use super::super::text::rows;
use super::super::{Request, Results};
use super::setup::{BANDS, KNOWN, PER_SAMPLE, POSTERIORS, PROSE, arms};
use crate::plot::Look;
use crate::report::{Band, Block, Report, Section, Statement, Verdict, number};
use failures::failed;
use runs::{both, by_posterior, look, of, out_of};

/// A KL below this many nats is that of a latent that carries nothing.
const NOTHING: f64 = 0.01;

pub(super) fn report(results: &Results<'_>, request: &Request<'_>) -> Report {
    let [densities, arms] = [PROSE.get("densities"), PROSE.get("arms")].map(Block::Text);
    let bars = Block::Verdicts { caption: PROSE.get("bars"), rows: bars(results, request) };
    let sections = vec![
        Section::new("Is each density learned?", vec![densities, arms, bars]),
        Section::new("Full against diagonal covariance", vec![differences(results)]),
        Section::new("\"There are times when it fails\"", vec![failures::table(results)]),
        Section::new("How many latent dimensions does the mixture want?", latent_sizes::blocks(results)),
        Section::new("All measures", [KNOWN, PER_SAMPLE].map(|arm| measures(results, arm)).into()),
        Section::new("Figures", figures::blocks(results)),
        Section::new("What is not reproduced, and why", vec![Block::List(PROSE.list("open"))]),
    ];
    PROSE.report(summary(results), sections)
}

/// ELBO of the full posterior minus that of the diagonal one, seed by seed.
fn gains(results: &Results<'_>, density: Toy, arm: &str) -> Vec<f64> {
    of(results, density, arm, "full").minus(&of(results, density, arm, "diagonal"), "elbo")
}

fn summary(results: &Results<'_>) -> Vec<Statement> {
    let gain = |density, arm| {
        let gains = gains(results, density, arm);
        (gains.len() > 1).then(|| paired_interval(&gains))
    };
    let nats =
        |i: &Interval| format!("{} nats (95 % interval {} to {})", number(i.mean), number(i.low), number(i.high));
    let mut list = Vec::new();
    let mut state = |holds, text| list.push(Statement { holds, text });
    if let Some(i) = gain(Toy::Mixture, KNOWN) {
        state(Some(i.low > 0.0), PROSE.fill("mixture", &[("gain", nats(&i))]));
    }
    if let Some(i) = gain(Toy::Mixture, PER_SAMPLE) {
        let runs = both(results, Toy::Mixture, PER_SAMPLE);
        let values = [("gain", nats(&i)), ("failed", out_of(failed(&runs), runs.runs().len()))];
        state(Some(i.low > 0.0), PROSE.fill("mixture-per-sample", &values));
    }
    let others = arms().filter(|(density, _)| *density != Toy::Mixture);
    let others: Vec<_> = others.filter_map(|(density, arm)| Some((density, arm, gain(density, arm)?))).collect();
    if !others.is_empty() {
        let better = others.iter().filter(|(.., i)| i.low > 0.0);
        let better: Vec<String> =
            better.map(|(density, arm, i)| format!("{} with {arm} by {}", density.name(), nats(i))).collect();
        let which = if better.is_empty() { String::new() } else { format!(" ({})", better.join("; ")) };
        let worse = others.iter().filter(|(.., i)| i.high < 0.0).count();
        let values = [
            ("cases", others.len().to_string()),
            ("better", format!("{}{which}", better.len())),
            ("worse", worse.to_string()),
        ];
        state(None, PROSE.fill("other-cases", &values));
    }
    if let (Some(a), Some(b)) = (gain(Toy::Isotropic, KNOWN), gain(Toy::Rotated, KNOWN)) {
        let holds = [a.mean, b.mean].iter().all(|mean| mean.abs() <= 0.05);
        let values = [("isotropic", number(a.mean)), ("rotated", number(b.mean))];
        state(Some(holds), PROSE.fill("gaussian", &values));
    }
    let own = both(results, Toy::FigureEight, PER_SAMPLE);
    let gaps = own.metric("gap");
    if !gaps.is_empty() {
        let collapsed = |runs: &Results<'_>| runs.metric("kl").iter().filter(|&&kl| kl < NOTHING).count();
        let values = [
            ("collapsed", of_each(&own, collapsed, |runs| runs.metric("kl").len())),
            ("nothing", NOTHING.to_string()),
            ("median", number(median(&gaps))),
            ("best", number(ends(&gaps).0)),
            ("known", number(both(results, Toy::FigureEight, KNOWN).median("gap"))),
        ];
        state(Some(collapsed(&own) > 0), PROSE.fill("collapse", &values));
    }
    let failures = |density, arm| failed(&both(results, density, arm));
    let most = arms().map(|(density, arm)| failures(density, arm)).max().unwrap_or(0);
    if most > 0 {
        let cases = arms().filter(|(density, arm)| failures(*density, arm) == most).map(|(density, arm)| {
            let counts = of_each(&both(results, density, arm), failed, |runs| runs.runs().len());
            format!("{} with {arm}: {counts} runs", density.name())
        });
        let cases = cases.collect::<Vec<_>>().join("; ");
        state(Some(true), PROSE.fill("most-failures", &[("cases", cases)]));
    }
    list
}

/// "3 of 5 diagonal and 2 of 5 full"
fn of_each(runs: &Results<'_>, some: impl Fn(&Results<'_>) -> usize, all: impl Fn(&Results<'_>) -> usize) -> String {
    by_posterior(runs, |runs, posterior| format!("{} {posterior}", out_of(some(runs), all(runs)))).join(" and ")
}

/// Where medians over seeds must lie.
fn bars(results: &Results<'_>, request: &Request<'_>) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = Vec::new();
    for posterior in POSTERIORS {
        for cells in rows(BANDS) {
            let [density, arm, metric, name, unit, low, high, "yes"] = cells[..] else { continue };
            let quantity = Quantity {
                name: format!("{density}, {arm}, {posterior}: {name}"),
                unit,
                values: results.of(&[("density", density), ("arm", arm), ("posterior", posterior)]).metric(metric),
                band: Some(Band::required(low.parse().ok(), high.parse().ok())),
                source: None,
                look: look(posterior),
            };
            verdicts.push(quantity.verdict(request));
        }
    }
    for density in [Toy::Isotropic, Toy::Rotated] {
        let quantity = Quantity {
            name: format!("{}: ELBO, full minus diagonal", density.name()),
            unit: "nats",
            values: gains(results, density, KNOWN),
            band: Some(Band::required(Some(-0.05), Some(0.05))),
            source: None,
            look: Look::new(2),
        };
        verdicts.push(quantity.verdict(request));
    }
    verdicts.push(Quantity::none_diverged(results, request));
    verdicts
}

/// The open question: what a full covariance is worth.
fn differences(results: &Results<'_>) -> Block {
    let row = |(density, arm): (Toy, &str)| {
        let gains = gains(results, density, arm);
        let i = (gains.len() > 1).then(|| paired_interval(&gains))?;
        let positive = gains.iter().filter(|&&gain| gain > 0.0).count();
        let interval = format!("{} to {}", number(i.low), number(i.high));
        let head = [density.name(), arm].map(String::from);
        Some([&head[..], &[number(i.mean), interval, out_of(positive, gains.len())]].concat())
    };
    PROSE.table::<&str, &str>("differences", &[], arms().filter_map(row).collect())
}

/// Every measure of an arm.
fn measures(results: &Results<'_>, arm: &str) -> Block {
    let rows = Toy::ALL.iter().flat_map(|density| {
        by_posterior(&both(results, *density, arm), |runs, posterior| {
            let metric = |name| number(runs.median(name));
            let names = ["log p", "elbo", "gap", "iwae-500", "kl", "sw1", "sw1 of data", "energy distance"];
            [density.name(), posterior].map(String::from).into_iter().chain(names.map(metric)).collect()
        })
    });
    PROSE.table("measures", &[("arm", arm)], rows.collect())
}
