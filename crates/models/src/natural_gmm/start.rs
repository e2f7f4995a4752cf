//! Where a fit starts: centres of k-means, one shared variance, uniform weights.

use elbo_tensor::{Real, Tensor};

use super::layout::Layout;
use super::options::{NaturalGmmOptions, StartVariance};
use crate::Degenerate;
use crate::dist::natural::{MixtureSource, NormalSource};
use crate::kmeans::{KmeansOptions, kmeans};

/// The mixture of k-means' centres (k-means++ and Lloyd, one fit) with variance `max(Σ‖z − c‖²/(nd), init_var_floor)`,
/// c the nearest centre or, for `init_var = total`, the mean of all rows; its most probable components are k-means'
/// clusters. `None` inside if a number is out of range.
pub(super) fn start(
    x: &Tensor,
    Layout { k, d }: Layout,
    options: &NaturalGmmOptions,
) -> Result<Option<MixtureSource>, Degenerate> {
    let clustering = kmeans(x, &KmeansOptions { k, seed: options.seed, ..KmeansOptions::default() })?;
    let spread = if options.init_var == StartVariance::Within { clustering.inertia } else { spread(x.as_slice(), d) };
    let var = (spread / x.len() as f64).max(options.init_var_floor);
    let components = clustering.centres.chunks_exact(d).map(|c| NormalSource::new(c.to_vec(), vec![var; d]));
    let components: Option<Vec<_>> = components.collect();
    Ok(components.and_then(|components| MixtureSource::new(vec![1.0 / k as f64; k], components)))
}

/// `Σ‖z − z̄‖²` of rows of width d.
fn spread(values: &[Real], d: usize) -> f64 {
    let column = |i: usize| values.iter().skip(i).step_by(d).map(|&z| f64::from(z));
    let of = |i: usize| {
        let mean = column(i).sum::<f64>() / (values.len() / d) as f64;
        column(i).map(|z| (z - mean).powi(2)).sum::<f64>()
    };
    (0..d).map(of).sum()
}
