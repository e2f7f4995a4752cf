//! Reports of made-up outcomes: whatever the runs found a report can be written, and every text reaches one.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};

use super::{Experiment, Request, Results, Scale, all};
use crate::grid::{Outcome, State};

/// The studies whose outcomes are made up here, with what they measure.
const STUDIES: [(&str, &[&str]); 3] = [
    ("beta-sweep", &["recon", "kl", "nmi", "hungarian_accuracy", "probe_accuracy", "mean_radius"]),
    ("toy-density", &["elbo", "gap", "kl", "iwae-500", "sw1", "least mode share", "off-mode share"]),
    ("mnist-clustering", &["loss", "entropy", "majority accuracy"]),
];

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
        "batches": points, "test_loss": [2.0, 1.0], "best_test_loss": 0.5, "grid": [[points], [points]],
    });
    Outcome { state: State::Finished, values, record, extent, seconds: 0.0 }
}

/// A run that diverged.
fn diverged() -> Outcome {
    let state = State::Diverged("loss is NaN".into());
    Outcome { state, values: Vec::new(), record: Value::Null, extent: 0, seconds: 0.0 }
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
        for (scale, seeds) in [(Scale::Quick, None), (Scale::Default, Some(25)), (Scale::Full, Some(2))] {
            let request = Request { scale, seeds, set: &[], data_dir: None };
            let experiments = study.experiments(&request).expect("experiments");
            let rounds = (0..6).map(|round| experiments.iter().map(|e| outcome(measures, e, round)).collect());
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
