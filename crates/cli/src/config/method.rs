//! What a run trains and how: a model by steps, or an estimator by iterations, with what is logged.

use elbo_models::fit::TrainOptions;
use elbo_models::{Configured, EstimatorOptions, ModelOptions, Visitor};

/// Rows of a log at most this many steps or iterations apart.
const OFTEN: usize = 1_000_000_000;
const PROBE: &str = "measure the accuracy of a linear probe on the latent at every evaluation";

/// A way to fit a model.
#[derive(Debug)]
pub enum Method {
    /// By steps on batches.
    Steps(Steps),
    /// By iterations over all rows.
    Iterations(Iterations),
}

/// A model that is trained by steps.
#[derive(Debug)]
pub struct Steps {
    /// The model.
    pub model: Box<dyn ModelOptions>,
    /// Its training.
    pub train: TrainOptions,
    /// What is logged.
    pub log: StepsLog,
}

/// An estimator.
#[derive(Debug)]
pub struct Iterations {
    /// The model and its fit.
    pub options: Box<dyn EstimatorOptions>,
    /// What is logged.
    pub log: IterationsLog,
}

/// Section `[log]` of a model that is trained by steps.
#[derive(Debug, Clone, Default)]
pub struct StepsLog {
    /// Steps between two rows of `steps.csv`; 0: off.
    pub every_steps: usize,
    /// Steps between two rows of `watch.csv`; 0: off.
    pub watch_steps: usize,
    /// Epochs between two checkpoints that are kept; 0: off.
    pub keep_epochs: usize,
    /// Whether evaluations have a linear probe.
    pub probe: bool,
}

/// Section `[log]` of an estimator.
#[derive(Debug, Clone, Default)]
pub struct IterationsLog {
    /// Iterations between two evaluations; 0: at the end only.
    pub evaluate_every: usize,
    /// Whether evaluations have a linear probe.
    pub probe: bool,
}

impl Configured for StepsLog {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.int("log.every_steps", &mut self.every_steps, 0..=OFTEN, "a row of steps.csv every N steps; 0: off");
        v.int(
            "log.watch_steps",
            &mut self.watch_steps,
            0..=OFTEN,
            "smallest argument and variance of each softplus, largest gradient in watch.csv every N steps; 0: off",
        );
        v.int("log.keep_epochs", &mut self.keep_epochs, 0..=OFTEN, "checkpoints kept every N epochs; 0: only the last");
        v.flag("log.probe", &mut self.probe, PROBE);
    }
}

impl Configured for IterationsLog {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        v.int("log.evaluate_every", &mut self.evaluate_every, 0..=OFTEN, "every N iterations; 0: at the end only");
        v.flag("log.probe", &mut self.probe, PROBE);
    }
}

impl Configured for Method {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        match self {
            Self::Steps(Steps { model, train, log }) => {
                model.visit(v);
                train.visit(v);
                log.visit(v);
            }
            Self::Iterations(Iterations { options, log }) => {
                options.visit(v);
                log.visit(v);
            }
        }
    }
}

impl Clone for Method {
    fn clone(&self) -> Self {
        match self {
            Self::Steps(Steps { model, train, log }) => {
                Self::Steps(Steps { model: model.boxed(), train: train.clone(), log: log.clone() })
            }
            Self::Iterations(Iterations { options, log }) => {
                Self::Iterations(Iterations { options: options.boxed(), log: log.clone() })
            }
        }
    }
}

impl Method {
    /// Every method at its defaults; a recipe that names no kind means the first.
    pub fn all() -> Vec<Self> {
        let steps = elbo_models::models()
            .into_iter()
            .map(|model| Self::Steps(Steps { model, train: TrainOptions::default(), log: StepsLog::default() }));
        let iterations = elbo_models::estimators()
            .into_iter()
            .map(|options| Self::Iterations(Iterations { options, log: IterationsLog::default() }));
        steps.chain(iterations).collect()
    }

    /// The words of `model.kind`.
    pub fn kinds() -> Vec<&'static str> {
        Self::all().iter().map(Self::kind).collect()
    }

    /// The method of this kind at its defaults.
    pub fn of_kind(kind: &str) -> Option<Self> {
        Self::all().into_iter().find(|method| method.kind() == kind)
    }

    /// `model.kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Steps(steps) => steps.model.facts().kind,
            Self::Iterations(iterations) => iterations.options.facts().kind,
        }
    }

    /// Number of clusters or classes k; 1 for a model without.
    pub fn classes(&self) -> usize {
        match self {
            Self::Steps(steps) => steps.model.facts().classes,
            Self::Iterations(iterations) => iterations.options.facts().clusters,
        }
    }

    /// `train.seed`.
    pub fn seed(&self) -> u64 {
        match self {
            Self::Steps(steps) => steps.train.seed,
            Self::Iterations(iterations) => iterations.options.facts().seed,
        }
    }

    /// Epochs or iterations at most.
    pub fn extent(&self) -> u64 {
        match self {
            Self::Steps(steps) => steps.train.epochs as u64,
            Self::Iterations(iterations) => iterations.options.facts().max_iterations as u64,
        }
    }

    /// Whether evaluations have a linear probe.
    pub fn probe(&self) -> bool {
        match self {
            Self::Steps(steps) => steps.log.probe,
            Self::Iterations(iterations) => iterations.log.probe,
        }
    }
}
