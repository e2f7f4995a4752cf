//! The E-step over all rows: one product with `[y, y², 1]` for the log-densities of a block, softmax down its columns,
//! one product for the statistics.

use elbo_tensor::mixture::{add_moments, add_widened, softmax_columns, square_features};
use elbo_tensor::{Mat, Real, Tensor, for_each_slot, gemm, transpose_rows};

use super::plan::Plan;
use super::{DiagonalComponents, Posterior, Statistics, normalize};

/// Rows of a product: small enough for the second cache, and columns that do not share cache sets.
const BLOCK: usize = 224;
/// Rows whose statistics are summed in turn: what one thread takes at a time.
const CHUNK: usize = 9 * BLOCK;
/// How far below the largest density of any component a row's density in `Real` is trusted, in nats: there a unit in
/// the last place is 1/64. Rows beyond it, and those whose squares overflow, are computed in f64.
const FARTHEST: Real = 1.0 / (64.0 * Real::EPSILON);

/// The E-step with its memory, which the next one uses again.
#[derive(Debug, Default)]
pub struct EStep {
    plan: Plan,
    chunks: Vec<Chunk>,
    statistics: Statistics,
}

/// Sums over the rows of a chunk.
#[derive(Debug, Default, Clone)]
struct Chunk {
    /// `Σ r [y, y², 1]` with `y = (x − a) · scale`, `[k, 2d + 1]`.
    sums: Vec<f64>,
    log_likelihood: f64,
}

/// A block of `m` rows with their posterior.
struct Block {
    /// `[y, y², 1]`, `[m, 2d + 1]`.
    features: Tensor,
    /// Posterior, `[k, m]`.
    responsibilities: Tensor,
    /// `ln p(x)`, the first `m`.
    log_density: [f64; BLOCK],
    /// Rows that were computed in f64.
    far: Vec<usize>,
}

impl EStep {
    /// Without memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Statistics of the rows `x: [n, d]`, n ≥ 1, under the components, the same bits at any number of threads.
    /// Finite rows give numbers, except that the likelihood is −∞ where squares leave the range of f64.
    #[track_caller]
    pub fn run(&mut self, x: &Tensor, components: &DiagonalComponents) -> &Statistics {
        let rows = self.prepare(x, components);
        let (plan, width) = (&self.plan, 2 * self.plan.width() + 1);
        self.chunks.resize_with(rows.len().div_ceil(CHUNK * plan.width()), Chunk::default);
        for_each_slot(&mut self.chunks, |at, chunk| {
            chunk.log_likelihood = 0.0;
            chunk.sums.clear();
            chunk.sums.resize(plan.len() * width, 0.0);
            for x in plan.chunk(rows, at).chunks(BLOCK * plan.width()) {
                let block = Block::of(plan, x);
                chunk.log_likelihood += block.log_density[..x.len() / plan.width()].iter().sum::<f64>();
                chunk.add(plan, x, block);
            }
        });
        self.finish(x.shape().rows());
        &self.statistics
    }

    /// Log-density and posterior of the rows `x: [n, d]` under the components.
    #[track_caller]
    pub fn posterior(&mut self, x: &Tensor, components: &DiagonalComponents) -> Posterior {
        let rows = self.prepare(x, components);
        let (plan, k, n) = (&self.plan, self.plan.len(), x.shape().rows());
        let mut posterior = Posterior { log_density: vec![0.0; n], responsibilities: vec![0.0; n * k] };
        let densities = posterior.log_density.chunks_mut(CHUNK);
        let mut slots: Vec<_> = densities.zip(posterior.responsibilities.chunks_mut(CHUNK * k)).collect();
        for_each_slot(&mut slots, |at, (densities, responsibilities)| {
            let blocks = densities.chunks_mut(BLOCK).zip(responsibilities.chunks_mut(BLOCK * k));
            for (x, (densities, responsibilities)) in plan.chunk(rows, at).chunks(BLOCK * plan.width()).zip(blocks) {
                let block = Block::of(plan, x);
                let m = densities.len();
                densities.iter_mut().zip(&block.log_density).for_each(|(ln_p, l)| *ln_p = l + plan.offset);
                transpose_rows(block.responsibilities.as_slice(), m, m, responsibilities);
            }
        });
        posterior
    }

    #[track_caller]
    fn prepare<'a>(&mut self, x: &'a Tensor, components: &DiagonalComponents) -> &'a [Real] {
        let (k, d) = (components.len(), components.width());
        assert!(k > 0 && d > 0 && x.shape()[..] == [x.shape()[0], d], "{k} components of {d} for {:?}", x.shape());
        assert!(components.means.len() == k * d && components.variances.len() == k * d, "parameters of [{k}, {d}]");
        self.plan.set(components);
        x.as_slice()
    }

    /// Adds the chunks in their order and returns to the scale of the rows.
    fn finish(&mut self, n: usize) {
        let (plan, statistics) = (&self.plan, &mut self.statistics);
        let (k, d) = (plan.len(), plan.width());
        let (sums, rest) = self.chunks.split_first_mut().expect("at least one row");
        for chunk in rest {
            sums.sums.iter_mut().zip(&chunk.sums).for_each(|(sum, term)| *sum += term);
            sums.log_likelihood += chunk.log_likelihood;
        }
        statistics.log_likelihood = sums.log_likelihood / n as f64 + plan.offset;
        statistics.centres.clone_from(&plan.centres);
        statistics.counts.clear();
        statistics.first.clear();
        statistics.second.clear();
        for sums in sums.sums.chunks_exact(2 * d + 1).take(k) {
            statistics.counts.push(sums[2 * d]);
            statistics.first.extend(sums[..d].iter().zip(&plan.factor).map(|(sum, factor)| sum / factor));
            statistics.second.extend(sums[d..2 * d].iter().zip(&plan.factor).map(|(sum, f)| sum / f / f));
        }
    }
}

impl Plan {
    fn chunk<'a>(&self, rows: &'a [Real], at: usize) -> &'a [Real] {
        let size = CHUNK * self.width();
        &rows[at * size..((at + 1) * size).min(rows.len())]
    }
}

impl Block {
    fn of(plan: &Plan, x: &[Real]) -> Self {
        let (k, d, width) = (plan.len(), plan.width(), 2 * plan.width() + 1);
        let m = x.len() / d;
        let mut features = Tensor::scratch([m, width]);
        let mut columns = Tensor::scratch([width, m]);
        square_features(x, &plan.shift, &plan.scale, features.as_mut_slice(), columns.as_mut_slice());
        let mut logits = Tensor::scratch([k, m]);
        gemm(Mat::new(&plan.theta, k, width), columns.as_mat(), 0.0, logits.as_mut_slice());
        let mut block = Self { features, responsibilities: logits, log_density: [0.0; BLOCK], far: Vec::new() };
        let logits = block.responsibilities.as_mut_slice();
        for j in (0..k).filter(|&j| plan.direct[j]) {
            plan.log_joint(j, x, &mut block.log_density[..m]);
            logits[j * m..][..m].iter_mut().zip(&block.log_density).for_each(|(logit, &l)| *logit = l as Real);
        }
        let mut log_sum_exp = Tensor::scratch([m]);
        softmax_columns(logits, log_sum_exp.as_mut_slice());
        for (i, (density, &l)) in block.log_density.iter_mut().zip(log_sum_exp.as_slice()).enumerate() {
            *density = f64::from(l);
            if l.is_nan() || l.abs() > FARTHEST {
                block.far.push(i);
                *density = far_row(plan, &x[i * d..][..d], logits[i..].iter_mut().step_by(m));
            }
        }
        block
    }
}

/// Posterior and log-density (less the plan's offset) of one row in f64.
fn far_row<'a>(plan: &Plan, x: &[Real], responsibilities: impl Iterator<Item = &'a mut Real>) -> f64 {
    let mut joint = vec![0.0; plan.len()];
    joint.iter_mut().enumerate().for_each(|(j, value)| plan.log_joint(j, x, std::slice::from_mut(value)));
    let log_density = normalize(&mut joint);
    responsibilities.zip(&joint).for_each(|(r, p)| *r = *p as Real);
    log_density
}

impl Chunk {
    fn add(&mut self, plan: &Plan, x: &[Real], mut block: Block) {
        let (k, d, width) = (plan.len(), plan.width(), 2 * plan.width() + 1);
        let m = x.len() / d;
        let responsibilities = block.responsibilities.as_mut_slice();
        for &i in &block.far {
            for j in 0..k {
                self.add_by_moments(plan, j, &x[i * d..][..d], &[responsibilities[j * m + i]]);
                responsibilities[j * m + i] = 0.0;
            }
            // Its squares may be infinite, and 0 · ∞ is no number.
            block.features.as_mut_slice()[i * width..][..width].fill(0.0);
        }
        let mut products = Tensor::scratch([k, width]);
        gemm(Mat::new(responsibilities, k, m), block.features.as_mat(), 0.0, products.as_mut_slice());
        for j in 0..k {
            if plan.direct[j] {
                self.add_by_moments(plan, j, x, &responsibilities[j * m..][..m]);
            } else {
                let own = j * width..(j + 1) * width;
                add_widened(&mut self.sums[own.clone()], &products.as_slice()[own]);
            }
        }
    }

    /// Adds rows to component `j` by their differences from its centre, in f64.
    fn add_by_moments(&mut self, plan: &Plan, j: usize, x: &[Real], weights: &[Real]) {
        let d = plan.width();
        let (first, rest) = self.sums[j * (2 * d + 1)..][..2 * d + 1].split_at_mut(d);
        let (second, count) = rest.split_at_mut(d);
        add_moments(x, weights, &plan.centres[j * d..][..d], &plan.factor, first, second);
        count[0] += weights.iter().map(|&weight| f64::from(weight)).sum::<f64>();
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use elbo_tensor::{Purpose, fill_normal, stream};

    use super::*;

    /// Log-density, posterior and statistics about `centres` by the formulas, in f64.
    fn exact(x: &Tensor, c: &DiagonalComponents, centres: &[f64]) -> (Vec<f64>, Vec<f64>, Statistics) {
        let (k, d) = (c.len(), c.width());
        let zeros = || vec![0.0; k * d];
        let (first, second, centres) = (zeros(), zeros(), centres.to_vec());
        let mut sums = Statistics { counts: vec![0.0; k], centres, first, second, log_likelihood: 0.0 };
        let (mut densities, mut posterior) = (Vec::new(), Vec::new());
        for x in x.as_slice().chunks_exact(d) {
            let term = |j: usize, i: usize| {
                let v = c.variances[j * d + i];
                -0.5 * ((2.0 * PI * v).ln() + (f64::from(x[i]) - c.means[j * d + i]).powi(2) / v)
            };
            let joint: Vec<f64> = (0..k).map(|j| c.log_weights[j] + (0..d).map(|i| term(j, i)).sum::<f64>()).collect();
            let max = joint.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = joint.iter().map(|l| (l - max).exp()).sum();
            densities.push(max + total.ln());
            for (j, joint) in joint.iter().enumerate() {
                let r = (joint - max).exp() / total;
                posterior.push(r);
                sums.counts[j] += r;
                for (i, &x) in x.iter().enumerate() {
                    let z = f64::from(x) - sums.centres[j * d + i];
                    sums.first[j * d + i] += r * z;
                    sums.second[j * d + i] += r * z * z;
                }
            }
        }
        sums.log_likelihood = densities.iter().sum::<f64>() / densities.len() as f64;
        (densities, posterior, sums)
    }

    fn normals(len: usize, seed: u64) -> Vec<f64> {
        let mut out = vec![0.0 as Real; len];
        fill_normal(&mut stream(seed, Purpose::Test, 0), &mut out);
        out.into_iter().map(f64::from).collect()
    }

    /// `k` components of width `d` whose means are `spread` of their own standard deviations apart, around `at`.
    fn components([k, d]: [usize; 2], sd: f64, spread: f64, at: f64) -> DiagonalComponents {
        let means = normals(k * d, 1).iter().map(|z| at + spread * sd * z).collect();
        let variances = normals(k * d, 2).iter().map(|z| (sd * (0.3 * z).exp()).powi(2)).collect();
        let log_weights = (1..=k).map(|j| (j as f64 / (k * (k + 1) / 2) as f64).ln()).collect();
        DiagonalComponents { log_weights, means, variances }
    }

    /// Rows drawn from the components in turn.
    fn rows(n: usize, c: &DiagonalComponents) -> Tensor {
        let (k, d) = (c.len(), c.width());
        let z = normals(n * d, 3);
        let at = |i: usize| i / d % k * d + i % d;
        Tensor::from_fn([n, d], |i| (c.means[at(i)] + c.variances[at(i)].sqrt() * z[i]) as Real)
    }

    /// Largest error relative to 1 and to the number.
    fn error(a: impl IntoIterator<Item = f64>, b: &[f64], unit: f64) -> f64 {
        let errors = a.into_iter().zip(b).map(|(a, b)| (a - b).abs() / b.abs().max(unit));
        errors.fold(0.0, |worst, error| if error.is_nan() { f64::INFINITY } else { worst.max(error) })
    }

    #[track_caller]
    fn assert_exact(what: &str, x: &Tensor, c: &DiagonalComponents, [density, posterior, sums]: [f64; 3]) {
        let mut e_step = EStep::new();
        let found = e_step.posterior(x, c);
        let statistics = e_step.run(x, c);
        let want = exact(x, c, &statistics.centres);
        let sd = c.variances.iter().copied().fold(0.0, f64::max).sqrt();
        let errors = [
            error(found.log_density, &want.0, 1.0),
            error(found.responsibilities.iter().map(|&r| f64::from(r)), &want.1, 1.0),
            error(statistics.counts.iter().copied(), &want.2.counts, 1.0),
            error(statistics.first.iter().copied(), &want.2.first, sd),
            error(statistics.second.iter().copied(), &want.2.second, sd * sd),
            error([statistics.log_likelihood], &[want.2.log_likelihood], 1.0),
        ];
        let bounds = [density, posterior, sums, sums, sums, density];
        let holds = errors.iter().zip(bounds).all(|(&error, bound)| error <= bound * f64::from(Real::EPSILON));
        assert!(holds, "{what}: in units of ε {:?}", errors.map(|e| e / f64::from(Real::EPSILON)));
    }

    #[test]
    fn posterior_and_statistics_are_those_of_the_formulas() {
        for ([n, k, d], spread) in [([1, 1, 1], 1.0), ([700, 3, 2], 2.0), ([4100, 20, 50], 0.5), ([230, 50, 33], 1.0)] {
            let c = components([k, d], 1.0, spread, 0.0);
            assert_exact(&format!("{n} {k} {d}"), &rows(n, &c), &c, [100.0, 500.0, 2000.0]);
        }
    }

    /// The digits of the log-density do not depend on how many standard deviations the mean is away from 0 or
    /// from the other means.
    #[test]
    fn digits_are_kept_for_distant_means() {
        for at in [0.0, 1e2, 1e4] {
            for spread in [1.0, 1e2, 1e4] {
                let c = components([5, 8], 1.0, spread, at);
                assert_exact(&format!("at {at}, spread {spread}"), &rows(500, &c), &c, [100.0, 500.0, 2000.0]);
            }
        }
    }

    #[test]
    fn digits_are_kept_at_every_scale() {
        for sd in [1e-30, 1e-15, 1e15, 1e30] {
            for spread in [1.0, 100.0] {
                let c = components([4, 3], sd, spread, 0.0);
                assert_exact(&format!("scale {sd}, spread {spread}"), &rows(500, &c), &c, [100.0, 500.0, 2000.0]);
            }
        }
    }

    /// Rows so far away that f32 loses the difference of the components, and one whose square it cannot hold.
    #[test]
    fn far_rows_are_as_exact_as_near_ones() {
        let c = DiagonalComponents {
            log_weights: vec![0.5_f64.ln(); 2],
            means: vec![0.0, 0.5, 0.0, -0.5],
            variances: vec![1.0; 4],
        };
        let mut x = rows(300, &c);
        x.as_mut_slice()[20..22].copy_from_slice(&[1e4, 0.3]);
        x.as_mut_slice()[502..504].copy_from_slice(&[1e25, 0.3]);
        let mut e_step = EStep::new();
        let found = e_step.posterior(&x, &c);
        let statistics = e_step.run(&x, &c);
        let want = exact(&x, &c, &statistics.centres);
        assert!(error(found.log_density, &want.0, 1.0) < 1e-5);
        assert!((f64::from(found.responsibilities[20]) - 1.0 / (1.0 + (-0.3_f64).exp())).abs() < 1e-6);
        assert!(error(found.responsibilities.iter().map(|&r| f64::from(r)), &want.1, 1.0) < 1e-4);
        assert!(error(statistics.second.iter().copied(), &want.2.second, 1.0) < 1e-5);
        assert!(error([statistics.log_likelihood], &[want.2.log_likelihood], 1.0) < 1e-5);
    }
}
