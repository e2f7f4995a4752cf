//! The numbers of `gmm-stability` that must hold.

use super::super::judge::Quantity;
use super::super::{Request, Results};
use super::measure::STABLE;
use super::runs::{all_seeds, average, guarded, mean, median_ratio, of};
use super::setup::{EM, FAITHFUL, GUARDED, KS, LARGEST, MORE_SEEDS_OF, PENALTIES, PROSE, RAW, SCALED, UNCLIPPED};
use super::source;
use crate::report::{Block, Section, Verdict};

/// The numbers that must hold.
pub fn section(results: &Results<'_>, request: &Request<'_>) -> Section {
    let mut rows: Vec<Verdict> = Vec::new();
    let mut bar = |name: String, value: f64, low: Option<f64>, high: Option<f64>| {
        rows.push(Quantity::single(&name, value, (low, high), request));
    };
    let raw = results.of(&[("arm", RAW)]);
    let latest = raw.metric("iterations").into_iter().fold(f64::NAN, f64::max);
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
        let apart = runs.runs().iter().map(|(_, o)| o.value("test nmi") - o.value("train nmi"));
        let ratio = mean(&runs, "train nmi") / mean(&runs, "train nmi at epoch 0");
        bar(name("mean train NMI"), mean(&runs, "train nmi"), Some(0.42), Some(0.46));
        bar(name("the same as a share of that at epoch 0"), ratio, Some(0.9), Some(1.1));
        bar(
            name("largest distance of test from train"),
            apart.map(f64::abs).fold(f64::NAN, f64::max),
            None,
            Some(0.02),
        );
        bar(name("fewest active"), runs.metric("active").into_iter().fold(f64::NAN, f64::min), Some(18.0), None);
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
        let ended = runs.runs().iter().filter(|(_, o)| o.diverged() && o.value("iterations") < 200.0).count();
        ended as f64 / runs.runs().len() as f64
    };
    let name = |what: &str| format!("K = 20, lat_min_var .01, lwr_prs_reg {LARGEST}, {what}");
    bar(name("1000 steps, faithful: share that collapse before epoch 200"), early(&faithful("1000")), Some(0.5), None);
    bar(name("100 steps, faithful: share that collapse"), share(&faithful("100")), None, Some(0.0));
    let runs = guarded(results, "20", "0.01", LARGEST, "1000");
    bar(
        name("1000 steps, guarded: NMI as a share of that at epoch 0"),
        median_ratio(&runs, "train nmi", "train nmi at epoch 0"),
        None,
        Some(STABLE),
    );
    let lost = lost(results);
    bar("K = 20: mean NMI lost from lat_min_var .01 to 1".into(), lost, Some(0.02), None);
    let unclipped = results.of(&[("arm", UNCLIPPED)]).by_seed("train nmi");
    let clipped = guarded(results, "20", "0.01", "0", "1000").by_seed("train nmi");
    let apart = clipped.iter().zip(&unclipped).map(|(a, b)| (a.1 - b.1).abs()).fold(f64::NAN, f64::max);
    bar("K = 20: largest change of a run's NMI without clipping".into(), apart, None, Some(0.02));
    let caption = PROSE.get("bars");
    Section { title: "What must hold".into(), blocks: vec![Block::Verdicts { caption, rows }, remarks(results, lost)] }
}

/// What more runs say of the bars that do not hold, and how the one that can be read in two ways is read; `lost` is
/// [`lost`] of the same results.
fn remarks(results: &Results<'_>, lost: f64) -> Block {
    let hundred = of(results, FAITHFUL, "20", "0.01", LARGEST, "100");
    let share = |penalty: &&str| {
        let runs = guarded(results, "20", "0.01", penalty, "1000");
        let shares = runs.runs().iter().map(|(_, o)| o.value("train nmi") / o.value("train nmi at epoch 0"));
        format!("{:.3} at {penalty}", shares.fold(f64::NAN, f64::min))
    };
    let [small, large] = MORE_SEEDS_OF.map(|floor| all_seeds(results, floor));
    let by_seed: Vec<f64> = small.iter().zip(&large).map(|(small, large)| small - large).collect();
    let (least, most) = by_seed.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    let rows = [
        [
            format!("no faithful run with lwr_prs_reg = {LARGEST} and 100 steps collapses"),
            format!("{} of {} collapse", hundred.diverged(), hundred.runs().len()),
            format!(
                "the same training in PyTorch, with other starts, collapses after {} epochs in single precision and \
                 after {} in double",
                source::pytorch("float32").join(", "),
                source::pytorch("float64").join(", ")
            ),
        ],
        [
            "lat_min_var 1 costs at least .02 (K = 20)".into(),
            format!("{lost:.4} over the seeds of the grid"),
            format!("{:.4} over {} seeds (single seeds: {least:.4} to {most:.4})", average(&by_seed), by_seed.len()),
        ],
        [
            "train NMI within 10 % of epoch 0 (K = 20, lwr_prs_reg ≤ 1e-3)".into(),
            format!("smallest share of a seed {}", PENALTIES[..3].iter().map(share).collect::<Vec<_>>().join(", ")),
            "judged on the means over seeds, as the NMI itself: a seed whose k-means is lucky has more to lose".into(),
        ],
    ];
    Block::Table {
        caption: "Three of these bars, and what more runs say of them.".into(),
        head: ["bar", "found", "remark"].map(String::from).into(),
        rows: rows.map(|row| row.to_vec()).into(),
    }
}

/// The mean train NMI that the largest floor costs, over the seeds of the grid.
fn lost(results: &Results<'_>) -> f64 {
    let [small, large] = MORE_SEEDS_OF.map(|floor| mean(&guarded(results, "20", floor, "0", "1000"), "train nmi"));
    small - large
}

fn share(runs: &Results<'_>) -> f64 {
    runs.diverged() as f64 / runs.runs().len() as f64
}
