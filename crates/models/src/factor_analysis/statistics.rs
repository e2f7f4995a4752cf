//! The moments of the rows, which are all that factor analysis needs of them.

use elbo_tensor::Tensor;
use elbo_tensor::linalg::Moments;

use crate::Degenerate;

/// Of more latents than the covariance of the columns determines: `(d − l)² < d + l`.
pub(super) fn advice(latents: usize, width: usize) -> Option<String> {
    let undetermined = width.saturating_sub(latents).pow(2) < width + latents;
    undetermined.then(|| format!("{latents} latents of {width} columns are more than their covariance determines"))
}

/// The moments of the rows that were last seen: a function of the rows, and therefore no part of a state.
#[derive(Default)]
pub(super) struct Statistics(Option<(Tensor, Moments)>);

impl Statistics {
    /// The moments of `x` with the variances of columns not below `floor`.
    pub fn of(&mut self, x: &Tensor, floor: f64) -> Result<&Moments, Degenerate> {
        // The clone shares the memory of `x`, so that no other rows can take its place.
        let same = |seen: &Tensor| seen.shape() == x.shape() && seen.as_slice().as_ptr() == x.as_slice().as_ptr();
        if !self.0.as_ref().is_some_and(|(seen, _)| same(seen)) {
            if x.shape().rows() == 0 {
                return Err(Degenerate("no rows".into()));
            }
            let mut moments = Moments::of(x);
            if !moments.covariance.iter().all(|entry| entry.is_finite()) {
                return Err(Degenerate("the covariance of the rows is not finite".into()));
            }
            let variances = moments.covariance.iter_mut().step_by(x.shape().last() + 1);
            variances.for_each(|variance| *variance = variance.max(floor));
            self.0 = Some((x.clone(), moments));
        }
        Ok(&self.0.as_ref().expect("computed above").1)
    }
}
