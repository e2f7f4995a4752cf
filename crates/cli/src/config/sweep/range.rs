//! Ranges: `{ from = 1e-4, to = 1e-2, count = 5, scale = "log" }` and `{ from = 0, to = 10, step = 2 }`.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::super::names::shown;
use super::super::read::{Source, in_file_order, real};
use crate::machine::error::Result;

/// Most runs of a sweep, and most values of an axis.
pub(super) const MOST: usize = 10_000;

/// A number of a range; whole numbers are counted exactly.
#[derive(Debug, Clone, Copy)]
enum Number {
    Whole(i64),
    Real(f64),
}

impl Number {
    fn real(self) -> f64 {
        match self {
            Self::Whole(value) => value as f64,
            Self::Real(value) => value,
        }
    }
}

/// The keys of a range.
#[derive(Debug, Default)]
struct Keys {
    from: Option<Number>,
    to: Option<Number>,
    step: Option<Number>,
    count: Option<usize>,
    log: Option<bool>,
}

/// The values of the range `table`, which stands at `at`, as TOML.
pub(super) fn values(source: Source<'_>, at: &Range<usize>, table: &DeTable<'_>) -> Result<Vec<String>> {
    let keys = read(source, table)?;
    let refuse = |problem: String| Err(source.error(Some(at.clone()), problem));
    let (Some(from), Some(to)) = (keys.from, keys.to) else { return refuse("a range takes from and to".into()) };
    if from.real() > to.real() {
        return refuse("a range goes up: from is above to".into());
    }
    match keys {
        Keys { step: Some(step), count: None, log: None, .. } => by_step(from, to, step).or_else(refuse),
        Keys { count: Some(count), step: None, log: Some(true), .. } => {
            if from.real() <= 0.0 {
                return refuse("a range of scale \"log\" begins above 0".into());
            }
            Ok(spread(from, to, count, |share| from.real() * (to.real() / from.real()).powf(share)))
        }
        Keys { count: Some(count), step: None, .. } => Ok(match (from, to) {
            (Number::Whole(low), Number::Whole(high)) if divides(low, high, count) => {
                let step = (i128::from(high) - i128::from(low)) / (count as i128 - 1).max(1);
                (0..count as i128).map(|index| (i128::from(low) + index * step).to_string()).collect()
            }
            _ => spread(from, to, count, |share| from.real() + share * (to.real() - from.real())),
        }),
        _ => refuse("a range takes from and to, and either step or count (with scale \"linear\" or \"log\")".into()),
    }
}

fn read(source: Source<'_>, table: &DeTable<'_>) -> Result<Keys> {
    let mut keys = Keys::default();
    for (name, value) in in_file_order(table.clone()) {
        let written = source.written(&value.span());
        let refuse = |what: &str| {
            let problem = format!("`{}` of a range takes {what}, not {}", name.get_ref(), shown(written));
            source.error(Some(value.span()), problem)
        };
        let number = || number(value.get_ref()).ok_or_else(|| refuse("a number"));
        match &**name.get_ref() {
            "from" => keys.from = Some(number()?),
            "to" => keys.to = Some(number()?),
            "step" => keys.step = Some(number()?),
            "count" => match number()? {
                Number::Whole(count) if (1..=MOST as i64).contains(&count) => keys.count = Some(count as usize),
                _ => return Err(refuse(&format!("a whole number from 1 to {MOST}"))),
            },
            "scale" => match value.get_ref().as_str() {
                Some("log") => keys.log = Some(true),
                Some("linear") => keys.log = Some(false),
                _ => return Err(refuse("\"linear\" or \"log\"")),
            },
            other => {
                let problem = format!("unknown key {}; a range takes from, to, step, count, scale", shown(other));
                return Err(source.error(Some(name.span()), problem));
            }
        }
    }
    Ok(keys)
}

fn number(value: &DeValue<'_>) -> Option<Number> {
    if let DeValue::Integer(whole) = value {
        return i64::from_str_radix(whole.as_str(), whole.radix()).ok().map(Number::Whole);
    }
    real(value).filter(|value| value.is_finite()).map(Number::Real)
}

/// From `from` in steps until `to` is passed.
fn by_step(from: Number, to: Number, step: Number) -> std::result::Result<Vec<String>, String> {
    if step.real() <= 0.0 {
        return Err("`step` of a range is above 0".into());
    }
    // A little more than the quotient, because 0.3 / 0.1 is a little less than 3.
    let steps = match (from, to, step) {
        (Number::Whole(from), Number::Whole(to), Number::Whole(step)) => {
            ((i128::from(to) - i128::from(from)) / i128::from(step)) as f64
        }
        _ => ((to.real() - from.real()) / step.real() + 1e-9).floor(),
    };
    if steps >= MOST as f64 {
        return Err(format!("the range has {} values; {MOST} are allowed", steps + 1.0));
    }
    let value = |index: usize| match (from, step) {
        (Number::Whole(from), Number::Whole(step)) => (i128::from(from) + index as i128 * i128::from(step)).to_string(),
        _ if index == 0 => format!("{:?}", from.real()),
        _ => format!("{:?}", rounded(from.real() + index as f64 * step.real())),
    };
    Ok((0..=steps as usize).map(value).collect())
}

/// Whether `count` whole numbers lie evenly between the two, ends included.
fn divides(low: i64, high: i64, count: usize) -> bool {
    count > 1 && (i128::from(high) - i128::from(low)) % (count as i128 - 1) == 0
}

/// `count` values between the ends, which are exact; `at` gives the value at a share of the way. Between whole ends
/// whole values stay whole.
fn spread(from: Number, to: Number, count: usize, at: impl Fn(f64) -> f64) -> Vec<String> {
    let whole = matches!((from, to), (Number::Whole(_), Number::Whole(_)));
    let value = |index: usize| match index {
        0 => from.real(),
        _ if index + 1 == count => to.real(),
        _ => rounded(at(index as f64 / (count - 1) as f64)),
    };
    let written = |value: f64| if whole && value.fract() == 0.0 { format!("{value}") } else { format!("{value:?}") };
    (0..count).map(|index| written(value(index))).collect()
}

/// `value` in twelve digits: 0.3 and not 0.30000000000000004, and the same plan whatever the last bit of a machine's
/// power function is.
fn rounded(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}
