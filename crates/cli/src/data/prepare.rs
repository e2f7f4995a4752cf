//! What is done to the rows before a model sees them: latents in their place, standardised columns.

use std::collections::BTreeMap;
use std::path::Path;

use elbo_datasets::{Dataset, Splits, Values};
use elbo_models::{Array, Estimator, Standardization};
use elbo_tensor::{Real, Tensor};

use super::options::{DataOptions, Project};
use super::projection;
use crate::checkpoint::{NamedTensor, StoredTensor, Weights, load_weights, save_weights};
use crate::machine::error::{Error, Result};

/// Names of the arrays of a stored standardisation.
const MEAN: &str = "mean";
const STD: &str = "std";
/// What stands before the names of those of the projection.
const PROJECTION: &str = "projection.";

/// The maps of `[data]`, fitted to training rows.
pub struct Preparation {
    projection: Option<(Box<dyn Estimator>, usize)>,
    scale: f64,
    standardization: Option<Standardization>,
}

impl Preparation {
    /// Fits the maps to the training rows `train`.
    ///
    /// # Errors
    /// Exit code 2 if there are fewer columns than latents; 4 if the model of the projection cannot be fitted.
    pub fn fit(data: &DataOptions, train: &Dataset) -> Result<Self> {
        let (latents, width) = (data.project_to, train.width());
        if data.project != Project::None && latents > width {
            return Err(Error::usage(format_args!(
                "data.project_to = {latents}: more latents than the {width} columns; \
                 data.project = \"none\" takes the columns as they are"
            )));
        }
        let projection = match projection::options(data.project, latents) {
            None => None,
            Some(options) => Some((projection::fitted(&*options, train)?, latents)),
        };
        Self::through(projection, data, train)
    }

    /// The maps of `[data]` behind a projection that is fitted already, to so many latents.
    pub fn through(
        projection: Option<(Box<dyn Estimator>, usize)>,
        data: &DataOptions,
        train: &Dataset,
    ) -> Result<Self> {
        let mut fitted = Self { projection, scale: data.scale, standardization: None };
        if data.standardize {
            fitted.standardization = Some(Standardization::of(&fitted.apply(train)?.tensor()));
        }
        Ok(fitted)
    }

    /// Writes to `path` what was fitted, if anything was, for [`Preparation::restore`].
    ///
    /// # Errors
    /// Exit code 5 if the system cannot write.
    pub fn store(&self, path: &Path) -> Result<()> {
        let mut arrays: Vec<(String, Vec<usize>, Vec<f64>)> = Vec::new();
        if let Some((estimator, _)) = &self.projection {
            let state = estimator.state().into_iter();
            arrays.extend(state.map(|array| (format!("{PROJECTION}{}", array.name), array.shape, array.values)));
        }
        if let Some(Standardization { mean, std }) = &self.standardization {
            arrays.extend([(MEAN, mean), (STD, std)].map(|(name, all)| (name.into(), vec![all.len()], all.clone())));
        }
        if arrays.is_empty() {
            return Ok(());
        }
        let tensors: Vec<_> = arrays.iter().map(|(name, shape, data)| NamedTensor { name, shape, data }).collect();
        save_weights(path, &tensors, &BTreeMap::new())
    }

    /// The maps of `[data]` as they were fitted to rows of `width` columns and stored in `path`.
    ///
    /// # Errors
    /// Exit code 7 if `path` is missing or damaged and something had to be fitted.
    pub fn restore(path: &Path, data: &DataOptions, width: usize) -> Result<Self> {
        let mut restored = Self { projection: None, scale: data.scale, standardization: None };
        let (latents, options) = (data.project_to, projection::options(data.project, data.project_to));
        if options.is_none() && !data.standardize {
            return Ok(restored);
        }
        let Weights { mut tensors, .. } = load_weights::<f64>(path)?;
        if data.standardize {
            let wanted = if options.is_none() { width } else { latents };
            let mut column = |name: &str| {
                let found = tensors.remove(name).filter(|tensor| tensor.shape == [wanted]);
                found.map(|tensor| tensor.data).ok_or_else(|| {
                    Error::checkpoint(path, format_args!("it has no array `{name}` of {wanted} numbers"))
                })
            };
            restored.standardization = Some(Standardization { mean: column(MEAN)?, std: column(STD)? });
        }
        if let Some(options) = options {
            let array = |(name, StoredTensor { shape, data }): (String, _)| {
                let name = name.strip_prefix(PROJECTION)?.to_string();
                Some(Array { name: name.into(), shape, values: data })
            };
            let state: Vec<Array> = tensors.into_iter().filter_map(array).collect();
            let mut projection = options.build(width);
            projection.restore(&state).map_err(|reason| Error::checkpoint(path, reason))?;
            restored.projection = Some((projection, latents));
        }
        Ok(restored)
    }

    /// Number of the latents that the model sees in place of the columns, if it does.
    pub fn latents(&self) -> Option<usize> {
        self.projection.as_ref().map(|(_, latents)| *latents)
    }

    /// The rows of `set` as the model sees them.
    pub fn apply(&self, set: &Dataset) -> Result<Dataset> {
        if set.rows() == 0 || (self.projection.is_none() && self.scale == 1.0 && self.standardization.is_none()) {
            return Ok(set.clone());
        }
        let mut prepared = match &self.projection {
            Some((estimator, latents)) => {
                Tensor::from_slice([set.rows(), *latents], &estimator.infer_chunked(&set.tensor()).latents)
            }
            None => set.tensor(),
        };
        if self.scale != 1.0 {
            prepared.as_mut_slice().iter_mut().for_each(|value| *value *= self.scale as Real);
        }
        if let Some(standardization) = &self.standardization {
            prepared = standardization.apply(&prepared);
        }
        let shape = if self.projection.is_some() { vec![prepared.shape().last()] } else { set.shape().to_vec() };
        let labels = set.labels().cloned();
        Ok(Dataset::new(set.name(), &shape, Values::Reals(prepared.as_slice().to_vec()), labels)?)
    }

    /// What is to be added to a log-density of rows as the model sees them, in nats, for that of the rows of `width`
    /// columns as they are: `width · ln scale − Σ ln std`. None if the model sees latents in their place.
    pub fn log_density_shift(&self, width: usize) -> Option<f64> {
        let standardized = self.standardization.as_ref().map_or(0.0, Standardization::log_density_shift);
        self.projection.is_none().then(|| width as f64 * self.scale.ln() + standardized)
    }

    /// Every split as the model sees it.
    pub fn apply_all(&self, splits: &Splits) -> Result<Splits> {
        let [train, valid, test] = [&splits.train, &splits.valid, &splits.test].map(|set| self.apply(set));
        Ok(Splits { train: train?, valid: valid?, test: test? })
    }
}
