//! Where the anchored coordinates of a mixture lie in the flat block that the optimiser walks.

use elbo_tensor::Real;

use crate::dist::natural::MixtureNatural;

/// Extents of a mixture, and the order of its coordinates: `[η₁: k·d | η₂: k·d | θ_Z: k−1]`. Row 0 of η₁ and of η₂ is
/// the anchor's θ_X, row j the difference Θⱼ of component j from it. Mean coordinates and gradients lie alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Number of components.
    pub k: usize,
    /// Number of dimensions.
    pub d: usize,
}

impl Layout {
    /// Number of coordinates, `2kd + k − 1`.
    pub fn len(&self) -> usize {
        2 * self.k * self.d + self.k - 1
    }

    /// Whether there are no coordinates: one component in no dimensions.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// η₁ `[k, d]`, η₂ `[k, d]` and θ_Z `[k − 1]`.
    ///
    /// # Panics
    /// If `flat` has not [`Layout::len`] coordinates.
    #[track_caller]
    pub fn parts<'a>(&self, flat: &'a [Real]) -> [&'a [Real]; 3] {
        assert_eq!(flat.len(), self.len(), "coordinates of {self:?}");
        let (eta1, rest) = flat.split_at(self.k * self.d);
        let (eta2, logits) = rest.split_at(self.k * self.d);
        [eta1, eta2, logits]
    }

    /// [`Layout::parts`] for writing.
    ///
    /// # Panics
    /// As [`Layout::parts`].
    #[track_caller]
    pub fn parts_mut<'a>(&self, flat: &'a mut [Real]) -> [&'a mut [Real]; 3] {
        assert_eq!(flat.len(), self.len(), "coordinates of {self:?}");
        let (eta1, rest) = flat.split_at_mut(self.k * self.d);
        let (eta2, logits) = rest.split_at_mut(self.k * self.d);
        [eta1, eta2, logits]
    }

    /// The mixture at these coordinates, in f64; `None` outside the domain.
    pub fn mixture(&self, theta: &[Real]) -> Option<MixtureNatural> {
        let [eta1, eta2, logits] = self.parts(theta);
        let rows = (0..self.k).flat_map(|j| [eta1, eta2].into_iter().flat_map(move |eta| &eta[j * self.d..][..self.d]));
        let flat: Vec<f64> = rows.chain(logits).map(|&v| f64::from(v)).collect();
        MixtureNatural::from_flat(&flat, self.k, self.d)
    }

    /// The coordinates of a mixture, rounded once.
    pub fn coordinates(&self, mixture: &MixtureNatural) -> Vec<Real> {
        let flat = mixture.flatten();
        let (rows, logits) = flat.split_at(2 * self.d * self.k);
        let half = |start: usize| (0..self.k).flat_map(move |j| &rows[2 * self.d * j + start..][..self.d]);
        half(0).chain(half(self.d)).chain(logits).map(|&v| v as Real).collect()
    }
}
