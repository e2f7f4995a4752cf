//! The first centres: k-means++ with greedy trials, or rows at random.

use elbo_tensor::{Real, Stream, for_each_slot, uniform};

use super::geometry::{BLOCK, CHUNK, Coordinates};

/// Rows of a chunk: squared distance to the nearest centre so far, and from each candidate.
#[derive(Default, Clone)]
struct Chunk {
    nearest: Vec<Real>,
    /// The smaller of `nearest` and the distance from the candidate, `[trials, rows]`.
    candidates: Vec<Real>,
    /// Sum of each candidate's part of `candidates`, `[trials]`.
    potentials: Vec<f64>,
}

/// `k` different rows at random, `[k, d]`; k ≤ n.
pub(super) fn random_rows(x: &[Real], d: usize, k: usize, rng: &mut Stream) -> Vec<f64> {
    let mut left: Vec<usize> = (0..x.len() / d).collect();
    (0..k).flat_map(|_| row(x, d, left.swap_remove(below(left.len(), rng)))).collect()
}

/// `k` rows by k-means++, `[k, d]`: each is drawn with probability proportional to its squared distance from the
/// nearest one before it (Arthur & Vassilvitskii 2007, §2.2), the best of `2 + ⌊ln k⌋` draws for the sum of those
/// distances (§5). When all rows are centres already, further ones repeat them.
pub(super) fn plus_plus(x: &[Real], coordinates: &Coordinates, k: usize, rng: &mut Stream) -> Vec<f64> {
    let d = coordinates.shift.len();
    let n = x.len() / d;
    let trials = 2 + (k as f64).ln() as usize;
    let mut chunks: Vec<Chunk> = x.chunks(CHUNK * d).map(|x| Chunk::new(x.len() / d)).collect();
    let mut chosen = vec![below(n, rng)];
    try_rows(&mut chunks, x, coordinates, &chosen);
    take(&mut chunks, 0);
    while chosen.len() < k {
        let candidates: Vec<usize> = (0..trials).map(|_| draw(&chunks, n, rng)).collect();
        try_rows(&mut chunks, x, coordinates, &candidates);
        let potential = |t: usize| chunks.iter().map(|chunk| chunk.potentials[t]).sum::<f64>();
        let best = (1..trials).fold(0, |best, t| if potential(t) < potential(best) { t } else { best });
        take(&mut chunks, best);
        chosen.push(candidates[best]);
    }
    chosen.into_iter().flat_map(|at| row(x, d, at)).collect()
}

fn row(x: &[Real], d: usize, at: usize) -> impl Iterator<Item = f64> {
    x[at * d..][..d].iter().map(|&x| f64::from(x))
}

/// A whole number below `count`.
fn below(count: usize, rng: &mut Stream) -> usize {
    ((uniform(rng) * count as f64) as usize).min(count - 1)
}

/// A row with probability proportional to its distance from the nearest centre; any row if all distances are 0.
fn draw(chunks: &[Chunk], n: usize, rng: &mut Stream) -> usize {
    let sums: Vec<f64> = chunks.iter().map(|chunk| chunk.nearest.iter().map(|&v| f64::from(v)).sum()).collect();
    let total: f64 = sums.iter().sum();
    if total == 0.0 {
        return below(n, rng);
    }
    let mut left = uniform(rng) * total;
    let mut last = 0;
    for (at, (chunk, &sum)) in chunks.iter().zip(&sums).enumerate() {
        if left >= sum {
            left -= sum;
            continue;
        }
        for (i, &distance) in chunk.nearest.iter().enumerate().filter(|(_, distance)| **distance > 0.0) {
            last = at * CHUNK + i;
            if left < f64::from(distance) {
                return last;
            }
            left -= f64::from(distance);
        }
    }
    // Rounding let the number pass the last row: it is the one.
    last
}

/// Distances of all rows from each candidate.
fn try_rows(chunks: &mut [Chunk], x: &[Real], coordinates: &Coordinates, candidates: &[usize]) {
    let d = coordinates.shift.len();
    let centres: Vec<f64> = candidates.iter().flat_map(|&at| row(x, d, at)).collect();
    let coefficients = coordinates.coefficients(&centres);
    let rows: Vec<u32> = (0..CHUNK as u32).collect();
    for_each_slot(chunks, |at, chunk| {
        let x = &x[at * CHUNK * d..];
        let m = chunk.nearest.len();
        chunk.candidates.resize(candidates.len() * m, 0.0);
        for start in (0..m).step_by(BLOCK) {
            let block = start..(start + BLOCK).min(m);
            let distances = coordinates.distances(x, &rows[block.clone()], &coefficients);
            for (t, values) in distances.values.as_slice().chunks_exact(BLOCK).enumerate() {
                let own = &mut chunk.candidates[t * m..][block.clone()];
                let pairs = values.iter().zip(distances.norms.as_slice()).zip(&chunk.nearest[block.clone()]);
                own.iter_mut().zip(pairs).for_each(|(d, ((v, norm), nearest))| *d = (v + norm).max(0.0).min(*nearest));
            }
        }
        let sum = |values: &[Real]| values.iter().map(|&v| f64::from(v)).sum();
        chunk.potentials = chunk.candidates.chunks_exact(m).map(sum).collect();
    });
}

/// Makes candidate `t` a centre.
fn take(chunks: &mut [Chunk], t: usize) {
    for chunk in chunks {
        let m = chunk.nearest.len();
        chunk.nearest.copy_from_slice(&chunk.candidates[t * m..][..m]);
    }
}

impl Chunk {
    fn new(rows: usize) -> Self {
        Self { nearest: vec![Real::INFINITY; rows], ..Self::default() }
    }
}
