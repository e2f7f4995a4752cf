//! Axes: limits, ticks at 1-2-5 steps and their labels.

/// Larger magnitudes belong to a diverged run; an axis that reached them would show nothing else.
const LARGEST: f64 = 1e100;

/// Whether a coordinate can be drawn on a linear axis.
pub fn drawable(value: f64) -> bool {
    value.abs() <= LARGEST
}

/// Whether a coordinate can be drawn on a logarithmic axis.
pub fn drawable_log(value: f64) -> bool {
    (1.0 / LARGEST..=LARGEST).contains(&value)
}

/// Smallest and largest value; `None` without values.
pub fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, v| match range {
        None => Some((v, v)),
        Some((lo, hi)) => Some((f64::min(lo, v), f64::max(hi, v))),
    })
}

/// A labelled position on an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Position in data units.
    pub value: f64,
    /// The number as printed.
    pub label: String,
}

/// A map from `[lo, hi]` in data units to `[0, 1]`, linear or logarithmic, with its ticks.
#[derive(Debug, Clone)]
pub struct Axis {
    lo: f64,
    hi: f64,
    log: bool,
    /// In increasing order, all within the limits.
    pub ticks: Vec<Tick>,
}

impl Axis {
    /// A linear axis whose first and last tick enclose `[lo, hi]`, with at most `intervals` ≥ 2 steps between them.
    /// `whole` keeps the ticks on whole numbers (epochs, counts).
    pub fn covering(lo: f64, hi: f64, whole: bool, intervals: usize) -> Self {
        // Ticks that differ in the sixth digit only would not be read.
        let (lo, hi) = widened(lo, hi, whole, if whole { 1e-12 } else { 1e-5 });
        let mut step = Step::below((hi - lo) / intervals as f64);
        while step.index(hi).ceil() - step.index(lo).floor() > intervals as f64 || (whole && step.exponent < 0) {
            step = step.next();
        }
        let (first, last) = (step.index(lo).floor(), step.index(hi).ceil());
        let ticks = step.ticks(first, last);
        Axis { lo: ticks[0].value, hi: ticks[ticks.len() - 1].value, log: false, ticks }
    }

    /// A linear axis over exactly `[lo, hi]` with two ticks or more inside, about `intervals` steps apart.
    pub fn within(lo: f64, hi: f64, whole: bool, intervals: usize) -> Self {
        let (lo, hi) = widened(lo, hi, whole, 1e-12);
        let inside = |step: Step| (step.index(lo).ceil(), step.index(hi).floor());
        let steps = |step: Step| inside(step).1 - inside(step).0;
        let mut step = Step::below((hi - lo) / intervals as f64);
        while (steps(step) > intervals as f64 || (whole && step.exponent < 0)) && steps(step.next()) >= 1.0 {
            step = step.next();
        }
        let (first, last) = inside(step);
        Axis { lo, hi, log: false, ticks: step.ticks(first, last) }
    }

    /// A logarithmic axis over 0 < `lo` ≤ `hi`; its limits have one significant digit.
    pub fn covering_log(lo: f64, hi: f64) -> Self {
        let decade = |v: f64| v.log10().floor() as i32;
        let at = |mantissa: i32, exponent: i32| decimal(f64::from(mantissa), exponent);
        let ladder: Vec<(i32, i32)> = (decade(lo) - 1..=decade(hi) + 1)
            .flat_map(|exponent| (1..10).map(move |mantissa| (mantissa, exponent)))
            .collect();
        let first = ladder.iter().rposition(|&(m, e)| at(m, e) <= lo).unwrap_or(0);
        let last =
            ladder.iter().position(|&(m, e)| at(m, e) >= hi && (m, e) != ladder[first]).unwrap_or(ladder.len() - 1);
        let all = &ladder[first..=last];

        let some: Vec<_> = all.iter().copied().filter(|(m, _)| [1, 2, 5].contains(m)).collect();
        let shown = if all.len() <= 4 || some.len() < 2 {
            all.to_vec()
        } else if some.len() <= 7 {
            some
        } else {
            let decades: Vec<_> = all.iter().copied().filter(|&(m, _)| m == 1).collect();
            decades.iter().copied().step_by(decades.len().div_ceil(6)).collect()
        };
        let label = |m: i32, e: i32| if (-4..5).contains(&e) { at(m, e).to_string() } else { format!("{m}e{e}") };
        let ticks = shown.iter().map(|&(m, e)| Tick { value: at(m, e), label: label(m, e) }).collect();
        Axis { lo: at(all[0].0, all[0].1), hi: at(all[all.len() - 1].0, all[all.len() - 1].1), log: true, ticks }
    }

    /// Where `value` lies between the limits, 0 at the low and 1 at the high one.
    pub fn unit(&self, value: f64) -> f64 {
        if self.log {
            (value / self.lo).ln() / (self.hi / self.lo).ln()
        } else {
            (value - self.lo) / (self.hi - self.lo)
        }
    }
}

/// A range that is not wider than `least` of its size, opened around its value.
fn widened(lo: f64, hi: f64, whole: bool, least: f64) -> (f64, f64) {
    let size = lo.abs().max(hi.abs());
    if hi - lo > least * size && hi - lo > 1.0 / LARGEST {
        return (lo, hi);
    }
    let pad = if whole || size <= 1.0 / LARGEST { f64::max(1.0, 1e-9 * size) } else { 0.1 * size };
    (lo - pad, hi + pad)
}

/// The number nearest to m·10ᵉ: parsed, since multiplying by a power of ten would leave float noise in the labels.
fn decimal(m: f64, e: i32) -> f64 {
    format!("{m}e{e}").parse().expect("a decimal number")
}

/// A step of m·10ᵉ with m = 1, 2 or 5.
#[derive(Clone, Copy)]
struct Step {
    mantissa: f64,
    exponent: i32,
}

impl Step {
    /// The power of ten at or below `size`.
    fn below(size: f64) -> Self {
        Step { mantissa: 1.0, exponent: size.log10().floor() as i32 }
    }

    fn next(self) -> Self {
        match self.mantissa {
            1.0 => Step { mantissa: 2.0, ..self },
            2.0 => Step { mantissa: 5.0, ..self },
            _ => Step { mantissa: 1.0, exponent: self.exponent + 1 },
        }
    }

    /// How many steps `value` is from 0; within a rounding error of a whole number it is that number.
    fn index(self, value: f64) -> f64 {
        let index = value / decimal(self.mantissa, self.exponent);
        if (index - index.round()).abs() < 1e-9 { index.round() } else { index }
    }

    fn ticks(self, first: f64, last: f64) -> Vec<Tick> {
        let largest = f64::max(first.abs(), last.abs()) * decimal(self.mantissa, self.exponent);
        let scientific = largest >= 1e9 || self.exponent < -5;
        let (suffix, shift) = if largest >= 1e6 {
            ("M", 6)
        } else if largest >= 1e4 {
            ("k", 3)
        } else {
            ("", 0)
        };
        let places = (shift - self.exponent).max(0) as usize;
        let tick = |index: f64| {
            let multiple = index * self.mantissa;
            let value = decimal(multiple, self.exponent);
            let label = if index == 0.0 {
                "0".to_string()
            } else if scientific {
                format!("{value:e}")
            } else {
                format!("{:.places$}{suffix}", decimal(multiple, self.exponent - shift))
            };
            Tick { value, label }
        };
        (0..=(last - first) as usize).map(|i| tick(first + i as f64)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn linear_ticks_cover_the_range_in_few_equal_steps() {
        let ends = [-3e9, -71.3, -0.1, -1e-7, 0.0, 1e-9, 0.3, 0.7, 1.0, 96.3, 141.0, 5.5e4, 1.2e6, 9.9e80];
        for (lo, hi) in ends.iter().flat_map(|&lo| ends.iter().map(move |&hi| (lo, hi))).filter(|(lo, hi)| lo <= hi) {
            for intervals in [2, 4, 7] {
                let axis = Axis::covering(lo, hi, false, intervals);
                let values: Vec<f64> = axis.ticks.iter().map(|tick| tick.value).collect();
                // A range may end a rounding error beyond a tick.
                let error = 1e-8 * (values[1] - values[0]);
                assert!(values[0] <= lo + error && values[values.len() - 1] >= hi - error, "{lo} {hi} {values:?}");
                assert!((2..=intervals + 1).contains(&values.len()), "{lo} {hi} {values:?}");
                assert!(values.windows(2).all(|pair| pair[0] < pair[1]));
                assert!(axis.unit(lo) > -1e-8 && axis.unit(hi) < 1.0 + 1e-8);
            }
        }
    }

    #[test]
    fn labels_carry_no_float_noise() {
        assert_eq!(labels(&Axis::covering(0.0, 0.3, false, 3)), ["0", "0.1", "0.2", "0.3"]);
        assert_eq!(labels(&Axis::covering(-0.15, 0.1, false, 6)), ["-0.15", "-0.10", "-0.05", "0", "0.05", "0.10"]);
        assert_eq!(labels(&Axis::covering(96.0, 139.0, false, 4)), ["80", "100", "120", "140"]);
        assert_eq!(labels(&Axis::covering(0.0, 1.1e6, false, 3)), ["0", "0.5M", "1.0M", "1.5M"]);
        assert_eq!(labels(&Axis::covering(0.0, 110_000.0, false, 3)), ["0", "50k", "100k", "150k"]);
        assert_eq!(labels(&Axis::covering(0.0, 3e-7, false, 3)), ["0", "1e-7", "2e-7", "3e-7"]);
        // A value that moves in the seventh digit is drawn as one that stands still.
        assert_eq!(labels(&Axis::covering(64_631.951, 64_631.956, false, 4)), ["55k", "60k", "65k", "70k", "75k"]);
    }

    #[test]
    fn whole_numbers_get_whole_ticks() {
        assert_eq!(labels(&Axis::covering(1.0, 2.0, true, 6)), ["1", "2"]);
        assert_eq!(labels(&Axis::covering(1.0, 1.0, true, 6)), ["0", "1", "2"]);
        assert_eq!(labels(&Axis::covering(1.0, 20.0, true, 4)), ["0", "5", "10", "15", "20"]);
    }

    #[test]
    fn an_axis_with_fixed_limits_has_its_ticks_inside() {
        let ends = [-71.3, -0.1, 0.0, 0.9, 1.0, 5.5, 14.9, 21.0, 96.3, 141.0, 9.9e80];
        for (lo, hi) in ends.iter().flat_map(|&lo| ends.iter().map(move |&hi| (lo, hi))).filter(|(lo, hi)| lo < hi) {
            for intervals in [2, 3, 4, 7] {
                let axis = Axis::within(lo, hi, false, intervals);
                assert_eq!((axis.unit(lo), axis.unit(hi)), (0.0, 1.0));
                assert!(axis.ticks.iter().all(|tick| (-1e-8..1.0 + 1e-8).contains(&axis.unit(tick.value))), "{axis:?}");
                assert!((2..=intervals + 3).contains(&axis.ticks.len()), "{lo} {hi} {:?}", labels(&axis));
            }
        }
        assert_eq!(labels(&Axis::within(1.0, 21.0, true, 4)), ["5", "10", "15", "20"]);
        assert_eq!(labels(&Axis::within(1.0, 1.0, true, 4)), ["0", "1", "2"]);
    }

    #[test]
    fn log_ticks_lie_within_limits_that_cover_the_range() {
        let ends = [1e-90, 3.3e-8, 0.02, 0.9, 1.0, 6.1, 9.5, 10.0, 96.0, 139.0, 550.0, 4e7, 1e90];
        for (lo, hi) in ends.iter().flat_map(|&lo| ends.iter().map(move |&hi| (lo, hi))).filter(|(lo, hi)| lo <= hi) {
            let axis = Axis::covering_log(lo, hi);
            assert!((0.0..=1.0).contains(&axis.unit(lo)) && (0.0..=1.0).contains(&axis.unit(hi)), "{lo} {hi} {axis:?}");
            assert!((2..=9).contains(&axis.ticks.len()), "{lo} {hi} {axis:?}");
            assert!(axis.ticks.iter().all(|tick| (0.0..=1.0).contains(&axis.unit(tick.value))));
        }
        assert_eq!(labels(&Axis::covering_log(96.0, 550.0)), ["100", "200", "500"]);
        assert_eq!(labels(&Axis::covering_log(96.0, 139.0)), ["90", "100", "200"]);
        assert_eq!(labels(&Axis::covering_log(1e-7, 1.0)), ["1e-7", "1e-5", "0.001", "0.1"]);
    }
}
