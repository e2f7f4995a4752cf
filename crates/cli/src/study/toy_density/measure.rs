//! What a trained VAE on a known density is measured by.

use elbo_autograd::{Activation, Init, Params, Tape, Var};
use elbo_datasets::{Dataset, ToyDensity};
use elbo_metrics::{energy_distance, mode_shares, sliced_wasserstein};
use elbo_models::nn::Builder;
use elbo_models::{Noise, Posterior, Vae, VaeOptions};
use elbo_tensor::{Purpose, Real, Stream, Tensor, stream};
use serde_json::{Value, json};

use super::super::results::{ends, without_epochs};
use super::super::{Done, Measured};
use super::setup::budget;
use crate::data::Rows;
use crate::machine::error::{Error, Result};
use crate::run::evaluation::importance_bound;
use crate::run::files::metrics_csv::Metrics;

/// Posterior samples of each test row for the ELBO; rows and samples of the importance-weighted bound.
const SAMPLES: usize = 50;
const BOUND: (usize, usize) = (2000, 500);
/// Rows evaluated at a time.
const ROWS: usize = 200;
/// Generated rows, and directions of the sliced distance.
const GENERATED: usize = 10_000;
const DIRECTIONS: usize = 64;
/// Rows of the energy distance, which costs their square.
const ENERGY_ROWS: usize = 2000;
/// Squared Mahalanobis distance beyond which a point belongs to no mode: 0.1 % of a mode's own points.
const OFF_MODE: f64 = 13.8;
/// Points and posterior ellipses that a figure shows.
const SHOWN: usize = 600;
const ELLIPSES: usize = 14;
/// Offset of the seeds of test sets, which no training set uses.
const TEST_SEED: u64 = 1 << 40;

/// A trained model with what its figures and metrics need.
struct Subject<'a> {
    vae: Vae,
    /// Its parameters before training.
    initial: Params,
    params: &'a Params,
    seed: u64,
}

pub(super) fn measure(done: &Done<'_>) -> Result<Measured> {
    let config = &done.experiment.config;
    let density = config.data.toy().ok_or_else(|| Error::usage("toy-density needs one of its densities"))?;
    let seed = done.experiment.seed();
    let (_, _, rows) = budget(density.kind);
    let test = density.generate(rows, TEST_SEED + seed)?;
    let points = values(&test);
    // The parameters are there already; this gives the networks their numbers again, and what training began with.
    let mut builder = Builder::new(Init::Torch, Activation::Relu, stream(seed, Purpose::Init, 0));
    let vae = Vae::new(&config.read::<VaeOptions>(), 2, &mut builder);
    let network = done.finished.trained.network();
    let subject = Subject { vae, initial: builder.finish(), params: &network.params, seed };

    let log_p = mean(&density.log_densities(&points));
    let (elbo, kl) = subject.elbo(&points);
    let iwae = importance_bound(network, Rows { data: &test, binarize: false }, BOUND, seed);
    let generated = subject.generate(GENERATED.min(rows));
    let compared = &points[..generated.len()];
    let again = values(&density.generate(generated.len() / 2, 2 * TEST_SEED + seed)?);
    let mut list = vec![
        ("log p", log_p),
        ("elbo", elbo),
        ("gap", log_p - elbo),
        ("kl", kl),
        ("iwae-500", iwae),
        ("sw1", sliced_wasserstein(&generated, compared, DIRECTIONS)),
        ("sw1 of data", sliced_wasserstein(&again, compared, DIRECTIONS)),
        ("energy distance", energy_distance(&generated, compared, ENERGY_ROWS)),
    ];
    let [large, small] = eigenvalues(&generated);
    list.extend([("large eigenvalue", large), ("small eigenvalue", small)]);
    let modes: Vec<_> = density.modes().iter().map(|mode| (mode.mean, mode.cov)).collect();
    if !modes.is_empty() {
        let shares = mode_shares(&generated, &modes, OFF_MODE);
        let (least, most) = ends(&shares.of_mode);
        list.extend([("least mode share", least), ("largest mode share", most), ("off-mode share", shares.outside)]);
    }
    let values = list.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    Ok((values, subject.record(done, &density, &points)?))
}

/// Points, `[n, 2]`.
fn constant<'t>(tape: &'t Tape<'_>, points: &[Real]) -> Var<'t> {
    tape.constant(Tensor::from_slice([points.len() / 2, 2], points))
}

/// The rows of a data set, `[n, 2]`.
fn values(set: &Dataset) -> Vec<Real> {
    set.tensor().as_slice().to_vec()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The eigenvalues of the covariance matrix of points, largest first.
fn eigenvalues(points: &[Real]) -> [f64; 2] {
    let n = (points.len() / 2) as f64;
    let column = |d: usize| points.iter().skip(d).step_by(2).map(|&x| f64::from(x));
    let mean = [0, 1].map(|d| column(d).sum::<f64>() / n);
    let moment =
        |a: usize, b: usize| column(a).zip(column(b)).map(|(x, y)| (x - mean[a]) * (y - mean[b])).sum::<f64>() / n;
    let (xx, xy, yy) = (moment(0, 0), moment(0, 1), moment(1, 1));
    let (middle, radius) = ((xx + yy) / 2.0, ((xx - yy) / 2.0).hypot(xy));
    [middle + radius, middle - radius]
}

impl Subject<'_> {
    fn noise(&self, index: u64) -> Stream {
        stream(self.seed, Purpose::Figure, index)
    }

    /// Mean ELBO with [`SAMPLES`] samples a row, and mean divergence, in nats.
    fn elbo(&self, points: &[Real]) -> (f64, f64) {
        let (mut elbo, mut divergence) = (0.0, 0.0);
        let mut noise = Noise::from(self.noise(0)).with_samples(SAMPLES);
        for rows in points.chunks(2 * ROWS) {
            let tape = Tape::new(self.params);
            let x = constant(&tape, rows);
            let q_z = self.vae.encode(x);
            let log_px = self.vae.decode(q_z.rsample(&mut noise)).log_prob(x);
            let kl = q_z.kl().map_or(0.0, |kl| f64::from(kl.sum_all().item()));
            elbo += f64::from(log_px.mean(0).sum_all().item()) - kl;
            divergence += kl;
        }
        let n = (points.len() / 2) as f64;
        (elbo / n, divergence / n)
    }

    /// Draws of x from the model, noise included.
    fn generate(&self, count: usize) -> Vec<Real> {
        let mut noise = Noise::from(self.noise(1));
        let tape = Tape::new(self.params);
        let z = tape.constant(noise.normal([count, self.vae.latent()]));
        self.vae.decode(z).sample(&mut noise).value().as_slice().to_vec()
    }

    /// What the figures show.
    fn record(&self, done: &Done<'_>, density: &ToyDensity, points: &[Real]) -> Result<Value> {
        let shown = &points[..2 * SHOWN];
        let mut noise = Noise::from(self.noise(2));
        let tape = Tape::new(self.params);
        let x = constant(&tape, shown);
        let reconstructed = self.vae.decode(self.vae.encode(x).rsample(&mut noise)).mean().value();
        let batches = Metrics::read_all(&done.dir.steps())?.column("loss").unwrap_or_default();
        let column = |name| without_epochs(&done.finished.metrics.column(name).unwrap_or_default());
        let mut record = json!({
            "data": rounded(shown),
            "generated": rounded(&self.generate(SHOWN)),
            "reconstructed": rounded(reconstructed.as_slice()),
            "before": self.latents(&self.initial, shown),
            "after": self.latents(self.params, shown),
            "train_loss": column("train_loss"),
            "test_loss": column("test_loss"),
            "batches": batches,
            "best_test_loss": -mean(&density.log_densities(&values(&done.splits.test))),
        });
        if !density.modes().is_empty() && self.vae.latent() == 2 {
            record["grid"] = self.grid();
        }
        Ok(record)
    }

    /// Posterior means of points, and ellipses of some of them.
    fn latents(&self, params: &Params, points: &[Real]) -> Value {
        let width = self.vae.latent();
        let tape = Tape::new(params);
        let q_z = self.vae.encode(constant(&tape, points));
        let means = q_z.mean().value();
        let plane: Vec<Real> =
            means.as_slice().chunks_exact(width).flat_map(|z| [z[0], *z.get(1).unwrap_or(&0.0)]).collect();
        // Rows of the triangular factor L of each covariance LLᵀ.
        let factor = match q_z {
            _ if width != 2 => None,
            Posterior::Diagonal(q) => Some((q.scale.value(), None)),
            Posterior::Full(q) => Some((q.diag.value(), Some(q.lower.value()))),
            Posterior::Point(_) => None,
        };
        let ellipses = factor.iter().flat_map(|(diag, lower)| (0..ELLIPSES).map(move |i| (i, diag, lower)));
        let ellipses = ellipses.map(|(i, diag, lower)| {
            let [a, c] = [diag.as_slice()[2 * i], diag.as_slice()[2 * i + 1]].map(f64::from);
            let b = lower.as_ref().map_or(0.0, |lower| f64::from(lower.as_slice()[i]));
            [f64::from(plane[2 * i]), f64::from(plane[2 * i + 1]), a * a, a * b, b * b + c * c]
        });
        json!({"means": rounded(&plane), "ellipses": ellipses.collect::<Vec<_>>()})
    }

    /// Where the decoder's mean takes a grid of lines in the latent plane: `p(x|z)` over the latent.
    fn grid(&self) -> Value {
        let ticks = |n: usize| (0..n).map(move |i| 5.0 * i as Real / (n - 1) as Real - 2.5).collect::<Vec<_>>();
        let line = |at: Real, across: bool| {
            let z: Vec<Real> = ticks(61).into_iter().flat_map(|t| if across { [t, at] } else { [at, t] }).collect();
            let tape = Tape::new(self.params);
            rounded(self.vae.decode(constant(&tape, &z)).mean().value().as_slice())
        };
        let lines = |across: bool| ticks(11).into_iter().map(|at| line(at, across)).collect::<Vec<_>>();
        json!([lines(false), lines(true)])
    }
}

/// Points as lists of two numbers with three decimals.
fn rounded(points: &[Real]) -> Vec<[f64; 2]> {
    let round = |x: Real| (f64::from(x) * 1000.0).round() / 1000.0;
    points.chunks_exact(2).map(|p| [round(p[0]), round(p[1])]).collect()
}
