//! The runs of a study and what a user asked of them.

use std::path::Path;

use crate::config::Config;
use crate::grid::Width;

/// How rows are prepared.
pub(super) const PREPARATION: [&str; 4] = ["data.project", "data.project_to", "data.scale", "data.standardize"];

/// How much of a study is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// A first look, in less than two minutes; nothing is judged.
    Quick,
    /// What the bands are for.
    Default,
    /// More of the source's budget, where the default is less.
    Full,
}

/// What a user asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// How much.
    pub scale: Scale,
    /// Number of seeds, if not the study's own.
    pub seeds: Option<u64>,
    /// `KEY=VALUE` for every run.
    pub set: &'a [String],
    /// Where data sets are looked for first.
    pub data_dir: Option<&'a Path>,
}

impl Request<'_> {
    /// Whether the reference bands are for what was asked: the default budget or more, without other settings.
    pub fn is_judged(&self) -> bool {
        self.scale != Scale::Quick && self.set.is_empty()
    }
}

/// One run of a study.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// What it is, as a reader knows it, without the seed.
    pub labels: Vec<(String, String)>,
    /// Its resolved configuration; `train.seed` is the seed.
    pub config: Config,
    /// Expected seconds on one core.
    pub cost: f64,
    /// How much of the machine it uses.
    pub width: Width,
    /// What it takes over from another run.
    pub from: Option<From>,
}

/// What a run takes over from another one of the study, which comes earlier in the plan and is over when this one
/// begins.
#[derive(Debug, Clone, Copy)]
pub struct From {
    /// Index of the other run.
    pub experiment: usize,
    /// What is taken over.
    pub what: Legacy,
}

/// What a run can take over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Legacy {
    /// The last state that it kept as its `log.keep_epochs` says, or its first parameters if it kept none: training
    /// begins with it, and `train.epochs` counts from there.
    LastState,
    /// The latents of the rows under that run's model, in place of the rows; `data.standardize` is for the latents.
    Latents,
}

impl Experiment {
    /// A run on one core that takes over nothing; `cost` in seconds.
    pub fn new(labels: &[(&str, &str)], config: Config, cost: f64) -> Self {
        let labels = labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Self { labels, config, cost, width: Width::OneCore, from: None }
    }

    /// The label of this name.
    #[track_caller]
    pub fn label(&self, name: &str) -> &str {
        let found = self.labels.iter().find(|(label, _)| label == name);
        &found.unwrap_or_else(|| panic!("an experiment without label {name}")).1
    }

    /// `train.seed`
    pub fn seed(&self) -> u64 {
        self.config.method.seed()
    }
}
