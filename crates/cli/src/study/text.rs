//! What stands beside the code of a study, in `studies/NAME`: the prose of its report, and tables of its source.

/// The text of a `report.md`: paragraphs under `## key` headings.
pub struct Prose(pub &'static str);

impl Prose {
    /// The paragraph under `## key`, on one line.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn get(&self, key: &str) -> String {
        self.list(key).join("\n")
    }

    /// The paragraphs under `## key`, each on one line.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn list(&self, key: &str) -> Vec<String> {
        let sections = self.0.split("\n## ").skip(1).filter_map(|section| section.split_once("\n\n"));
        let found = sections.into_iter().find_map(|(name, text)| (name == key).then_some(text));
        let text = found.unwrap_or_else(|| panic!("no text under \"## {key}\""));
        text.trim().split("\n\n").map(|paragraph| paragraph.lines().collect::<Vec<_>>().join(" ")).collect()
    }
}

/// The cells of a table of a source, row by row, without comments and head.
pub fn rows(csv: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    csv.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split(',').collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Prose;

    #[test]
    fn paragraphs_are_joined_and_listed() {
        let prose = Prose("# Title\n\n## a\n\none\ntwo\n\nthree\n\n## b\n\nfour\n");
        assert_eq!(prose.list("a"), ["one two", "three"]);
        assert_eq!(prose.get("b"), "four");
        assert!(std::panic::catch_unwind(|| prose.get("c")).is_err());
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
            let named = sources.split("PROSE.").skip(1).filter_map(|call| call.split('"').nth(1));
            let mut named: Vec<&str> = named.collect();
            let text = std::fs::read_to_string(dir.join("report.md")).expect("a report.md");
            let mut keys: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
            named.sort();
            named.dedup();
            keys.sort();
            assert_eq!(named, keys, "{}", dir.display());
        }
    }
}
