//! The state of a run between two steps: all that is needed to continue to the same bits.

use std::path::Path;

use elbo_models::fit::{Sums, Trainer};
use elbo_tensor::Real;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{load_state, save_state};
use crate::machine::error::{Error, Result};

/// What a trainer holds, as it is stored. No clock and no count of checkpoints is in it: equal runs give equal bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunState {
    /// Epochs completed.
    pub epoch: u64,
    /// Steps completed.
    pub step: u64,
    /// Rollbacks so far.
    pub rollbacks: u64,
    /// Loss and epoch of the best validation so far.
    pub best: Option<(f64, u64)>,
    lr: f64,
    adam_steps: u64,
    /// Every parameter, in the order of the trainer's.
    pub values: Vec<Real>,
    first: Vec<Real>,
    second: Vec<Real>,
    average: Vec<Real>,
    sums: Vec<(String, f64)>,
    count: u64,
}

impl RunState {
    /// The state of a trainer.
    pub fn of(trainer: &Trainer<'_>, epoch: u64, rollbacks: u64, best: Option<(f64, u64)>) -> Self {
        Self {
            epoch,
            step: trainer.step,
            rollbacks,
            best,
            lr: trainer.adam.config.lr,
            adam_steps: trainer.adam.steps,
            values: trainer.params.flat().to_vec(),
            first: trainer.adam.first.clone(),
            second: trainer.adam.second.clone(),
            average: trainer.average.clone(),
            sums: trainer.sums.sums.clone(),
            count: trainer.sums.count,
        }
    }

    /// Puts the state into a trainer of the same model.
    pub fn restore(&self, trainer: &mut Trainer<'_>) -> std::result::Result<(), String> {
        let n = trainer.params.flat().len();
        if [&self.values, &self.first, &self.second].iter().any(|list| list.len() != n)
            || !(self.average.is_empty() || self.average.len() == n)
        {
            return Err(format!("it holds {} parameters and the model has {n}", self.values.len()));
        }
        trainer.params.flat_mut().copy_from_slice(&self.values);
        trainer.adam.first.copy_from_slice(&self.first);
        trainer.adam.second.copy_from_slice(&self.second);
        if !trainer.average.is_empty() {
            // A state from before the averaging starts it.
            trainer.average.clone_from(if self.average.is_empty() { &self.values } else { &self.average });
        }
        trainer.adam.steps = self.adam_steps;
        trainer.adam.config.lr = self.lr;
        trainer.step = self.step;
        trainer.sums = Sums { sums: self.sums.clone(), count: self.count };
        Ok(())
    }

    /// Reads a state into a trainer of the same model.
    pub fn load(path: &Path, trainer: &mut Trainer<'_>) -> Result<Self> {
        let state: Self = load_state(path)?;
        state.restore(trainer).map_err(|reason| Error::checkpoint(path, reason))?;
        Ok(state)
    }

    /// Writes the state; a run continues from its `last` once this returns.
    pub fn save(&self, path: &Path) -> Result<()> {
        save_state(path, self)
    }

    /// What evaluation uses: averages if there are any.
    pub fn evaluated(&self) -> &[Real] {
        if self.average.is_empty() { &self.values } else { &self.average }
    }
}
