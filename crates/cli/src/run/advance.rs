//! A run as its loop sees it: what there is to do, and what a step or an iteration does of it.

use std::collections::BTreeMap;
use std::path::Path;

use elbo_datasets::Splits;
use elbo_models::fit::Terms;

use super::dir::RunDir;
use super::evaluation::Evaluation;
use super::progress::{Extent, Observer};
use crate::checkpoint::FORMAT;
use crate::config::Config;
use crate::machine::error::Result;

/// Where a run begins.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// At step 0.
    New,
    /// At its newest checkpoint, if there is one.
    Resume,
    /// At the state in this file, of a run of the same model.
    From(&'a Path),
}

/// A fit under way, as the loop sees it.
pub(super) trait Advance {
    /// How far it goes, and how far it is.
    fn extent(&self) -> Extent;

    /// Whether it goes on from a checkpoint of its run.
    fn resumed(&self) -> bool;

    /// Epochs or iterations done: the number of the last row of `metrics.csv`.
    fn rows(&self) -> u64;

    /// Whether nothing is left to do.
    fn is_done(&self) -> bool;

    /// The row before the first step, if there is one.
    fn start(&mut self, _observer: &dyn Observer) -> std::result::Result<Option<Row>, Halt> {
        Ok(None)
    }

    /// One step or iteration; the row that it completes, if it completes one.
    fn advance(&mut self, observer: &dyn Observer) -> std::result::Result<Option<Row>, Halt>;

    /// Goes back to where it can go on from, and says so in a line; nothing if it cannot.
    fn recover(&mut self, _halt: &Halt) -> Result<Option<String>> {
        Ok(None)
    }

    /// Makes the state survive in a file of its own, if this is one to keep.
    fn keep(&self) -> Result<bool> {
        Ok(false)
    }

    /// Makes what was reached so far survive. The state comes last: with it the checkpoint counts.
    fn save(&mut self) -> Result<()>;

    /// Makes the rows of tables that grow line by line survive.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// Where it is, for messages.
    fn place(&self) -> String;

    /// The test split as it was at the end of the last row, if there is one.
    fn evaluate_test(&mut self) -> Option<Evaluation>;
}

/// What an epoch or an iteration found.
pub(super) struct Row {
    /// Columns of `metrics.csv`, the epoch first.
    pub columns: Vec<(String, f64)>,
    /// The test split, if it was evaluated.
    pub test: Option<Evaluation>,
    /// What progress shows: means of the training batches and metrics of the test split.
    pub shown: Option<(Terms, Vec<(String, f64)>)>,
}

/// Why a fit cannot go on.
pub(super) struct Halt {
    /// What is not finite, and where.
    pub reason: String,
    /// What the user can do.
    pub advice: Option<&'static str>,
}

/// A run to be fitted.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Its directory.
    pub dir: &'a RunDir,
    /// Its configuration.
    pub config: &'a Config,
    /// Its data, as the model sees them.
    pub splits: &'a Splits,
    /// The names of the columns of the data before they were prepared; empty if they have none.
    pub columns: &'a [String],
    /// Where it begins.
    pub start: Start<'a>,
    /// Whether a run that is over within the interval of checkpoints writes none.
    pub brief: bool,
}

impl Job<'_> {
    /// What every checkpoint notes beside its arrays: enough to use it without the rest of the run.
    pub(super) fn header(&self) -> BTreeMap<String, String> {
        let list = |names: &[String]| serde_json::to_string(names).unwrap_or_default();
        let notes = [
            ("format", FORMAT.to_string()),
            ("kind", self.config.kind().to_string()),
            ("settings", self.config.to_toml()),
            ("columns", list(self.columns)),
            ("classes", list(self.splits.train.class_names())),
            ("matrices", "row-major, [inputs, outputs]: y = x W + b".to_string()),
        ];
        notes.map(|(key, value)| (key.to_string(), value)).into()
    }
}
