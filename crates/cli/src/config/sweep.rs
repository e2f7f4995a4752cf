//! From `[sweep]` to the configurations of its runs.
//!
//! Every key of the table is an axis and every `[[sweep.zip]]` is one, too: its keys vary together. The runs are all
//! combinations, the axis that is written first changing slowest, the seeds fastest.

mod axes;
mod range;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use elbo_models::Value;

use self::axes::{Axis, SEED, axes};
use self::range::MOST;
use super::Config;
use super::names::{KIND, Names, SWEEP, shown};
use super::read::{Given, Source};
use crate::machine::error::Result;

/// One run of a sweep.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Key and value on each axis, without the seed.
    pub labels: Vec<(String, String)>,
    /// Its configuration.
    pub config: Config,
}

/// Axes that vary together, with their values as `(key, values)`; all have as many.
type Group<'a> = Vec<(&'a Axis, Vec<Given<'a>>)>;

/// The runs of the recipe `text`, after the `--set` arguments `set`; `name` is the name of its file in messages.
///
/// # Errors
/// Exit code 2 as for [`Config::parse`] and [`Config::set`]; for a recipe without axes, an axis that `set` also sets,
/// an axis without values or written twice, a zip of unequal lengths, a range that is none, more than 10,000 runs, and
/// two runs with the same settings.
pub fn variants(text: &str, name: &str, set: &[String]) -> Result<Vec<Variant>> {
    let source = Source::new(name, text);
    let (mut base, sweep) = Config::parse_base(source)?;
    base.set(set)?;
    let Some(sweep) = sweep else {
        let problem = format_args!("no [{SWEEP}] in this recipe; `elbo train {name}` runs it once");
        return Err(source.error(None, problem));
    };
    let whole = sweep.span();
    let groups = axes(source, sweep.into_inner())?;
    let all = || groups.iter().flatten();
    if all().next().is_none() {
        return Err(source.error(Some(whole), format_args!("[{SWEEP}] has no axis")));
    }
    for argument in set {
        let given = Given::argument(argument)?;
        if all().any(|axis| axis.key == given.key) {
            return Err(given.error(format_args!("`{}` is an axis of the sweep", given.key)));
        }
    }
    let count = groups.iter().fold(1usize, |count, group| count.saturating_mul(group[0].values.len()));
    if count > MOST {
        return Err(source.error(Some(whole), format_args!("the sweep has {count} runs; {MOST} are allowed")));
    }
    let groups: Vec<Group<'_>> =
        groups.iter().map(|group| group.iter().map(|axis| (axis, axis.given(source))).collect()).collect();
    check_keys(source, &groups, &base)?;
    let variants = (0..count).map(|number| variant(&base, &groups, number)).collect::<Result<Vec<_>>>()?;
    match twins(&variants) {
        None => Ok(variants),
        Some([one, other]) => {
            let problem = format!("runs {one} and {other} have the same settings: {}", said(&variants[one]));
            Err(source.error(Some(whole), problem))
        }
    }
}

/// Refuses an axis that no model of the sweep has, at its key.
fn check_keys(source: Source<'_>, groups: &[Group<'_>], base: &Config) -> Result<()> {
    let axes = || groups.iter().flatten();
    let mut kinds: Vec<Names> = Vec::new();
    for given in axes().flat_map(|(_, given)| given).filter(|given| given.is_kind()) {
        kinds.push(Config { method: given.method()?, ..base.clone() }.names());
    }
    if kinds.is_empty() {
        kinds.push(base.names());
    }
    let known = |axis: &Axis| axis.key == KIND || kinds.iter().any(|names| names.find(&axis.key).is_some());
    match axes().find(|(axis, _)| !known(axis)) {
        None => Ok(()),
        Some((axis, _)) => Err(source.error(Some(axis.span.clone()), kinds[0].unknown(&axis.key))),
    }
}

/// Run `number`: the digits of the number, of which the last one changes fastest, are the places on the axes.
fn variant(base: &Config, groups: &[Group<'_>], number: usize) -> Result<Variant> {
    let mut rest = number;
    let mut places = vec![0; groups.len()];
    for (place, group) in places.iter_mut().zip(groups).rev() {
        let length = group[0].1.len();
        (*place, rest) = (rest % length, rest / length);
    }
    let here = groups.iter().zip(&places).flat_map(|(group, place)| group.iter().map(|(_, given)| &given[*place]));
    let mut config = base.clone();
    config.assign_all(here.clone())?;
    let labels = here.filter(|given| given.key != SEED);
    let labels = labels.map(|given| (given.key.to_string(), label(&config, given)));
    Ok(Variant { labels: labels.collect(), config })
}

/// The value of `given` in `config`, as a label shows it.
fn label(config: &Config, given: &Given<'_>) -> String {
    if given.is_kind() {
        return config.kind().into();
    }
    let value = config.names().find(&given.key).map(|(setting, _)| setting.value.clone());
    // Text as it was written: a path may have become a longer one.
    let text = given.text().filter(|text| matches!(value, Some(Value::Text(_))) && !text.contains(char::is_control));
    text.unwrap_or_else(|| value.as_ref().map(super::written).unwrap_or_default())
}

/// Two runs with the same settings, if there are any.
fn twins(variants: &[Variant]) -> Option<[usize; 2]> {
    let mut seen = HashMap::new();
    let mut numbered = variants.iter().enumerate();
    numbered.find_map(|(index, variant)| seen.insert(variant.config.id(), index).map(|first| [first, index]))
}

/// What a message calls a run.
fn said(variant: &Variant) -> String {
    let labels = variant.labels.iter().map(|(key, value)| format!("{key}={value}"));
    let seed = format!("seed={}", variant.config.method.seed());
    shown(&labels.chain([seed]).collect::<Vec<_>>().join(" "))
}
