//! From text to checked values: places in the file, `--set` arguments and TOML values.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::Path;

use elbo_models::{Domain, Setting, Value};
use toml::Spanned;
use toml::de::{DeInteger, DeString, DeTable, DeValue};

use super::method::Method;
use super::names::{self, KIND, SWEEP, is_section, shown};
use crate::machine::error::{Error, Result};

/// Largest recipe in bytes.
const LONGEST_RECIPE: u64 = 1 << 20;

/// The text of the recipe file `path`.
///
/// # Errors
/// Exit code 2 if there is no such file, or it is larger than 1 MiB or not UTF-8; 5 if the system cannot read it.
pub fn read_recipe(path: &Path) -> Result<String> {
    let refuse = |what: &dyn fmt::Display| Error::usage(format_args!("{}: {what}", path.display()));
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST_RECIPE + 1).read_to_end(&mut bytes));
    read.map_err(|cause| match cause.kind() {
        ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory => refuse(&cause),
        _ => Error::system("read", path, &cause),
    })?;
    if bytes.len() as u64 > LONGEST_RECIPE {
        return Err(refuse(&format_args!("a recipe has at most {LONGEST_RECIPE} bytes")));
    }
    String::from_utf8(bytes)
        .map_err(|error| refuse(&format_args!("byte {} is not UTF-8 text", error.utf8_error().valid_up_to())))
}

/// A recipe's text under the name of its file.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    name: &'a str,
    text: &'a str,
}

/// What a recipe says.
pub(super) struct Entries<'a> {
    pub(super) description: String,
    pub(super) given: Vec<Given<'a>>,
    /// The table `[sweep]` and where it begins.
    pub(super) sweep: Option<Spanned<DeTable<'a>>>,
}

/// Where a value comes from.
#[derive(Clone)]
enum Place<'a> {
    /// Bytes of a recipe.
    File(Source<'a>, Range<usize>),
    /// A `--set` argument.
    Argument(&'a str),
}

/// A value that somebody wrote for `section.key`.
pub(super) struct Given<'a> {
    /// Section and key, as they were written.
    pub(super) key: Cow<'a, str>,
    /// The value as it was written.
    pub(super) written: &'a str,
    /// The value as TOML, unless it is a bare word.
    value: Option<DeValue<'a>>,
    place: Place<'a>,
}

impl<'a> Source<'a> {
    pub(super) fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text }
    }

    /// A usage error at a place of the file: `FILE:LINE:COLUMN: PROBLEM`, both counted from 1, columns in characters.
    pub(super) fn error(&self, span: Option<Range<usize>>, problem: impl fmt::Display) -> Error {
        let Some(span) = span else {
            return Error::usage(format_args!("{}: {problem}", self.name));
        };
        let before = self.text.char_indices().take_while(|(at, c)| at + c.len_utf8() <= span.start);
        let after = |(line, column), (_, c)| if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        let (line, column) = before.fold((1usize, 1usize), after);
        Error::usage(format_args!("{}:{line}:{column}: {problem}", self.name))
    }

    /// The file as TOML.
    pub(super) fn table(self) -> Result<DeTable<'a>> {
        let table = DeTable::parse(self.text).map_err(|error| self.error(error.span(), error.message()))?;
        Ok(table.into_inner())
    }

    /// The text at a place of the file.
    pub(super) fn written(self, span: &Range<usize>) -> &'a str {
        &self.text[span.clone()]
    }

    /// The description and the values of a recipe in the order of the file, and its `[sweep]`.
    pub(super) fn entries(self, table: DeTable<'a>) -> Result<Entries<'a>> {
        let mut description = String::new();
        let mut given = Vec::new();
        let mut sweep = None;
        for (name, value) in in_file_order(table) {
            let (at, name) = (name.span(), name.into_inner());
            match value.into_inner() {
                DeValue::String(text) if name == "description" => description = text.into(),
                _ if name == "description" => return Err(self.error(Some(at), "`description` takes text")),
                DeValue::Table(axes) if name == SWEEP => sweep = Some(Spanned::new(at, axes)),
                _ if name == SWEEP => {
                    return Err(self.error(Some(at), format_args!("`{SWEEP}` is a section: write [{SWEEP}]")));
                }
                DeValue::Table(keys) if is_section(&name) => {
                    for (key, value) in in_file_order(keys) {
                        let written = self.written(&value.span());
                        let place = Place::File(self, key.span());
                        let key = format!("{name}.{}", key.into_inner()).into();
                        given.push(Given { key, written, value: Some(value.into_inner()), place });
                    }
                }
                _ if is_section(&name) => {
                    return Err(self.error(Some(at), format_args!("`{name}` is a section: write [{name}]")));
                }
                _ => return Err(self.error(Some(at), names::unknown(&name))),
            }
        }
        Ok(Entries { description, given, sweep })
    }
}

/// The entries of a table as they stand in the file, so that the first mistake is reported first.
pub(super) fn in_file_order<'a>(table: DeTable<'a>) -> Vec<(Spanned<DeString<'a>>, Spanned<DeValue<'a>>)> {
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// The key of the `--set` argument `section.key=value`, as the configuration reads it.
pub fn argument_key(argument: &str) -> &str {
    argument.split_once('=').map_or(argument, |(key, _)| key).trim()
}

impl<'a> Given<'a> {
    /// The assignment `section.key=value` of a `--set` argument.
    pub(super) fn argument(argument: &'a str) -> Result<Self> {
        let place = Place::Argument(argument);
        let Some((key, value)) = argument.split_once('=') else {
            return Err(place.error("expected section.key=value"));
        };
        let (key, written) = (key.trim(), value.trim());
        if !key.split_once('.').is_some_and(|(section, _)| is_section(section)) {
            return Err(place.error(names::unknown(key)));
        }
        let value = DeValue::parse(written).ok().map(Spanned::into_inner);
        Ok(Self { key: key.into(), written, value, place })
    }

    /// One value of the axis `key` of a sweep; it stands, or its range does, at `span`.
    pub(super) fn on_axis(source: Source<'a>, key: &'a str, written: &'a str, span: Range<usize>) -> Self {
        let value = DeValue::parse(written).ok().map(Spanned::into_inner);
        Self { key: key.into(), written, value, place: Place::File(source, span) }
    }

    pub(super) fn is_kind(&self) -> bool {
        self.key == KIND
    }

    pub(super) fn error(&self, problem: impl fmt::Display) -> Error {
        self.place.error(problem)
    }

    /// The method whose kind it names, at its defaults.
    pub(super) fn method(&self) -> Result<Method> {
        let problem = || format!("`{KIND}` takes one of {}, not {}", Method::kinds().join(", "), shown(self.written));
        self.text().and_then(|word| Method::of_kind(&word)).ok_or_else(|| self.error(problem()))
    }

    /// The value of `setting`, if its domain allows it.
    pub(super) fn value(&self, setting: &Setting) -> Result<Value> {
        let value = match &setting.domain {
            Domain::Choice(_) | Domain::Text | Domain::OptionalText => self.text().map(Value::Text),
            Domain::OptionalPath => self.text().and_then(absolute).map(Value::Text),
            domain => self.value.as_ref().and_then(|value| decode(domain, value)),
        };
        let value = value.filter(|value| setting.domain.allows(value));
        value.ok_or_else(|| self.error(not_allowed(setting, self.written)))
    }

    /// The value as text; in an argument every value is one, quoted or not.
    pub(super) fn text(&self) -> Option<String> {
        match (&self.value, &self.place) {
            (Some(DeValue::String(text)), _) => Some(text.to_string()),
            (_, Place::Argument(_)) => Some(self.written.to_string()),
            _ => None,
        }
    }
}

impl Place<'_> {
    fn error(&self, problem: impl fmt::Display) -> Error {
        match self {
            Self::File(source, span) => source.error(Some(span.clone()), problem),
            Self::Argument(text) => Error::usage(format_args!("--set {}: {problem}", shown(text))),
        }
    }
}

/// The value of a domain of numbers or of yes and no, if `value` has its type. A whole number is also a number.
fn decode(domain: &Domain, value: &DeValue<'_>) -> Option<Value> {
    match (domain, value) {
        (Domain::Int { .. }, DeValue::Integer(v)) => whole(v).map(Value::Int),
        (Domain::Float { .. }, value) => real(value).map(Value::Float),
        (Domain::Bool, DeValue::Boolean(v)) => Some(Value::Bool(*v)),
        (Domain::Ints { .. }, DeValue::Array(list)) => {
            list.iter().map(|v| v.get_ref().as_integer().and_then(whole)).collect::<Option<_>>().map(Value::Ints)
        }
        (Domain::Floats { .. }, DeValue::Array(list)) => {
            list.iter().map(|v| real(v.get_ref())).collect::<Option<_>>().map(Value::Floats)
        }
        _ => None,
    }
}

/// The path `text` wherever a run or the cell of a sweep is read; empty text stays so.
fn absolute(text: String) -> Option<String> {
    if text.is_empty() { Some(text) } else { std::path::absolute(text).ok()?.into_os_string().into_string().ok() }
}

fn whole(integer: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// Adding zero turns −0 into 0: equal configurations have equal text.
pub(super) fn real(value: &DeValue<'_>) -> Option<f64> {
    let text = match value {
        DeValue::Float(v) => v.as_str(),
        DeValue::Integer(v) if v.radix() == 10 => v.as_str(),
        _ => return None,
    };
    text.parse().ok().map(|v: f64| v + 0.0)
}

/// The message about a value outside the domain of a setting.
pub(super) fn not_allowed(setting: &Setting, written: impl fmt::Display) -> String {
    format!("`{}` takes {}, not {}", setting.key, setting.domain, shown(&written.to_string()))
}
