//! What is done to the rows before a model sees them: latents in their place, standardised columns.

use elbo_datasets::{Dataset, Splits, Values};
use elbo_models::{Estimator, Setting, Settings, Standardization};
use elbo_tensor::{Real, Tensor};

use super::projection;
use crate::error::{Error, Result};
use crate::run_fitting::{infer, rows};

/// The settings of `[data]` that this file reads.
pub fn settings() -> [Setting; 4] {
    [
        Setting::choice(
            "project",
            "none",
            &["none", "factor-analysis", "pca"],
            "rows replaced by their latents under a model that is fitted to the training rows first",
        ),
        Setting::int("project_to", 50, [1, 4096], "number of these latents"),
        Setting::positive("scale", 1.0, 1e12, "factor on every column, or on every latent"),
        Setting::bool("standardize", false, "each column to mean 0 and standard deviation 1 over the training rows"),
    ]
}

/// The maps of `[data]`, fitted to training rows.
pub struct Preparation {
    projection: Option<(Box<dyn Estimator>, usize)>,
    scale: f64,
    standardization: Option<Standardization>,
}

impl Preparation {
    /// No map at all.
    pub fn none() -> Self {
        Self { projection: None, scale: 1.0, standardization: None }
    }

    /// Whether `[data]` asks for a map.
    pub fn is_asked_for(data: &Settings) -> bool {
        data.text("project") != "none" || data.float("scale") != 1.0 || data.bool("standardize")
    }

    /// Fits the maps to the training rows `train`.
    ///
    /// # Errors
    /// Exit code 2 if there are fewer columns than latents; 4 if the model of the projection cannot be fitted.
    pub fn fit(data: &Settings, train: &Dataset) -> Result<Self> {
        let (latents, width) = (data.int("project_to"), train.width());
        if data.text("project") != "none" && latents > width {
            return Err(Error::usage(format_args!(
                "data.project_to = {latents}: more latents than the {width} columns; data.project = \"none\" takes the columns as they are"
            )));
        }
        let projection = match data.text("project") {
            "none" => None,
            kind => Some((projection::fitted(kind, latents, train)?, latents)),
        };
        Self::through(projection, data, train)
    }

    /// The maps of `[data]` behind a projection that is fitted already, to so many latents.
    pub fn through(projection: Option<(Box<dyn Estimator>, usize)>, data: &Settings, train: &Dataset) -> Result<Self> {
        let mut fitted = Self { projection, scale: data.float("scale"), standardization: None };
        if data.bool("standardize") {
            fitted.standardization = Some(Standardization::of(&rows(&fitted.apply(train)?)));
        }
        Ok(fitted)
    }

    /// The rows of `set` as the model sees them.
    pub fn apply(&self, set: &Dataset) -> Result<Dataset> {
        if set.rows() == 0 || (self.projection.is_none() && self.scale == 1.0 && self.standardization.is_none()) {
            return Ok(set.clone());
        }
        let mut prepared = match &self.projection {
            Some((estimator, latents)) => Tensor::from_slice([set.rows(), *latents], &infer(&**estimator, set).latents),
            None => rows(set),
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

    /// Every split as the model sees it.
    pub fn apply_all(&self, splits: &Splits) -> Result<Splits> {
        let [train, valid, test] = [&splits.train, &splits.valid, &splits.test].map(|set| self.apply(set));
        Ok(Splits { train: train?, valid: valid?, test: test? })
    }
}
