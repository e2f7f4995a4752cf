//! Which file of a crate uses which: every `use` and every path in the code, followed to the file that defines the
//! item.
//!
//! A `use` of a module alone is not yet a use of anything; the paths that begin with it are. A re-export (`pub use`) is
//! followed, and counts as a use by its own file only if that file's code says the name as well. Calls of methods name
//! no file and are not seen.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::Source;
use crate::tokens::{closing, is_name, item_end, tokens};

/// Names from the root of the crate: `[]`, `["ops"]`, `["ops", "add"]`.
type ModulePath = Vec<String>;

/// `use path as name`, or `use path::*`.
struct Import {
    path: Vec<String>,
    name: String,
    glob: bool,
    public: bool,
}

#[derive(Default)]
struct Module {
    file: usize,
    children: BTreeSet<String>,
    items: BTreeSet<String>,
    imports: Vec<Import>,
    /// Paths of two names and more in the code, and every name in it.
    paths: BTreeSet<Vec<String>>,
    words: BTreeSet<String>,
}

/// What a path leads to.
#[derive(Clone, PartialEq)]
enum Target {
    Module(ModulePath),
    /// An item of this file.
    Item(usize),
}

/// `from` uses an item that `to` defines, by the name `by`. The files are from the crate's `src`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    pub from: String,
    pub to: String,
    pub by: String,
}

/// The uses between the files of one crate, each once, and the paths into the crate that lead nowhere.
pub fn uses(sources: &[Source], src: &str) -> (Vec<Use>, Vec<String>) {
    let names: Vec<String> =
        sources.iter().map(|source| source.path.strip_prefix(src).unwrap_or(&source.path).into()).collect();
    let mut krate = Crate { modules: BTreeMap::new() };
    let has_library = names.iter().any(|name| name == "lib.rs");
    for (file, source) in sources.iter().enumerate() {
        // Beside a library, `main.rs` is a crate of its own.
        if has_library && names[file] == "main.rs" {
            continue;
        }
        krate.read(&tokens(&source.code), module_of(&names[file]), file);
    }
    let paths: Vec<ModulePath> = krate.modules.keys().cloned().collect();
    for path in paths.iter().filter(|path| !path.is_empty()) {
        let (name, parent) = path.split_last().expect("not empty");
        if let Some(parent) = krate.modules.get_mut(parent) {
            parent.children.insert(name.clone());
        }
    }
    let (mut found, mut lost) = (BTreeSet::new(), Vec::new());
    for (path, module) in &krate.modules {
        for (by, target) in krate.targets(path, module) {
            let by = by.join("::");
            match target {
                Some(Target::Item(to)) if to != module.file => {
                    found.insert(Use { from: names[module.file].clone(), to: names[to].clone(), by });
                }
                Some(_) => {}
                None => lost.push(format!("{src}{}: {by}", names[module.file])),
            }
        }
    }
    (found.into_iter().collect(), lost)
}

/// `ops/add.rs` is the module `ops::add`, `ops/mod.rs` is `ops`, and `lib.rs` the root.
pub fn module_of(file: &str) -> ModulePath {
    let mut path: ModulePath = file.trim_end_matches(".rs").split('/').map(String::from).collect();
    if path.last().is_some_and(|last| matches!(&last[..], "mod" | "lib" | "main")) {
        path.pop();
    }
    path
}

struct Crate {
    modules: BTreeMap<ModulePath, Module>,
}

impl Crate {
    /// Every path that the code of a module says into its crate, with what it leads to.
    fn targets<'a>(&'a self, path: &'a ModulePath, module: &'a Module) -> Vec<(Vec<String>, Option<Target>)> {
        let mut found = Vec::new();
        for import in &module.imports {
            if import.glob {
                if let Some(Target::Module(from)) = self.resolve(path, &import.path, 0) {
                    let missing = module.words.iter().filter(|word| !module.declares(word));
                    found.extend(missing.filter_map(|word| {
                        let target = self.name(&from, word, false, 0)?;
                        Some(([&import.path[..], std::slice::from_ref(word)].concat(), Some(target)))
                    }));
                }
            } else if !import.public || module.words.contains(&import.name) {
                let target = self.resolve(path, &import.path, 0);
                if target.is_some() || is_inner(&import.path) {
                    found.push((import.path.clone(), target));
                }
            }
        }
        for said in &module.paths {
            let target = self.resolve(path, said, 0);
            if target.is_some() || is_inner(said) {
                found.push((said.clone(), target));
            }
        }
        found
    }

    /// Follows `said` from the module `from`; an item ends the way.
    fn resolve(&self, from: &[String], said: &[String], depth: usize) -> Option<Target> {
        let mut at = Target::Module(from.to_vec());
        for (i, name) in said.iter().enumerate() {
            let Target::Module(module) = &at else { break };
            at = match &name[..] {
                "crate" => Target::Module(Vec::new()),
                "self" => at,
                "super" => Target::Module(module[..module.len().checked_sub(1)?].to_vec()),
                name => self.name(module, name, i + 1 < said.len(), depth)?,
            };
        }
        Some(at)
    }

    /// What `name` is in `module`: with more names behind it rather a module, without rather an item.
    fn name(&self, module: &[String], name: &str, more: bool, depth: usize) -> Option<Target> {
        let here = self.modules.get(module)?;
        let child = || here.children.contains(name).then(|| Target::Module([module, &[name.into()]].concat()));
        let item = || here.items.contains(name).then_some(Target::Item(here.file));
        let imported = || {
            let named = here.imports.iter().filter(|import| !import.glob && import.name == name);
            let mut targets = named.filter_map(|import| self.resolve(module, &import.path, deeper(depth)?));
            targets.next()
        };
        let globs = || {
            let globs = here.imports.iter().filter(|import| import.glob);
            let mut targets = globs.filter_map(|import| {
                let target = self.resolve(module, &import.path, deeper(depth)?);
                // Of an enum's names the file is the enum's, but which they are is not known here.
                let Some(Target::Module(from)) = target else { return None };
                self.name(&from, name, more, deeper(depth)?)
            });
            targets.next()
        };
        let declared = if more { child().or_else(item) } else { item() };
        declared.or_else(imported).or_else(child).or_else(globs)
    }

    /// Reads one module's tokens.
    fn read(&mut self, tokens: &[&str], path: ModulePath, file: usize) {
        let mut module = Module { file, ..Module::default() };
        let (mut i, mut public) = (0, false);
        while i < tokens.len() {
            let end = item_end(tokens, i);
            match tokens[i] {
                "#" => {
                    i = closing(tokens, if tokens.get(i + 1) == Some(&"!") { i + 2 } else { i + 1 });
                    continue;
                }
                "pub" => {
                    public = true;
                    i += 1;
                    if tokens.get(i) == Some(&"(") {
                        i = closing(tokens, i);
                    }
                    continue;
                }
                "mod" => {
                    let name = tokens[i + 1].to_string();
                    if tokens[i + 2] == "{" {
                        self.read(&tokens[i + 3..end - 1], [&path[..], &[name]].concat(), file);
                    }
                    // Of a module in a file of its own the file says that it is there.
                }
                "use" => read_use(&tokens[i + 1..end - 1], &[], public, &mut module.imports),
                "const" | "unsafe" | "async" | "extern" | "default" if starts_item(tokens, i) => {
                    i += 1;
                    continue;
                }
                keyword => {
                    let name = match keyword {
                        "fn" | "struct" | "enum" | "union" | "trait" | "type" | "const" => tokens.get(i + 1),
                        "static" if tokens.get(i + 1) == Some(&"mut") => tokens.get(i + 2),
                        "static" => tokens.get(i + 1),
                        "macro_rules" => tokens.get(i + 2),
                        _ => None,
                    };
                    module.items.extend(name.map(ToString::to_string));
                    module.read_body(&tokens[i..end]);
                }
            }
            (i, public) = (end, false);
        }
        self.modules.insert(path, module);
    }
}

impl Module {
    fn declares(&self, name: &str) -> bool {
        self.items.contains(name) || self.imports.iter().any(|import| !import.glob && import.name == name)
    }

    /// The paths and words of an item.
    fn read_body(&mut self, tokens: &[&str]) {
        let mut i = 0;
        while i < tokens.len() {
            let before = i.checked_sub(1).map_or("", |before| tokens[before]);
            if tokens[i] == "use" && !matches!(before, "+" | "<" | ",") {
                let end = item_end(tokens, i);
                read_use(&tokens[i + 1..end - 1], &[], false, &mut self.imports);
                i = end;
                continue;
            }
            if !is_name(tokens[i]) || matches!(before, "." | "::" | "'") {
                i += 1;
                continue;
            }
            let mut path = vec![tokens[i].to_string()];
            while tokens.get(i + 1) == Some(&"::") && tokens.get(i + 2).is_some_and(|next| is_name(next)) {
                path.push(tokens[i + 2].into());
                i += 2;
            }
            self.words.insert(path[0].clone());
            if path.len() > 1 {
                self.paths.insert(path);
            }
            i += 1;
        }
    }
}

/// Whether a path must lead into this crate.
fn is_inner(path: &[String]) -> bool {
    matches!(&path[0][..], "crate" | "self" | "super")
}

/// No chain of re-exports is longer; what turns in a circle ends here.
fn deeper(depth: usize) -> Option<usize> {
    (depth < 12).then_some(depth + 1)
}

/// Whether the keyword at `i` stands in front of a function, an `impl` and the like, not of a name.
fn starts_item(tokens: &[&str], i: usize) -> bool {
    let next = tokens.get(i + 1).copied().unwrap_or("");
    matches!(next, "fn" | "unsafe" | "async" | "extern" | "impl" | "trait" | "\"")
        || (tokens[i] == "extern" && next != "crate")
}

fn read_use(tokens: &[&str], prefix: &[String], public: bool, imports: &mut Vec<Import>) {
    let mut path = prefix.to_vec();
    let mut i = 0;
    while i < tokens.len() {
        match tokens[i] {
            "::" => {}
            "{" => {
                let (inner, mut start, mut depth) = (&tokens[i + 1..tokens.len() - 1], 0, 0);
                for at in 0..=inner.len() {
                    match inner.get(at).copied().unwrap_or(",") {
                        "{" => depth += 1,
                        "}" => depth -= 1,
                        "," if depth == 0 => {
                            if start < at {
                                read_use(&inner[start..at], &path, public, imports);
                            }
                            start = at + 1;
                        }
                        _ => {}
                    }
                }
                return;
            }
            "*" => return imports.push(Import { path, name: "*".into(), glob: true, public }),
            "as" => return imports.push(Import { path, name: tokens[i + 1].into(), glob: false, public }),
            name => path.push(name.into()),
        }
        i += 1;
    }
    // `{self, …}` is the module in front.
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    if let Some(name) = path.last().cloned() {
        imports.push(Import { path, name, glob: false, public });
    }
}
