//! The house rules that a compiler does not check. Budgets are printed, not enforced: they are a signal to look.
#![allow(clippy::print_stdout)] // the budgets are for a reader

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of code a file may have before it is worth a look.
const FILE_BUDGET: usize = 300;
/// Lines of code of the five libraries before they are worth a look.
const LIBRARIES_BUDGET: usize = 8000;

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
    found.sort();
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Lines that are neither empty nor comments, up to the unit tests.
fn code_lines(text: &str) -> usize {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
    code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[test]
fn unsafe_code_is_in_the_tensor_crate_only() {
    for name in ["autograd", "models", "datasets", "metrics", "cli"] {
        let text = fs::read_to_string(root().join(format!("crates/{name}/src/lib.rs"))).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "crates/{name} does not forbid unsafe code");
    }
    let main = fs::read_to_string(root().join("crates/cli/src/main.rs")).unwrap();
    assert!(main.contains("#![forbid(unsafe_code)]"), "crates/cli does not forbid unsafe code");
}

#[test]
fn arrows_between_crates_only_point_down() {
    let allowed: [(&str, &[&str]); 5] = [
        ("tensor", &[]),
        ("autograd", &["tensor"]),
        ("models", &["tensor", "autograd"]),
        ("datasets", &["tensor"]),
        ("metrics", &["tensor"]),
    ];
    for (name, below) in allowed {
        let manifest = fs::read_to_string(root().join(format!("crates/{name}/Cargo.toml"))).unwrap();
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or("");
        for line in dependencies.lines().filter_map(|line| line.strip_prefix("elbo-")) {
            let other = line.split('.').next().unwrap();
            assert!(below.contains(&other), "crates/{name} depends on {other}");
        }
    }
}

#[test]
fn bincode_is_used_in_one_module() {
    let users: Vec<PathBuf> = sources(&root().join("crates"))
        .into_iter()
        .filter(|path| fs::read_to_string(path).unwrap().contains("bincode::"))
        .collect();
    assert_eq!(users, [root().join("crates/cli/src/checkpoint/state.rs")]);
}

#[test]
fn budgets_are_shown() {
    let mut total = 0;
    for path in sources(&root().join("crates")) {
        let shown = path.strip_prefix(root()).unwrap();
        if !shown.components().any(|part| part.as_os_str() == "src") {
            continue;
        }
        let lines = code_lines(&fs::read_to_string(&path).unwrap());
        if lines > FILE_BUDGET {
            println!("warning: {} has {lines} lines of code", shown.display());
        }
        if !shown.starts_with("crates/cli") {
            total += lines;
        }
    }
    println!("the five libraries have {total} lines of code (budget {LIBRARIES_BUDGET})");
    assert!(total > 0);
}
