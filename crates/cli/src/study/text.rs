//! What stands beside the code of a study, in `studies/NAME`: the prose of its report, and tables of its source.

use std::fmt::Display;

use crate::report::{Block, Report, Section, Statement};

/// The text of a `report.md`: title and question of the report, and paragraphs under `## key` headings. A paragraph may
/// name values in braces, `{mean}`, which the report puts there.
pub struct Prose(pub &'static str);

impl Prose {
    /// The text under `## key`, which has no values, each paragraph on one line.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn get(&self, key: &str) -> String {
        self.list(key).join("\n")
    }

    /// The paragraphs under `## key`, which have no values, each on one line.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn list(&self, key: &str) -> Vec<String> {
        self.fill_list::<&str, &str>(key, &[])
    }

    /// The text under `## key` with these values.
    ///
    /// # Panics
    /// If there is none, or if its values are not these.
    #[track_caller]
    pub fn fill<N: AsRef<str>, V: Display>(&self, key: &str, values: &[(N, V)]) -> String {
        self.fill_list(key, values).join("\n")
    }

    /// The paragraphs under `## key` with these values.
    ///
    /// # Panics
    /// If there is none, or if the values that they name are not these.
    #[track_caller]
    pub fn fill_list<N: AsRef<str>, V: Display>(&self, key: &str, values: &[(N, V)]) -> Vec<String> {
        let sections = self.0.split("\n## ").skip(1).filter_map(|section| section.split_once("\n\n"));
        let found = sections.into_iter().find_map(|(name, text)| (name == key).then_some(text));
        let text = found.unwrap_or_else(|| panic!("no text under \"## {key}\""));
        for name in values.iter().map(|(name, _)| name.as_ref()) {
            assert!(text.contains(&format!("{{{name}}}")), "the text under \"## {key}\" does not name {name}");
        }
        paragraphs(text).iter().map(|paragraph| filled(paragraph, values)).collect()
    }

    /// The table under `## key`: its caption, and in the last paragraph its head, the names of the columns between
    /// bars.
    ///
    /// # Panics
    /// As [`Prose::fill_list`] does.
    #[track_caller]
    pub fn table<N: AsRef<str>, V: Display>(&self, key: &str, values: &[(N, V)], rows: Vec<Vec<String>>) -> Block {
        let mut caption = self.fill_list(key, values);
        let head = caption.pop().unwrap_or_default();
        let head = head.trim_matches(['|', ' ']).split('|').map(|name| name.trim().to_string()).collect();
        Block::Table { caption: caption.join("\n"), head, rows }
    }

    /// The report of this title and question, which stand before the first key.
    pub fn report(&self, summary: Vec<Statement>, sections: Vec<Section>) -> Report {
        let mut opening = paragraphs(self.0.split("\n## ").next().unwrap_or_default());
        let title = opening.remove(0).trim_start_matches("# ").to_string();
        Report { title, question: opening.join("\n"), summary, sections, provenance: Vec::new() }
    }
}

/// The paragraphs of a text, each on one line.
fn paragraphs(text: &str) -> Vec<String> {
    text.trim().split("\n\n").map(|paragraph| paragraph.lines().collect::<Vec<_>>().join(" ")).collect()
}

/// A paragraph with the values that it names in braces.
#[track_caller]
fn filled<N: AsRef<str>, V: Display>(paragraph: &str, values: &[(N, V)]) -> String {
    let mut pieces = paragraph.split('{');
    let mut out = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        let (name, rest) = piece.split_once('}').unwrap_or((piece, ""));
        let value = values.iter().find(|(known, _)| known.as_ref() == name).map(|(_, value)| value);
        out += &value.unwrap_or_else(|| panic!("no value for {{{name}}}")).to_string();
        out += rest;
    }
    out
}

/// The cells of a table of a source, row by row, without comments and head.
pub fn rows(csv: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    csv.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split(',').collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Prose;
    use crate::report::Block;

    #[test]
    fn paragraphs_are_joined_and_listed() {
        let prose = Prose("# Title\n\n## a\n\none\ntwo\n\nthree\n\n## b\n\nfour\n");
        assert_eq!(prose.list("a"), ["one two", "three"]);
        assert_eq!(prose.get("b"), "four");
        assert!(std::panic::catch_unwind(|| prose.get("c")).is_err());
    }

    #[test]
    fn values_stand_where_they_are_named_and_all_are_needed() {
        let prose = Prose("# Title\n\n## a\n\n{x} of {y}\nand {x}\n\n| n | {y}\n| m |\n");
        assert_eq!(prose.fill_list("a", &[("x", "{y}"), ("y", "2")])[0], "{y} of 2 and {y}");
        let Block::Table { caption, head, .. } = prose.table("a", &[("x", 1), ("y", 2)], Vec::new()) else { panic!() };
        assert_eq!((caption.as_str(), head), ("1 of 2 and 1", vec!["n".to_string(), "2".into(), "m".into()]));
        for wrong in [&[("x", 1)][..], &[("x", 1), ("y", 2), ("z", 3)]] {
            assert!(std::panic::catch_unwind(|| prose.fill("a", wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_report_begins_with_title_and_question() {
        let report = Prose("# Title\n\nWhat\nis it?\n\n## a\n\none\n").report(Vec::new(), Vec::new());
        assert_eq!((report.title.as_str(), report.question.as_str()), ("Title", "What is it?"));
    }

    /// Every key that a study's sources name has a text, and every text is named.
    #[test]
    fn keys_and_texts_agree() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for study in std::fs::read_dir(root.join("studies")).expect("the studies") {
            let dir = study.expect("a study").path();
            let name = dir.file_name().expect("a name").to_string_lossy().replace('-', "_");
            let mut sources = String::new();
            let mut open = vec![root.join("src/study").join(name)];
            while let Some(path) = open.pop() {
                match path.is_dir() {
                    true => {
                        open.extend(path.read_dir().expect("a directory").map(|entry| entry.expect("a file").path()))
                    }
                    false => sources += &std::fs::read_to_string(&path).expect("a source"),
                }
            }
            let arguments =
                sources.split("PROSE.").skip(1).filter_map(|call| Some(call.split_once('(')?.1.trim_start()));
            let mut named: Vec<&str> = arguments.filter_map(|text| text.strip_prefix('"')?.split('"').next()).collect();
            let text = std::fs::read_to_string(dir.join("report.md")).expect("a report.md");
            let mut keys: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
            named.sort();
            named.dedup();
            keys.sort();
            assert_eq!(named, keys, "{}", dir.display());
        }
    }
}
