//! The report of `gmm-stability`.

use super::super::{Request, Results, Scale};
use super::runs::{both, guarded, mean};
use super::setup::{EM, FAITHFUL, GUARDED, KS, LARGEST, PROSE, RAW, RAW_TOTAL, SCALED, SWEPT, SYMMETRIC};
use super::{bars, claims, figures, tables};
use crate::grid::Outcome;
use crate::report::{Block, Report, Section, Statement};

pub fn report(results: &Results<'_>, request: &Request<'_>) -> Report {
    let mut sections = vec![bars::section(results, request), claims::section(results)];
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
    PROSE.report(summary(results), sections)
}

fn summary(results: &Results<'_>) -> Vec<Statement> {
    let grid = results.of(&[("arm", GUARDED)]);
    let faithful = results.of(&[("arm", FAITHFUL)]);
    let (cells, stable) = (grid.runs().len(), grid.metric("stable").iter().filter(|&&s| s == 1.0).count());
    let collapsed = |runs: &Results<'_>| format!("{} of {}", runs.diverged(), runs.runs().len());
    let at = |steps: &str| collapsed(&faithful.of(&[("batch_steps", steps)]));
    let symmetric = results.of(&[("arm", SYMMETRIC)]);
    let raw = both(results, [RAW, RAW_TOTAL]);
    let (first_epoch, scaled) =
        (raw.iter().filter(|o| o.diverged() && o.value("iterations") == 0.0), results.of(&[("arm", SCALED)]));
    let first_epoch = first_epoch.count();
    let ours = KS.map(|k| mean(&guarded(results, k, "0.01", "0", "1000"), "train nmi"));
    let em = KS.map(|k| mean(&results.of(&[("arm", EM), ("k", k)]), "train nmi"));
    let anchor = faithful.runs().iter().filter(|(_, o)| is_anchor(o)).count();
    let state = |holds: bool, text: String| Statement { holds: Some(holds), text };
    let finished = [("ended", cells - grid.diverged()), ("cells", cells), ("stable", stable)];
    let unguarded = [
        ("penalty", LARGEST.to_string()),
        ("at 100", at("100")),
        ("at 500", at("500")),
        ("at 1000", at("1000")),
        ("anchor", anchor.to_string()),
    ];
    let nmis = [("ours 20", ours[0]), ("em 20", em[0]), ("ours 50", ours[1]), ("em 50", em[1])];
    let nmis = nmis.map(|(name, nmi)| (name, format!("{nmi:.3}")));
    let symmetric_ended = collapsed(&symmetric);
    let scales =
        [("first", first_epoch.to_string()), ("raw", raw.len().to_string()), ("standardised", collapsed(&scaled))];
    let as_em = ours.iter().zip(&em).all(|(ours, em)| (ours - em).abs() <= 0.05 * em);
    let mut list = vec![
        state(grid.diverged() == 0, PROSE.fill("guarded", &finished)),
        state(faithful.diverged() > 0, PROSE.fill("unguarded", &unguarded)),
        state(as_em, PROSE.fill("as-em", &nmis)),
        state(
            symmetric.diverged() == 0,
            PROSE.fill("both-penalties", &[("penalty", LARGEST), ("collapsed", symmetric_ended.as_str())]),
        ),
        state(first_epoch == raw.len() && scaled.diverged() == 0, PROSE.fill("scale", &scales)),
    ];
    let alone = results.of(&[("arm", SWEPT), ("lwr_prs_reg", "0")]);
    if !alone.is_empty() {
        let ended = alone.runs().iter().filter(|(_, outcome)| outcome.diverged());
        let mut where_from: Vec<String> =
            ended.map(|(e, _)| format!("K = {}, seed {}", e.label("k"), e.seed())).collect();
        where_from.dedup();
        let of_them = if where_from.is_empty() { String::new() } else { format!(" ({})", where_from.join("; ")) };
        let here = grid.of(&[("k", "50"), ("lat_min_var", "0.01"), ("lwr_prs_reg", "0")]);
        let held = here.metric("kept").iter().filter(|&&components| components > 0.0).count();
        let values = [
            ("swept", collapsed(&alone) + &of_them),
            ("exact", collapsed(&scaled)),
            ("held", format!("{held} of {}", here.runs().len())),
        ];
        list.push(state(alone.diverged() > 0, PROSE.fill("without-penalty", &values)));
    }
    list
}

/// Whether the anchor's probability was the first NaN.
fn is_anchor(outcome: &Outcome) -> bool {
    outcome.record["reason"].as_str().is_some_and(|reason| reason.contains("the anchor, has probability"))
}

fn method(request: &Request<'_>) -> Section {
    let data = if request.scale == Scale::Quick { PROSE.get("data-quick") } else { PROSE.get("data") };
    Section::new("How it was asked", vec![Block::List(PROSE.fill_list("method", &[("data", data)]))])
}
