//! The published studies: each is a grid of runs, what is measured on a finished run, and a report that holds it against
//! its source.

mod beta_sweep;
mod gmm_stability;
mod judge;
mod mnist_clustering;
mod modified_m2_nan;
mod results;
mod run;
mod toy_density;

use std::path::Path;

use elbo_autograd::Params;
use elbo_datasets::Splits;
use elbo_models::Model;

use crate::config::Config;
use crate::grid::Width;
use crate::machine::error::Result;
use crate::report::Report;
use crate::run::dir::RunDir;
use crate::run::fitting::Fitted;
use crate::run::training::Finished;
pub use results::Results;
pub use run::prepare;

/// How rows are prepared.
const PREPARATION: [&str; 4] = ["data.project", "data.project_to", "data.scale", "data.standardize"];

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

/// What a run takes over from another one of the study, which comes earlier in the plan and is over when this one begins.
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
    /// The last state that it kept as its `log.keep_epochs` says, or its first parameters if it kept none: training begins
    /// with it, and `train.epochs` counts from there.
    LastState,
    /// The latents of the rows under that run's model, in place of the rows; `data.standardize` is for the latents.
    Latents,
}

impl Experiment {
    /// The label of this name.
    #[track_caller]
    pub fn label(&self, name: &str) -> &str {
        let found = self.labels.iter().find(|(label, _)| label == name);
        &found.unwrap_or_else(|| panic!("an experiment without label {name}")).1
    }

    /// `train.seed`
    pub fn seed(&self) -> u64 {
        self.config.section("train").int("seed") as u64
    }
}

/// A run that came to its end or diverged, for measuring.
pub struct Done<'a> {
    /// Which one.
    pub experiment: &'a Experiment,
    /// Its data.
    pub splits: &'a Splits,
    /// Its directory.
    pub dir: &'a RunDir,
    /// What came out, by the way its model is trained.
    pub trained: Trained<'a>,
}

/// What came out of a run.
#[derive(Clone, Copy)]
pub enum Trained<'a> {
    /// Of a model that is trained by steps.
    Steps(Steps<'a>),
    /// Of a model that is fitted by iterations.
    Iterations(&'a Fitted),
}

/// What came out of training by steps.
#[derive(Clone, Copy)]
pub struct Steps<'a> {
    /// Whether rows are binarised.
    pub binarize: bool,
    /// The model.
    pub model: &'a dyn Model,
    /// Its parameters before training.
    pub initial: &'a Params,
    /// History and trained parameters.
    pub finished: &'a Finished,
}

impl<'a> Done<'a> {
    /// Of a study whose models are all trained by steps.
    #[track_caller]
    pub fn steps(&self) -> Steps<'a> {
        match self.trained {
            Trained::Steps(steps) => steps,
            Trained::Iterations(_) => panic!("a model that is not trained by steps"),
        }
    }

    /// Of a study whose models are all fitted by iterations.
    #[track_caller]
    pub fn fitted(&self) -> &'a Fitted {
        match self.trained {
            Trained::Iterations(fitted) => fitted,
            Trained::Steps(_) => panic!("a model that is not fitted by iterations"),
        }
    }
}

/// What was measured on a run: numbers for `results.csv`, and whatever the figures need.
pub type Measured = (Vec<(String, f64)>, serde_json::Value);

/// A published study.
pub trait Study: Sync {
    /// Name on the command line.
    fn name(&self) -> &'static str;
    /// One line for help texts.
    fn about(&self) -> &'static str;
    /// The keys that `--set` cannot change, because the study varies them or reads what they lead to.
    fn fixed(&self) -> Vec<&'static str> {
        Vec::new()
    }
    /// Every run, errors of configuration found.
    fn experiments(&self, request: &Request<'_>) -> Result<Vec<Experiment>>;
    /// Measures a run at its end.
    fn measure(&self, done: &Done<'_>) -> Result<Measured>;
    /// Measures a run that diverged: nothing, unless the divergence is what the study is about.
    fn measure_diverged(&self, _done: &Done<'_>) -> Result<Measured> {
        Ok((Vec::new(), serde_json::Value::Null))
    }
    /// The report over all runs, with its verdicts if the request is to be judged.
    fn report(&self, results: &Results<'_>, request: &Request<'_>) -> Report;
}

/// Every study.
pub fn all() -> [&'static dyn Study; 5] {
    [
        &beta_sweep::BetaSweep,
        &toy_density::ToyDensity,
        &mnist_clustering::MnistClustering,
        &modified_m2_nan::ModifiedM2Nan,
        &gmm_stability::GmmStability,
    ]
}
