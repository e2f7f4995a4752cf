//! The data sets that need no file. One more is a line of [`built_in`].

use elbo_datasets::{DataError, Dataset, Factors, Mixture, Splits, Toy, glyphs};

use super::limits;
use super::options::DataOptions;
use crate::machine::error::{Error, Result};

/// A data set that is drawn from a seed.
pub struct BuiltIn {
    /// Its `data.name`.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Numbers in a row.
    width: fn(&DataOptions) -> usize,
    /// Draws the three splits.
    draw: fn(&DataOptions) -> std::result::Result<Splits, DataError>,
}

/// Every one, in the order of `elbo data ls`.
pub fn built_in() -> impl Iterator<Item = BuiltIn> {
    let sets = [
        BuiltIn {
            name: "glyphs",
            about: "28×28 grey digit-like images in 10 classes, drawn by a seeded program",
            width: |_| glyphs::SIDE * glyphs::SIDE,
            draw: |data| Ok(glyphs::generate(data.train_rows, data.valid_rows, data.test_rows, data.seed)),
        },
        BuiltIn {
            name: "mixture",
            about: "labelled mixture of round Gaussians, in the plane unless data.dimensions says otherwise",
            width: |data| data.dimensions,
            draw: |data| cut(data, mixture(data).generate(data.seed)),
        },
        BuiltIn {
            name: "factors",
            about: "labelled rows of 40 columns from a linear model of 10 factors, which are a Gaussian mixture",
            width: |_| 40,
            draw: |data| cut(data, factors(data).generate(data.seed)),
        },
    ];
    sets.into_iter().chain(Toy::ALL.map(|toy| BuiltIn {
        name: toy.name(),
        about: toy.about(),
        width: |_| 2,
        draw: |data| cut(data, data.toy().expect("its name is a toy's").generate(data.rows(), data.seed)),
    }))
}

impl BuiltIn {
    /// The splits that `[data]` describes.
    pub fn splits(&self, data: &DataOptions) -> Result<Splits> {
        if data.train_rows == 0 {
            return Err(Error::usage("data.train_rows = 0: a generated set needs at least 1 training row"));
        }
        limits::generated(data.rows(), (self.width)(data))?;
        Ok((self.draw)(data)?)
    }
}

/// The first rows of `all` are trained on, those behind them are for validation, and the last are the test rows.
fn cut(data: &DataOptions, all: std::result::Result<Dataset, DataError>) -> std::result::Result<Splits, DataError> {
    let all = all?;
    let [a, b] = [data.train_rows, data.train_rows + data.valid_rows];
    Ok(Splits { train: all.slice(0..a), valid: all.slice(a..b), test: all.slice(b..data.rows()) })
}

/// The mixture that `[data]` describes.
fn mixture(data: &DataOptions) -> Mixture {
    Mixture {
        components: data.components,
        dimensions: data.dimensions,
        rows: data.rows(),
        std: data.std,
        separation: data.separation,
        weights: Some(data.weights.clone()).filter(|weights| !weights.is_empty()),
        layout: data.layout,
        proportions: data.proportions,
    }
}

/// The factor model that `[data]` describes.
fn factors(data: &DataOptions) -> Factors {
    Factors { components: data.components, rows: data.rows(), std: data.std, separation: data.separation }
}
