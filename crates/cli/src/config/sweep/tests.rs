//! Axes as a user writes them, the order of the runs, and the mistakes.

use super::*;
use crate::machine::error::ExitCode;

fn expand(text: &str) -> Result<Vec<Variant>> {
    variants(text, "r.toml", &[])
}

/// Labels and seed of each run.
fn runs(text: &str) -> Vec<String> {
    let name = |variant: &Variant| {
        let labels = variant.labels.iter().map(|(key, value)| format!("{key}={value}"));
        let seed = variant.config.method.seed();
        labels.chain([format!("{seed}")]).collect::<Vec<_>>().join(" ")
    };
    expand(text).unwrap().iter().map(name).collect()
}

/// The values of one axis.
fn line(key: &str, axis: &str) -> Vec<String> {
    let label = |variant: Variant| variant.labels.into_iter().map(|(_, value)| value).collect();
    expand(&format!("[sweep]\n\"{key}\" = {axis}")).unwrap().into_iter().map(label).collect()
}

#[track_caller]
fn refused(text: &str, set: &[String]) -> String {
    let error = variants(text, "r.toml", set).expect_err(text);
    assert_eq!(error.code(), ExitCode::Usage, "{error}");
    error.to_string()
}

#[test]
fn the_first_axis_changes_slowest_and_the_seed_fastest() {
    let expected = [
        "model.k=20 train.lr=0.1 0",
        "model.k=20 train.lr=0.1 1",
        "model.k=20 train.lr=0.2 0",
        "model.k=20 train.lr=0.2 1",
        "model.k=10 train.lr=0.1 0",
        "model.k=10 train.lr=0.1 1",
        "model.k=10 train.lr=0.2 0",
        "model.k=10 train.lr=0.2 1",
    ];
    for seeds in ["seeds = 2", "seeds = [0, 1]", "\"train.seed\" = [0, 1]", "seeds = { from = 0, to = 1, step = 1 }"] {
        // However the keys are written: in quotes, with a dot, or in the table of their section; and the seed anywhere.
        for axes in [
            format!("[sweep]\n{seeds}\n\"model.k\" = [20, 10]\n\"train.lr\" = [0.1, 0.2]"),
            format!("[sweep]\nmodel.k = [20, 10]\n{seeds}\n'train.lr' = [0.1, 0.2]"),
            format!("[sweep.model]\nk = [20, 10]\n[sweep]\n\"train.lr\" = [0.1, 0.2]\n{seeds}"),
        ] {
            assert_eq!(runs(&axes), expected, "{axes}");
        }
    }
}

#[test]
fn keys_of_a_zip_vary_together() {
    let zip = "[[sweep.zip]]\n\"model.k\" = [3, 5]\n\"model.z\" = { from = 4, to = 6, step = 2 }\n";
    assert_eq!(runs(zip), ["model.k=3 model.z=4 0", "model.k=5 model.z=6 0"]);
    let two = format!("[sweep]\nseeds = 1\n{zip}[[sweep.zip]]\n\"train.seed\" = [7, 8]\ntrain.epochs = [1, 2]");
    assert!(refused(&two, &[]).contains("r.toml:7:1: `train.seed` is an axis already"), "{}", refused(&two, &[]));
    let two = two.replace("seeds = 1", "\"train.lr\" = [0.5]");
    let expected = [
        "train.lr=0.5 model.k=3 model.z=4 train.epochs=1 7",
        "train.lr=0.5 model.k=3 model.z=4 train.epochs=2 8",
        "train.lr=0.5 model.k=5 model.z=6 train.epochs=1 7",
        "train.lr=0.5 model.k=5 model.z=6 train.epochs=2 8",
    ];
    assert_eq!(runs(&two), expected);
}

#[test]
fn values_are_of_every_type_and_ranges_have_the_numbers_one_writes() {
    assert_eq!(line("model.hidden", "[[8], [8, 4],\n []]"), ["[8]", "[8, 4]", "[]"]);
    assert_eq!(line("data.name", "[\"mnist\", 'a b']"), ["mnist", "a b"]);
    assert_eq!(line("model.kind", "[\"vae\", \"gmvae\"]"), ["vae", "gmvae"]);
    assert_eq!(line("train.lr", "[1, 1e-3, 0.5]"), ["1.0", "0.001", "0.5"]);
    assert_eq!(line("model.k", "{ from = 0x1, to = 10, step = 4 }"), ["1", "5", "9"]);
    assert_eq!(line("model.k", "{ from = 5, to = 5, count = 1 }"), ["5"]);
    assert_eq!(line("model.k", "{ from = 1, to = 10, count = 4, scale = \"linear\" }"), ["1", "4", "7", "10"]);
    assert_eq!(
        line("train.batch", "{ from = 10, to = 10_000, count = 4, scale = \"log\" }"),
        ["10", "100", "1000", "10000"]
    );
    assert_eq!(line("train.lr", "{ from = 0.1, to = 0.3, step = 0.1 }"), ["0.1", "0.2", "0.3"]);
    assert_eq!(line("train.lr", "{ from = 0.1, to = 0.4, count = 4 }"), ["0.1", "0.2", "0.3", "0.4"]);
    let log = line("train.lr", "{ from = 1e-4, to = 1e-2, count = 5, scale = \"log\" }");
    assert_eq!(log, ["0.0001", "0.000316227766017", "0.001", "0.00316227766017", "0.01"]);
    let seeds = runs("[sweep]\nseeds = { from = 9007199254740990, to = 9007199254740992, step = 1 }");
    assert_eq!(seeds, ["9007199254740990", "9007199254740991", "9007199254740992"]);
}

#[test]
fn a_run_of_a_sweep_is_the_run_with_these_settings() {
    let text = "description = 'x'\n[model]\nkind = \"gmvae\"\nz = 7\n[sweep]\n\"model.kind\" = [\"gmvae\", \"vae\"]";
    let all = variants(text, "r.toml", &["train.epochs=3".into()]).unwrap();
    let alone = |kind: &str| {
        let text = format!("[model]\nkind = \"{kind}\"\nz = 7\n[train]\nepochs = 3");
        Config::parse(&text, "").unwrap().hash()
    };
    assert_eq!(all.iter().map(|variant| variant.config.hash()).collect::<Vec<_>>(), ["gmvae", "vae"].map(alone));
}

#[test]
fn a_recipe_of_many_runs_is_not_one_run() {
    let text = "[train]\nlr = 0.1\n[sweep]\nseeds = 2";
    let line = Config::parse(text, "r.toml").unwrap_err().to_string();
    assert_eq!(line, "r.toml:3:2: [sweep] makes many runs of this recipe; use `elbo sweep run r.toml`");
    assert_eq!(Config::base(text, "r.toml").unwrap().steps().train.lr, 0.1);
    let line = refused("[train]\nlr = 0.1", &[]);
    assert_eq!(line, "r.toml: no [sweep] in this recipe; `elbo train r.toml` runs it once");
}

#[test]
fn mistakes_are_refused_with_their_place() {
    let cases = [
        ("sweep = 3", "r.toml:1:1: `sweep` is a section: write [sweep]"),
        ("[swep]\nseeds = 3", "r.toml:1:2: unknown key `swep`; did you mean `[sweep]`?"),
        ("[sweep]", "r.toml:1:2: [sweep] has no axis"),
        ("[sweep]\nzip = []", "r.toml:1:2: [sweep] has no axis"),
        ("[sweep]\nmodel = {}", "r.toml:1:2: [sweep] has no axis"),
        ("[sweep]\nmodel.k = []", "r.toml:2:7: `model.k` has no values"),
        ("[sweep]\n\"model.kk\" = [1]", "r.toml:2:1: unknown key `model.kk`; did you mean `model.k`?"),
        ("[sweep]\nmodel.lr = [1]", "r.toml:2:7: unknown key `model.lr`; did you mean `train.lr`?"),
        ("[sweep]\n\"modle.k\" = [1]", "r.toml:2:1: unknown key `modle.k`; did you mean `model.k`?"),
        ("[sweep]\nepochs = [1]", "r.toml:2:1: unknown key `epochs`; did you mean `train.epochs`?"),
        ("[sweep]\nmodel = [1]", "r.toml:2:1: `model` is a section: write model.KEY = [..]"),
        ("[sweep]\n\"model.k\" = [1, 0]", "r.toml:2:17: `model.k` takes a whole number from 1 to 1000, not `0`"),
        ("[sweep]\n\"model.k\" = [1.5]", "r.toml:2:14: `model.k` takes a whole number from 1 to 1000, not `1.5`"),
        ("[sweep]\n\"model.k\" = ['a']", "r.toml:2:14: `model.k` takes a whole number from 1 to 1000, not `'a'`"),
        ("[sweep]\n\"model.k\" = 3", "r.toml:2:1: `model.k` takes a list of values or a range such as"),
        ("[sweep]\n\"model.hidden\" = [8, 4]", "r.toml:2:19: `model.hidden` takes a list of at most 16 whole numbers"),
        ("[sweep]\n\"model.kind\" = ['vea']", "r.toml:2:17: `model.kind` takes one of gmvae, m2,"),
        (
            "[sweep]\nmodel.kind = ['gmvae', 'vae']\nmodel.k = [3]",
            "r.toml:3:12: `model.k` is a setting of gmvae, m2, modified-m2, discrete-vae, gmm, \
             kmeans, natural-gmm, not of the model kind vae",
        ),
        ("[model]\nkind = 'vae'\n[sweep]\nmodel.k = [3]", "r.toml:4:7: `model.k` is a setting of gmvae, m2,"),
        ("[sweep]\n\"model.k\" = [1]\nmodel.k = [2]", "r.toml:3:7: `model.k` is an axis already"),
        ("[sweep]\nseeds = 2\n\"train.seed\" = [2]", "r.toml:3:1: `train.seed` is an axis already"),
        ("[sweep]\nmodel.k = [3, 4, 3]", "r.toml:1:2: runs 0 and 2 have the same settings: `model.k=3 seed=0`"),
        ("[sweep]\nseeds = 0", "r.toml:2:1: `seeds` takes a number from 1 to 10000 or a list, not `0`"),
        ("[sweep]\nseeds = -1", "r.toml:2:1: `seeds` takes a number from 1 to 10000 or a list, not `-1`"),
        ("[sweep]\nseeds = 10001", "r.toml:2:1: `seeds` takes a number from 1 to 10000 or a list, not `10001`"),
        ("[sweep]\nseeds = 'a'", "r.toml:2:1: `train.seed` takes a list of values or a range"),
        ("[sweep]\nseeds = [-1]", "r.toml:2:10: `train.seed` takes a whole number from 0"),
        (
            "[sweep]\nseeds = 1000\ntrain.epochs = { from = 1, to = 1000, step = 1 }",
            "r.toml:1:2: the sweep has 1000000 runs; 10000 are allowed",
        ),
        ("[sweep]\nzip = 3", "r.toml:2:1: write [[sweep.zip]] over keys"),
        ("[sweep]\nzip = [3]", "r.toml:2:1: write [[sweep.zip]] over keys"),
        ("[[sweep.zip]]", "r.toml:1:1: [[sweep.zip]] has no key"),
        ("[[sweep.zip]]\nseeds = 3", "r.toml:2:1: write \"train.seed\" in a zip"),
        (
            "[[sweep.zip]]\nmodel.k = [1, 2]\nmodel.z = [1]",
            "r.toml:3:7: keys that vary together: `model.k` has 2 values and `model.z` 1",
        ),
        ("[[sweep.zip]]\nmodel.k = [1, 2]\n[sweep.zip.more]\nx = 1", "r.toml:3:12: unknown key `more`"),
    ];
    for (text, expected) in cases {
        let line = refused(text, &[]);
        assert!(line.starts_with(expected), "{text}\n{line}");
    }
    let line = refused("[sweep]\nmodel.k = [3]", &["model.k=4".into()]);
    assert_eq!(line, "--set `model.k=4`: `model.k` is an axis of the sweep");
}

#[test]
fn ranges_that_are_none_are_refused() {
    let cases = [
        ("{}", 19, "a range takes from and to"),
        ("{ from = 1, to = 2 }", 19, "a range takes from and to, and either step or count"),
        ("{ from = 1, to = 2, step = 1, count = 2 }", 19, "a range takes from and to, and either step or count"),
        ("{ from = 1, to = 2, step = 1, scale = 'log' }", 19, "a range takes from and to, and either step or count"),
        ("{ from = 2, to = 1, step = 1 }", 19, "a range goes up: from is above to"),
        ("{ from = 1, to = 2, count = 0 }", 47, "`count` of a range takes a whole number from 1 to 10000, not `0`"),
        ("{ from = 1, to = 2, count = 99999 }", 47, "`count` of a range takes a whole number from 1 to 10000"),
        ("{ from = 1, to = 2, count = 1.5 }", 47, "`count` of a range takes a whole number from 1 to 10000"),
        ("{ from = 1, to = 2, step = 0 }", 19, "`step` of a range is above 0"),
        ("{ from = 1, to = 2, step = -1 }", 19, "`step` of a range is above 0"),
        ("{ from = 1, to = 2, step = 1e-30 }", 19, "the range has "),
        ("{ from = -9223372036854775807, to = 9223372036854775807, step = 1 }", 19, "the range has "),
        ("{ from = 0, to = 1, count = 3, scale = 'log' }", 19, "a range of scale \"log\" begins above 0"),
        ("{ from = -1.0, to = 1, count = 3, scale = 'log' }", 19, "a range of scale \"log\" begins above 0"),
        ("{ from = 1, to = 2, count = 3, scale = 'cubic' }", 58, "`scale` of a range takes \"linear\" or \"log\", not"),
        ("{ from = 'a', to = 2, step = 1 }", 28, "`from` of a range takes a number, not `'a'`"),
        ("{ from = nan, to = 2, step = 1 }", 28, "`from` of a range takes a number, not `nan`"),
        ("{ from = 1, to = inf, step = 1 }", 36, "`to` of a range takes a number, not `inf`"),
        ("{ from = 1, till = 2, step = 1 }", 31, "unknown key `till`; a range takes from, to, step, count, scale"),
        ("{ from = 1, to = 2, count = 3 }", 19, "`train.epochs` takes a whole number from 1 to 1000000, not `1.5`"),
        ("{ from = 0, to = 2, step = 1 }", 19, "`train.epochs` takes a whole number from 1 to 1000000, not `0`"),
        ("{ from = 5, to = 5, count = 2 }", 0, "runs 0 and 1 have the same settings"),
    ];
    for (range, column, expected) in cases {
        let line = refused(&format!("[sweep]\n\"train.epochs\" = {range}"), &[]);
        let place = if column == 0 { "r.toml:1:2".into() } else { format!("r.toml:2:{}", column - 1) };
        assert!(line.starts_with(&format!("{place}: {expected}")), "{range}\n{line}");
    }
}

#[test]
fn hostile_sweeps_are_refused_without_harm() {
    let size = 1 << 18;
    let cases = [
        format!("[sweep]\n\"model.k\" = [{}]", vec!["1"; size].join(",")),
        format!("[sweep]\n{}", (0..9000).map(|key| format!("\"train.k{key}\" = [1, 2]\n")).collect::<String>()),
        format!("[sweep]\n\"{}\" = [1]", "model.".repeat(size / 6)),
        format!("[sweep]\n{} = [1]", vec!["a"; size].join(".")),
        format!("[sweep]\ndata.name = [\"{}\", 1]", "x".repeat(size)),
        "[[sweep.zip]]\n".repeat(size / 14),
    ];
    for text in cases {
        let line = refused(&text, &[]);
        assert!(line.starts_with("r.toml:") && line.len() < 400, "{line}");
    }
}
