//! The configuration of a run: a recipe and `--set` resolved against the declared settings.

mod method;
mod names;
mod read;
pub mod recipe;
mod sweep;
#[cfg(test)]
mod tests;

pub use method::{Iterations, Method, Steps};
pub use read::{argument_key, read_recipe};
pub use sweep::{Variant, variants};

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use elbo_models::{Configured, Setting, Value, Visitor};
use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::DeTable;

use crate::data::DataOptions;
use crate::machine::error::{Error, Result};
use names::{KIND, Names, SECTIONS, SWEEP};
use read::{Entries, Given, Source};

/// A resolved configuration: every declared setting has a value that its domain allows.
#[derive(Debug, Clone)]
pub struct Config {
    description: String,
    /// Section `[data]`.
    pub data: DataOptions,
    /// Sections `[model]`, `[train]` and `[log]`.
    pub method: Method,
    /// What was chosen: it survives a change of the kind, defaults do not.
    chosen: Vec<(&'static str, Value)>,
    /// Settings that were given by an old name, with the new one.
    renamed: Vec<(&'static str, &'static str)>,
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

impl Configured for Config {
    fn visit(&mut self, v: &mut Visitor<'_>) {
        self.data.visit(v);
        self.method.visit(v);
    }
}

impl Config {
    /// A model of this kind at its defaults, on the default data.
    ///
    /// # Errors
    /// Exit code 2 if there is no such kind.
    pub fn of_kind(kind: &str) -> Result<Self> {
        let kinds = || Method::kinds().join(", ");
        let method = Method::of_kind(kind)
            .ok_or_else(|| Error::usage(format_args!("no model of kind `{kind}`; there are {}", kinds())))?;
        Ok(Self::of_method(method))
    }

    fn of_method(method: Method) -> Self {
        let (description, data) = (String::new(), DataOptions::default());
        Self { description, data, method, chosen: Vec::new(), renamed: Vec::new() }
    }

    /// Resolves the recipe `text`; `source` is the name of its file in messages.
    ///
    /// # Errors
    /// Exit code 2, with file, line and column, for a TOML syntax error, a duplicate or unknown key or section (with a
    /// suggestion), and a value of another type or outside its domain (with what is allowed); and for a recipe of many
    /// runs.
    pub fn parse(text: &str, source: &str) -> Result<Self> {
        let (config, sweep) = Self::parse_base(Source::new(source, text))?;
        let Some(sweep) = sweep else { return Ok(config) };
        let problem = format_args!("[{SWEEP}] makes many runs of this recipe; use `elbo sweep run {source}`");
        Err(Source::new(source, text).error(Some(sweep.span()), problem))
    }

    /// The same for a recipe of one run or of many: what its runs have in common.
    ///
    /// # Errors
    /// Exit code 2 as for [`Config::parse`].
    pub fn base(text: &str, source: &str) -> Result<Self> {
        Self::parse_base(Source::new(source, text)).map(|(config, _)| config)
    }

    fn parse_base<'a>(source: Source<'a>) -> Result<(Self, Option<Spanned<DeTable<'a>>>)> {
        let table = source.table()?;
        let Entries { description, given, sweep } = source.entries(table)?;
        let method = match given.iter().find(|given| given.is_kind()) {
            None => Method::all().swap_remove(0),
            Some(given) => given.method()?,
        };
        let mut config = Self { description, ..Self::of_method(method) };
        config.assign(given.iter().filter(|given| !given.is_kind()))?;
        Ok((config, sweep))
    }

    /// Applies `--set` arguments `section.key=value` in order, `model.kind` before all others. The right side is a TOML
    /// value; where text is declared, a word needs no quotes. A new kind keeps those values somebody chose whose keys
    /// it also declares.
    ///
    /// # Errors
    /// Exit code 2 as for [`Config::parse`], with the argument in place of the file. `self` may then be half changed.
    pub fn set<S: AsRef<str>>(&mut self, arguments: &[S]) -> Result<()> {
        let given = arguments.iter().map(|argument| Given::argument(argument.as_ref()));
        let given: Vec<Given<'_>> = given.collect::<Result<_>>()?;
        self.assign_all(given.iter())
    }

    /// Takes every value, the model's kind before all others.
    fn assign_all<'g, 'a: 'g>(&mut self, given: impl Iterator<Item = &'g Given<'a>> + Clone) -> Result<()> {
        for given in given.clone().filter(|given| given.is_kind()) {
            self.change_method(given.method()?)?;
        }
        self.assign(given.filter(|given| !given.is_kind()))
    }

    fn change_method(&mut self, method: Method) -> Result<()> {
        self.method = method;
        let declared = self.settings();
        for (key, value) in self.chosen.clone() {
            let Some(setting) = declared.iter().find(|setting| setting.key == key) else { continue };
            if setting.check(&value).is_err() {
                let (kind, problem) = (self.method.kind(), read::not_allowed(setting, value));
                return Err(Error::usage(format_args!("{KIND} = {kind:?}: {problem}")));
            }
            self.take(key, value)?;
        }
        Ok(())
    }

    fn assign<'g, 'a: 'g>(&mut self, given: impl Iterator<Item = &'g Given<'a>>) -> Result<()> {
        let names = self.names();
        for given in given {
            let (setting, old) = names.find(&given.key).ok_or_else(|| given.error(names.unknown(&given.key)))?;
            let value = given.value(setting)?;
            self.take(setting.key, value.clone())?;
            self.chosen.retain(|(known, _)| *known != setting.key);
            self.chosen.push((setting.key, value));
            self.renamed.extend(old.map(|old| (old, setting.key)));
        }
        Ok(())
    }

    /// The settings of this kind of model.
    fn names(&self) -> Names {
        Names { kind: self.kind(), settings: self.clone().settings() }
    }

    /// Replaces a value that the domain of its setting allows.
    fn take(&mut self, key: &str, value: Value) -> Result<()> {
        Configured::set(self, key, value).map_err(Error::usage)
    }

    /// What the recipe says about itself; may be empty.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Whether a loss is minus a bound on `ln p(x)`, in nats.
    pub fn is_bound(&self) -> bool {
        !matches!(&self.method, Method::Steps(steps) if !steps.model.facts().is_bound)
    }

    /// The method of a model that is trained by steps.
    ///
    /// # Panics
    /// If the model is fitted by iterations.
    #[track_caller]
    pub fn steps(&self) -> &Steps {
        match &self.method {
            Method::Steps(steps) => steps,
            Method::Iterations(_) => panic!("{} is not trained by steps", self.kind()),
        }
    }

    /// The options of type `T` with every value that this configuration has for their keys.
    pub fn read<T: Configured + Default>(&self) -> T {
        let mut options = T::default();
        for Setting { key, value, .. } in self.clone().settings() {
            // What `T` does not declare is not its own.
            let _ = options.set(key, value);
        }
        options
    }

    /// `model.kind`.
    pub fn kind(&self) -> &'static str {
        self.method.kind()
    }

    /// A line for each setting that was given by its old name.
    pub fn remarks(&self) -> Vec<String> {
        let mut pairs = self.renamed.clone();
        pairs.sort_unstable();
        pairs.dedup();
        pairs.iter().map(|(old, new)| format!("{old} is called {new} now; the old name still works")).collect()
    }

    /// The canonical text: every setting with its value, in declared order. Parsing it gives this configuration again.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        if !self.description.is_empty() {
            let _ = writeln!(text, "description = {}", quoted(&self.description));
        }
        let all = self.resolved();
        for section in SECTIONS {
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}[{section}]");
            for (key, value) in &all {
                if let Some(name) = key.strip_prefix(section).and_then(|key| key.strip_prefix('.')) {
                    let _ = writeln!(text, "{name} = {value}");
                }
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
        HEXLOWER.encode(&digest[..8])
    }

    /// Every setting in which `self` and `theirs` differ, in declared order.
    pub fn diff(&self, theirs: &Self) -> Vec<Difference> {
        let (ours, theirs) = (self.resolved(), theirs.resolved());
        let value = |list: &[(&str, String)], key: &str| {
            list.iter().find(|(name, _)| *name == key).map_or("not a setting".to_string(), |(_, value)| value.clone())
        };
        let only_theirs = theirs.iter().filter(|(key, _)| ours.iter().all(|(name, _)| name != key));
        let keys = ours.iter().chain(only_theirs).map(|(key, _)| *key);
        let pairs =
            keys.map(|key| Difference { key: key.into(), ours: value(&ours, key), theirs: value(&theirs, key) });
        pairs.filter(|pair| pair.ours != pair.theirs).collect()
    }

    /// Every setting, the kind of the model before the model's own, with its value as TOML writes it.
    fn resolved(&self) -> Vec<(&'static str, String)> {
        let written = |setting: Setting| (setting.key, written(&setting.value));
        let mut all: Vec<_> = self.clone().settings().into_iter().map(written).collect();
        let model = all.iter().position(|(key, _)| !key.starts_with("data.")).unwrap_or(all.len());
        all.insert(model, (KIND, quoted(self.kind())));
        all
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
