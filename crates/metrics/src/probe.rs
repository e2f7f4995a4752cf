//! The linear probe: how much of a label can be read off a representation linearly.

use std::collections::BTreeSet;

use elbo_tensor::linalg::dot;
use elbo_tensor::math::argmax;
use elbo_tensor::{Purpose, Real, stream};
use rand::seq::SliceRandom;

use crate::rows;
use crate::softmax_regression::SoftmaxRegression;

/// Seed of the one shuffle that decides which rows [`linear_probe`] holds out: "probe" in ASCII.
const SPLIT_SEED: u64 = 0x70726f6265;

/// A fitted linear classifier `argmax_k W_k · (x − mean) / scale + b_k` (multinomial logistic regression).
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// `W`, `[classes, width]` row-major, per standardised feature; sums to 0 over the classes.
    pub weights: Vec<f64>,
    /// `b`, `[classes]`; sums to 0 over the classes that occur, −∞ for a class without a training row.
    pub bias: Vec<f64>,
    /// The mean of each feature over the training rows, `[width]`.
    pub mean: Vec<f64>,
    /// The standard deviation (divisor n) of each feature over the training rows, `[width]`; 1 for a constant feature.
    pub scale: Vec<f64>,
}

/// What [`linear_probe`] finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    /// Share of the training rows that are classified correctly.
    pub train_accuracy: f64,
    /// Share of the rows held out that are classified correctly.
    pub test_accuracy: f64,
}

impl Probe {
    /// The probe that minimises `−(1/n) Σ_i ln softmax(W x̃_i + b)_{y_i} + (l2/2) ‖W‖²`, where `x̃` are the rows of
    /// `x`, `[n, width]`, with every feature standardised, and `labels` (`[n]`, below `classes`) are the `y_i`.
    ///
    /// All classes have weights (the full softmax parametrisation); the intercepts are not penalised. The optimum is
    /// found in f64 by Newton's method, deterministically and without a random start, so equal rows give equal bits.
    /// Meant for up to some hundred features: a step costs O(n · classes · width²).
    ///
    /// In scikit-learn's terms `C = 1 / (n · l2)`, for two classes `C = 2 / (n · l2)`. The penalty keeps the optimum
    /// finite for separable classes; 1e-4 is usual.
    ///
    /// # Panics
    /// If there are no rows, a feature is not finite, the shapes disagree, a label is out of range, or `l2` is not
    /// positive.
    #[track_caller]
    pub fn fit(x: &[Real], width: usize, labels: &[u32], classes: usize, l2: f64) -> Self {
        check(x, width, labels);
        assert!(!labels.is_empty(), "probe: no rows to fit");
        assert!(labels.iter().all(|&label| (label as usize) < classes), "probe: a label is not below {classes}");
        assert!(l2 > 0.0 && l2.is_finite(), "probe: l2 is {l2}; it must be positive");
        assert!(x.iter().all(|value| value.is_finite()), "probe: a feature is not finite");

        let (mean, scale) = moments(x, width);
        let mut inputs = Vec::with_capacity(labels.len() * (width + 1));
        for row in x.chunks_exact(width) {
            inputs.extend(standardize(row, &mean, &scale));
            inputs.push(1.0);
        }
        // A class without rows has its optimum at bias −∞: the others are fitted among themselves.
        let present = distinct(labels);
        let labels = positions(labels, &present);
        let problem =
            SoftmaxRegression { inputs: &inputs, width: width + 1, labels: &labels, classes: present.len(), l2 };
        let mut probe =
            Self { weights: vec![0.0; classes * width], bias: vec![f64::NEG_INFINITY; classes], mean, scale };
        for (row, &class) in problem.minimize().chunks_exact(width + 1).zip(&present) {
            probe.weights[class as usize * width..][..width].copy_from_slice(&row[..width]);
            probe.bias[class as usize] = row[width];
        }
        probe
    }

    /// The most probable class of each row of `x`, `[n, width]`; the lowest of equals.
    ///
    /// # Panics
    /// If `x` is not made of rows of the probe's width.
    #[track_caller]
    pub fn predict(&self, x: &[Real]) -> Vec<u32> {
        let width = self.mean.len();
        rows("probe", x, width)
            .map(|row| {
                let input: Vec<f64> = standardize(row, &self.mean, &self.scale).collect();
                let classes = self.weights.chunks_exact(width).zip(&self.bias);
                let logits: Vec<f64> = classes.map(|(weights, bias)| dot(weights, &input) + bias).collect();
                argmax(&logits) as u32
            })
            .collect()
    }

    /// The share of the rows of `x`, `[n, width]`, whose predicted class is their label. NaN for no rows.
    ///
    /// # Panics
    /// If the shapes disagree.
    #[track_caller]
    pub fn accuracy(&self, x: &[Real], labels: &[u32]) -> f64 {
        check(x, self.mean.len(), labels);
        let correct = self.predict(x).iter().zip(labels).filter(|(predicted, label)| predicted == label).count();
        correct as f64 / labels.len() as f64
    }
}

/// Fits a [`Probe`] to 80 % of the rows of `x`, `[n, width]`, and scores it on both parts.
///
/// `⌊n/5 + 1/2⌋` rows are held out (48 of 240). Which ones depends on `n` alone: they are the first of one fixed
/// Fisher–Yates shuffle of the row numbers, so equal data gives equal numbers, whatever the model or its seed.
/// Labels may be any numbers. Accuracies of an empty part are NaN, and both are if a feature is not finite.
///
/// # Panics
/// If the shapes disagree or `l2` is not positive.
#[track_caller]
pub fn linear_probe(x: &[Real], width: usize, labels: &[u32], l2: f64) -> Held {
    check(x, width, labels);
    if labels.is_empty() || x.iter().any(|value| !value.is_finite()) {
        return Held { train_accuracy: f64::NAN, test_accuracy: f64::NAN };
    }
    let classes = distinct(labels);
    let labels = positions(labels, &classes);
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.shuffle(&mut stream(SPLIT_SEED, Purpose::Evaluate, 0));
    let (test, train) = order.split_at((labels.len() + 2) / 5);
    let part = |of: &[usize]| -> (Vec<Real>, Vec<u32>) {
        let features = of.iter().flat_map(|&row| x[row * width..][..width].iter().copied()).collect();
        (features, of.iter().map(|&row| labels[row]).collect())
    };
    let ((train_x, train_labels), (test_x, test_labels)) = (part(train), part(test));
    let probe = Probe::fit(&train_x, width, &train_labels, classes.len(), l2);
    Held {
        train_accuracy: probe.accuracy(&train_x, &train_labels),
        test_accuracy: probe.accuracy(&test_x, &test_labels),
    }
}

#[track_caller]
fn check(x: &[Real], width: usize, labels: &[u32]) {
    let count = rows("probe", x, width).len();
    assert!(count == labels.len(), "probe: {count} rows but {} labels", labels.len());
}

/// The ids that occur, ascending.
fn distinct(labels: &[u32]) -> Vec<u32> {
    labels.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
}

/// The place of each label in `ids`, which is ascending and holds them all.
fn positions(labels: &[u32], ids: &[u32]) -> Vec<u32> {
    labels.iter().map(|&label| ids.partition_point(|&id| id < label) as u32).collect()
}

/// Mean and standard deviation (1 for a constant) of each feature.
fn moments(x: &[Real], width: usize) -> (Vec<f64>, Vec<f64>) {
    let n = (x.len() / width) as f64;
    let average = |term: &dyn Fn(usize, f64) -> f64| {
        let mut total = vec![0.0; width];
        for row in x.chunks_exact(width) {
            total.iter_mut().zip(row).enumerate().for_each(|(j, (sum, &value))| *sum += term(j, f64::from(value)));
        }
        total.iter().map(|sum| sum / n).collect::<Vec<f64>>()
    };
    let mean = average(&|_, value| value);
    let variance = average(&|j, value| (value - mean[j]).powi(2));
    // A constant's mean is rounded, so its variance is that rounding and not exactly 0.
    let constant = |variance: f64, mean: f64| variance.sqrt() <= 1e-12 * mean.abs();
    let scale = variance.iter().zip(&mean).map(|(&v, &m)| if constant(v, m) { 1.0 } else { v.sqrt() }).collect();
    (mean, scale)
}

/// `(row − mean) / scale`
fn standardize<'a>(row: &'a [Real], mean: &'a [f64], scale: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    row.iter().zip(mean).zip(scale).map(|((&value, mean), scale)| (f64::from(value) - mean) / scale)
}
