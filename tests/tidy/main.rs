//! The rules of the house that a compiler does not check. What they allow stands in
//! `allowed.rs`, and each rule is shown to refuse in `examples.rs`.
#![allow(clippy::print_stdout, reason = "the counts are for a reader")]

mod allowed;
mod circles;
mod examples;
mod manifests;
mod modules;
mod rooms;
mod source;
mod text;
mod tokens;

use std::collections::BTreeMap;
use std::fs;

use allowed::*;
use source::{Source, files, root, shown, sources};

const CRATES: [&str; 6] = ["tensor", "autograd", "datasets", "metrics", "models", "cli"];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn sources_of(krate: &str) -> Vec<Source> {
    sources(&root().join(format!("crates/{krate}/src")))
}

/// Where Rust sources are.
const DIRS: [&str; 5] = ["crates", "src", "tests", "benches", "examples"];

/// Every Rust source of the workspace: path and text.
fn all_rust() -> Vec<(String, String)> {
    let paths = DIRS.iter().flat_map(|dir| files(&root().join(dir), "rs")).map(|path| shown(&path));
    paths.map(|path| (path.clone(), read(&path))).collect()
}

const STALE: &str = "nothing needs these entries of tests/tidy/allowed.rs any more; remove them";

/// Fails on what was found and is not allowed, and on what is allowed and was not found.
#[track_caller]
fn refuse(rule: &str, found: &BTreeMap<String, String>, allowed: &[&str]) {
    let new: Vec<&str> =
        found.iter().filter(|(key, _)| !allowed.contains(&&key[..])).map(|(_, why)| &why[..]).collect();
    let old: Vec<&str> = allowed.iter().copied().filter(|key| !found.contains_key(*key)).collect();
    conclude(&[(rule, &new.join("\n  ")), (STALE, &old.join("\n  "))]);
}

/// Fails with all complaints that have something to say.
#[track_caller]
fn conclude(complaints: &[(&str, &str)]) {
    let said = complaints.iter().filter(|(_, what)| !what.is_empty());
    let said: String = said.map(|(rule, what)| format!("\n{rule}:\n  {what}")).collect();
    assert!(said.is_empty(), "{said}");
}

#[test]
fn rooms_of_the_command_use_lower_floors_only() {
    let sources = sources_of("cli");
    let (uses, _) = modules::uses(&sources, "crates/cli/src/");
    refuse("a room of crates/cli/src uses lower floors only", &rooms::upward(&uses).into_iter().collect(), &UPWARD);
}

#[test]
fn no_files_of_a_crate_use_one_another_in_a_circle() {
    let [mut not_understood, mut new, mut old] = [const { Vec::new() }; 3];
    for krate in CRATES {
        let (uses, lost) = modules::uses(&sources_of(krate), &format!("crates/{krate}/src/"));
        assert!(uses.len() > 5, "{krate}: its files use one another");
        not_understood.extend(lost);
        new.extend(circles::unknown(krate, &uses, &CIRCLES));
        let stale = circles::stale(krate, &uses, &CIRCLES);
        old.extend(stale.iter().map(|known| format!("{krate}: {} -> {}", known.from, known.to)));
    }
    conclude(&[
        ("paths that were not understood", &not_understood.join("\n  ")),
        ("files of a crate do not use one another in a circle", &new.join("\n  ")),
        (STALE, &old.join("\n  ")),
    ]);
}

#[test]
fn a_crate_grows_with_a_reason_only() {
    let mut over = Vec::new();
    for (krate, most, reason) in CODE_LINES {
        let src = if krate == "src" { krate.into() } else { format!("{krate}/src") };
        let lines: usize = sources(&root().join(&src)).iter().map(Source::code_lines).sum();
        let advice = if lines < most { "; lower the number" } else { "" };
        println!("{krate}: {lines} code lines of {most}{advice} ({reason})");
        if lines > most {
            over.push(format!("{krate} has {lines} code lines, and {most} are allowed"));
        }
    }
    assert!(
        over.is_empty(),
        "delete, or raise the number in tests/tidy/allowed.rs with the reason:\n  {}",
        over.join("\n  ")
    );
}

/// Files of tests may be longer: tests are read one at a time.
#[test]
fn a_file_is_short_or_named_with_its_reason() {
    let all = DIRS.iter().flat_map(|dir| sources(&root().join(dir)));
    let long = all.filter(|source| !source.path.contains("tests/")).filter_map(|source| {
        let lines = source.code_lines();
        (lines > FILE_LINES).then(|| (source.path.clone(), format!("{} has {lines} code lines", source.path)))
    });
    let allowed = LONG_FILES.map(|(path, _)| path);
    refuse(&format!("a file has at most {FILE_LINES} code lines"), &long.collect(), &allowed);
}

#[test]
fn operations_know_no_distribution() {
    let ops = sources_of("autograd").into_iter().filter(|source| source.path.contains("/src/ops"));
    let named = ops.filter_map(|source| {
        let names = text::of_distributions(&source);
        (!names.is_empty()).then(|| (source.path.clone(), format!("{}: {}", source.path, names.join(", "))))
    });
    refuse(
        "an operation of autograd is not named after a density or a divergence",
        &named.collect(),
        &OF_DISTRIBUTIONS,
    );
}

#[test]
fn modules_are_files_beside_their_folder() {
    let found = all_rust().into_iter().map(|(path, _)| path).filter(|path| path.ends_with("/mod.rs"));
    refuse("a module `x` is `x.rs`, not `x/mod.rs`", &found.map(|path| (path.clone(), path)).collect(), &MOD_FILES);
}

#[test]
fn lines_fit_the_page() {
    let long = |(path, text): (String, String)| {
        text::long_lines(&text, 120).into_iter().map(move |line| format!("{path}:{line}")).collect::<Vec<_>>()
    };
    let others: Vec<String> = all_rust().into_iter().flat_map(long).collect();
    assert!(others.is_empty(), "more than 120 columns:\n  {}", others.join("\n  "));
}

#[test]
fn prose_is_counted() {
    let long = files(root(), "md").into_iter().map(|path| {
        let path = shown(&path);
        (text::long_prose(&read(&path), 100).len(), path)
    });
    for (lines, path) in long.filter(|(lines, _)| *lines > 0) {
        println!("warning: {path} has {lines} lines of more than 100 columns");
    }
}

#[test]
fn settings_are_read_where_they_are_declared() {
    let of_settings = |path: &str| path == "crates/models/src/settings.rs" || path.starts_with("crates/cli/src/config");
    let all = CRATES.iter().flat_map(|krate| sources_of(krate)).filter(|source| !of_settings(&source.path));
    let found = all.filter_map(|source| {
        let reads = text::string_keyed_reads(&source);
        (reads > 0).then(|| (source.path.clone(), format!("{} reads {reads} settings by name", source.path)))
    });
    refuse("settings are read as fields of their struct", &found.collect(), &STRING_KEYED);
}

#[test]
fn unsafe_code_is_in_the_tensor_crate_only() {
    for dir in
        CRATES.iter().filter(|name| **name != "tensor").map(|name| format!("crates/{name}/src")).chain(["src".into()])
    {
        let roots = ["lib.rs", "main.rs"].map(|name| format!("{dir}/{name}")).into_iter();
        let found: Vec<String> = roots.filter(|path| root().join(path).exists()).collect();
        assert!(!found.is_empty(), "{dir} has no root");
        for path in found {
            assert!(read(&path).contains("#![forbid(unsafe_code)]"), "{path} does not forbid unsafe code");
        }
    }
}

#[test]
fn arrows_between_crates_are_those_of_the_architecture() {
    for (path, below) in ARROWS {
        let found = manifests::dependencies(&read(&format!("{path}Cargo.toml")));
        let found: Vec<&str> = found.iter().map(|name| &name[..]).collect();
        assert_eq!(found, below, "what `{path}Cargo.toml` depends on, and what it may");
    }
}

#[test]
fn bincode_is_used_in_one_module() {
    let uses = |source: &Source| tokens::tokens(&source.code).contains(&"bincode");
    let users: Vec<String> =
        CRATES.iter().flat_map(|krate| sources_of(krate)).filter(uses).map(|source| source.path).collect();
    assert_eq!(users, ["crates/cli/src/checkpoint/state.rs"]);
}

/// Every divergence in closed form has its row among the pairs that the laws of divergences go through.
#[test]
fn every_divergence_has_its_row_in_the_laws() {
    let implemented: usize = sources_of("models").iter().map(text::divergences).sum();
    let rows = text::rows(&Source::new("", &read("tests/laws/kl_identities.rs")), "pairs", "Pair");
    assert_eq!(rows, implemented, "rows of `pairs()` in tests/laws/kl_identities.rs, and `impl Kl` in crates/models");
}
