//! Multinomial logistic regression by Newton's method.

use elbo_tensor::linalg::{Cholesky, dot};
use elbo_tensor::math::softmax;
use elbo_tensor::{Mat, dgemm};

/// The norm of the gradient at which the fit ends. The objective is at least `l2`-strongly convex in the weights, so
/// they are then within `TOLERANCE / l2` of the optimum.
const TOLERANCE: f64 = 1e-12;
/// Up to this many parameters the Hessian is written out and factored.
const DENSE: usize = 64;
/// Newton steps; about ten are needed, a few dozen for separable classes under a weak penalty.
const MAX_STEPS: usize = 200;
/// The share of the predicted decrease that a step must achieve (Armijo).
const SUFFICIENT: f64 = 1e-4;
/// Rounding of the objective, relative to it.
const ROUNDING: f64 = 1e-14;

/// The objective `−(1/n) Σ_i ln softmax(W x_i + b)_{y_i} + (l2/2) ‖W‖²` of `θ = (W, b)`, `[classes, width]` row-major
/// with the intercepts `b` as its last column.
pub(crate) struct SoftmaxRegression<'a> {
    /// `[n, width]` row-major; the last column is 1.
    pub inputs: &'a [f64],
    /// Number of inputs, the constant included.
    pub width: usize,
    /// The class of each row, below `classes`; every class must occur.
    pub labels: &'a [u32],
    /// Number of classes.
    pub classes: usize,
    /// Strength of the penalty, positive.
    pub l2: f64,
}

/// The objective at `theta`.
struct Point {
    theta: Vec<f64>,
    value: f64,
    /// `softmax(W x_i + b)`, `[n, classes]`.
    probabilities: Vec<f64>,
    gradient: Vec<f64>,
}

impl SoftmaxRegression<'_> {
    /// The minimising `θ`, with intercepts that sum to 0 (the objective does not change when they shift together).
    ///
    /// Newton's method with backtracking. Few parameters are solved for exactly, many by truncated conjugate gradients
    /// (Nocedal & Wright 2006, *Numerical optimization*, algorithm 7.1).
    pub fn minimize(&self) -> Vec<f64> {
        let mut point = self.at(vec![0.0; self.classes * self.width]);
        for _ in 0..MAX_STEPS {
            if norm(&point.gradient) <= TOLERANCE {
                break;
            }
            match self.descend(&point) {
                Some(next) if next.value < point.value || norm(&next.gradient) < norm(&point.gradient) => point = next,
                _ => break,
            }
        }
        let mut theta = point.theta;
        let intercepts = || (self.width - 1..theta.len()).step_by(self.width);
        let mean = intercepts().map(|index| theta[index]).sum::<f64>() / self.classes as f64;
        for index in intercepts().collect::<Vec<_>>() {
            theta[index] -= mean;
        }
        theta
    }

    /// The point after one Newton step, halved until it descends; none if only rounding is left.
    fn descend(&self, point: &Point) -> Option<Point> {
        let dense = point.theta.len() <= DENSE;
        let direction = if dense { self.exact_direction(point) } else { self.truncated_direction(point) }?;
        let slope = dot(&point.gradient, &direction);
        let mut step = 1.0;
        while step > ROUNDING {
            let theta = point.theta.iter().zip(&direction).map(|(theta, d)| theta + step * d).collect();
            let next = self.at(theta);
            // Close to the optimum the decrease is below the rounding of the objective.
            if next.value <= point.value * (1.0 + ROUNDING) + SUFFICIENT * step * slope {
                return Some(next);
            }
            step /= 2.0;
        }
        None
    }

    fn rows(&self) -> usize {
        self.labels.len()
    }

    fn inputs(&self) -> Mat<'_, f64> {
        Mat::new(self.inputs, self.rows(), self.width)
    }

    /// `X θᵀ`, `[n, classes]`.
    fn logits(&self, theta: &[f64]) -> Vec<f64> {
        let mut logits = vec![0.0; self.rows() * self.classes];
        dgemm(self.inputs(), Mat::new(theta, self.classes, self.width).t(), 0.0, &mut logits);
        logits
    }

    /// `(1/n) Rᵀ X + l2 W` for `residuals` R, `[n, classes]`, and the weights of `theta`: `[classes, width]`.
    fn pull_back(&self, residuals: &[f64], theta: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; theta.len()];
        dgemm(Mat::new(residuals, self.rows(), self.classes).t(), self.inputs(), 0.0, &mut product);
        let n = self.rows() as f64;
        for (product, theta) in product.chunks_exact_mut(self.width).zip(theta.chunks_exact(self.width)) {
            product.iter_mut().for_each(|value| *value /= n);
            let weights = self.width - 1;
            product[..weights].iter_mut().zip(&theta[..weights]).for_each(|(value, weight)| *value += self.l2 * weight);
        }
        product
    }

    fn at(&self, theta: Vec<f64>) -> Point {
        let mut probabilities = self.logits(&theta);
        let mut cross_entropy = 0.0;
        for (row, &label) in probabilities.chunks_exact_mut(self.classes).zip(self.labels) {
            let own = row[label as usize];
            let total = softmax(row);
            cross_entropy += total.sum.ln() - (own - total.largest);
        }
        let squares = theta.chunks_exact(self.width).map(|row| dot(&row[..self.width - 1], &row[..self.width - 1]));
        let value = cross_entropy / self.rows() as f64 + self.l2 / 2.0 * squares.sum::<f64>();
        let mut residuals = probabilities.clone();
        residuals.chunks_exact_mut(self.classes).zip(self.labels).for_each(|(row, &label)| row[label as usize] -= 1.0);
        let gradient = self.pull_back(&residuals, &theta);
        Point { theta, value, probabilities, gradient }
    }

    /// `H v`, where row i of the Hessian's middle factor is `diag(p_i) − p_i p_iᵀ`.
    fn hessian_times(&self, point: &Point, v: &[f64]) -> Vec<f64> {
        let mut change = self.logits(v);
        for (change, p) in change.chunks_exact_mut(self.classes).zip(point.probabilities.chunks_exact(self.classes)) {
            let mean = dot(p, change);
            change.iter_mut().zip(p).for_each(|(change, p)| *change = p * (*change - mean));
        }
        self.pull_back(&change, v)
    }

    /// The Hessian's diagonal block of each class, `(1/n) Σ_i p_ik (1 − p_ik) x_i x_iᵀ + l2 I`, factored.
    ///
    /// The intercept bears the penalty here too, so that the block of a class that is certain everywhere stays regular.
    fn preconditioner(&self, point: &Point) -> Option<Vec<Cholesky>> {
        let (width, n) = (self.width, self.rows() as f64);
        let mut scaled = vec![0.0; self.inputs.len()];
        let block = |class: usize| {
            let p = point.probabilities[class..].iter().step_by(self.classes);
            for ((out, row), p) in scaled.chunks_exact_mut(width).zip(self.inputs.chunks_exact(width)).zip(p) {
                let weight = p * (1.0 - p) / n;
                out.iter_mut().zip(row).for_each(|(out, x)| *out = weight * x);
            }
            let mut block = vec![0.0; width * width];
            dgemm(Mat::new(&scaled, self.rows(), width).t(), self.inputs(), 0.0, &mut block);
            block.iter_mut().step_by(width + 1).for_each(|value| *value += self.l2);
            Cholesky::new(block, width)
        };
        (0..self.classes).map(block).collect()
    }

    /// The solution `d` of `H d = −g` whose intercepts sum to 0.
    fn exact_direction(&self, point: &Point) -> Option<Vec<f64>> {
        let (classes, width, size) = (self.classes, self.width, point.theta.len());
        let mut hessian = vec![0.0; size * size];
        for (x, p) in self.inputs.chunks_exact(width).zip(point.probabilities.chunks_exact(classes)) {
            for k in 0..classes {
                for l in 0..=k {
                    let weight = p[k] * (f64::from(k == l) - p[l]);
                    for (a, xa) in x.iter().enumerate() {
                        let out = &mut hessian[(k * width + a) * size + l * width..][..width];
                        out.iter_mut().zip(x).for_each(|(out, xb)| *out += weight * xa * xb);
                    }
                }
            }
        }
        hessian.iter_mut().for_each(|value| *value /= self.rows() as f64);
        // The intercepts may shift together; as `g` does not move them so, a term (Σ_k d_k)² settles it at 0.
        for k in 0..size {
            if k % width < width - 1 {
                hessian[k * size + k] += self.l2;
            } else {
                hessian[k * size..][..size].iter_mut().skip(width - 1).step_by(width).for_each(|value| *value += 1.0);
            }
        }
        let mut direction: Vec<f64> = point.gradient.iter().map(|g| -g).collect();
        Cholesky::new(hessian, size)?.solve(&mut direction);
        Some(direction)
    }

    /// An approximate solution `d` of `H d = −g`, to the fraction `‖g‖`, within \[1e-4, 0.1\], of `g`; always a
    /// direction of descent.
    fn truncated_direction(&self, point: &Point) -> Option<Vec<f64>> {
        let blocks = self.preconditioner(point)?;
        let precondition = |residual: &[f64]| {
            let mut solved = residual.to_vec();
            solved.chunks_exact_mut(self.width).zip(&blocks).for_each(|(row, block)| block.solve(row));
            solved
        };
        let size = norm(&point.gradient);
        let enough = size * size.clamp(1e-4, 0.1);
        let mut direction = vec![0.0; point.theta.len()];
        let mut residual: Vec<f64> = point.gradient.iter().map(|g| -g).collect();
        let mut search = precondition(&residual);
        let mut energy = dot(&residual, &search);
        for _ in 0..10 * point.theta.len() {
            let image = self.hessian_times(point, &search);
            let length = energy / dot(&search, &image);
            direction.iter_mut().zip(&search).for_each(|(d, s)| *d += length * s);
            residual.iter_mut().zip(&image).for_each(|(r, h)| *r -= length * h);
            if norm(&residual) <= enough {
                break;
            }
            let solved = precondition(&residual);
            let before = std::mem::replace(&mut energy, dot(&residual, &solved));
            search.iter_mut().zip(&solved).for_each(|(s, z)| *s = z + energy / before * *s);
        }
        Some(direction)
    }
}

fn norm(values: &[f64]) -> f64 {
    dot(values, values).sqrt()
}
