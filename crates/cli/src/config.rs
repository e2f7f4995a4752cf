//! The configuration of a run: a recipe and `--set` resolved against the declared settings.

mod read;
pub mod recipe;
mod schema;
mod sweep;
#[cfg(test)]
mod tests;

pub use read::{argument_key, read_recipe};
pub use schema::{Kind, Schema, Section};
pub use sweep::{Variant, variants};

use std::fmt::Write as _;

use elbo_models::{Settings, Value};
use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::DeTable;

use crate::machine::error::{Error, Result};
use read::{Entries, Given, Source};
use schema::{KIND, MODEL, SWEEP};

/// A resolved configuration: every declared setting has a value that its domain allows.
#[derive(Debug, Clone)]
pub struct Config {
    description: String,
    kind: &'static str,
    /// Name and settings of each section, in the order of the schema.
    sections: Vec<(&'static str, Settings)>,
    /// Section, key and value of what somebody chose: it survives a change of the kind, defaults do not.
    chosen: Vec<(&'static str, &'static str, Value)>,
}

/// A setting in which two configurations differ, with both values as TOML writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `section.key`.
    pub key: String,
    /// Value in the first configuration.
    pub ours: String,
    /// Value in the second.
    pub theirs: String,
}

impl Config {
    /// Resolves the recipe `text`; `source` is the name of its file in messages.
    ///
    /// # Errors
    /// Exit code 2, with file, line and column, for a TOML syntax error, a duplicate or unknown key or section (with a
    /// suggestion), and a value of another type or outside its domain (with what is allowed); and for a recipe of many
    /// runs.
    pub fn parse(text: &str, source: &str, schema: &Schema) -> Result<Self> {
        let (config, sweep) = Self::parse_base(Source::new(source, text), schema)?;
        let Some(sweep) = sweep else { return Ok(config) };
        let problem = format_args!("[{SWEEP}] makes many runs of this recipe; use `elbo sweep run {source}`");
        Err(Source::new(source, text).error(Some(sweep.span()), problem))
    }

    /// The same for a recipe of one run or of many: what its runs have in common.
    ///
    /// # Errors
    /// Exit code 2 as for [`Config::parse`].
    pub fn base(text: &str, source: &str, schema: &Schema) -> Result<Self> {
        Self::parse_base(Source::new(source, text), schema).map(|(config, _)| config)
    }

    fn parse_base<'a>(source: Source<'a>, schema: &Schema) -> Result<(Self, Option<Spanned<DeTable<'a>>>)> {
        let table = source.table()?;
        let Entries { description, given, sweep } = source.entries(table, schema)?;
        let kind = match given.iter().find(|given| given.is_kind()) {
            None => schema.default_kind(),
            Some(given) => given.kind(schema)?,
        };
        let mut config = Self { description, kind, sections: schema.defaults(kind), chosen: Vec::new() };
        for given in given.iter().filter(|given| !given.is_kind()) {
            config.assign(given, schema)?;
        }
        Ok((config, sweep))
    }

    /// Applies `--set` arguments `section.key=value` in order, `model.kind` before all others. The right side is a TOML
    /// value; where text is declared, a word needs no quotes. A new kind keeps those values somebody chose whose keys
    /// it also declares.
    ///
    /// # Errors
    /// Exit code 2 as for [`Config::parse`], with the argument in place of the file. `self` may then be half changed.
    pub fn set<S: AsRef<str>>(&mut self, arguments: &[S], schema: &Schema) -> Result<()> {
        let given = arguments.iter().map(|argument| Given::argument(argument.as_ref(), schema));
        let given: Vec<Given<'_>> = given.collect::<Result<_>>()?;
        self.assign_all(given.iter(), schema)
    }

    /// Takes every value, the model's kind before all others.
    fn assign_all<'g, 'a: 'g>(
        &mut self,
        given: impl Iterator<Item = &'g Given<'a>> + Clone,
        schema: &Schema,
    ) -> Result<()> {
        for given in given.clone().filter(|given| given.is_kind()) {
            self.change_kind(given.kind(schema)?, schema)?;
        }
        given.filter(|given| !given.is_kind()).try_for_each(|given| self.assign(given, schema))
    }

    fn change_kind(&mut self, kind: &'static str, schema: &Schema) -> Result<()> {
        self.kind = kind;
        self.sections = schema.defaults(kind);
        for (section, name, value) in self.chosen.clone() {
            let Some(setting) = schema.find(section, name, kind) else { continue };
            if !setting.domain.allows(&value) {
                let problem = read::not_allowed(section, &setting, value);
                return Err(Error::usage(format_args!("model.kind = {kind:?}: {problem}")));
            }
            self.section_mut(section).1.set(name, value);
        }
        Ok(())
    }

    fn assign(&mut self, given: &Given<'_>, schema: &Schema) -> Result<()> {
        let setting = schema.find(&given.section, &given.key, self.kind);
        let setting = setting.ok_or_else(|| given.error(schema.unknown(&given.section, &given.key, self.kind)))?;
        let value = given.value(&setting)?;
        let section = self.section_mut(&given.section);
        section.1.set(setting.name, value.clone());
        let section = section.0;
        self.chosen.retain(|(known, name, _)| (*known, *name) != (section, setting.name));
        self.chosen.push((section, setting.name, value));
        Ok(())
    }

    fn section_mut(&mut self, name: &str) -> &mut (&'static str, Settings) {
        let section = self.sections.iter_mut().find(|(section, _)| *section == name);
        section.expect("the schema found the section")
    }

    /// What the recipe says about itself; may be empty.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// `model.kind`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The settings of a section.
    ///
    /// # Panics
    /// If the schema has no section `name`.
    #[track_caller]
    pub fn section(&self, name: &str) -> &Settings {
        let section = self.sections.iter().find(|(section, _)| *section == name);
        &section.unwrap_or_else(|| panic!("section `{name}` is not declared")).1
    }

    /// The canonical text: every setting with its value, in declared order. Parsing it gives this configuration again.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        if !self.description.is_empty() {
            let _ = writeln!(text, "description = {}", quoted(&self.description));
        }
        for (section, settings) in self.resolved() {
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}[{section}]");
            for (key, value) in settings {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        text
    }

    /// Eight hexadecimal digits that identify the settings; the description does not count.
    pub fn hash(&self) -> String {
        self.id()[..8].into()
    }

    /// The same in sixteen digits, for names of thousands.
    pub fn id(&self) -> String {
        let settings = Self { description: String::new(), ..self.clone() };
        let digest = Sha256::digest(settings.to_toml());
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Every setting in which `self` and `theirs` differ, in declared order.
    pub fn diff(&self, theirs: &Self) -> Vec<Difference> {
        let flat = |config: &Self| -> Vec<(String, String)> {
            let sections = config.resolved().into_iter();
            sections.flat_map(|(name, keys)| keys.into_iter().map(move |(k, v)| (format!("{name}.{k}"), v))).collect()
        };
        let (ours, theirs) = (flat(self), flat(theirs));
        let value = |list: &[(String, String)], key: &str| {
            list.iter().find(|(name, _)| name == key).map_or("not a setting".to_string(), |(_, value)| value.clone())
        };
        let only_theirs = theirs.iter().filter(|(key, _)| ours.iter().all(|(name, _)| name != key));
        let keys = ours.iter().chain(only_theirs).map(|(key, _)| key);
        let pairs =
            keys.map(|key| Difference { key: key.clone(), ours: value(&ours, key), theirs: value(&theirs, key) });
        pairs.filter(|pair| pair.ours != pair.theirs).collect()
    }

    /// Sections with key and value of each setting, as TOML writes them.
    fn resolved(&self) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
        let section = |(name, settings): &(&'static str, Settings)| {
            let kind = (*name == MODEL).then(|| (KIND, quoted(self.kind)));
            (*name, kind.into_iter().chain(settings.iter().map(|(key, value)| (key, written(value)))).collect())
        };
        self.sections.iter().map(section).collect()
    }
}

/// `value` as TOML writes it.
fn written(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        value => value.to_string(),
    }
}

/// `text` as a TOML string on one line. (Rust's own escapes of control characters are not TOML.)
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
