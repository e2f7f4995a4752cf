//! For the tests: the elements of a document, read by a reader that refuses anything not well formed.

use std::collections::BTreeMap;

/// One start tag.
#[derive(Debug)]
pub struct Element {
    /// The name of the element.
    pub name: String,
    attributes: BTreeMap<String, String>,
}

impl Element {
    /// The value of an attribute, empty where it is absent.
    pub fn get(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// The value of a numeric attribute.
    #[track_caller]
    pub fn number(&self, name: &str) -> f64 {
        self.get(name).parse().unwrap_or_else(|_| panic!("{name} of {self:?} is not a number"))
    }

    /// The coordinates after each absolute M or L of a path.
    #[track_caller]
    pub fn places(&self) -> Vec<(f64, f64)> {
        let number = |text: &str| {
            let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-')).unwrap_or(text.len());
            text[..end].parse().unwrap_or_else(|_| panic!("no number at {text}"))
        };
        let place = |text: &str| text.split_once(' ').map(|(x, y)| (number(x), number(y))).expect("two coordinates");
        self.get("d").split(['M', 'L']).skip(1).map(place).collect()
    }
}

/// All elements in document order; panics where tags do not balance, an entity is unknown or an attribute is malformed.
#[track_caller]
pub fn elements(document: &str) -> Vec<Element> {
    let (mut found, mut open) = (Vec::new(), Vec::new());
    for (index, piece) in document.split('<').enumerate() {
        if index == 0 {
            assert!(piece.is_empty(), "text before the root element: {piece:?}");
            continue;
        }
        let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("unclosed tag: <{piece}"));
        check_entities(text);
        assert!(!["NaN", "inf", "-inf"].contains(&text.trim()), "a number that is none: {text}");
        assert!(!open.is_empty() || text.trim().is_empty() || !tag.starts_with('/'), "text after the root: {text:?}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closing tag out of place");
            continue;
        }
        let closed = tag.ends_with('/');
        let tag = tag.strip_suffix('/').unwrap_or(tag);
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut attributes = BTreeMap::new();
        while !rest.trim().is_empty() {
            let (key, after) = rest.trim_start().split_once("=\"").unwrap_or_else(|| panic!("bad attribute: {rest}"));
            let (value, after) = after.split_once('"').unwrap_or_else(|| panic!("unclosed attribute: {rest}"));
            check_entities(value);
            assert!(!value.contains("NaN") && !value.contains("inf"), "a number that is none: {value}");
            assert!(attributes.insert(key.to_string(), value.to_string()).is_none(), "attribute {key} given twice");
            rest = after;
        }
        assert!(index == 1 || !open.is_empty(), "a second root element: {tag}");
        found.push(Element { name: name.to_string(), attributes });
        if !closed {
            open.push(name.to_string());
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
    found
}

#[track_caller]
fn check_entities(text: &str) {
    for after in text.split('&').skip(1) {
        let known = ["amp;", "lt;", "gt;", "quot;", "#39;"].iter().any(|name| after.starts_with(name));
        assert!(known, "unknown entity: &{after}");
    }
}
