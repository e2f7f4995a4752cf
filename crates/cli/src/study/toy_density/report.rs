//! The report of `toy-density`.

mod failures;
mod figures;
mod latent_sizes;
mod runs;

use elbo_datasets::Toy;
use elbo_metrics::{Interval, median, paired_interval};

use super::super::judge::Quantity;
use super::super::{Request, Results};
use super::setup::{KNOWN, PER_SAMPLE, POSTERIORS, PROSE};
use crate::plot::Look;
use crate::report::{Block, Report, Section, Statement, Verdict, number};
use failures::{bar, failed};
use runs::{arms, look, of};

/// A KL below this many nats is that of a latent that carries nothing.
const NOTHING: f64 = 0.01;

pub(super) fn report(results: &Results<'_>, request: &Request<'_>) -> Report {
    let bars = bars(results, request);
    let fails = failures::section(results);
    Report {
        title: "Diagonal against full-covariance posterior on five densities".into(),
        question: PROSE.get("question"),
        summary: summary(results),
        sections: vec![
            bars,
            differences(results),
            fails,
            latent_sizes::section(results),
            measures(results),
            Section { title: "Figures".into(), blocks: figures::blocks(results) },
            open_section(),
        ],
        provenance: Vec::new(),
    }
}

/// ELBO of the full posterior minus that of the diagonal one, seed by seed.
fn gains(results: &Results<'_>, density: Toy, arm: &str) -> Vec<f64> {
    let full = of(results, density, arm, "full").by_seed("elbo");
    let diagonal = of(results, density, arm, "diagonal").by_seed("elbo").into_iter();
    diagonal.filter_map(|(seed, d)| full.iter().find(|(s, _)| *s == seed).map(|(_, f)| f - d)).collect()
}

fn summary(results: &Results<'_>) -> Vec<Statement> {
    let gain = |density, arm| {
        let gains = gains(results, density, arm);
        (gains.len() > 1).then(|| paired_interval(&gains))
    };
    let text =
        |i: &Interval| format!("{} nats (95 % interval {} to {})", number(i.mean), number(i.low), number(i.high));
    let mut list = Vec::new();
    if let Some(i) = gain(Toy::Mixture, KNOWN) {
        list.push(Statement {
            holds: Some(i.low > 0.0),
            text: format!(
                "On the mixture a full covariance is better, by {}, if the variances of the decoder are learned and \
                 the same for all codes.",
                text(&i)
            ),
        });
    }
    let fails = |arm| {
        let [a, b] = POSTERIORS.map(|posterior| failed(results, Toy::Mixture, arm, posterior));
        (a.0 + b.0, a.1 + b.1)
    };
    if let Some(i) = gain(Toy::Mixture, PER_SAMPLE) {
        list.push(Statement {
            holds: Some(i.low > 0.0),
            text: format!(
                "With variances that depend on the code, as the slides state it, it is better on the mixture by {}; {} \
                 of {} of these runs fail.",
                text(&i),
                fails(PER_SAMPLE).0,
                fails(PER_SAMPLE).1
            ),
        });
    }
    let others = arms().filter(|(density, _)| *density != Toy::Mixture);
    let others: Vec<_> = others.filter_map(|(density, arm)| Some((density, arm, gain(density, arm)?))).collect();
    let better = others.iter().filter(|(.., i)| i.low > 0.0);
    let better: Vec<String> =
        better.map(|(density, arm, i)| format!("{} with {arm} by {}", density.name(), text(i))).collect();
    if !others.is_empty() {
        let worse = others.iter().filter(|(.., i)| i.high < 0.0).count();
        let list_of = if better.is_empty() { String::new() } else { format!(" ({})", better.join("; ")) };
        let text = format!(
            "Of {} other cases it is better in {}{list_of}, worse in {worse} and undecided in the others, by intervals \
             that are not corrected for their number.",
            others.len(),
            better.len()
        );
        list.push(Statement { holds: None, text });
    }
    if let (Some(a), Some(b)) = (gain(Toy::Isotropic, KNOWN), gain(Toy::Rotated, KNOWN)) {
        list.push(Statement {
            holds: Some([a.mean, b.mean].iter().all(|mean| mean.abs() <= 0.05)),
            text: format!(
                "On Gaussian data it gains nothing ({} and {} nats): the decoder turns the latent space so that a \
                 diagonal posterior is exact.",
                number(a.mean),
                number(b.mean)
            ),
        });
    }
    let own = POSTERIORS.map(|posterior| of(results, Toy::FigureEight, PER_SAMPLE, posterior));
    let gaps = own.each_ref().map(|runs| runs.metric("gap")).concat();
    if !gaps.is_empty() {
        let collapsed = own.each_ref().map(|runs| {
            let kl = runs.metric("kl");
            (kl.iter().filter(|&&kl| kl < NOTHING).count(), kl.len())
        });
        let known = results.of(&[("density", Toy::FigureEight.name()), ("arm", KNOWN)]);
        list.push(Statement {
            holds: Some(collapsed.iter().any(|(count, _)| *count > 0)),
            text: format!(
                "With variances that depend on the code the latent of the figure 8 can collapse: {} of {} diagonal and \
                 {} of {} full runs encode nothing (KL below {NOTHING} nats). The median run is {} nats short of the \
                 density and the best {}; with the noise of the density the median run is {} short.",
                collapsed[0].0,
                collapsed[0].1,
                collapsed[1].0,
                collapsed[1].1,
                number(median(&gaps)),
                number(gaps.iter().copied().fold(f64::INFINITY, f64::min)),
                number(known.median("gap"))
            ),
        });
    }
    let counts = arms().map(|(density, arm)| (density, arm, POSTERIORS.map(|p| failed(results, density, arm, p))));
    let counts: Vec<_> =
        counts.map(|(density, arm, counts)| (counts[0].0 + counts[1].0, density, arm, counts)).collect();
    let most = counts.iter().map(|(failed, ..)| *failed).max().unwrap_or(0);
    if most > 0 {
        let cases = counts.iter().filter(|(failed, ..)| *failed == most).map(|(_, density, arm, [diagonal, full])| {
            format!(
                "{} with {arm}: {} of {} diagonal and {} of {} full runs",
                density.name(),
                diagonal.0,
                diagonal.1,
                full.0,
                full.1
            )
        });
        let text = format!("There are times when it fails, most often on {}.", cases.collect::<Vec<_>>().join("; "));
        list.push(Statement { holds: Some(true), text });
    }
    list
}

/// Where medians over seeds must lie.
fn bars(results: &Results<'_>, request: &Request<'_>) -> Section {
    let mut rows: Vec<Verdict> = Vec::new();
    let mut row =
        |density: Toy, arm: &str, posterior: &str, metric: &str, unit, low: Option<f64>, high: Option<f64>| {
            let what = match metric {
                "kl" | "elbo" | "sw1" => metric.to_uppercase(),
                "large eigenvalue" => format!("{metric} of the covariance of generated points (of the density 9.2)"),
                "small eigenvalue" => format!("{metric} of the covariance of generated points (of the density 0.311)"),
                _ => metric.into(),
            };
            let quantity = Quantity {
                name: format!("{}, {arm}, {posterior}: {what}", density.name()),
                unit,
                values: of(results, density, arm, posterior).metric(metric),
                band: Some((low, high, "what the study requires")),
                source: None,
                look: look(posterior),
            };
            rows.push(quantity.verdict(request));
        };
    for posterior in POSTERIORS {
        for density in [Toy::Isotropic, Toy::Rotated] {
            row(density, KNOWN, posterior, "gap", "nats", None, Some(bar(density, KNOWN)));
            row(density, KNOWN, posterior, "large eigenvalue", "variance", Some(0.85 * 9.2), Some(1.15 * 9.2));
            row(density, KNOWN, posterior, "small eigenvalue", "variance", Some(0.7 * 0.3111), Some(1.3 * 0.3111));
        }
        row(Toy::Rotated, KNOWN, posterior, "kl", "nats", Some(1.95), Some(2.3));
        row(Toy::Isotropic, PER_SAMPLE, posterior, "gap", "nats", None, Some(bar(Toy::Isotropic, PER_SAMPLE)));
        row(Toy::FigureEight, KNOWN, posterior, "gap", "nats", None, Some(bar(Toy::FigureEight, KNOWN)));
        row(Toy::FigureEight, KNOWN, posterior, "sw1", "", None, Some(0.03));
        row(Toy::Blobs, KNOWN, posterior, "gap", "nats", None, Some(bar(Toy::Blobs, KNOWN)));
        row(Toy::Blobs, KNOWN, posterior, "sw1", "", None, Some(0.08));
        row(Toy::Mixture, KNOWN, posterior, "elbo", "nats", Some(-4.5), None);
        row(Toy::Mixture, KNOWN, posterior, "least mode share", "", Some(0.28), None);
        row(Toy::Mixture, KNOWN, posterior, "largest mode share", "", None, Some(0.39));
        row(Toy::Mixture, KNOWN, posterior, "off-mode share", "", None, Some(0.10));
    }
    for density in [Toy::Isotropic, Toy::Rotated] {
        let quantity = Quantity {
            name: format!("{}: ELBO, full minus diagonal", density.name()),
            unit: "nats",
            values: gains(results, density, KNOWN),
            band: Some((Some(-0.05), Some(0.05), "what the study requires")),
            source: None,
            look: Look::new(2),
        };
        rows.push(quantity.verdict(request));
    }
    rows.push(Quantity::none_diverged(results, request));
    Section {
        title: "Is each density learned?".into(),
        blocks: vec![
            Block::Text(PROSE.get("densities")),
            Block::Text(PROSE.get("arms")),
            Block::Verdicts { caption: PROSE.get("bars"), rows },
        ],
    }
}

/// The open question: what a full covariance is worth.
fn differences(results: &Results<'_>) -> Section {
    let mut rows = Vec::new();
    for (density, arm) in arms() {
        let gains = gains(results, density, arm);
        if gains.len() > 1 {
            let i = paired_interval(&gains);
            let positive = gains.iter().filter(|&&g| g > 0.0).count();
            rows.push(vec![
                density.name().to_string(),
                arm.to_string(),
                number(i.mean),
                format!("{} to {}", number(i.low), number(i.high)),
                format!("{positive} of {}", gains.len()),
            ]);
        }
    }
    let head = ["density", "arm", "mean (nats)", "95 % interval", "gain in"].map(String::from).into();
    Section {
        title: "Full against diagonal covariance".into(),
        blocks: vec![Block::Table { caption: PROSE.get("differences"), head, rows }],
    }
}

/// Every measure of every arm.
fn measures(results: &Results<'_>) -> Section {
    let mut blocks = Vec::new();
    for arm in [KNOWN, PER_SAMPLE] {
        let mut rows = Vec::new();
        for (density, posterior) in
            Toy::ALL.iter().flat_map(|density| POSTERIORS.map(|posterior| (*density, posterior)))
        {
            let runs = of(results, density, arm, posterior);
            let metric = |name| number(runs.median(name));
            let names = ["log p", "elbo", "gap", "iwae-500", "kl", "sw1", "sw1 of data", "energy distance"].map(metric);
            rows.push([density.name().to_string(), posterior.to_string()].into_iter().chain(names).collect());
        }
        let head = [
            "density",
            "posterior",
            "E log p",
            "ELBO",
            "gap",
            "IWAE-500",
            "KL",
            "SW1",
            "SW1 of data",
            "energy distance",
        ];
        let caption = format!(
            "Medians over seeds, arm \"{arm}\", in nats but for the distances. ELBO with 50 samples for each test row; \
             IWAE-500 on the first 2,000 of them, so it may lie below an ELBO of all. SW1 of data is the distance \
             between two samples of the true density."
        );
        blocks.push(Block::Table { caption, head: head.map(String::from).into(), rows });
    }
    Section { title: "All measures".into(), blocks }
}

fn open_section() -> Section {
    Section { title: "What is not reproduced, and why".into(), blocks: vec![Block::List(PROSE.list("open"))] }
}
