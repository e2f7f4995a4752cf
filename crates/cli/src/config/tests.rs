//! The configuration as a user meets it: recipes, `--set` arguments and their mistakes.

use super::*;
use crate::machine::error::ExitCode;

fn parse(text: &str) -> Config {
    Config::parse(text, "r.toml").unwrap()
}

/// The value of a setting, as TOML writes it.
fn value(config: &Config, key: &str) -> String {
    let all = config.resolved();
    all.into_iter().find(|(known, _)| *known == key).unwrap_or_else(|| panic!("no setting {key}")).1
}

/// The message of a usage error, which is one line.
fn message(error: Error) -> String {
    assert_eq!(error.code(), ExitCode::Usage, "{error}");
    error.to_string()
}

fn refused(text: &str) -> String {
    message(Config::parse(text, "r.toml").expect_err(text))
}

fn set_refused(argument: &str) -> String {
    message(parse("").set(&[argument]).expect_err(argument))
}

#[test]
fn a_silent_recipe_is_the_defaults() {
    let config = parse("");
    assert_eq!(config.kind(), "gmvae");
    let defaults = [("model.hidden", "[512, 512]"), ("train.lr", "0.001"), ("data.name", "\"glyphs\"")];
    for (key, default) in defaults {
        assert_eq!(value(&config, key), default);
    }
    assert_eq!(config.diff(&Config::of_kind("gmvae").unwrap()), []);
}

#[test]
fn values_may_be_written_in_every_way_toml_knows() {
    let config = parse(concat!(
        "description = 'one # two'\ntrain.lr = 1\ntrain.seed = 9_007_199_254_740_992\nlog = { every_steps = 0x10 }\n",
        "[data]\nname = \"\"\"a\nb\"\"\"\n[model]\nkind = 'vae' # comment\nhidden = [ 1_0, 0b11 ]\nbeta = 5e-1\n"
    ));
    assert_eq!((config.description(), config.kind()), ("one # two", "vae"));
    let written = [
        ("model.beta", "0.5"),
        ("train.lr", "1.0"),
        ("train.seed", "9007199254740992"),
        ("model.hidden", "[10, 3]"),
        ("log.every_steps", "16"),
        ("data.name", "\"a\\nb\""),
    ];
    for (key, text) in written {
        assert_eq!(value(&config, key), text);
    }
}

#[test]
fn canonical_text_is_stable_and_parses_to_itself() {
    let text = concat!(
        "description = \"a \\\"b\\\" \\\\ \\n\\u001B é\"\n\n[data]\nname = \"\\u0085x\\u0007'y'\"\ntrain_rows = 5\n",
        "[model]\nkind = \"vae\"\nz = 3\nhidden = []\nbeta = 0.0\n[train]\nepochs = 1\nbatch = 1000000\nlr = 1e-5\n",
        "clip = 123456789.125\nreduction = \"sum\"\nseed = 9007199254740992\n[log]\nevery_steps = 0\n"
    );
    let canonical = parse(text).to_toml();
    // Every line but for the order, and the defaults of what the text leaves out.
    text.lines()
        .filter(|line| !line.is_empty())
        .for_each(|line| assert!(canonical.lines().any(|l| l == line), "{line}"));
    assert_eq!(parse(&canonical).to_toml(), canonical);
    assert_eq!(parse(&canonical).diff(&parse(text)), []);
    assert!(canonical.starts_with("description = \"a \\\"b\\\" \\\\ \\n\\u001B é\"\n\n[data]\nname = "), "{canonical}");
    // −0 and 0 are one value and therefore one text.
    assert_eq!(parse("train.clip = -0.0").to_toml(), parse("train.clip = 0").to_toml());
}

#[test]
fn the_hash_knows_settings_and_nothing_else() {
    let hash = parse("").hash();
    assert_eq!(hash, "af3ad15e", "the names of existing runs contain it");
    assert_eq!(parse("description = 'x'\n[train]\nlr = 0.001").hash(), hash);
    assert_ne!(parse("train.seed = 1").hash(), hash);
    assert_ne!(parse("model.kind = 'vae'").hash(), hash);
}

#[test]
fn old_names_are_taken_and_reported_once() {
    let config = parse("[model]\nkind = 'natural-gmm'\n[train]\nbatch_size = 50\ngrad_clip = 2\nepochs = 7");
    let new = [("train.batch", "50"), ("train.clip", "2.0"), ("train.max_iter", "7")];
    for (key, text) in new {
        assert_eq!(value(&config, key), text);
    }
    let mut again = config.clone();
    again.set(&["train.batch_size=60"]).unwrap();
    assert_eq!(value(&again, "train.batch"), "60");
    assert_eq!(again.remarks().len(), 3, "{:?}", again.remarks());
    assert_eq!(again.remarks()[0], "train.batch_size is called train.batch now; the old name still works");
    // A name that a kind still has is not old to it.
    assert_eq!(parse("train.epochs = 3").remarks(), [""; 0]);
    assert!(parse(&config.to_toml()).remarks().is_empty());
}

#[test]
fn unknown_names_are_refused_with_place_and_suggestion() {
    let cases = [
        ("[train]\nepochs = 3\n  lrr = 1", "r.toml:3:3: unknown key `train.lrr`; did you mean `train.lr`?"),
        ("[trian]\nlr = 1", "r.toml:1:2: unknown key `trian`; did you mean `[train]`?"),
        ("[train]\nz = 5", "r.toml:2:1: unknown key `train.z`; did you mean `model.z`?"),
        ("lr = 0.1", "r.toml:1:1: unknown key `lr`; did you mean `train.lr`?"),
        (
            "\n[log]\n\"é\" = 1\nb = 1",
            "r.toml:3:1: unknown key `log.é`; [log] takes every_steps, watch_steps, keep_epochs, probe",
        ),
        ("quux = 1", "r.toml:1:1: unknown key `quux`; the sections are [data], [model], [train], [log]"),
        ("[model]\nknd = 'vae'", "r.toml:2:1: unknown key `model.knd`; did you mean `model.kind`?"),
        ("model.branch = 1", "r.toml:1:7: `model.branch` is a setting of vae, not of the model kind gmvae"),
        ("[train.more]\nlr = 1", "r.toml:1:8: unknown key `train.more`; [train] takes"),
        ("train = 5", "r.toml:1:1: `train` is a section: write [train]"),
        ("[[train]]\nlr = 1", "r.toml:1:3: `train` is a section: write [train]"),
        ("description = 5", "r.toml:1:1: `description` takes text"),
    ];
    for (text, expected) in cases {
        let line = refused(text);
        assert!(line.starts_with(expected), "{line}");
    }
}

#[test]
fn the_first_mistake_of_the_file_is_the_one_reported() {
    let line = refused("[train]\nzz = 1\naa = 2\n[data]\nbad = 1");
    assert!(line.starts_with("r.toml:2:1: unknown key `train.zz`"), "{line}");
}

const KINDS: &str = "one of gmvae, m2, modified-m2, vae, discrete-vae, factor-analysis, gmm, kmeans, natural-gmm, pca";

#[test]
fn values_outside_their_domain_are_refused_with_what_is_allowed() {
    let cases = [
        ("train.epochs", "0", "a whole number from 1 to 1000000"),
        ("train.epochs", "-1", "a whole number from 1 to 1000000"),
        ("train.epochs", "2.0", "a whole number from 1 to 1000000"),
        ("train.epochs", "'2'", "a whole number from 1 to 1000000"),
        ("train.epochs", "99999999999999999999999999", "a whole number from 1 to 1000000"),
        ("train.batch", "0", "a whole number from 1 to 1000000"),
        ("train.seed", "-1", "a whole number from 0 to 9007199254740992"),
        ("train.seed", "9007199254740993", "a whole number from 0 to 9007199254740992"),
        ("train.lr", "-1e-3", "a number above 0 and at most 1000"),
        ("train.lr", "0", "a number above 0 and at most 1000"),
        ("train.lr", "nan", "a number above 0 and at most 1000"),
        ("train.lr", "-nan", "a number above 0 and at most 1000"),
        ("train.lr", "inf", "a number above 0 and at most 1000"),
        ("train.clip", "1e999", "a number from 0 to 1e12"),
        ("train.lr", "true", "a number above 0 and at most 1000"),
        ("train.lr", "2020-01-01", "a number above 0 and at most 1000"),
        ("data.literal", "1", "true or false"),
        ("train.reduction", "'max'", "one of mean, sum"),
        ("data.name", "''", "text that is not empty"),
        ("model.k", "0", "a whole number from 1 to 1000"),
        ("model.hidden", "5", "a list of at most 16 whole numbers from 1 to 16384"),
        ("model.hidden", "[5, -5]", "a list of at most 16 whole numbers from 1 to 16384"),
        ("model.hidden", "[5, [5]]", "a list of at most 16 whole numbers from 1 to 16384"),
        ("model.kind", "'m3'", KINDS),
    ];
    for (key, value, allowed) in cases {
        let (section, name) = key.split_once('.').unwrap();
        let line = refused(&format!("[{section}]\n{name} = {value}"));
        assert_eq!(line, format!("r.toml:2:1: `{key}` takes {allowed}, not `{value}`"));
        let argument = format!("{key}={value}");
        assert_eq!(set_refused(&argument), format!("--set `{argument}`: `{key}` takes {allowed}, not `{value}`"));
    }
    // In a file, text has quotes.
    assert!(refused("data.name = 5").ends_with("takes text that is not empty, not `5`"));
    assert!(refused("model.kind = 5").ends_with(&format!("takes {KINDS}, not `5`")));
}

#[test]
fn broken_toml_is_refused_with_its_place() {
    let cases = [
        ("[train]\nlr = 1\nlr = 2", "r.toml:3:1: duplicate key"),
        ("[train]\nlr = 1\n[data]\n[train]\n", "r.toml:4:2: duplicate key"),
        ("[train]\nlr = ", "r.toml:2:"),
        ("[train\nlr = 1", "r.toml:1:7: "),
        ("[model]\nhidden = [1,\n2", "r.toml:3:"),
        ("[data]\nname = \"é\" x", "r.toml:2:12: "),
        ("\u{0}", "r.toml:1:"),
    ];
    for (text, expected) in cases {
        let line = refused(text);
        assert!(line.starts_with(expected), "{line}");
    }
}

#[test]
fn hostile_recipes_are_refused_without_harm() {
    let size = 1 << 19;
    let long = "x".repeat(2 * size);
    let cases = [
        format!("{} = 1", vec!["a"; size].join(".")),
        format!("[{}]", vec!["train"; size / 4].join(".")),
        format!("train.{} = 1", vec!["a"; size].join(".")),
        format!("[model]\nhidden = {}", "[".repeat(size)),
        format!("[model]\nhidden = [{}]", vec!["1"; size].join(",")),
        format!("[model]\nhidden = {}", "{a=".repeat(size / 2)),
        format!("{long} = 1"),
        format!("train.lr = '{long}'"),
        format!("train.lr = {}", "9".repeat(2 * size)),
        "[train]\n".repeat(size / 4),
    ];
    for text in cases {
        let line = refused(&text);
        assert!(line.starts_with("r.toml:") && line.len() < 400, "{line}");
    }
    let line = set_refused(&format!("train.{long}={long}"));
    assert!(line.len() < 400, "{line}");
}

#[test]
fn arguments_change_values_in_order() {
    let mut config = parse("[train]\nlr = 0.1");
    let arguments = ["train.lr=1e-2", "data.name=mnist", "train.lr = 1", "model.hidden=[8, 4]", "train.reduction=sum"];
    config.set(&arguments).unwrap();
    let changed =
        [("train.lr", "1.0"), ("data.name", "\"mnist\""), ("model.hidden", "[8, 4]"), ("train.reduction", "\"sum\"")];
    for (key, text) in changed {
        assert_eq!(value(&config, key), text);
    }
    for (word, text) in [("2024", "2024"), ("a=b c", "a=b c"), ("\"quo ted\"", "quo ted"), ("nan", "nan")] {
        config.set(&[format!("data.name={word}")]).unwrap();
        assert_eq!(config.data.name, text);
    }
}

#[test]
fn a_new_kind_keeps_chosen_values_and_takes_its_own_defaults() {
    let mut config = parse("[model]\nkind = 'gmvae'\nk = 5\nhidden = [7]");
    config.set(&["model.beta=2", "model.kind=vae"]).unwrap();
    // Nobody chose z: it is the default of the new kind, not of the old.
    let now = [("model.kind", "\"vae\""), ("model.hidden", "[7]"), ("model.z", "2"), ("model.beta", "2.0")];
    for (key, text) in now {
        assert_eq!(value(&config, key), text);
    }

    let line = message(parse("").set(&["model.eta=3", "model.kind=vae"]).unwrap_err());
    let of = "gmvae, m2, modified-m2";
    assert_eq!(line, format!("--set `model.eta=3`: `model.eta` is a setting of {of}, not of the model kind vae"));
    let line = message(parse("train.batch = 0\nmodel.kind = 'natural-gmm'").set(&["model.kind=vae"]).unwrap_err());
    assert_eq!(line, "model.kind = \"vae\": `train.batch` takes a whole number from 1 to 1000000, not `0`");
}

#[test]
fn malformed_arguments_are_refused() {
    let cases = [
        ("train.lr", "--set `train.lr`: expected section.key=value"),
        ("", "--set ``: expected section.key=value"),
        ("lr=1", "--set `lr=1`: unknown key `lr`; did you mean `train.lr`?"),
        ("tran.lr=1", "--set `tran.lr=1`: unknown key `tran.lr`; did you mean `train.lr`?"),
        ("train.epoch=1", "--set `train.epoch=1`: unknown key `train.epoch`; did you mean `train.epochs`?"),
        ("train.=1", "--set `train.=1`: unknown key `train.`; [train] takes"),
        ("=1", "--set `=1`: unknown key ``;"),
        ("train.lr=", "--set `train.lr=`: `train.lr` takes a number above 0 and at most 1000, not ``"),
        ("train.lr=1 2", "--set `train.lr=1 2`: `train.lr` takes a number"),
        ("train.lr=fast", "--set `train.lr=fast`: `train.lr` takes a number"),
        ("description=x", "--set `description=x`: unknown key `description`"),
    ];
    for (argument, expected) in cases {
        let line = set_refused(argument);
        assert!(line.starts_with(expected), "{line}");
    }
}

#[test]
fn differences_are_listed_with_both_values() {
    let ours = parse("description = 'a'\n[model]\nhidden = [8]\n[train]\nlr = 0.5");
    assert_eq!(ours.diff(&parse(&ours.to_toml())), []);
    let theirs = parse("description = 'b'\n[model]\nkind = 'vae'\nz = 3\nhidden = [8]");
    let listed: Vec<String> = ours.diff(&theirs).iter().map(|d| format!("{} {} {}", d.key, d.ours, d.theirs)).collect();
    let expected = [
        "model.kind \"gmvae\" \"vae\"",
        "model.k 10 not a setting",
        "model.z 64 3",
        "model.eta 1.0 not a setting",
        "train.lr 0.5 0.001",
        "model.branch not a setting 0",
    ];
    assert_eq!(listed[..expected.len()], expected);
}

#[test]
fn recipe_files_that_cannot_be_text_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.toml");
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        read_recipe(&path)
    };
    assert_eq!(read(b"[train]").unwrap(), "[train]");
    assert!(message(read(b"[train]\xff").unwrap_err()).ends_with("r.toml: byte 7 is not UTF-8 text"));
    assert_eq!(read(&vec![b' '; 1 << 20]).unwrap().len(), 1 << 20);
    assert!(message(read(&vec![b' '; (1 << 20) + 1]).unwrap_err()).contains("at most 1048576 bytes"));
    assert!(message(read_recipe(dir.path()).unwrap_err()).contains("directory"));
    assert!(message(read_recipe(&dir.path().join("none.toml")).unwrap_err()).contains("none.toml: "));
}
