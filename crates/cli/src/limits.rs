//! What would not fit into the memory of most machines is refused before anything is made.

use elbo_models::nn::Size;
use elbo_models::{MOST_NUMBERS, ModelSpec, Settings};

use crate::error::{Error, Result};

/// Of a generated set: there are up to five copies of it for a while.
const MOST_GENERATED: usize = MOST_NUMBERS / 2;

/// With their gradient and two moments.
const MOST_PARAMETERS: usize = MOST_NUMBERS / 4;

/// Of the widest layer: a tape holds several layers with their gradients.
const MOST_ACTIVATIONS: usize = MOST_NUMBERS / 4;

/// The size of the networks of a model for rows of `width` columns.
///
/// # Errors
/// Exit code 2 if their parameters are too many.
pub fn networks(spec: &ModelSpec, model: &Settings, width: usize) -> Result<Size> {
    let size = spec.size(model, width);
    if size.parameters > MOST_PARAMETERS {
        let problem = format!("{} parameters for {width} columns; at most {MOST_PARAMETERS}", size.parameters);
        return Err(Error::usage(format_args!("model.hidden and the other sizes of the model make {problem}")));
    }
    Ok(size)
}

/// Refuses a batch whose widest layer, for each sample, class and row, is too large.
pub fn activations(widest: usize, batch: usize, samples: usize, classes: usize) -> Result<()> {
    if [batch, samples, classes].iter().fold(widest, |product, n| product.saturating_mul(*n)) > MOST_ACTIVATIONS {
        let sizes = format!("layers of {widest} units, train.batch = {batch}, train.samples = {samples}");
        return Err(Error::usage(format_args!(
            "{sizes}, classes {classes}: too much at a time; the product is at most {MOST_ACTIVATIONS}"
        )));
    }
    Ok(())
}

/// Refuses more numbers than the probabilities of `k` clusters for each of `rows` may be.
pub fn assignments(k: usize, rows: usize) -> Result<()> {
    if k > 1 && k.saturating_mul(rows) > MOST_NUMBERS {
        let problem = format!("model.k = {k}: too many clusters for {rows} rows");
        return Err(Error::usage(format_args!("{problem}; their product is at most {MOST_NUMBERS}")));
    }
    Ok(())
}

/// Refuses to generate too many rows of `width` numbers.
pub fn generated(rows: usize, width: usize) -> Result<()> {
    if rows.saturating_mul(width) > MOST_GENERATED {
        let problem = format!("{rows} rows of {width} numbers; a generated set has at most {MOST_GENERATED} numbers");
        return Err(Error::usage(format_args!("data.train_rows + valid_rows + test_rows: {problem}")));
    }
    Ok(())
}
