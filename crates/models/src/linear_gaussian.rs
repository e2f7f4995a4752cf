//! The linear-Gaussian latent model: what factor analysis and probabilistic PCA fit.

use std::f64::consts::TAU;

use elbo_tensor::linalg::{Cholesky, Moments, dot, symmetric_eigen};
use elbo_tensor::{Mat, Real, Stream, Tensor, dgemm, fill_normal};
use rayon::prelude::*;

use crate::{Array, Inferred, Invalid, MOST_NUMBERS};

/// Covariances of the columns that a fit holds at most: they are f64, and decomposed in a copy.
pub(crate) const MOST_COVARIANCES: usize = MOST_NUMBERS / 4;

/// Rows that are projected at a time.
const BLOCK: usize = 256;

/// `z ~ N(0, I)`, `x | z ~ N(μ + W z, Ψ)` with a diagonal Ψ, hence `x ~ N(μ, W Wᵀ + Ψ)` (Roweis & Ghahramani 1999, *A
/// unifying review of linear Gaussian models*, section 5).
///
/// Nothing here builds a `d` by `d` matrix: determinant and inverse of the covariance go through the posterior
/// precision `M = I + Wᵀ Ψ⁻¹ W`, `[l, l]` (Woodbury).
#[derive(Debug, Clone, PartialEq)]
pub struct LinearGaussian {
    /// `μ`, `[d]`.
    pub mean: Vec<f64>,
    /// `W`, `[d, l]` row-major.
    pub loadings: Vec<f64>,
    /// The diagonal of `Ψ`: positive variances, `[d]`.
    pub noise: Vec<f64>,
}

/// Rows seen from the latents.
pub(crate) struct Projected {
    /// `Wᵀ Ψ⁻¹ (x − μ)`, `[b, l]`.
    pub scores: Vec<f64>,
    /// Posterior means `ẑ = M⁻¹ Wᵀ Ψ⁻¹ (x − μ)`, `[b, l]`.
    pub latents: Vec<f64>,
    /// `‖x − μ − W ẑ‖²` under `Ψ⁻¹`, `[b]`.
    pub residuals: Vec<f64>,
}

/// What projecting rows needs of a model, computed once.
pub(crate) struct Projector<'a> {
    model: &'a LinearGaussian,
    /// `Ψ⁻¹ W`, `[d, l]`.
    pub scaled: Vec<f64>,
    /// `Wᵀ Ψ⁻¹ W`, `[l, l]`.
    pub information: Vec<f64>,
    precision: Cholesky,
    /// `M⁻¹`, `[l, l]`.
    pub inverse: Vec<f64>,
}

impl LinearGaussian {
    /// The model in the state of an estimator, whose arrays are named like the fields; `None` if there is none yet.
    pub fn from_state(state: &[Array]) -> Option<Self> {
        let values = |name| state.iter().find(|array| array.name == name).map(|array| array.values.clone());
        Some(Self { mean: values("mean")?, loadings: values("loadings")?, noise: values("noise")? })
    }

    /// The model of `d` dimensions and `l` latents in a state, which must be there.
    pub(crate) fn read(state: &[Array], [d, l]: [usize; 2]) -> Result<Self, String> {
        let list = |name, shape: &[usize]| Array::expect(state, name, shape).map(<[f64]>::to_vec);
        Ok(Self { mean: list("mean", &[d])?, loadings: list("loadings", &[d, l])?, noise: list("noise", &[d])? })
    }

    /// The model as arrays of a state.
    pub(crate) fn to_state(&self) -> Vec<Array> {
        let (d, l) = (self.width(), self.latents());
        vec![
            Array::of("mean", &[d], &self.mean),
            Array::of("loadings", &[d, l], &self.loadings),
            Array::of("noise", &[d], &self.noise),
        ]
    }

    /// Number of dimensions `d`.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Number of latents `l`.
    pub fn latents(&self) -> usize {
        self.loadings.len() / self.width()
    }

    /// The same distribution in the latent coordinates in which `Wᵀ Ψ⁻¹ W` is diagonal and descending, so that the
    /// posterior's covariance is diagonal; of each column of `W` the entry largest in magnitude is positive.
    ///
    /// Of all rotations of z, which the likelihood does not tell apart, this is the one that is fixed up to ties.
    pub fn canonical(&self) -> Self {
        let l = self.latents();
        let (mut rotated, _) = self.diagonalized();
        for column in 0..l {
            let entries = rotated.loadings.iter().skip(column).step_by(l);
            let largest = entries.fold(0.0f64, |best, &entry| if entry.abs() > best.abs() { entry } else { best });
            if largest < 0.0 {
                rotated.loadings.iter_mut().skip(column).step_by(l).for_each(|entry| *entry = -*entry);
            }
        }
        rotated
    }

    /// The model with loadings `W Vᵀ`, where the rows of `V`, `[l, l]`, are the eigenvectors of `Wᵀ Ψ⁻¹ W`; and `V`.
    pub(crate) fn diagonalized(&self) -> (Self, Vec<f64>) {
        let (d, l) = (self.width(), self.latents());
        let loadings = Mat::new(&self.loadings, d, l);
        let axes = symmetric_eigen(product(loadings.t(), Mat::new(&self.scaled_loadings(), d, l)), l).vectors;
        let loadings = product(loadings, Mat::new(&axes, l, l).t());
        (Self { loadings, ..self.clone() }, axes)
    }

    /// `ln p(x)` in nats and the posterior mean `E[z|x] = M⁻¹ Wᵀ Ψ⁻¹ (x − μ)` of each row of `x`, `[n, d]`; NaN where M
    /// is not positive definite to working precision.
    pub fn infer(&self, x: &Tensor) -> Inferred {
        let (n, l) = (x.shape().rows(), self.latents());
        let Some(projector) = Projector::of(self) else {
            return Inferred { log_density: vec![f64::NAN; n], latents: vec![Real::NAN; n * l], ..Inferred::default() };
        };
        let offset = projector.log_normalizer();
        let blocks = projector.blocks(x, |block| {
            let squares = block.latents.chunks_exact(l).map(|z| dot(z, z));
            let log_density = block.residuals.iter().zip(squares).map(|(r, z)| offset - 0.5 * (r + z)).collect();
            (log_density, block.latents.iter().map(|&z| z as Real).collect())
        });
        let (log_density, latents): (Vec<Vec<f64>>, Vec<Vec<Real>>) = blocks.into_iter().unzip();
        Inferred { log_density: log_density.concat(), latents: latents.concat(), ..Inferred::default() }
    }

    /// The mean of `ln p(x)` over rows with these moments, in nats:
    /// `−½ (d ln 2π + ln det Σ + tr Σ⁻¹C + (x̄ − μ)ᵀ Σ⁻¹ (x̄ − μ))`; NaN where M is not positive definite.
    pub fn log_likelihood(&self, moments: &Moments) -> f64 {
        let (d, l) = (self.width(), self.latents());
        let Some(projector) = Projector::of(self) else {
            return f64::NAN;
        };
        let image = product(Mat::new(&moments.covariance, d, d), Mat::new(&projector.scaled, d, l));
        let explained = product(Mat::new(&projector.scaled, d, l).t(), Mat::new(&image, d, l));
        let variances = moments.covariance.iter().step_by(d + 1);
        let trace =
            variances.zip(&self.noise).map(|(c, psi)| c / psi).sum::<f64>() - dot(&projector.inverse, &explained);
        let shift = projector.project(moments.mean.iter().zip(&self.mean).map(|(x, mu)| x - mu).collect());
        let distance = shift.residuals[0] + dot(&shift.latents, &shift.latents);
        projector.log_normalizer() - 0.5 * (trace + distance)
    }

    /// `count` draws `μ + W z + √Ψ ε`, `[count, d]`.
    pub fn sample(&self, count: usize, rng: &mut Stream) -> Tensor {
        let (d, l) = (self.width(), self.latents());
        let mut normals = |width: usize| {
            let mut out = vec![0.0; count * width];
            fill_normal(rng, &mut out);
            out
        };
        let z: Vec<f64> = normals(l).into_iter().map(f64::from).collect();
        let noise = normals(d);
        let means = product(Mat::new(&z, count, l), Mat::new(&self.loadings, d, l).t());
        Tensor::from_fn([count, d], |i| {
            (self.mean[i % d] + means[i] + self.noise[i % d].sqrt() * f64::from(noise[i])) as Real
        })
    }

    /// `Ψ⁻¹ W`, `[d, l]`.
    pub(crate) fn scaled_loadings(&self) -> Vec<f64> {
        let rows = self.loadings.chunks_exact(self.latents()).zip(&self.noise);
        rows.flat_map(|(row, psi)| row.iter().map(move |w| w / psi)).collect()
    }
}

impl<'a> Projector<'a> {
    /// `None` if M is not positive definite to working precision.
    pub fn of(model: &'a LinearGaussian) -> Option<Self> {
        let (d, l) = (model.width(), model.latents());
        let scaled = model.scaled_loadings();
        let information = product(Mat::new(&model.loadings, d, l).t(), Mat::new(&scaled, d, l));
        let mut precision = information.clone();
        precision.iter_mut().step_by(l + 1).for_each(|entry| *entry += 1.0);
        let precision = Cholesky::new(precision, l)?;
        let inverse = precision.inverse();
        Some(Self { model, scaled, information, precision, inverse })
    }

    /// `−½ (d ln 2π + ln det Σ)` with `ln det Σ = Σ_j ln Ψ_j + ln det M`.
    pub fn log_normalizer(&self) -> f64 {
        let log_noise: f64 = self.model.noise.iter().map(|psi| psi.ln()).sum();
        -0.5 * (self.model.width() as f64 * TAU.ln() + log_noise + self.precision.log_det())
    }

    /// `of(block)` of each block of rows of `x`, in order.
    pub fn blocks<T: Send>(&self, x: &Tensor, of: impl Fn(Projected) -> T + Sync) -> Vec<T> {
        let d = self.model.width();
        let centred = |rows: &[Real]| {
            let rows = rows.chunks_exact(d);
            rows.flat_map(|row| row.iter().zip(&self.model.mean).map(|(&x, mu)| f64::from(x) - mu)).collect()
        };
        x.as_slice().par_chunks(BLOCK * d).map(|rows| of(self.project(centred(rows)))).collect()
    }

    /// Projects centred rows, `[b, d]`. With the residual as it is here, `(x − μ)ᵀ Σ⁻¹ (x − μ)` is the sum
    /// `‖x − μ − W ẑ‖² + ‖ẑ‖²` of two squares, and no digits cancel.
    pub fn project(&self, mut rows: Vec<f64>) -> Projected {
        let (d, l) = (self.model.width(), self.model.latents());
        let b = rows.len() / d;
        let scores = product(Mat::new(&rows, b, d), Mat::new(&self.scaled, d, l));
        let latents = product(Mat::new(&scores, b, l), Mat::new(&self.inverse, l, l));
        dgemm(Mat::new(&latents, b, l), Mat::new(&self.model.loadings, d, l).t(), -1.0, &mut rows);
        let square = |row: &[f64]| row.iter().zip(&self.model.noise).map(|(r, psi)| r * r / psi).sum();
        Projected { scores, latents, residuals: rows.chunks_exact(d).map(square).collect() }
    }
}

/// Refuses more latents than columns, which cannot tell them apart.
pub(crate) fn at_most_columns(latents: usize, width: usize) -> Result<(), Invalid> {
    if latents > width {
        return Err(Invalid(format!("model.latents = {latents}: more than the {width} columns")));
    }
    Ok(())
}

/// `A B`
pub(crate) fn product(a: Mat<'_, f64>, b: Mat<'_, f64>) -> Vec<f64> {
    let mut out = vec![0.0; a.rows() * b.cols()];
    dgemm(a, b, 0.0, &mut out);
    out
}
