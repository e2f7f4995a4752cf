//! Settings as declared data: name, default, domain and help in one item, from which parsing, checking, help text
//! and the resolved configuration are all derived.

use std::fmt;

/// The value of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(u64),
    /// A finite real number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// One word of a closed list, or free text.
    Text(String),
    /// A list of whole numbers.
    Ints(Vec<u64>),
    /// A list of finite real numbers.
    Floats(Vec<f64>),
}

/// What a setting allows.
#[derive(Debug, Clone, PartialEq)]
pub enum Domain {
    /// A whole number in `min..=max`.
    Int {
        /// Smallest value allowed.
        min: u64,
        /// Largest value allowed.
        max: u64,
    },
    /// A finite number in `[min, max]`, or in `(min, max]` if `open`.
    Float {
        /// Lower end.
        min: f64,
        /// Upper end, allowed.
        max: f64,
        /// Whether `min` itself is refused.
        open: bool,
    },
    /// `true` or `false`.
    Bool,
    /// One of the words.
    Choice(&'static [&'static str]),
    /// Any text that is not empty.
    Text,
    /// Any text; empty text says that there is none.
    OptionalText,
    /// The path of a file, stored as an absolute one; empty text says that there is none.
    OptionalPath,
    /// A list of at most `len` whole numbers, each in `min..=max`.
    Ints {
        /// Smallest entry allowed.
        min: u64,
        /// Largest entry allowed.
        max: u64,
        /// Longest list allowed.
        len: usize,
    },
    /// A list of at most `len` numbers that are not negative.
    Floats {
        /// Longest list allowed.
        len: usize,
    },
}

/// One setting: its name within its section, default, domain and help.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Key within its section (`lr` of `train.lr`).
    pub name: &'static str,
    /// Value when the recipe is silent.
    pub default: Value,
    /// What is allowed.
    pub domain: Domain,
    /// One line: meaning and unit.
    pub help: &'static str,
}

impl Setting {
    /// A whole number in `min..=max`.
    pub fn int(name: &'static str, default: u64, [min, max]: [u64; 2], help: &'static str) -> Self {
        Self { name, default: Value::Int(default), domain: Domain::Int { min, max }, help }
    }

    /// A finite number in `[min, max]`.
    pub fn float(name: &'static str, default: f64, [min, max]: [f64; 2], help: &'static str) -> Self {
        Self { name, default: Value::Float(default), domain: Domain::Float { min, max, open: false }, help }
    }

    /// A finite number in `(0, max]`.
    pub fn positive(name: &'static str, default: f64, max: f64, help: &'static str) -> Self {
        Self { name, default: Value::Float(default), domain: Domain::Float { min: 0.0, max, open: true }, help }
    }

    /// `true` or `false`.
    pub fn bool(name: &'static str, default: bool, help: &'static str) -> Self {
        Self { name, default: Value::Bool(default), domain: Domain::Bool, help }
    }

    /// One word of `words`.
    pub fn choice(name: &'static str, default: &str, words: &'static [&'static str], help: &'static str) -> Self {
        Self { name, default: Value::Text(default.into()), domain: Domain::Choice(words), help }
    }

    /// Free text.
    pub fn text(name: &'static str, default: &str, help: &'static str) -> Self {
        Self { name, default: Value::Text(default.into()), domain: Domain::Text, help }
    }

    /// Free text, or none: the default is empty.
    pub fn optional_text(name: &'static str, help: &'static str) -> Self {
        Self { name, default: Value::Text(String::new()), domain: Domain::OptionalText, help }
    }

    /// The path of a file, or none: the default is empty.
    pub fn optional_path(name: &'static str, help: &'static str) -> Self {
        Self { name, default: Value::Text(String::new()), domain: Domain::OptionalPath, help }
    }

    /// A list of at most 16 whole numbers in `min..=max`.
    pub fn ints(name: &'static str, default: &[u64], [min, max]: [u64; 2], help: &'static str) -> Self {
        Self { name, default: Value::Ints(default.into()), domain: Domain::Ints { min, max, len: 16 }, help }
    }

    /// A list of at most `len` numbers that are not negative, empty by default.
    pub fn floats(name: &'static str, len: usize, help: &'static str) -> Self {
        Self { name, default: Value::Floats(Vec::new()), domain: Domain::Floats { len }, help }
    }
}

impl Domain {
    /// Whether `value` has the right type and lies inside.
    pub fn allows(&self, value: &Value) -> bool {
        match (self, value) {
            (Domain::Int { min, max }, Value::Int(v)) => (min..=max).contains(&v),
            (Domain::Float { min, max, open }, Value::Float(v)) => {
                v.is_finite() && v <= max && if *open { v > min } else { v >= min }
            }
            (Domain::Bool, Value::Bool(_)) => true,
            (Domain::Choice(words), Value::Text(v)) => words.contains(&v.as_str()),
            (Domain::Text, Value::Text(v)) => !v.is_empty(),
            (Domain::OptionalText | Domain::OptionalPath, Value::Text(_)) => true,
            (Domain::Ints { min, max, len }, Value::Ints(v)) => {
                v.len() <= *len && v.iter().all(|v| (min..=max).contains(&v))
            }
            (Domain::Floats { len }, Value::Floats(v)) => {
                v.len() <= *len && v.iter().all(|v| v.is_finite() && *v >= 0.0)
            }
            _ => false,
        }
    }
}

/// A bound whose zeros need not be counted.
struct Bound(f64);

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= 1e7 { write!(f, "{:e}", self.0) } else { write!(f, "{}", self.0) }
    }
}

impl fmt::Display for Domain {
    /// The sentence an error message needs: "a whole number from 1 to 1000".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Domain::Int { min, max } => write!(f, "a whole number from {min} to {max}"),
            Domain::Float { min, max, open: true } => write!(f, "a number above {min} and at most {}", Bound(*max)),
            Domain::Float { min, max, open: false } => write!(f, "a number from {min} to {}", Bound(*max)),
            Domain::Bool => write!(f, "true or false"),
            Domain::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Domain::Text => write!(f, "text that is not empty"),
            Domain::OptionalText => write!(f, "text; \"\" for none"),
            Domain::OptionalPath => write!(f, "a path; \"\" for none"),
            Domain::Ints { min, max, len } => {
                write!(f, "a list of at most {len} whole numbers from {min} to {max}")
            }
            Domain::Floats { len } => write!(f, "a list of at most {len} numbers that are not negative"),
        }
    }
}

impl fmt::Display for Value {
    /// For messages and help; a float always shows a point or an exponent, text stands in quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(v) => write!(f, "{v}"),
            Value::Float(v) => write!(f, "{v:?}"),
            Value::Bool(v) => write!(f, "{v}"),
            Value::Text(v) => write!(f, "{v:?}"),
            Value::Ints(v) => write!(f, "{v:?}"),
            Value::Floats(v) => write!(f, "{v:?}"),
        }
    }
}

/// The settings of one section with their values, in the order of declaration.
///
/// The getters panic on a name that was not declared or has another type: that is a bug of the caller, never of a
/// user, whose input was checked against the declaration when the value entered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings(Vec<(&'static str, Value)>);

impl Settings {
    /// Every setting at its default.
    pub fn defaults(declared: &[Setting]) -> Self {
        Self(declared.iter().map(|s| (s.name, s.default.clone())).collect())
    }

    /// Replaces a value.
    #[track_caller]
    pub fn set(&mut self, name: &str, value: Value) {
        let slot = self.0.iter_mut().find(|(n, _)| *n == name);
        slot.unwrap_or_else(|| panic!("setting `{name}` is not declared")).1 = value;
    }

    /// This section with one value replaced: for tests and programs that set up a model by hand.
    #[track_caller]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.set(name, value);
        self
    }

    /// Name and value of each setting.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    #[track_caller]
    fn get(&self, name: &str) -> &Value {
        let slot = self.0.iter().find(|(n, _)| *n == name);
        &slot.unwrap_or_else(|| panic!("setting `{name}` is not declared")).1
    }

    /// A whole number.
    #[track_caller]
    pub fn int(&self, name: &str) -> usize {
        match self.get(name) {
            Value::Int(v) => *v as usize,
            other => panic!("setting `{name}` is {other}, not a whole number"),
        }
    }

    /// A number.
    #[track_caller]
    pub fn float(&self, name: &str) -> f64 {
        match self.get(name) {
            Value::Float(v) => *v,
            other => panic!("setting `{name}` is {other}, not a number"),
        }
    }

    /// Yes or no.
    #[track_caller]
    pub fn bool(&self, name: &str) -> bool {
        match self.get(name) {
            Value::Bool(v) => *v,
            other => panic!("setting `{name}` is {other}, not true or false"),
        }
    }

    /// A word or text.
    #[track_caller]
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Value::Text(v) => v,
            other => panic!("setting `{name}` is {other}, not text"),
        }
    }

    /// A list of whole numbers.
    #[track_caller]
    pub fn ints(&self, name: &str) -> Vec<usize> {
        match self.get(name) {
            Value::Ints(v) => v.iter().map(|&v| v as usize).collect(),
            other => panic!("setting `{name}` is {other}, not a list of whole numbers"),
        }
    }

    /// A list of numbers.
    #[track_caller]
    pub fn floats(&self, name: &str) -> &[f64] {
        match self.get(name) {
            Value::Floats(v) => v,
            other => panic!("setting `{name}` is {other}, not a list of numbers"),
        }
    }
}
