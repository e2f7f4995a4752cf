//! The table `[sweep]` as axes: which keys vary, over which values.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::super::names::{self, SWEEP, is_section, shown};
use super::super::read::{Given, Source, in_file_order};
use super::range::{self, MOST};
use crate::machine::error::Result;

/// The key of the seed; its axis changes fastest.
pub(super) const SEED: &str = "train.seed";
/// The short name of that axis.
const SEEDS: &str = "seeds";
/// The key of the tables whose keys vary together.
const ZIP: &str = "zip";

/// A setting and the values it takes.
#[derive(Debug)]
pub(super) struct Axis {
    /// `section.key`
    pub(super) key: String,
    /// Where the key stands.
    pub(super) span: Range<usize>,
    pub(super) values: Vec<Written>,
}

/// A value as TOML.
#[derive(Debug)]
pub(super) struct Written {
    text: String,
    /// Where it stands, or the range it is of.
    span: Range<usize>,
}

impl Axis {
    /// The values, to be checked.
    pub(super) fn given<'a>(&'a self, source: Source<'a>) -> Vec<Given<'a>> {
        let given = |value: &'a Written| Given::on_axis(source, &self.key, &value.text, value.span.clone());
        self.values.iter().map(given).collect()
    }

    /// What messages call it.
    fn name(&self) -> String {
        shown(&self.key)
    }
}

/// An entry of the table with the key that it is about.
struct Entry<'a> {
    key: String,
    span: Range<usize>,
    value: Spanned<DeValue<'a>>,
}

/// The axes in the order of the file, those of a zip together, the seeds last. None is without values, no key is twice
/// among them.
pub(super) fn axes<'a>(source: Source<'a>, table: DeTable<'a>) -> Result<Vec<Vec<Axis>>> {
    let mut groups = Vec::new();
    for (name, value) in in_file_order(table) {
        if name.get_ref() == ZIP {
            for zip in tables(source, name.span(), value)? {
                let span = zip.span();
                groups.push(zipped(source, span, zip.into_inner())?);
            }
        } else if name.get_ref() == SEEDS {
            groups.push(vec![seeds(source, name.span(), &value)?]);
        } else {
            for entry in entries(source, name, value)? {
                groups.push(vec![axis(source, entry)?]);
            }
        }
    }
    groups.sort_by_key(|group| group[0].span.start);
    let all: Vec<&Axis> = groups.iter().flatten().collect();
    for (index, axis) in all.iter().enumerate() {
        if all[..index].iter().any(|other| other.key == axis.key) {
            return Err(source.error(Some(axis.span.clone()), format_args!("{} is an axis already", axis.name())));
        }
    }
    groups.sort_by_key(|group| is_seed(group));
    Ok(groups)
}

/// Whether the group is the seed alone.
fn is_seed(group: &[Axis]) -> bool {
    matches!(group, [axis] if axis.key == SEED)
}

/// The tables of `[[sweep.zip]]`.
fn tables<'a>(source: Source<'a>, at: Range<usize>, value: Spanned<DeValue<'a>>) -> Result<Vec<Spanned<DeTable<'a>>>> {
    let refuse =
        || source.error(Some(at.clone()), format_args!("write [[{SWEEP}.{ZIP}]] over keys that vary together"));
    let DeValue::Array(list) = value.into_inner() else { return Err(refuse()) };
    let table = |value: Spanned<DeValue<'a>>| match (value.span(), value.into_inner()) {
        (span, DeValue::Table(table)) => Ok(Spanned::new(span, table)),
        _ => Err(refuse()),
    };
    list.into_iter().map(table).collect()
}

/// The axes of one `[[sweep.zip]]`.
fn zipped<'a>(source: Source<'a>, at: Range<usize>, table: DeTable<'a>) -> Result<Vec<Axis>> {
    let mut axes = Vec::new();
    for (name, value) in in_file_order(table) {
        if name.get_ref() == SEEDS {
            return Err(source.error(Some(name.span()), format_args!("write \"{}\" in a zip", SEED)));
        }
        for entry in entries(source, name, value)? {
            axes.push(axis(source, entry)?);
        }
    }
    axes.sort_by_key(|axis| axis.span.start);
    let Some(first) = axes.first() else {
        return Err(source.error(Some(at), format_args!("[[{SWEEP}.{ZIP}]] has no key")));
    };
    let [name, length] = [first.name(), first.values.len().to_string()];
    match axes.iter().find(|axis| axis.values.len() != first.values.len()) {
        None => Ok(axes),
        Some(other) => {
            let (theirs, count) = (other.name(), other.values.len());
            let problem = format!("keys that vary together: {name} has {length} values and {theirs} {count}");
            Err(source.error(Some(other.span.clone()), problem))
        }
    }
}

/// What is written at `name`, which is `"section.key"` in quotes or the table of a section.
fn entries<'a>(source: Source<'a>, name: Spanned<DeString<'a>>, value: Spanned<DeValue<'a>>) -> Result<Vec<Entry<'a>>> {
    let span = name.span();
    let refuse = |problem: String| Err(source.error(Some(span.clone()), problem));
    let name = name.into_inner();
    let (section, dotted) = name.split_once('.').map_or((&*name, false), |(section, _)| (section, true));
    if !is_section(section) {
        return refuse(names::unknown(&name));
    }
    if dotted {
        return Ok(vec![Entry { key: name.into(), span, value }]);
    }
    match value.into_inner() {
        DeValue::Table(keys) => {
            let entry = |(key, value): (Spanned<DeString<'a>>, _)| {
                let span = key.span();
                Entry { key: format!("{name}.{}", key.into_inner()), span, value }
            };
            Ok(in_file_order(keys).into_iter().map(entry).collect())
        }
        _ => refuse(format!("`{name}` is a section: write {name}.KEY = [..]")),
    }
}

/// The axis that `entry` describes: a list of values or a range.
fn axis(source: Source<'_>, entry: Entry<'_>) -> Result<Axis> {
    let (at, value) = (entry.value.span(), entry.value.into_inner());
    let values = match &value {
        DeValue::Array(list) => list
            .iter()
            .map(|value| Written { text: source.written(&value.span()).into(), span: value.span() })
            .collect(),
        DeValue::Table(range) => {
            range::values(source, &at, range)?.into_iter().map(|text| Written { text, span: at.clone() }).collect()
        }
        _ => {
            let problem = format!(
                "{} takes a list of values or a range such as {{ from = 1, to = 9, step = 2 }}, not {}",
                shown(&entry.key),
                shown(source.written(&at))
            );
            return Err(source.error(Some(entry.span), problem));
        }
    };
    let axis = Axis { key: entry.key, span: entry.span, values };
    not_empty(source, axis)
}

/// `seeds = 5` means 0 to 4.
fn seeds(source: Source<'_>, span: Range<usize>, value: &Spanned<DeValue<'_>>) -> Result<Axis> {
    let DeValue::Integer(count) = value.get_ref() else {
        let value = value.clone();
        return axis(source, Entry { key: SEED.into(), span, value });
    };
    let count = usize::from_str_radix(count.as_str(), count.radix()).ok().filter(|count| (1..=MOST).contains(count));
    let Some(count) = count else {
        let written = shown(source.written(&value.span()));
        let problem = format!("`{SEEDS}` takes a number from 1 to {MOST} or a list, not {written}");
        return Err(source.error(Some(span), problem));
    };
    let at = value.span();
    let values = (0..count).map(|seed| Written { text: seed.to_string(), span: at.clone() }).collect();
    Ok(Axis { key: SEED.into(), span, values })
}

fn not_empty(source: Source<'_>, axis: Axis) -> Result<Axis> {
    match axis.values.len() {
        0 => Err(source.error(Some(axis.span.clone()), format_args!("{} has no values", axis.name()))),
        1..=MOST => Ok(axis),
        n => {
            let problem = format!("{} has {n} values; {MOST} are allowed", axis.name());
            Err(source.error(Some(axis.span.clone()), problem))
        }
    }
}
