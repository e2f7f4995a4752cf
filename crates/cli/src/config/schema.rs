//! Which settings there are, and what a wrong name probably meant.

use elbo_models::{Setting, Settings};

/// The section whose settings depend on its key [`KIND`].
pub(super) const MODEL: &str = "model";
/// The key that chooses the model.
pub(super) const KIND: &str = "kind";
/// The section that makes a recipe one of many runs.
pub(super) const SWEEP: &str = "sweep";

/// Most characters of somebody's text that a message repeats.
const LONGEST_SHOWN: usize = 60;

/// A section of a recipe and the settings it always has.
#[derive(Debug, Clone)]
pub struct Section {
    /// Name between the brackets.
    pub name: &'static str,
    /// Settings in the order in which they are written.
    pub settings: Vec<Setting>,
}

/// A model and the settings that it adds to sections.
#[derive(Debug, Clone)]
pub struct Kind {
    /// The word in `model.kind`.
    pub name: &'static str,
    /// Sections of the schema with settings of this model's own.
    pub sections: Vec<Section>,
}

/// Every setting of a recipe.
#[derive(Debug, Clone)]
pub struct Schema {
    /// The sections in the order in which they are written, with the settings that are common to all models.
    pub sections: Vec<Section>,
    /// The models; a recipe that names no kind means the first.
    pub models: Vec<Kind>,
}

impl Schema {
    /// The settings of `section` for models of `kind`; none if there is no such section.
    pub(super) fn settings(&self, section: &str, kind: &str) -> Vec<Setting> {
        let own = self.models.iter().filter(|model| model.name == kind).flat_map(|model| &model.sections);
        let both = self.sections.iter().chain(own);
        both.filter(|s| s.name == section).flat_map(|s| &s.settings).cloned().collect()
    }

    pub(super) fn find(&self, section: &str, key: &str, kind: &str) -> Option<Setting> {
        self.settings(section, kind).into_iter().find(|setting| setting.name == key)
    }

    pub(super) fn has_section(&self, name: &str) -> bool {
        self.sections.iter().any(|section| section.name == name)
    }

    pub(super) fn defaults(&self, kind: &str) -> Vec<(&'static str, Settings)> {
        let defaults = |s: &Section| (s.name, Settings::defaults(&self.settings(s.name, kind)));
        self.sections.iter().map(defaults).collect()
    }

    pub(super) fn default_kind(&self) -> &'static str {
        self.models[0].name
    }

    /// The message about the unknown key `section.key`.
    pub(super) fn unknown(&self, section: &str, key: &str, kind: &str) -> String {
        let path = if section.is_empty() { key.to_string() } else { format!("{section}.{key}") };
        let others = self.models.iter().map(|model| model.name).filter(|name| self.find(section, key, name).is_some());
        let others: Vec<&str> = others.collect();
        if !others.is_empty() {
            return format!("`{path}` is a setting of {}, not of the model kind {kind}", others.join(", "));
        }
        let hint = match self.nearest(section, key, kind) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.has_section(section) => {
                let names: Vec<&str> = self.settings(section, kind).iter().map(|setting| setting.name).collect();
                format!("[{section}] takes {}", names.join(", "))
            }
            None => {
                let names = self.sections.iter().map(|section| section.name).chain([SWEEP]);
                format!("the sections are {}", names.map(|name| format!("[{name}]")).collect::<Vec<_>>().join(", "))
            }
        };
        format!("unknown key {}; {hint}", shown(&path))
    }

    /// The declared `section.key`, or `[section]` if `section` is empty, that looks most like what was written.
    fn nearest(&self, section: &str, key: &str, kind: &str) -> Option<String> {
        // The distance takes time and memory in proportion to the product of the lengths.
        if section.len() + key.len() > 64 {
            return None;
        }
        let near = strsim::damerau_levenshtein;
        let keys = self.sections.iter().flat_map(|declared| {
            let settings = self.settings(declared.name, kind).into_iter().map(|setting| setting.name);
            let kind = (declared.name == MODEL).then_some(KIND);
            kind.into_iter().chain(settings).map(|name| (declared.name, name))
        });
        // A key in the wrong section counts as one slip.
        let keys = keys.map(|(s, name)| (near(section, s).min(1) + near(key, name), format!("{s}.{name}")));
        let sections = self.sections.iter().map(|declared| declared.name).chain([SWEEP]);
        let sections = sections.filter(|_| section.is_empty()).map(|name| (near(key, name), format!("[{name}]")));
        let best = keys.chain(sections).min_by_key(|(distance, _)| *distance);
        best.filter(|(distance, _)| *distance <= 1 + key.chars().count() / 3).map(|(_, name)| name)
    }
}

/// `text` in backticks, cut to what a line of a terminal can hold.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}
