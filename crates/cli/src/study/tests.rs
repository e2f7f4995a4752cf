//! Reports of made-up outcomes: whatever the runs found a report can be written, and every text reaches one.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};

use super::{Experiment, Request, Results, Scale, all};
use crate::grid::{Outcome, State};

/// The studies whose outcomes are made up here, with what they measure.
const STUDIES: [(&str, &[&str]); 5] = [
    ("beta-sweep", &["recon", "kl", "nmi", "hungarian_accuracy", "probe_accuracy", "mean_radius"]),
    ("toy-density", &["elbo", "gap", "kl", "iwae-500", "sw1", "least mode share", "off-mode share"]),
    ("mnist-clustering", &["loss", "entropy", "majority accuracy"]),
    ("gmm-stability", &["train nmi", "test nmi", "train nmi at epoch 0", "within variance", "median std"]),
    ("modified-m2-nan", &["steps", "scale raw", "posterior raw", "median gradient norm", "loss"]),
];

/// The studies that measure a run that diverged as well.
const MEASURE_DIVERGED: [&str; 2] = ["gmm-stability", "modified-m2-nan"];

/// A number between 0 and 1 that depends on all that is hashed.
fn chance(of: impl Hash) -> f64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish() as f64 / u64::MAX as f64
}

/// The outcome of a run: its values depend on the labels, and less on the seed.
fn outcome(measures: &[&str], experiment: &Experiment, round: u64) -> Outcome {
    let (labels, extent) = (&experiment.labels, experiment.config.method.extent());
    let value = |name: &str| {
        chance((labels, name, round)) * if name == "kl" { 0.02 } else { 1.0 }
            + 0.02 * chance((labels, experiment.seed(), name))
    };
    let whole = measures.iter().map(|name| (name.to_string(), value(name)));
    let by_epoch =
        |name: &&str| (1..=extent).map(|e| (format!("{name} at epoch {e}"), value(name))).collect::<Vec<_>>();
    let values = whole.chain(measures.iter().flat_map(by_epoch)).collect();
    let points = json!([[0.0, 0.5], [1.0, value("points")], [2.0, 0.25]]);
    let latents = json!({"means": points, "ellipses": [[0.0, 0.0, 1.0, 0.5, 1.0]]});
    let record = json!({
        "loss": [2.0, 1.0], "recon": [1.0, 0.5], "confusion": [[7, 2], [1, 9]], "samples": "<svg></svg>",
        "data": points, "generated": points, "reconstructed": points, "before": latents, "after": latents,
        "train nmi": points, "smallest weight": points, "use": [[1e-5, 0.5], [0.5, 2.0]],
        "scale raw": [[1.0, -2.0], [2.0, -5.0 * value("scale")], [3.0, -6.0]],
        "posterior raw": [[1.0, -20.0 * value("rival")]],
        "batches": points, "test_loss": [2.0, 1.0], "best_test_loss": 0.5, "grid": [[points], [points]],
    });
    Outcome { state: State::Finished, values, record, extent, seconds: 0.0 }
}

/// A run that diverged.
fn diverged() -> Outcome {
    let state = State::Diverged("loss is NaN".into());
    Outcome { state, values: Vec::new(), record: Value::Null, extent: 0, seconds: 0.0 }
}

/// The same run if it diverged: in three of the rounds no run does, some do, all do.
fn perhaps_diverged(outcome: Outcome, experiment: &Experiment, round: u64) -> Outcome {
    let hit = chance((&experiment.labels, experiment.seed(), round, "diverged"));
    if hit >= [0.0, 0.5, 1.1, 0.2, 0.8, 0.5][round as usize] {
        return outcome;
    }
    let anchor = "after iteration 3: the anchor, has probability 0";
    let message = if hit < 0.3 { "run: loss is NaN; lower train.lr" } else { "run: a gradient is infinite" };
    let mut values = outcome.values;
    values.push(("iterations".into(), (1000.0 * hit).floor() % 3.0 * 150.0));
    values.push(("scale variance".into(), if round == 1 || hit < 0.4 { 0.0 } else { hit }));
    let mut record = outcome.record;
    record["reason"] = json!(if hit < 0.25 { anchor } else { "epoch 3: a weight is NaN" });
    Outcome { state: State::Diverged(message.into()), values, record, ..outcome }
}

/// The longest piece of a text in which no value stands.
fn piece(text: &str) -> &str {
    let pieces = text.split('{').map(|piece| piece.split_once('}').map_or(piece, |(_, rest)| rest));
    pieces.max_by_key(|piece| piece.len()).unwrap_or_default()
}

#[test]
fn a_report_can_be_written_of_all_outcomes_and_has_every_text() {
    for (name, measures) in STUDIES {
        let study = all().into_iter().find(|study| study.name() == name).expect("a study");
        let mut pages = String::new();
        // The grid of one study has hundreds of cells a seed.
        let many = if name == "gmm-stability" { 3 } else { 25 };
        for (scale, seeds) in [(Scale::Quick, None), (Scale::Default, Some(many)), (Scale::Full, Some(2))] {
            let request = Request { scale, seeds, set: &[], data_dir: None };
            let experiments = study.experiments(&request).expect("experiments");
            let made_up = |e: &Experiment, round| match outcome(measures, e, round) {
                outcome if MEASURE_DIVERGED.contains(&name) => perhaps_diverged(outcome, e, round),
                outcome => outcome,
            };
            let rounds = (0..6).map(|round| experiments.iter().map(|e| made_up(e, round)).collect());
            let broken: Vec<Outcome> = experiments.iter().map(|_| diverged()).collect();
            for outcomes in rounds.chain([broken, Vec::new()]) {
                let outcomes: Vec<Outcome> = outcomes;
                let report = study.report(&Results::new(experiments.iter().zip(&outcomes)), &request);
                pages += &format!("{report:?}");
            }
        }
        let path = format!("{}/studies/{name}/report.md", env!("CARGO_MANIFEST_DIR"));
        let prose = std::fs::read_to_string(path).expect("a report.md").replace("\n\n", "\u{0}").replace('\n', " ");
        for text in prose.split('\u{0}').filter(|text| !text.starts_with(['#', '|'])) {
            assert!(pages.contains(&piece(text.trim()).replace('"', "\\\"")), "{name}: {text}");
        }
    }
}
