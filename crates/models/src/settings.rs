//! Options as typed structs whose settings are declared once: key, field, domain and help in one line, from which
//! listing, parsing, range checks, help texts and resolved configurations are all derived.

use std::fmt;
use std::ops::RangeInclusive;

/// Options whose settings are declared in one place.
///
/// The fields are what a Rust user writes, the keys (`section.name`) what a recipe says. An unknown word cannot be
/// held: it is an enum that implements [`Word`].
pub trait Configured {
    /// Shows every setting to the visitor, in the order in which a resolved configuration lists them.
    fn visit(&mut self, v: &mut Visitor<'_>);

    /// Every setting with its present value.
    fn settings(&mut self) -> Vec<Setting> {
        let mut all = Vec::new();
        self.visit(&mut Visitor(&mut |setting| {
            all.push(setting);
            None
        }));
        all
    }

    /// Replaces the value of `key`.
    ///
    /// # Errors
    /// If there is no such key, or its domain does not allow `value`; then nothing is changed.
    fn set(&mut self, key: &str, value: Value) -> Result<(), Invalid> {
        let mut outcome = Err(Invalid(format!("unknown key `{key}`")));
        self.visit(&mut Visitor(&mut |setting| {
            if setting.key != key {
                return None;
            }
            outcome = setting.check(&value);
            outcome.is_ok().then(|| value.clone())
        }));
        outcome
    }

    /// Refuses values that their domains do not allow: fields can be written without passing by [`Configured::set`].
    ///
    /// # Errors
    /// Names the first such key with its value and what is allowed.
    fn check(&mut self) -> Result<(), Invalid> {
        self.settings().iter().try_for_each(|setting| setting.check(&setting.value))
    }
}

/// A value of a setting that its domain does not allow, or settings that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub String);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

/// One word of a closed list.
pub trait Word: Copy + PartialEq + 'static {
    /// Every word with what it means, in the order in which help texts list them.
    const WORDS: &'static [(&'static str, Self)];

    /// How this value is written.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, value)| *value == self).map_or("", |(word, _)| word)
    }

    /// The value of a word, if there is one.
    fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, value)| *value)
    }
}

/// Is shown every setting, and may answer with a new value.
pub struct Visitor<'a>(&'a mut dyn FnMut(Setting) -> Option<Value>);

impl Visitor<'_> {
    fn ask(&mut self, key: &'static str, value: Value, domain: Domain, help: &'static str) -> Option<Value> {
        (self.0)(Setting { key, value, domain, help })
    }

    /// A whole number.
    pub fn int(&mut self, key: &'static str, field: &mut usize, range: RangeInclusive<usize>, help: &'static str) {
        let domain = Domain::Int { min: *range.start() as u64, max: *range.end() as u64 };
        if let Some(Value::Int(value)) = self.ask(key, Value::Int(*field as u64), domain, help) {
            *field = value as usize;
        }
    }

    /// The seed of a random stream: a whole number up to 2⁵³, which every number format holds.
    pub fn seed(&mut self, key: &'static str, field: &mut u64, help: &'static str) {
        let domain = Domain::Int { min: 0, max: 1 << 53 };
        if let Some(Value::Int(value)) = self.ask(key, Value::Int(*field), domain, help) {
            *field = value;
        }
    }

    /// A finite number.
    pub fn float(&mut self, key: &'static str, field: &mut f64, range: RangeInclusive<f64>, help: &'static str) {
        let domain = Domain::Float { min: *range.start(), max: *range.end(), open: false };
        self.real(key, field, domain, help);
    }

    /// A number above 0 and at most `max`.
    pub fn positive(&mut self, key: &'static str, field: &mut f64, max: f64, help: &'static str) {
        self.real(key, field, Domain::Float { min: 0.0, max, open: true }, help);
    }

    fn real(&mut self, key: &'static str, field: &mut f64, domain: Domain, help: &'static str) {
        if let Some(Value::Float(value)) = self.ask(key, Value::Float(*field), domain, help) {
            *field = value;
        }
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &'static str, field: &mut bool, help: &'static str) {
        if let Some(Value::Bool(value)) = self.ask(key, Value::Bool(*field), Domain::Bool, help) {
            *field = value;
        }
    }

    /// One word of a closed list.
    pub fn word<W: Word>(&mut self, key: &'static str, field: &mut W, help: &'static str) {
        self.choice(key, field, W::WORDS, help);
    }

    /// One word of `words`, for a type that has none of its own.
    pub fn choice<T: Copy + PartialEq>(
        &mut self,
        key: &'static str,
        field: &mut T,
        words: &[(&'static str, T)],
        help: &'static str,
    ) {
        let present = words.iter().find(|(_, value)| value == field).map_or("", |(word, _)| word);
        let domain = Domain::Choice(words.iter().map(|(word, _)| *word).collect());
        let chosen = self.ask(key, Value::Text(present.into()), domain, help);
        if let Some(Value::Text(chosen)) = chosen {
            *field = words.iter().find(|(word, _)| *word == chosen).map_or(*field, |(_, value)| *value);
        }
    }

    /// Text that is not empty.
    pub fn text(&mut self, key: &'static str, field: &mut String, help: &'static str) {
        self.string(key, field, Domain::Text, help);
    }

    /// Text, or none if it is empty.
    pub fn optional_text(&mut self, key: &'static str, field: &mut String, help: &'static str) {
        self.string(key, field, Domain::OptionalText, help);
    }

    /// The path of a file, or none if it is empty.
    pub fn optional_path(&mut self, key: &'static str, field: &mut String, help: &'static str) {
        self.string(key, field, Domain::OptionalPath, help);
    }

    fn string(&mut self, key: &'static str, field: &mut String, domain: Domain, help: &'static str) {
        if let Some(Value::Text(value)) = self.ask(key, Value::Text(field.clone()), domain, help) {
            *field = value;
        }
    }

    /// A list of at most 16 whole numbers.
    pub fn ints(
        &mut self,
        key: &'static str,
        field: &mut Vec<usize>,
        range: RangeInclusive<usize>,
        help: &'static str,
    ) {
        let domain = Domain::Ints { min: *range.start() as u64, max: *range.end() as u64, len: 16 };
        let value = Value::Ints(field.iter().map(|&value| value as u64).collect());
        if let Some(Value::Ints(list)) = self.ask(key, value, domain, help) {
            *field = list.into_iter().map(|value| value as usize).collect();
        }
    }

    /// A list of at most `len` numbers that are not negative.
    pub fn floats(&mut self, key: &'static str, field: &mut Vec<f64>, len: usize, help: &'static str) {
        if let Some(Value::Floats(list)) = self.ask(key, Value::Floats(field.clone()), Domain::Floats { len }, help) {
            *field = list;
        }
    }
}

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
    Choice(Vec<&'static str>),
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

/// One setting as it was declared, with its present value.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// `section.name`, for example `train.lr`.
    pub key: &'static str,
    /// Present value; the default where the options are at their defaults.
    pub value: Value,
    /// What is allowed.
    pub domain: Domain,
    /// One line: meaning and unit.
    pub help: &'static str,
}

impl Setting {
    /// The part of the key before the point.
    pub fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }

    /// The part of the key behind the point.
    pub fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }

    /// Whether the domain allows `value`.
    ///
    /// # Errors
    /// Says what is allowed and what was found.
    pub fn check(&self, value: &Value) -> Result<(), Invalid> {
        let refused = || Invalid(format!("`{}` takes {}, not `{value}`", self.key, self.domain));
        if self.domain.allows(value) { Ok(()) } else { Err(refused()) }
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
    /// The phrase an error message needs: "a whole number from 1 to 1000".
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
