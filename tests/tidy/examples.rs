//! Each rule on small sources that are made up: what it refuses, and what it must let pass.

use crate::circles::{Known, circles, stale, unknown};
use crate::manifests::dependencies;
use crate::modules::{Use, uses};
use crate::rooms::upward;
use crate::source::{Source, without_test_files};
use crate::text::{divergences, long_lines, long_prose, of_distributions, rows, string_keyed_reads};
use crate::tokens::tokens;

/// The uses of a crate of these files, as `from -> to`, each once; every path must have been understood.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let (uses, lost) = all(files);
    assert!(lost.is_empty(), "{lost:?}");
    let mut pairs: Vec<String> = uses.iter().map(|Use { from, to, .. }| format!("{from} -> {to}")).collect();
    pairs.dedup();
    pairs
}

fn all(files: &[(&str, &str)]) -> (Vec<Use>, Vec<String>) {
    let sources = files.iter().map(|(path, text)| Source::new(&format!("src/{path}"), text)).collect();
    uses(&without_test_files(sources), "src/")
}

#[test]
fn a_use_leads_to_the_file_of_the_item() {
    let b = ("b.rs", "pub struct B; pub fn f() {}");
    for use_of_b in [
        "use crate::b::B;",
        "use super::b::{self as other, B};",
        "use crate::{b::{f as g}};",
        "fn x() { crate::b::f() }",
        "fn x() { use super::b; b::f() }",
        "use crate::b::*; type T = B;",
        "mod inner { fn x() { super::super::b::f() } }",
        "use crate::b; struct S { b: b::B }",
        "macro_rules! m { () => { $crate::b::f() } }",
        "pub use crate::b::B; fn x() -> B { B }",
    ] {
        assert_eq!(found(&[("a.rs", use_of_b), b, ("lib.rs", "mod a; mod b;")]), ["a.rs -> b.rs"], "{use_of_b}");
    }
    for no_use in [
        "use crate::b;",
        "use crate::b::*;",
        "// use crate::b::B;",
        "/* crate::b::f() */ /* /* */ crate::b::f() */",
        r#"const S: &str = "crate::b::f() // ";"#,
        r##"const S: &str = r#"" crate::b::f() "#;"##,
        r#"const C: [char; 2] = ['"', '\'']; fn x<'b>() {}"#,
        "#[cfg(test)] use crate::b::B;",
        "#[cfg(test)]\nmod tests { use super::*; use crate::b::B; }",
        "#[cfg(test)] #[allow(x)] fn x() { crate::b::f() }",
        "pub use crate::b::B;",
        "use std::b::B; fn x(b: u8) { b.f(); other::b::f() }",
    ] {
        assert!(found(&[("a.rs", no_use), b, ("lib.rs", "mod a; mod b;")]).is_empty(), "{no_use}");
    }
}

#[test]
fn a_re_export_is_followed() {
    let files = [
        ("lib.rs", "mod a; mod room; pub use room::*;"),
        ("room.rs", "mod x; mod y; pub use x::X; pub use self::y::Y as Z; pub const OWN: u8 = 0;"),
        ("room/x.rs", "pub struct X;"),
        ("room/y.rs", "pub struct Y;"),
    ];
    let with = |a: &'static str| found(&[&files[..], &[("a.rs", a)]].concat());
    assert_eq!(with("use crate::room::X;"), ["a.rs -> room/x.rs"]);
    assert_eq!(with("use crate::room; fn f() { room::Z }"), ["a.rs -> room/y.rs"]);
    assert_eq!(with("use crate::OWN;"), ["a.rs -> room.rs"]);
    assert_eq!(with("use crate::X;"), ["a.rs -> room/x.rs"]);
}

#[test]
fn a_path_that_leads_nowhere_is_told() {
    let (_, lost) = all(&[("lib.rs", "mod a;"), ("a.rs", "use crate::nowhere::X;")]);
    assert_eq!(lost, ["src/a.rs: crate::nowhere::X"]);
}

#[test]
fn circles_are_found_however_long() {
    let lib = ("lib.rs", "mod a; mod b; mod c;");
    let files = |c: &'static str| {
        [lib, ("a.rs", "use crate::b::B; struct A;"), ("b.rs", "use crate::c::C; struct B;"), ("c.rs", c)]
    };
    assert!(circles(&all(&files("struct C;")).0).is_empty());
    assert_eq!(circles(&all(&files("use crate::a::A; struct C;")).0), [["a.rs", "b.rs", "c.rs"]]);
}

#[test]
fn a_child_that_uses_its_parent_which_uses_it_is_a_circle() {
    let child = ("room/x.rs", "use super::OWN; fn f() { OWN }");
    let parent = |text| ("room.rs", text);
    let circle = [["room.rs", "room/x.rs"]];
    let of = |parent| all(&[("lib.rs", "mod room;"), child, parent]).0;
    assert_eq!(circles(&of(parent("mod x; pub const OWN: u8 = 0; fn g() { x::f() }"))), circle);
    assert_eq!(circles(&of(parent("mod x; pub const OWN: u8 = 0; use x::f; fn g() { f() }"))), circle);
    // Only passing the child's item on, or a name that the parent has from elsewhere.
    assert!(circles(&of(parent("mod x; pub const OWN: u8 = 0; pub use x::f;"))).is_empty());
    assert!(circles(&of(parent("mod x; pub use std::OWN; fn g() { x::f() }"))).is_empty());
}

#[test]
fn a_known_circle_is_excused_until_it_is_opened() {
    let uses =
        |b: &'static str| all(&[("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B; struct A;"), ("b.rs", b)]).0;
    let (closed, open) = (uses("use crate::a::A; struct B;"), uses("struct B;"));
    let known = [Known { krate: "k", from: "b", to: "a" }];
    assert!(unknown("k", &closed, &known).is_empty() && stale("k", &closed, &known).is_empty());
    assert_eq!(stale("k", &open, &known).len(), 1);
    let told = "k: a circle of a.rs, b.rs\n    a.rs -> b.rs: crate::b::B\n    b.rs -> a.rs: crate::a::A";
    assert_eq!(unknown("k", &closed, &[]), [told]);
    assert_eq!(unknown("other", &closed, &known).len(), 1);
}

#[test]
fn rooms_use_lower_floors_only() {
    let one = |from: &str, to: &str| {
        let found = upward(&[Use { from: from.into(), to: to.into(), by: "x".into() }]);
        found.into_iter().map(|(_, why)| why).collect::<String>()
    };
    assert_eq!(one("run/fit.rs", "config.rs"), "");
    assert_eq!(one("run/fit.rs", "run.rs"), "");
    assert_eq!(one("lib.rs", "commands/x.rs"), "");
    assert_eq!(one("config/read.rs", "run/dir.rs"), "config/read.rs (floor 4) uses x of run/dir.rs (floor 5)");
    assert_eq!(one("machine.rs", "main.rs"), "machine.rs (floor 0) uses x of main.rs (floor 9)");
    assert_eq!(one("study.rs", "sweep.rs"), "study.rs (floor 7) uses x of sweep.rs (floor 7)");
    assert_eq!(one("run.rs", "attic.rs"), "attic.rs: the room attic has no floor");
}

#[test]
fn code_lines_are_neither_empty_nor_comments_nor_tests() {
    let text = "//! doc\n\nfn f() {\n    // why\n    g(\"//\"); /* x\n    y */ }\n\n\
        #[cfg(test)]\nmod tests {\n    fn t() {}\n}\nconst A: u8 = 0;\n";
    assert_eq!(Source::new("a.rs", text).code_lines(), 4);
    let files = ["a.rs", "a/tests.rs", "a/tests/deep.rs", "a/other.rs"]
        .map(|path| Source::new(path, "#[cfg(test)]\nmod tests;\nmod other;\n"));
    let kept: Vec<String> = without_test_files(files.into()).into_iter().map(|source| source.path).collect();
    assert_eq!(kept, ["a.rs", "a/other.rs"]);
}

#[test]
fn names_of_densities_and_divergences_are_seen() {
    let of = |path: &str, text: &str| of_distributions(&Source::new(path, text));
    assert_eq!(of("ops/uniform_kl.rs", "struct UniformKl; fn f() {}"), ["uniform_kl", "UniformKl"]);
    assert_eq!(
        of("ops/add.rs", "impl V { fn normal_log_prob(self) {} } const KL_OF: u8 = 0;"),
        ["normal_log_prob", "KL_OF"]
    );
    assert!(of("ops/softmax.rs", "fn log_softmax() {} struct Weakly; fn log_of_prob() { kl() }").is_empty());
}

#[test]
fn settings_read_by_a_string_are_counted() {
    let reads = |text: &str| string_keyed_reads(&Source::new("a.rs", text));
    assert_eq!(reads("fn f() { s.int(\"k\") + s\n.float(\n\"x\") } // s.text(\"z\")"), 2);
    assert_eq!(reads("fn f() { Setting::int(\"k\"); s.int(k); s.print(\"k\"); \".int(\\\"k\\\")\" }"), 0);
}

#[test]
fn long_lines_are_counted_in_characters() {
    assert_eq!(long_lines("ää\nabc\n", 2), [2]);
    let prose = "abcdef\n```\nabcdef\n```\n| abcdef |\n[abc](def)\nabcdef";
    assert_eq!(long_prose(prose, 5), [1, 7]);
}

#[test]
fn manifests_name_their_crates_in_every_section() {
    let manifest = "[package]\nname = \"elbo-x\"\n[dependencies]\nelbo-a.workspace = true\nrand = \"1\"\n\
        [dev-dependencies]\nelbo-b = { path = \"..\" }\n[dependencies.elbo-c]\nversion = \"1\"\n[features]\n\
        elbo-d = []\n[workspace.dependencies]\nelbo-e.workspace = true\n";
    assert_eq!(dependencies(manifest).into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn divergences_and_their_rows_are_counted() {
    let of = |text: &str| Source::new("a.rs", text);
    assert_eq!(divergences(&of("impl<'t> Kl<'t, P> for Q<'t> { } impl Q { fn kl() {} } trait Kl<P> {}")), 1);
    let pairs =
        "struct Pair { p: u8 } fn pairs() -> [Pair; 2] { [Pair { p: 1 }, Pair { p: 2 }] } fn x() { Pair { p: 3 } }";
    assert_eq!(rows(&of(pairs), "pairs", "Pair"), 2);
}

#[test]
fn tokens_are_names_lifetimes_and_signs() {
    assert_eq!(tokens("a::b_1<'t>(x)"), ["a", "::", "b_1", "<", "'t", ">", "(", "x", ")"]);
}
