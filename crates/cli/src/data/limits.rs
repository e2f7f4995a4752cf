//! What would not fit into the memory of most machines is refused before anything is made, or done in parts.

use elbo_models::nn::Size;
use elbo_models::{MOST_NUMBERS, ModelOptions};

use crate::machine::error::{Error, Result};

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
pub fn networks(model: &dyn ModelOptions, width: usize) -> Result<Size> {
    let size = model.size(width);
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

/// Rows and samples of an importance-weighted bound at a time, for networks whose widest layer has `widest` units:
/// their product with that and the classes bounds the memory, down to one of each.
pub fn chunk(widest: usize, classes: usize) -> (usize, usize) {
    /// Rows, samples, and samples of all classes: more at a time are no faster.
    const MOST: (usize, usize, usize) = (50, 20, 400);
    let fit = MOST_ACTIVATIONS / widest.saturating_mul(classes);
    let rows = fit.clamp(1, MOST.0);
    (rows, (MOST.2 / classes).min(fit / rows).clamp(1, MOST.1))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_importance_weighted_bound_takes_as_much_at_a_time_as_fits() {
        assert_eq!([chunk(512, 1), chunk(512, 10), chunk(512, 100)], [(50, 20), (50, 20), (50, 4)]);
        for widest in [1 << 20, 1 << 22, 1 << 27] {
            let (rows, samples) = chunk(widest, 2);
            assert!(rows * samples * widest * 2 <= MOST_ACTIVATIONS, "{rows} rows, {samples} samples of {widest}");
        }
        assert_eq!(chunk(usize::MAX, 10), (1, 1));
    }
}
