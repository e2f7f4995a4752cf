//! Which settings there are, and what a wrong name probably meant.

use elbo_models::{Configured, Setting};

use super::method::Method;
use crate::data::DataOptions;

/// The section whose settings depend on its key [`KIND`].
const MODEL: &str = "model";
/// The key that chooses the model.
pub(super) const KIND: &str = "model.kind";
/// The section that makes a recipe one of many runs.
pub(super) const SWEEP: &str = "sweep";
/// Most characters of somebody's text that a message repeats.
const LONGEST_SHOWN: usize = 60;

/// The sections of a recipe in the order in which they are written.
pub(super) const SECTIONS: [&str; 4] = ["data", MODEL, "train", "log"];

/// Settings that had other names, the old one first; a name that a kind still has is not old to it.
const RENAMED: [(&str, &str); 4] = [
    ("train.batch_size", "train.batch"),
    ("train.grad_clip", "train.clip"),
    ("train.epochs", "train.max_iter"),
    ("train.iterations", "train.max_iter"),
];

/// The settings of a configuration by their keys.
pub(super) struct Names {
    /// `model.kind`.
    pub kind: &'static str,
    /// Every setting with its present value.
    pub settings: Vec<Setting>,
}

pub(super) fn is_section(name: &str) -> bool {
    SECTIONS.contains(&name)
}

/// The message about the unknown `key` where no kind was named yet.
pub(super) fn unknown(key: &str) -> String {
    let mut first = Method::all().swap_remove(0);
    let settings = DataOptions::default().settings().into_iter().chain(first.settings()).collect();
    Names { kind: first.kind(), settings }.unknown(key)
}

impl Names {
    /// The setting `key`, and the old name if that is what it is.
    pub(super) fn find(&self, key: &str) -> Option<(&Setting, Option<&'static str>)> {
        let known = |key: &str| self.settings.iter().find(|setting| setting.key == key);
        let old = || {
            let renamed = RENAMED.iter().filter(|(old, _)| *old == key);
            renamed.filter_map(|(old, new)| Some((known(new)?, Some(*old)))).next()
        };
        known(key).map(|setting| (setting, None)).or_else(old)
    }

    /// The message about the unknown `key`.
    pub(super) fn unknown(&self, key: &str) -> String {
        let has = |method: &mut Method| method.settings().iter().any(|setting| setting.key == key);
        let others: Vec<&str> =
            Method::all().iter_mut().filter_map(|method| has(method).then(|| method.kind())).collect();
        if !others.is_empty() {
            return format!("`{key}` is a setting of {}, not of the model kind {}", others.join(", "), self.kind);
        }
        let section = key.split_once('.').map(|(section, _)| section);
        let hint = match (self.nearest(key), section.filter(|section| is_section(section))) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(section)) => {
                let own = self.settings.iter().filter(|setting| setting.section() == section);
                format!("[{section}] takes {}", own.map(Setting::name).collect::<Vec<_>>().join(", "))
            }
            (None, None) => {
                let names = SECTIONS.into_iter().chain([SWEEP]);
                format!("the sections are {}", names.map(|name| format!("[{name}]")).collect::<Vec<_>>().join(", "))
            }
        };
        format!("unknown key {}; {hint}", shown(key))
    }

    /// The declared key, or `[section]` if `key` has none, that looks most like what was written.
    fn nearest(&self, key: &str) -> Option<String> {
        // The distance takes time and memory in proportion to the product of the lengths.
        if key.len() > 64 {
            return None;
        }
        let near = strsim::damerau_levenshtein;
        let (section, name) = key.split_once('.').unwrap_or(("", key));
        let keys = self.settings.iter().map(|setting| setting.key).chain([KIND]);
        // A key in the wrong section counts as one mistake.
        let keys = keys.filter_map(|key| {
            let (s, n) = key.split_once('.')?;
            Some((near(section, s).min(1) + near(name, n), key.to_string()))
        });
        let sections = SECTIONS.into_iter().chain([SWEEP]).filter(|_| section.is_empty());
        let sections = sections.map(|declared| (near(name, declared), format!("[{declared}]")));
        let best = keys.chain(sections).min_by_key(|(distance, _)| *distance);
        best.filter(|(distance, _)| *distance <= 1 + name.chars().count() / 3).map(|(_, name)| name)
    }
}

/// `text` in backticks, cut to what a line of a terminal can hold.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}
