//! Rust sources as the rules see them: without comments, and without what only unit tests compile.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `dir` with this extension, in order, build directories left out.
pub fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
        let path = entry.expect("an entry").path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.') || name == "target");
        if path.is_dir() && !hidden {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// `path` from the root of the workspace, with `/`.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// One source file. Lines stand where they stood, so that numbers of lines are the file's.
#[derive(Clone)]
pub struct Source {
    /// From the root of the workspace.
    pub path: String,
    /// Without comments and without unit tests.
    pub text: String,
    /// The same with empty string literals.
    pub code: String,
    /// Names of the modules in files of their own that only tests compile.
    pub test_modules: Vec<String>,
}

impl Source {
    pub fn new(path: &str, whole: &str) -> Self {
        let (mut text, mut code) = strip(whole);
        let mut test_modules = Vec::new();
        for (start, end, module) in test_items(&code) {
            test_modules.extend(module);
            for line in [&mut text, &mut code] {
                line[start..end].iter_mut().filter(|c| **c != '\n').for_each(|c| *c = ' ');
            }
        }
        Self { path: path.into(), text: text.iter().collect(), code: code.iter().collect(), test_modules }
    }

    /// Lines that are neither empty nor comment nor unit test.
    pub fn code_lines(&self) -> usize {
        self.text.lines().filter(|line| !line.trim().is_empty()).count()
    }
}

/// The sources below `dir`, without the files that only unit tests compile.
pub fn sources(dir: &Path) -> Vec<Source> {
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Source::new(&shown(&path), &text)
    };
    without_test_files(files(dir, "rs").into_iter().map(read).collect())
}

/// Leaves out the modules that another file declares behind `#[cfg(test)]`, and what lies in them.
pub fn without_test_files(sources: Vec<Source>) -> Vec<Source> {
    let of_module = |source: &Source| {
        let stem = source.path.trim_end_matches(".rs");
        let parent = ["/mod", "/lib", "/main"].iter().find_map(|name| stem.strip_suffix(name)).unwrap_or(stem);
        source.test_modules.iter().map(|name| format!("{parent}/{name}")).collect::<Vec<_>>()
    };
    let tests: Vec<String> = sources.iter().flat_map(of_module).collect();
    let is_test = |path: &str| {
        tests.iter().any(|test| path.strip_prefix(test).is_some_and(|rest| rest == ".rs" || rest.starts_with('/')))
    };
    sources.into_iter().filter(|source| !is_test(&source.path)).collect()
}

/// The characters of `whole` with comments as spaces, and once more with the insides of literals as spaces too.
fn strip(whole: &str) -> (Vec<char>, Vec<char>) {
    let all: Vec<char> = whole.chars().collect();
    let (mut text, mut code) = (all.clone(), all.clone());
    let mut blank = |from: usize, to: usize, comment: bool| {
        for i in (from..to).filter(|&i| all[i] != '\n') {
            code[i] = ' ';
            text[i] = if comment { ' ' } else { text[i] };
        }
    };
    let at = |i: usize| all.get(i).copied().unwrap_or('\0');
    let mut i = 0;
    while i < all.len() {
        let start = i;
        let in_word = i > 0 && is_word(at(i - 1));
        match (at(i), at(i + 1)) {
            ('/', '/') => {
                while i < all.len() && at(i) != '\n' {
                    i += 1;
                }
                blank(start, i, true);
            }
            ('/', '*') => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= all.len() {
                        break;
                    }
                }
                blank(start, i.min(all.len()), true);
            }
            ('r', '"' | '#') | ('b', 'r') if !in_word && raw_string(&all[i..]).is_some() => {
                i += raw_string(&all[i..]).expect("just seen");
                blank(start + 2, i - 1, false);
            }
            ('"', _) => {
                i += 1;
                while i < all.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                blank(start + 1, i.min(all.len()), false);
                i += 1;
            }
            // A character, or the beginning of a lifetime.
            ('\'', '\\') => {
                i += 3;
                while i < all.len() && at(i) != '\'' {
                    i += 1;
                }
                blank(start + 1, i.min(all.len()), false);
                i += 1;
            }
            ('\'', _) if at(i + 2) == '\'' => {
                blank(start + 1, start + 2, false);
                i += 3;
            }
            _ => i += 1,
        }
    }
    (text, code)
}

/// The length of a raw string that begins here.
fn raw_string(rest: &[char]) -> Option<usize> {
    let prefix = rest.iter().take_while(|c| matches!(c, 'b' | 'r')).count();
    let hashes = rest[prefix..].iter().take_while(|&&c| c == '#').count();
    let open = prefix + hashes;
    (rest.get(open) == Some(&'"')).then_some(())?;
    let closes = |i: usize| rest[i] == '"' && rest[i + 1..].iter().take_while(|&&c| c == '#').count() >= hashes;
    (open + 1..rest.len()).find(|&i| closes(i)).map(|i| i + 1 + hashes)
}

pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Start and end of every item behind `#[cfg(test)]`, and its name if it is a module in a file of its own.
fn test_items(code: &[char]) -> Vec<(usize, usize, Option<String>)> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < code.len() {
        let Some(attribute) = (code[i] == '#').then(|| close(code, i + 1)).flatten() else {
            i += 1;
            continue;
        };
        let words: String = code[i..attribute].iter().filter(|c| !c.is_whitespace()).collect();
        if !matches!(&words[..], "#[cfg(test)]") && !words.starts_with("#[cfg(all(test,") {
            i = attribute;
            continue;
        }
        let (start, mut at) = (i, attribute);
        while code[at].is_whitespace() || code[at] == '#' {
            at = if code[at] == '#' { close(code, at + 1).expect("an attribute ends") } else { at + 1 };
        }
        let (end, semicolon) = item_end(code, at);
        let item: String = code[at..end].iter().collect();
        let name = item.split("mod ").nth(1).filter(|_| semicolon).map(|rest| rest.trim_end_matches(';').trim().into());
        found.push((start, end, name));
        i = end;
    }
    found
}

/// One behind the bracket that closes the one at `open`.
fn close(code: &[char], open: usize) -> Option<usize> {
    matches!(code.get(open), Some('[' | '{' | '(')).then_some(())?;
    let mut depth = 0;
    for (i, c) in code.iter().enumerate().skip(open) {
        match c {
            '[' | '{' | '(' => depth += 1,
            ']' | '}' | ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(i + 1);
        }
    }
    None
}

/// One behind the item that begins at `start`, and whether it ends with a semicolon.
fn item_end(code: &[char], start: usize) -> (usize, bool) {
    let head: String = code[start..].iter().take_while(|c| !matches!(c, ';' | '{')).collect();
    let is_use = head.split_whitespace().any(|word| word == "use");
    let mut i = start;
    while i < code.len() {
        match code[i] {
            ';' => return (i + 1, true),
            '{' if !is_use => return (close(code, i).unwrap_or(code.len()), false),
            '{' | '(' | '[' => i = close(code, i).unwrap_or(code.len()),
            _ => i += 1,
        }
    }
    (code.len(), false)
}
