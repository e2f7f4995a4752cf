//! The report of `modified-m2-nan`.

use elbo_metrics::median;

use super::super::{Experiment, Results};
use super::setup::{ALONE, CLIP_NORM, FULL, KEPT, NONE, PROSE, REMEDIES, REMEDY, SMALL, STABLE};
use crate::grid::{Outcome, State};
use crate::plot::Look;
use crate::plot::panel::{Key, Line, Lines, Mark, Reference, Scale};
use crate::report::{Block, Report, Section, Statement, number};

/// Below this argument `1 + eˣ` is 1 in single precision: half of 2⁻²³, rounded to even.
const LOST: f64 = -16.635_532;
/// Below this argument `eˣ` is subnormal in single precision, and 0 where such numbers are flushed.
const UNDERFLOW: f64 = -87.336_55;
/// Epochs at which the source's runs of the ReLU variant ended.
const PUBLISHED: &str = "227, 228 and 255";

pub(super) fn report(results: &Results<'_>) -> Report {
    Report {
        title: "Why modified M2 turns NaN".into(),
        question: PROSE.get("question"),
        summary: summary(results),
        sections: sections(results),
        provenance: Vec::new(),
    }
}

/// The runs of some networks with one way to train.
fn of<'a>(results: &Results<'a>, networks: &str, arm: &str) -> Results<'a> {
    results.of(&[("networks", networks), ("arm", arm)])
}

/// The last epoch that a run began.
fn last_epoch(experiment: &Experiment, outcome: &Outcome) -> u64 {
    let epoch_steps = experiment.config.steps().train.epoch_steps.max(1) as f64;
    let steps = outcome.value("steps");
    // A refused step belongs to the epoch after those that are complete.
    let begun = if outcome.diverged() { (steps / epoch_steps).floor() + 1.0 } else { steps / epoch_steps };
    begun as u64
}

/// What the refusal says without the folder and the advice.
fn cause(outcome: &Outcome) -> Option<String> {
    let State::Diverged(message) = &outcome.state else { return None };
    let middle = message.split(": ").nth(1).unwrap_or(message);
    Some(middle.split(';').next().unwrap_or(middle).to_string())
}

/// `a` and `c` of `raw ≈ a − c ln epoch`, least squares over the second half of a run.
fn drift(outcome: &Outcome) -> Option<(f64, f64)> {
    let list = outcome.series("scale raw");
    let points: Vec<(f64, f64)> = list[list.len() / 2..].iter().map(|(epoch, raw)| (epoch.ln(), *raw)).collect();
    let n = points.len() as f64;
    let mean = |f: fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>()
        / points.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>();
    (slope < 0.0).then(|| (y - slope * x, -slope))
}

fn summary(results: &Results<'_>) -> Vec<Statement> {
    let alone: Vec<_> =
        [FULL, SMALL].iter().flat_map(|networks| of(results, networks, NONE.0).runs().to_vec()).collect();
    let ended: Vec<_> = alone.iter().filter(|(_, outcome)| outcome.diverged()).collect();
    let at_zero = ended.iter().filter(|(_, outcome)| outcome.value("scale variance") == 0.0).count();
    let epochs: Vec<String> = ended.iter().map(|(e, outcome)| last_epoch(e, outcome).to_string()).collect();
    if ended.is_empty() {
        let text =
            format!("None of {} runs as published ended in NaN; the source's did in epochs {PUBLISHED}.", alone.len());
        return vec![Statement { holds: None, text }];
    }
    // Of the runs that start shortly before a NaN: how many end in one as well.
    let after = |arms: &[&str]| {
        let starts_there = |e: &Experiment| {
            ended.iter().any(|(a, _)| (a.label("networks"), a.seed()) == (e.label("networks"), e.seed()))
        };
        let runs = arms.iter().flat_map(|arm| results.of(&[("arm", arm)]).runs().to_vec());
        let runs: Vec<_> = runs.filter(|(experiment, _)| starts_there(experiment)).collect();
        (runs.iter().filter(|(_, outcome)| outcome.diverged()).count(), runs.len())
    };
    let prevents = |what: &str, arms: &[&str]| {
        let (broken, all) = after(arms);
        let text = format!("{what}: NaN in {broken} of {all} runs that start at most {KEPT} epochs before one.");
        Statement { holds: (all > 0).then_some(broken == 0), text }
    };
    vec![
        Statement {
            holds: Some(at_zero == ended.len()),
            text: format!(
                "What leaves its range first is the variance of the decoder's scale s(y): {} of {} runs as published \
                 ended in NaN, in epochs {}, {at_zero} of them at a step where it was exactly 0. The source's ended in \
                 epochs {PUBLISHED}.",
                ended.len(),
                alone.len(),
                epochs.join(", ")
            ),
        },
        prevents("Clipping the gradient prevents it, as the source imagined", &[REMEDIES[0].0, REMEDIES[1].0]),
        prevents("A floor under the variance prevents it", &[REMEDIES[2].0, REMEDIES[3].0]),
        prevents("So does a softplus that keeps eˣ beside 1", &[STABLE.0]),
    ]
}

fn sections(results: &Results<'_>) -> Vec<Section> {
    let mut list = Vec::new();
    for (networks, title, id) in
        [(FULL, "The published networks", "full"), (SMALL, "Small networks, several seeds", "small")]
    {
        let runs = results.of(&[("networks", networks)]);
        if !runs.is_empty() {
            list.push(Section { title: title.into(), blocks: vec![figure(&runs, id), table(&runs)] });
        }
    }
    list.push(Section { title: "What happens".into(), blocks: explanation(results) });
    list.push(Section { title: "How it was asked".into(), blocks: vec![Block::List(method())] });
    list
}

fn look(experiment: &Experiment) -> Look {
    let place = REMEDIES.iter().position(|(arm, ..)| *arm == experiment.label("arm"));
    place.map_or(Look::GREY, |index| Look::new(index).pattern(index))
}

fn name(experiment: &Experiment) -> String {
    match experiment.label("arm") {
        arm if arm == NONE.0 => "as published".into(),
        arm => arm.into(),
    }
}

fn figure(runs: &Results<'_>, id: &str) -> Block {
    let panel = |stem: &str, title: &str, label: &str, quantity: &str, log: bool, reference: Option<Reference>| {
        let line = |(experiment, outcome): &(&Experiment, &Outcome)| Line {
            points: outcome.series(quantity),
            ..Line::new(look(experiment))
        };
        let y = if log { Scale::new(label).log() } else { Scale::new(label) };
        let series = runs.runs().iter().map(line).collect();
        (stem.to_string(), Lines { title: title.into(), x: Scale::new("epoch"), y, series, reference }.draw())
    };
    let mut legend: Vec<Key> = Vec::new();
    for (experiment, _) in runs.runs() {
        let key = Key { name: name(experiment), look: look(experiment), mark: Mark::Line };
        if legend.iter().all(|known| known.name != key.name) {
            legend.push(key);
        }
    }
    // The lines leave no room for a label: the caption has it.
    let lost = || Some(Reference { y: LOST, label: String::new() });
    let ends = ends(runs);
    let second = match ends.is_empty() {
        true => "",
        false => " The second panel shows the runs of the seeds that ended in NaN without a remedy.",
    };
    let mut panels = vec![
        panel("raw", "Argument of the softplus", "smallest argument", "scale raw", false, lost()),
        panel("variance", "Variance of the scale", "smallest s(y)²", "scale variance", true, None),
        panel("posterior", "Variance of q(z|x,y)", "smallest variance", "posterior variance", true, None),
        panel("gradient", "Gradient", "largest entry (nats)", "largest gradient", true, None),
    ];
    if !ends.is_empty() {
        let title = "The same from where the remedies start".into();
        let x = Scale::new("epochs after the last state kept before a NaN");
        let end = Lines { title, x, y: Scale::new("smallest argument"), series: ends, reference: lost() };
        panels.insert(1, ("end".into(), end.draw()));
    }
    Block::Figure {
        id: format!("{id}-watch"),
        caption: format!(
            "Smallest argument and variance of the scale s(y) in each epoch, the smallest variance of q(z|x,y), both \
             before a floor is added, and the largest entry of the gradient of a batch sum, from every 50th step. Grey \
             dashes: {}, below which ln(1 + eˣ) as written is 0 in single precision.{second}",
            number(LOST)
        ),
        legend,
        panels,
    }
}

/// The argument of the scale in the runs that ended in NaN, from where the remedies start, and in the remedies.
fn ends(runs: &Results<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    for (alone, _) in runs.of(&[("arm", NONE.0)]).runs().iter().filter(|(_, outcome)| outcome.diverged()) {
        let of_seed = || runs.runs().iter().filter(|(experiment, _)| experiment.seed() == alone.seed());
        let start = of_seed().map(|(_, outcome)| started(outcome)).max().unwrap_or(0) as f64;
        for (experiment, outcome) in of_seed() {
            let points = outcome.series("scale raw").into_iter().filter(|(epoch, _)| *epoch > start);
            let points = points.map(|(epoch, raw)| (epoch - start, raw)).collect();
            lines.push(Line { points, ..Line::new(look(experiment)) });
        }
    }
    lines
}

/// The epoch after which a run began.
fn started(outcome: &Outcome) -> u64 {
    // One that ended within its first epoch has no loss.
    let first = ["loss", "scale raw"].iter().find_map(|name| outcome.series(name).first().copied());
    first.map_or(0, |(epoch, _)| epoch as u64 - 1)
}

fn table(runs: &Results<'_>) -> Block {
    let row = |(experiment, outcome): &(&Experiment, &Outcome)| {
        let started = started(outcome);
        let end = last_epoch(experiment, outcome);
        let ended = cause(outcome).map_or_else(|| "ran to its end".into(), |cause| format!("NaN: {cause}"));
        vec![
            format!("{}, seed {}", name(experiment), experiment.seed()),
            format!("{started} to {end}"),
            number(outcome.value("scale raw")),
            number(outcome.value("scale variance")),
            number(outcome.value("median gradient norm")),
            number(outcome.value("loss")),
            ended,
        ]
    };
    let head = ["run", "epochs", "argument", "variance", "gradient norm", "loss (nats)", "end"];
    Block::Table {
        caption: PROSE.get("table"),
        head: head.map(String::from).into(),
        rows: runs.runs().iter().map(row).collect(),
    }
}

fn explanation(results: &Results<'_>) -> Vec<Block> {
    let runs = [FULL, SMALL].map(|networks| of(results, networks, NONE.0));
    let ended = runs.iter().flat_map(Results::runs).filter(|(_, outcome)| outcome.diverged());
    let ended: Vec<&Outcome> = ended.map(|(_, outcome)| *outcome).collect();
    let at_zero = ended.iter().filter(|outcome| outcome.value("scale variance") == 0.0).count();
    let seen = match ended.len() {
        0 => "so what follows is where the equations lead and not what was seen".to_string(),
        n => {
            let which = if at_zero == n { "all".to_string() } else { at_zero.to_string() };
            format!(
                "and in {which} of these the smallest variance of the scale was exactly 0 at the step that was \
                 refused; every loss and gradient before it was finite"
            )
        }
    };
    let all: usize = runs.iter().map(|runs| runs.runs().len()).sum();
    let mut blocks = vec![Block::Text(format!("Of {all} runs as published {} ended in NaN, {seen}.", ended.len()))];
    blocks.push(Block::Text(PROSE.get("fall")));
    let alone = alone(results);
    if let Some((experiment, outcome)) = alone
        && let Some((a, c)) = drift(outcome)
    {
        let at = |level: f64| ((a - level) / c).exp();
        blocks.push(Block::Text(format!(
            "Over the second half of the run of {} the smallest argument follows {} − {} ln(epoch). At that pace it \
             reaches {} in epoch {}, and {}, where eˣ itself leaves the normal range of single precision, in epoch \
             {}.",
            experiment.label("networks"),
            number(a),
            number(c),
            number(LOST),
            number(at(LOST)),
            number(UNDERFLOW),
            number(at(UNDERFLOW))
        )));
    }
    blocks.extend(usage(results));
    blocks.push(Block::Text(PROSE.get("softplus")));
    if let Some((_, outcome)) = alone {
        let least = outcome.series("posterior raw").into_iter().map(|(_, raw)| raw).fold(f64::INFINITY, f64::min);
        blocks.push(Block::Text(format!(
            "The rival explanation is the other variance: were that of q(z|x,y) to reach 0, the logarithm in its KL \
             would be infinite. Its softplus is exact in every run here; the smallest argument that it had in the run \
             of the first paragraphs is {}, {} {} from which a softplus as written would give 0.",
            number(least),
            if least < LOST { "below the" } else { "above the" },
            number(LOST)
        )));
    }
    blocks.push(Block::Text(PROSE.get("remedies")));
    blocks
}

/// The run that nothing is done to, of the published networks if it is there.
fn alone<'a>(results: &Results<'a>) -> Option<(&'a Experiment, &'a Outcome)> {
    [FULL, SMALL].iter().find_map(|networks| of(results, networks, NONE.0).runs().first().copied())
}

/// How much the dimensions carry whose scale is small, in the run that nothing was done to, or in the first small one.
fn usage(results: &Results<'_>) -> Option<Block> {
    let (experiment, outcome) = alone(results)?;
    let pairs = outcome.series("use");
    let decades = [0.0, 1e-6, 1e-4, 1e-2, 1.0, f64::INFINITY];
    let row = |ends: &[f64]| {
        let within = pairs.iter().filter(|(variance, _)| (ends[0]..ends[1]).contains(variance));
        let kl: Vec<f64> = within.map(|(_, kl)| *kl).collect();
        let range = match (ends[0], ends[1]) {
            (0.0, high) => format!("below {}", number(high)),
            (low, f64::INFINITY) => format!("{} and above", number(low)),
            (low, high) => format!("{} to {}", number(low), number(high)),
        };
        let most = kl.iter().copied().fold(f64::NAN, f64::max);
        vec![range, kl.len().to_string(), number(if kl.is_empty() { f64::NAN } else { median(&kl) }), number(most)]
    };
    let caption = format!(
        "What the dimensions carry, by the variance of their scale: mean KL of q(z|x,y) from the prior over test \
         images of each class, for every class and dimension, at the end of the run ({}, {}, seed {}).",
        experiment.label("networks"),
        name(experiment),
        experiment.seed()
    );
    let head = ["variance of the scale", "pairs of class and dimension", "median KL (nats)", "largest KL (nats)"];
    let rows = decades.windows(2).map(row).collect();
    Some(Block::Table { caption, head: head.map(String::from).into(), rows })
}

fn method() -> Vec<String> {
    let norms = CLIP_NORM.map(|(networks, norm)| format!("{} ({networks})", number(norm)));
    vec![
        format!(
            "As published the scale is ln(1 + eˣ) computed as it is written. Such a run goes on to its NaN or to epoch \
             {} ({FULL}) and {} ({SMALL}); every {KEPT} epochs its state is kept. Each remedy starts from the last \
             state kept, on the same batches and noise, and runs {REMEDY} epochs more; `{}` is the same formula with \
             eˣ kept beside 1.",
            ALONE[1].1, ALONE[0].1, STABLE.0
        ),
        format!(
            "Clipping begins at a norm of the gradient of a batch mean of {}, or at a tenth of it; the median norm of \
             each run is in the tables.",
            norms.join(" and ")
        ),
        PROSE.get("framework"),
        PROSE.get("small"),
    ]
}
