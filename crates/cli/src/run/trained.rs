//! A model with what was fitted of it, however that was done.

use elbo_datasets::Dataset;
use elbo_models::Estimator;
use elbo_tensor::{Purpose, Tensor, stream};

use super::evaluation::{self, Evaluation};
use super::network::Network;
use crate::config::Config;
use crate::data::Rows;

/// A fitted model.
pub enum Trained {
    /// One that is trained by steps.
    Steps(Network),
    /// One that is fitted by iterations.
    Iterations(Box<dyn Estimator>),
}

/// Which evaluation of an epoch draws which numbers.
#[derive(Debug, Clone, Copy)]
pub enum Split {
    /// The validation split.
    Valid,
    /// The test split.
    Test,
}

/// Number of the evaluation stream for a split after an epoch.
pub fn evaluation_index(epoch: u64, split: Split) -> u64 {
    2 * epoch + split as u64
}

impl Trained {
    /// Loss or likelihood, clusters and latents of the rows of `set`, as the run itself found them for its `split`
    /// after `epoch` epochs or iterations.
    pub fn evaluate(&self, config: &Config, set: &Dataset, (epoch, split): (u64, Split)) -> Evaluation {
        match self {
            Self::Steps(Network { model, params, .. }) => {
                let rows = Rows { data: set, binarize: config.data.is_binarized() };
                let train = &config.steps().train;
                let place = (train.seed, evaluation_index(epoch, split));
                evaluation::evaluate((&**model, params), rows, train.batch, place)
            }
            Self::Iterations(estimator) => evaluation::of_estimator(&**estimator, set),
        }
    }

    /// `count` draws for a figure, `[k, count, d]`, from each cluster or with k = 1 from the whole; none from a model
    /// that is not a distribution.
    pub fn draw(&self, count: usize, seed: u64, width: usize) -> Option<Tensor> {
        match self {
            Self::Steps(network) => network.generate(count, seed),
            Self::Iterations(estimator) => {
                let draws = estimator.sample(count, &mut stream(seed, Purpose::Figure, 0))?;
                Some(draws.reshape([1, count, width]))
            }
        }
    }

    /// What [`Trained::draw`] draws.
    pub fn drawn(&self) -> &'static str {
        match self {
            Self::Steps(_) => "means of p(x | ·), draws from the prior",
            Self::Iterations(_) => "draws from the model",
        }
    }

    /// The network.
    ///
    /// # Panics
    /// If the model is fitted by iterations.
    #[track_caller]
    pub fn network(&self) -> &Network {
        match self {
            Self::Steps(network) => network,
            Self::Iterations(estimator) => panic!("{} is not trained by steps", estimator.options().facts().kind),
        }
    }

    /// The estimator.
    ///
    /// # Panics
    /// If the model is trained by steps.
    #[track_caller]
    pub fn estimator(&self) -> &dyn Estimator {
        match self {
            Self::Iterations(estimator) => &**estimator,
            Self::Steps(network) => panic!("{} is not fitted by iterations", network.options.facts().kind),
        }
    }
}
