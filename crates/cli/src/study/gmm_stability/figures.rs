//! The figures of `gmm-stability`.

use super::super::{Experiment, Results};
use super::runs::of;
use super::setup::{FAITHFUL, FLOORS, GUARDED, KS, LARGEST, PENALTIES, PROSE, STEPS, SWEPT, SYMMETRIC};
use crate::grid::Outcome;
use crate::plot::Look;
use crate::plot::panel::{Key, Line, Lines, Mark, Scale};
use crate::report::{Block, Section};

type Run<'a> = (&'a Experiment, &'a Outcome);

pub fn section(results: &Results<'_>) -> Section {
    let mut blocks = Vec::new();
    for k in KS {
        blocks.push(by_steps(results, k));
        blocks.push(by_floor(results, k));
    }
    blocks.push(collapse(results));
    if !results.of(&[("arm", SWEPT)]).is_empty() {
        blocks.push(swept(results));
    }
    Section::new("Trajectories", blocks)
}

fn look(index: usize) -> Look {
    Look::ordered(index, STEPS.len())
}

/// A line a run, with markers where it was evaluated.
fn lines(runs: &Results<'_>, name: &str, look: Look) -> Vec<Line> {
    let line = |(_, outcome): &Run<'_>| Line { points: outcome.series(name), markers: true, ..Line::new(look) };
    runs.runs().iter().map(line).collect()
}

fn panel(title: &str, label: &str, series: Vec<Line>) -> String {
    let y = Scale::new(label);
    Lines { title: title.into(), x: Scale::new("epoch"), y, series, reference: None }.draw()
}

/// NMI against the epoch for each `lwr_prs_reg`, coloured by `batch_steps`.
fn by_steps(results: &Results<'_>, k: &str) -> Block {
    let one = |penalty: &str| {
        let of_steps =
            |(i, steps): (usize, &&str)| lines(&of(results, GUARDED, k, "0.01", penalty, steps), "train nmi", look(i));
        let series = STEPS.iter().enumerate().flat_map(of_steps).collect();
        (format!("lwr-{penalty}"), panel(&format!("K = {k}, lwr_prs_reg = {penalty}"), "NMI (training rows)", series))
    };
    Block::Figure {
        id: format!("steps-{k}"),
        caption: format!(
            "NMI of the guarded runs with K = {k} and lat_min_var = 0.01 where it was evaluated, a line a seed, by the \
             number of Adam steps in an M-step."
        ),
        legend: keys(&STEPS, "batch_steps"),
        panels: PENALTIES.map(one).into(),
    }
}

/// The same by `lat_min_var` at 1000 steps.
fn by_floor(results: &Results<'_>, k: &str) -> Block {
    let one = |penalty: &str| {
        let of_floor =
            |(i, floor): (usize, &&str)| lines(&of(results, GUARDED, k, floor, penalty, "1000"), "train nmi", look(i));
        let series = FLOORS.iter().enumerate().flat_map(of_floor).collect();
        (format!("lwr-{penalty}"), panel(&format!("K = {k}, lwr_prs_reg = {penalty}"), "NMI (training rows)", series))
    };
    Block::Figure {
        id: format!("floor-{k}"),
        caption: format!(
            "The same with 1000 steps, by the variance floor of an M-step's target; K = {k}, a line a seed."
        ),
        legend: keys(&FLOORS, "lat_min_var"),
        panels: PENALTIES.map(one).into(),
    }
}

fn keys(values: &[&str], name: &str) -> Vec<Key> {
    let key =
        |(i, value): (usize, &&str)| Key { name: format!("{name} = {value}"), look: look(i), mark: Mark::JoinedPoints };
    values.iter().enumerate().map(key).collect()
}

const PAIRS: [(&str, &str); 3] =
    [(FAITHFUL, "faithful"), (GUARDED, "guarded"), (SYMMETRIC, "faithful, upr_prs_reg = lwr_prs_reg")];

/// Smallest weight under the largest penalty: what dies, and what the guard and the second penalty do.
fn collapse(results: &Results<'_>) -> Block {
    let one = |k: &str| {
        let of_arm = |(i, (arm, _)): (usize, &(&str, &str))| {
            let line = |(_, outcome): &Run<'_>| Line {
                points: outcome.series("smallest weight"),
                markers: i == 0,
                ..Line::new(Look::new(i))
            };
            of(results, arm, k, "0.01", LARGEST, "1000").runs().iter().map(line).collect::<Vec<_>>()
        };
        let title = format!("K = {k}, lwr_prs_reg = {LARGEST}, 1000 steps");
        // The weights of guarded runs fall on for ever.
        let (x, y) = (Scale::new("epoch").limits(0.0, 100.0), Scale::new("smallest weight").log().limits(1e-12, 1.0));
        let series = PAIRS.iter().enumerate().flat_map(of_arm).collect();
        (k.to_string(), Lines { title, x, y, series, reference: None }.draw())
    };
    let key =
        |(i, (_, name)): (usize, &(&str, &str))| Key { name: name.to_string(), look: Look::new(i), mark: Mark::Line };
    Block::Figure {
        id: "collapse".into(),
        caption: PROSE.get("falls"),
        legend: PAIRS.iter().enumerate().map(key).collect(),
        panels: KS.iter().map(|k| one(k)).collect(),
    }
}

/// NMI on the factors of the source's own route.
fn swept(results: &Results<'_>) -> Block {
    let one = |(k, penalty): (&str, &str)| {
        let of_steps =
            |(i, steps): (usize, &&str)| lines(&of(results, SWEPT, k, "0.01", penalty, steps), "train nmi", look(i));
        let series = STEPS.iter().enumerate().flat_map(of_steps).collect();
        let title = format!("K = {k}, lwr_prs_reg = {penalty}");
        (format!("{k}-lwr-{penalty}"), panel(&title, "NMI (training rows)", series))
    };
    let pairs = KS.into_iter().flat_map(|k| ["0", LARGEST].map(|penalty| (k, penalty)));
    Block::Figure {
        id: "swept".into(),
        caption: PROSE.get("swept-figure"),
        legend: keys(&STEPS, "batch_steps"),
        panels: pairs.map(one).collect(),
    }
}
