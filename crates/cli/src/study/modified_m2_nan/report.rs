//! The report of `modified-m2-nan`.

use elbo_metrics::median;

use super::super::{Experiment, Results};
use super::setup::{ALONE, Arm, CLIP_NORM, FULL, KEPT, NONE, PROSE, REMEDIES, REMEDY, SMALL, STABLE};
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
    PROSE.report(summary(results), sections(results))
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

/// The runs as published, of the published networks first, that ended in NaN, and how many they are of.
fn ended<'a>(results: &Results<'a>) -> (Vec<(&'a Experiment, &'a Outcome)>, usize) {
    let alone = [FULL, SMALL].map(|networks| of(results, networks, NONE.0).runs().to_vec()).concat();
    let ended = alone.iter().filter(|(_, outcome)| outcome.diverged()).copied().collect();
    (ended, alone.len())
}

/// How many of them did at a step where the variance of the scale was exactly 0.
fn at_zero(ended: &[(&Experiment, &Outcome)]) -> usize {
    ended.iter().filter(|(_, outcome)| outcome.value("scale variance") == 0.0).count()
}

fn summary(results: &Results<'_>) -> Vec<Statement> {
    let (ended, all) = ended(results);
    let all = all.to_string();
    if ended.is_empty() {
        let text = PROSE.fill("none-ended", &[("all", all.as_str()), ("published", PUBLISHED)]);
        return vec![Statement { holds: None, text }];
    }
    let epochs: Vec<String> = ended.iter().map(|(e, outcome)| last_epoch(e, outcome).to_string()).collect();
    let at_zero = at_zero(&ended);
    let values = [
        ("ended", ended.len().to_string()),
        ("all", all),
        ("epochs", epochs.join(", ")),
        ("at zero", at_zero.to_string()),
        ("published", PUBLISHED.into()),
    ];
    let first = Statement { holds: Some(at_zero == ended.len()), text: PROSE.fill("first", &values) };
    // Of the runs that start shortly before a NaN: how many end in one as well.
    let starts_there =
        |e: &Experiment| ended.iter().any(|(a, _)| (a.label("networks"), a.seed()) == (e.label("networks"), e.seed()));
    let prevents = |(what, arms): (String, &[Arm])| {
        let runs = arms.iter().flat_map(|(arm, ..)| results.of(&[("arm", arm)]).runs().to_vec());
        let runs: Vec<_> = runs.filter(|(experiment, _)| starts_there(experiment)).collect();
        let broken = runs.iter().filter(|(_, outcome)| outcome.diverged()).count();
        let values = [("remedy", what), ("broken", broken.to_string()), ("all", runs.len().to_string())];
        let text = PROSE.fill("prevents", &[&values[..], &[("kept", KEPT.to_string())]].concat());
        Statement { holds: (!runs.is_empty()).then_some(broken == 0), text }
    };
    let remedies = [&REMEDIES[..2], &REMEDIES[2..4], &REMEDIES[4..]];
    let statements = PROSE.list("prevent").into_iter().zip(remedies).map(prevents);
    [first].into_iter().chain(statements).collect()
}

fn sections(results: &Results<'_>) -> Vec<Section> {
    let mut list = Vec::new();
    for (networks, title, id) in
        [(FULL, "The published networks", "full"), (SMALL, "Small networks, several seeds", "small")]
    {
        let runs = results.of(&[("networks", networks)]);
        if !runs.is_empty() {
            list.push(Section::new(title, vec![figure(&runs, id), table(&runs)]));
        }
    }
    list.push(Section::new("What happens", explanation(results)));
    list.push(Section::new("How it was asked", vec![Block::List(method())]));
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
    let second = if ends.is_empty() { String::new() } else { format!(" {}", PROSE.get("second-panel")) };
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
    let caption = PROSE.fill("watch", &[("lost", number(LOST)), ("second panel", second)]);
    Block::figure(&format!("{id}-watch"), caption, legend, panels)
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
    PROSE.table::<&str, &str>("table", &[], runs.runs().iter().map(row).collect())
}

fn explanation(results: &Results<'_>) -> Vec<Block> {
    let (ended, all) = ended(results);
    let seen = match (ended.len(), at_zero(&ended)) {
        (0, _) => PROSE.get("not-seen"),
        (n, at_zero) if at_zero == n => PROSE.fill("seen", &[("which", "all")]),
        (_, at_zero) => PROSE.fill("seen", &[("which", at_zero)]),
    };
    let values = [("all", all.to_string()), ("ended", ended.len().to_string()), ("seen", seen)];
    let mut texts = vec![PROSE.fill("ended", &values), PROSE.get("fall")];
    let alone = alone(results);
    if let Some((experiment, outcome)) = alone
        && let Some((a, c)) = drift(outcome)
    {
        let epoch = |level: f64| number(((a - level) / c).exp());
        let values = [
            ("networks", experiment.label("networks").to_string()),
            ("a", number(a)),
            ("c", number(c)),
            ("lost", number(LOST)),
            ("lost epoch", epoch(LOST)),
            ("underflow", number(UNDERFLOW)),
            ("underflow epoch", epoch(UNDERFLOW)),
        ];
        texts.push(PROSE.fill("drift", &values));
    }
    let mut blocks: Vec<Block> = texts.into_iter().map(Block::Text).collect();
    blocks.extend(usage(results));
    blocks.push(Block::Text(PROSE.get("softplus")));
    if let Some((_, outcome)) = alone {
        let least = outcome.series("posterior raw").into_iter().map(|(_, raw)| raw).fold(f64::INFINITY, f64::min);
        let side = if least < LOST { "below" } else { "above" };
        let values = [("least", number(least)), ("side", side.into()), ("lost", number(LOST))];
        blocks.push(Block::Text(PROSE.fill("rival", &values)));
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
    let run = format!("{}, {}, seed {}", experiment.label("networks"), name(experiment), experiment.seed());
    Some(PROSE.table("use", &[("run", run)], decades.windows(2).map(row).collect()))
}

fn method() -> Vec<String> {
    let norms = CLIP_NORM.map(|(networks, norm)| format!("{} ({networks})", number(norm)));
    let [small, full] = ALONE.map(|(networks, epochs)| format!("{epochs} ({networks})"));
    let values = [
        ("full", full),
        ("small", small),
        ("kept", KEPT.to_string()),
        ("remedy", REMEDY.to_string()),
        ("stable", STABLE.0.into()),
        ("norms", norms.join(" and ")),
    ];
    PROSE.fill_list("method", &values)
}
