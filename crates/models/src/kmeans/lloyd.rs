//! Lloyd's iterations with bounds: each row keeps an upper bound of its distance to its own centre and a lower bound of
//! the distance to all others, and is looked at again only when the centres have moved enough for them to meet (Hamerly
//! 2010, "Making k-means even faster", algorithm 1). The bounds allow for rounding, so that the assignments are those
//! of looking at every row, to the bit.

use elbo_tensor::mixture::{add_by_label, smallest_of_columns, squared_distances};
use elbo_tensor::{Real, for_each_slot};

use super::geometry::{BLOCK, CHUNK, Coordinates};

/// Factor of a bound that covers the rounding of a few operations.
const LARGER: Real = 1.0 + 8.0 * Real::EPSILON;
const SMALLER: Real = 1.0 - 8.0 * Real::EPSILON;

/// k-means of given rows from given centres.
#[derive(Debug)]
pub(super) struct Lloyd {
    coordinates: Coordinates,
    /// `[k, d]`.
    pub centres: Vec<f64>,
    /// What the labels were found with; empty before the first assignment.
    assigned: Vec<Real>,
    chunks: Vec<Chunk>,
    /// Rows of each cluster in the last iteration, `[k]`.
    pub counts: Vec<u64>,
}

/// What an iteration changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Rows with another centre than before.
    pub changed: usize,
    /// `Σ ‖Δc‖²`.
    pub shift: f64,
    /// Clusters that lost their last row and were moved.
    pub relocated: usize,
}

/// Rows that one thread takes at a time.
#[derive(Debug, Default)]
struct Chunk {
    labels: Vec<u32>,
    /// Bounds of the distances to the own centre and to the others.
    upper: Vec<Real>,
    lower: Vec<Real>,
    /// Rows to look at.
    open: Vec<u32>,
    changed: usize,
    sums: Vec<f64>,
    counts: Vec<u64>,
}

/// The centres as an assignment sees them.
struct Centres {
    coefficients: Vec<Real>,
    /// Distance that each moved, and the largest distance that any other moved.
    moves: Vec<[Real; 2]>,
    /// The largest norm of a centre.
    farthest: Real,
    /// Error of a squared distance relative to `(‖y‖ + ‖c‖)²`.
    unit: Real,
}

impl Lloyd {
    pub fn new(coordinates: Coordinates, centres: Vec<f64>) -> Self {
        Self { coordinates, centres, assigned: Vec::new(), chunks: Vec::new(), counts: Vec::new() }
    }

    fn width(&self) -> usize {
        self.coordinates.shift.len()
    }

    fn k(&self) -> usize {
        self.centres.len() / self.width()
    }

    /// One iteration: each row to the nearest centre, the first of equals, then each centre to the mean of its rows.
    /// As many centres as have no rows move to the rows that are farthest from theirs (the first of equals), each of
    /// which leaves its cluster; where no row is off its centre they stay.
    pub fn iterate(&mut self, x: &[Real]) -> Step {
        let changed = self.assign(x);
        let (k, d) = (self.k(), self.width());
        let (mut sums, mut counts) = (vec![0.0; k * d], vec![0; k]);
        for chunk in &self.chunks {
            sums.iter_mut().zip(&chunk.sums).for_each(|(sum, term)| *sum += term);
            counts.iter_mut().zip(&chunk.counts).for_each(|(count, term)| *count += term);
        }
        let relocated = if counts.contains(&0) { self.relocate(x, &mut sums, &mut counts) } else { 0 };
        let mut shift = 0.0;
        for ((centre, sum), &count) in self.centres.chunks_exact_mut(d).zip(sums.chunks_exact(d)).zip(&counts) {
            if count > 0 {
                for (c, sum) in centre.iter_mut().zip(sum) {
                    let mean = sum / count as f64;
                    shift += (mean - *c).powi(2);
                    *c = mean;
                }
            }
        }
        self.counts = counts;
        Step { changed, shift, relocated }
    }

    /// Each row to the nearest centre; returns how many have another one than before, at first all.
    pub fn assign(&mut self, x: &[Real]) -> usize {
        let (k, d) = (self.k(), self.width());
        let coefficients = self.coordinates.coefficients(&self.centres);
        let fresh = self.assigned.is_empty();
        let centres = Centres::new(coefficients, &self.assigned, d);
        self.chunks.resize_with(x.len().div_ceil(CHUNK * d), Chunk::default);
        let coordinates = &self.coordinates;
        for_each_slot(&mut self.chunks, |at, chunk| {
            let x = &x[at * CHUNK * d..((at + 1) * CHUNK * d).min(x.len())];
            chunk.open_rows(x.len() / d, fresh, &centres);
            chunk.assign(x, coordinates, &centres);
            chunk.sums.clear();
            chunk.sums.resize(k * d, 0.0);
            chunk.counts.clear();
            chunk.counts.resize(k, 0);
            add_by_label(x, &chunk.labels, &mut chunk.sums, &mut chunk.counts);
        });
        self.assigned = centres.coefficients;
        if fresh { x.len() / d } else { self.chunks.iter().map(|chunk| chunk.changed).sum() }
    }

    /// The centre of each row.
    pub fn labels(&self) -> Vec<u32> {
        self.chunks.iter().flat_map(|chunk| chunk.labels.iter().copied()).collect()
    }

    /// Squared distance of each row from its centre, in f64.
    fn distances(&self, x: &[Real]) -> Vec<f64> {
        let d = self.width();
        let ones = vec![1.0; d];
        let mut distances = vec![0.0; x.len() / d];
        let mut slots: Vec<_> = self.chunks.iter().zip(distances.chunks_mut(CHUNK)).collect();
        for_each_slot(&mut slots, |at, (chunk, distances)| {
            let rows = x[at * CHUNK * d..].chunks_exact(d).zip(&chunk.labels);
            for ((x, &label), distance) in rows.zip(distances.iter_mut()) {
                let centre = &self.centres[label as usize * d..][..d];
                squared_distances(x, centre, &ones, std::slice::from_mut(distance));
            }
        });
        distances
    }

    /// `Σ ‖x − c‖²` of the rows and the centres they are assigned to.
    pub fn inertia(&self, x: &[Real]) -> f64 {
        self.distances(x).chunks(CHUNK).map(|part| part.iter().sum::<f64>()).sum()
    }

    /// Gives each cluster without rows the farthest row that is left.
    fn relocate(&self, x: &[Real], sums: &mut [f64], counts: &mut [u64]) -> usize {
        let d = self.width();
        let (labels, distances) = (self.labels(), self.distances(x));
        let mut farthest: Vec<usize> = (0..distances.len()).filter(|&i| distances[i] > 0.0).collect();
        farthest.sort_by(|&a, &b| distances[b].total_cmp(&distances[a]));
        let empty: Vec<usize> = (0..counts.len()).filter(|&j| counts[j] == 0).collect();
        let mut relocated = 0;
        // The last row of a cluster stays, or that one would be empty in turn.
        let mut candidates = farthest.into_iter();
        for j in empty {
            let Some(i) = candidates.find(|&i| counts[labels[i] as usize] > 1) else { break };
            let from = labels[i] as usize;
            for (at, &x) in x[i * d..][..d].iter().enumerate() {
                sums[from * d + at] -= f64::from(x);
                sums[j * d + at] = f64::from(x);
            }
            counts[from] -= 1;
            counts[j] = 1;
            relocated += 1;
        }
        relocated
    }
}

impl Centres {
    fn new(coefficients: Vec<Real>, before: &[Real], d: usize) -> Self {
        // Coefficients are [−2c, ‖c‖²].
        let distance = |(a, b): (&[Real], &[Real])| {
            let squares = a[..d].iter().zip(b).map(|(a, b)| (0.5 * (f64::from(*a) - f64::from(*b))).powi(2));
            squares.sum::<f64>().sqrt() as Real * LARGER
        };
        let moved: Vec<Real> = coefficients.chunks_exact(d + 1).zip(before.chunks_exact(d + 1)).map(distance).collect();
        let largest = |except: usize| {
            let others = moved.iter().enumerate().filter(|(j, _)| *j != except);
            others.fold(0.0, |largest: Real, (_, &moved)| largest.max(moved))
        };
        let moves = moved.iter().enumerate().map(|(j, &moved)| [moved, largest(j)]).collect();
        let norm = |c: &[Real]| c[..d].iter().map(|&c| f64::from(0.5 * c).powi(2)).sum::<f64>().sqrt() as Real;
        let farthest = coefficients.chunks_exact(d + 1).map(norm).fold(0.0, Real::max);
        // Sums of d + 1 products: at most (d + 1) ε / 2 of their sizes, for the norm as for the rest.
        let unit = (2 * d + 16) as Real * Real::EPSILON;
        Self { coefficients, moves, farthest, unit }
    }
}

impl Chunk {
    /// Moves the bounds with the centres and lists the rows whose nearest centre they do not decide.
    fn open_rows(&mut self, rows: usize, fresh: bool, centres: &Centres) {
        self.open.clear();
        if fresh {
            self.labels.resize(rows, 0);
            self.upper.resize(rows, 0.0);
            self.lower.resize(rows, 0.0);
            self.open.extend(0..rows as u32);
            return;
        }
        // Every row is written and the next over it if it is decided: which rows those are no branch can predict.
        self.open.resize(rows, 0);
        let mut count = 0;
        let bounds = self.upper.iter_mut().zip(&mut self.lower);
        for ((i, &label), (upper, lower)) in (0..).zip(&self.labels).zip(bounds) {
            let [own, others] = centres.moves[label as usize];
            *upper = (*upper + own) * LARGER;
            *lower = (*lower - others * LARGER) * if *lower > others { SMALLER } else { LARGER };
            // ‖y‖ ≤ upper + ‖c‖, and both distances are off.
            let off = 2.0 * centres.unit * (*upper + 2.0 * centres.farthest).powi(2);
            let decided = (*lower > 0.0) & (*upper * *upper * LARGER + off < *lower * *lower * SMALLER);
            self.open[count] = i;
            count += usize::from(!decided);
        }
        self.open.truncate(count);
    }

    /// Assigns the listed rows.
    fn assign(&mut self, x: &[Real], coordinates: &Coordinates, centres: &Centres) {
        let (mut smallest, mut next, mut at) = ([0.0; BLOCK], [0.0; BLOCK], [0; BLOCK]);
        self.changed = 0;
        for open in self.open.chunks(BLOCK) {
            let distances = coordinates.distances(x, open, &centres.coefficients);
            smallest_of_columns(distances.values.as_slice(), &mut smallest, &mut at, &mut next);
            for (column, &i) in open.iter().enumerate() {
                let norm = distances.norms.as_slice()[column];
                let off = centres.unit * (norm.sqrt() + centres.farthest).powi(2);
                let i = i as usize;
                self.upper[i] = ((norm + smallest[column]).max(0.0) + off).sqrt() * LARGER;
                self.lower[i] = ((norm + next[column]) - off).max(0.0).sqrt() * SMALLER;
                self.changed += usize::from(self.labels[i] != at[column]);
                self.labels[i] = at[column];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use elbo_tensor::{Purpose, fill_normal, stream};

    use super::*;

    /// `n` rows around 8 points, `[n, d]`.
    fn clumps(n: usize, d: usize, spread: f64) -> Vec<Real> {
        let (mut x, mut points) = (vec![0.0; n * d], vec![0.0; 8 * d]);
        fill_normal(&mut stream(4, Purpose::Test, 0), &mut x);
        fill_normal(&mut stream(4, Purpose::Test, 1), &mut points);
        x.iter_mut().enumerate().for_each(|(i, x)| *x += spread as Real * points[i / d % 8 * d + i % d]);
        x
    }

    fn started(x: &[Real], k: usize, d: usize) -> Lloyd {
        Lloyd::new(Coordinates::of(x, d, &[]), x[..k * d].iter().map(|&x| f64::from(x)).collect())
    }

    #[test]
    fn bounds_do_not_change_a_bit() {
        for (n, k, d, spread) in [(4500, 12, 6, 2.0), (3000, 40, 33, 0.0), (500, 3, 1, 5.0), (300, 1, 2, 1.0)] {
            let x = clumps(n, d, spread);
            let mut lloyd = started(&x, k, d);
            let mut looked_at = 0;
            for step in 0..60 {
                let mut plain = Lloyd::new(lloyd.coordinates.clone(), lloyd.centres.clone());
                lloyd.iterate(&x);
                plain.iterate(&x);
                assert!(lloyd.labels() == plain.labels() && lloyd.centres == plain.centres, "{n} {k} {d}, step {step}");
                looked_at += lloyd.chunks.iter().map(|chunk| chunk.open.len()).sum::<usize>();
            }
            assert!(looked_at < 50 * n, "{n} {k} {d}: {looked_at} rows looked at in 60 iterations");
        }
    }

    #[test]
    fn labels_are_the_nearest_centres() {
        let (n, k, d) = (2300, 20, 9);
        let x = clumps(n, d, 1.0);
        let mut lloyd = started(&x, k, d);
        for _ in 0..3 {
            lloyd.iterate(&x);
        }
        lloyd.assign(&x);
        let mut total = 0.0;
        for (x, label) in x.chunks_exact(d).zip(lloyd.labels()) {
            let distance = |c: &[f64]| c.iter().zip(x).map(|(c, &x)| (f64::from(x) - c).powi(2)).sum::<f64>();
            let own = distance(&lloyd.centres[label as usize * d..][..d]);
            let least = lloyd.centres.chunks_exact(d).map(distance).fold(f64::INFINITY, f64::min);
            assert!(own <= least * (1.0 + 100.0 * f64::from(Real::EPSILON)), "{own} {least}");
            total += own;
        }
        assert!((lloyd.inertia(&x) / total - 1.0).abs() < 1e-12);
    }

    /// Two centres without rows take the two farthest rows, which leave their clusters.
    #[test]
    fn empty_clusters_move_to_the_farthest_rows() {
        let x = [0.0, 1.0, 2.0, 10.0, 7.0, 1.0];
        let mut lloyd = Lloyd::new(Coordinates::of(&x, 1, &[]), vec![1.0, 100.0, 200.0]);
        let step = lloyd.iterate(&x);
        assert_eq!(step.relocated, 2);
        assert_eq!(lloyd.centres, [1.0, 10.0, 7.0]);
    }

    #[test]
    fn empty_clusters_stay_where_no_row_is_off_its_centre() {
        let mut lloyd = Lloyd::new(Coordinates::of(&[3.0; 5], 1, &[]), vec![3.0, 4.0]);
        assert_eq!(lloyd.iterate(&[3.0; 5]), Step { changed: 5, shift: 0.0, relocated: 0 });
        assert_eq!(lloyd.centres, [3.0, 4.0]);
    }
}
