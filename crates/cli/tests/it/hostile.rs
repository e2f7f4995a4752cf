//! Bad input: the documented exit code, one line on stderr that names the place, and nothing written.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use crate::support::{Outcome, Sandbox};
use flate2::Compression;
use flate2::write::GzEncoder;

/// A short training on the folder of IDX files `data`.
const TRAIN: &str = "train mnist-gmvae --data-dir data --out run --set data.valid_rows=2 --set model.k=2
    --set model.z=2 --set model.hidden=[8] --set train.epochs=1 --set train.epoch_steps=2 --set train.batch=4";

/// A training that needs no file and takes a moment; a run directory follows.
const QUICK: &str = "train mixture-vae --set data.train_rows=200 --set train.epochs=2 --out";

/// Asserts that `outcome` is a refusal with exit code `code` in one line that holds every one of `needles`.
#[track_caller]
fn assert_refusal(what: &str, outcome: &Outcome, code: i32, needles: &[&str]) {
    assert_eq!(outcome.code, Some(code), "{what}: {outcome:?}");
    assert_eq!(outcome.stdout, "", "{what}");
    let line = outcome.stderr.strip_suffix('\n').unwrap_or_default();
    assert!(line.starts_with("elbo: ") && !line.contains('\n'), "{what}: {outcome:?}");
    for needle in needles {
        assert!(line.contains(needle), "{what}: no `{needle}` in `{line}`");
    }
}

/// Asserts that `elbo` refuses the arguments `line` and changes no file.
#[track_caller]
fn assert_refused(sandbox: &Sandbox, line: &str, code: i32, needles: &[&str]) {
    let before = sandbox.contents("");
    assert_refusal(line, &sandbox.elbo(line), code, needles);
    assert!(sandbox.contents("") == before, "elbo {line}: something was written");
}

/// A deterministic sequence of numbers without visible order.
fn numbers() -> impl Iterator<Item = usize> {
    std::iter::successors(Some(1u64), |x| Some(x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407)))
        .map(|x| (x >> 33) as usize)
}

/// The header of an IDX file of bytes.
fn header(dims: &[u32]) -> Vec<u8> {
    [0x0800 | dims.len() as u32].iter().chain(dims).flat_map(|word| word.to_be_bytes()).collect()
}

/// An IDX file of small numbers.
fn idx(dims: &[u32]) -> Vec<u8> {
    let mut bytes = header(dims);
    bytes.extend((0..dims.iter().product()).map(|i| (i % 3) as u8));
    bytes
}

fn gzip(bytes: impl Read) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::copy(&mut { bytes }, &mut encoder).unwrap();
    encoder.finish().unwrap()
}

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

/// A sandbox whose folder `data` holds a good data set: 12 training and 6 test images of 4 × 4 pixels.
fn with_data() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("data")).unwrap();
    let images = [(TRAIN_IMAGES, 12), (TEST_IMAGES, 6)].map(|(name, n)| (name, idx(&[n, 4, 4])));
    let labels = [(TRAIN_LABELS, 12), (TEST_LABELS, 6)].map(|(name, n)| (name, idx(&[n])));
    for (name, bytes) in images.into_iter().chain(labels) {
        fs::write(sandbox.path("data").join(name), bytes).unwrap();
    }
    sandbox
}

#[test]
fn malformed_data_files_are_refused_with_file_and_offset() {
    let good = idx(&[12, 4, 4]);
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let packed = format!("{TRAIN_IMAGES}.gz");
    let html = b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>".to_vec();
    let whole = gzip(&good[..]);
    let mut corrupt = whole.clone();
    corrupt[14] ^= 0x10;
    // 128 MiB of zeros, less than 1 MB on disk, behind a header that admits it, one that does not, and none.
    let bomb = |header: Vec<u8>| gzip(header.chain(std::io::repeat(0).take(128 << 20)));
    let bombs = [bomb(header(&[8192, 128, 128])), bomb(header(&[12, 4, 4])), bomb(Vec::new())];
    assert!(bombs.iter().all(|bomb| bomb.len() < 1 << 20));
    let [admitted, hidden, zeros] = bombs;

    // File, its bytes, and what is said about it.
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        (TRAIN_IMAGES, changed(2, 0x0d), &["byte 0:", "element type 0x0d", "0x00000803"]),
        (TRAIN_IMAGES, changed(0, 0x77), &["byte 0:", "0x77000803"]),
        (TRAIN_IMAGES, good[..good.len() - 5].to_vec(), &["byte 203:", "208 bytes in all, but the file has 203"]),
        (TRAIN_IMAGES, good[..10].to_vec(), &["byte 10:", "header of 16 bytes"]),
        (TRAIN_IMAGES, Vec::new(), &["byte 0:", "no data"]),
        (TRAIN_IMAGES, [&good[..], &[0]].concat(), &["byte 208:", "but the file has 209"]),
        (TRAIN_IMAGES, header(&[u32::MAX; 3]), &["byte 4:", "overflow"]),
        (TRAIN_IMAGES, header(&[u32::MAX, u32::MAX, 1]), &["byte 4:", "overflow"]),
        (TRAIN_IMAGES, header(&[u32::MAX, 4, 4]), &["byte 16:", "68719476736 bytes in all, but the file has 16"]),
        (TRAIN_IMAGES, header(&[0, 4, 4]), &["byte 4:", "number of images is 0"]),
        (TRAIN_IMAGES, idx(&[12]), &["byte 0:", "these are IDX labels"]),
        (TRAIN_IMAGES, b"a,b,c\n1,2,3\n".to_vec(), &["byte 0:", "text"]),
        (TRAIN_LABELS, idx(&[12, 4, 4]), &["byte 0:", "these are IDX images"]),
        (TRAIN_LABELS, idx(&[11]), &["byte 4:", "11 labels for the 12 images"]),
        (TEST_LABELS, idx(&[7]), &["byte 4:", "7 labels for the 6 images"]),
        (TEST_IMAGES, idx(&[6, 5, 4]), &["byte 8:", "[5, 4]", "[4, 4]"]),
        (&packed, whole[..whole.len() / 2].to_vec(), &["unpacked byte", "truncated"]),
        (&packed, whole[..whole.len() - 1].to_vec(), &["unpacked byte 208:", "truncated"]),
        (&packed, corrupt, &["unpacked byte", "corrupt"]),
        (&packed, gzip(&good[..200]), &["unpacked byte 200:", "data end after 200"]),
        (&packed, gzip(&whole[..]), &["unpacked byte 0:", "packed twice"]),
        (&packed, html, &["byte 0:", "HTML"]),
        (&packed, admitted, &["unpacked byte 4:", "gzip bomb"]),
        (&packed, hidden, &["unpacked byte 208:", "the data go on"]),
        (&packed, zeros, &["unpacked byte 0:", "0x00000000"]),
    ];
    for (file, bytes, needles) in cases {
        let sandbox = with_data();
        if file == packed {
            // A plain file would win.
            fs::remove_file(sandbox.path("data").join(TRAIN_IMAGES)).unwrap();
        }
        fs::write(sandbox.path("data").join(file), bytes).unwrap();
        let place = format!("data/{file}: ");
        assert_refused(&sandbox, TRAIN, 3, &[needles, &[&place]].concat());
    }
    // The same arguments are accepted when every file is good.
    with_data().succeed(TRAIN);
}

#[test]
fn data_that_are_not_there_are_refused() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.path("home/.cache/elbo/mnist").display().to_string();
    assert_refused(&sandbox, "train mnist-gmvae", 3, &["no data set `mnist` in", &nowhere, "elbo data fetch mnist"]);
    assert_refused(&sandbox, TRAIN, 3, &["--data-dir data: no such folder"]);
    assert_refused(&sandbox, "train mnist-gmvae --set data.name=../x", 2, &["data.name", "--data-dir"]);
    assert_refused(&sandbox, "data describe mnist", 3, &["no data set `mnist`"]);

    let sandbox = with_data();
    fs::remove_file(sandbox.path("data").join(TEST_IMAGES)).unwrap();
    assert_refused(&sandbox, TRAIN, 3, &["data: not found", TEST_IMAGES]);
    fs::create_dir(sandbox.path("data").join(TEST_IMAGES)).unwrap();
    assert_refused(&sandbox, TRAIN, 3, &[TEST_IMAGES, "byte 0:", "not a regular file"]);
    assert_refused(&with_data(), &format!("{TRAIN} --set data.valid_rows=12"), 2, &["12 rows of validation"]);
}

#[test]
fn malformed_recipes_are_refused_with_line_and_column() {
    let cases: [(&str, &str, &[&str]); 17] = [
        ("[train]\nepocs = 3\n", ":2:1:", &["unknown key `train.epocs`", "did you mean `train.epochs`?"]),
        ("[trian]\nepochs = 3\n", ":1:2:", &["unknown key `trian`", "did you mean `[train]`?"]),
        ("[data]\nlr = 3\n", ":2:1:", &["unknown key `data.lr`", "did you mean `train.lr`?"]),
        ("[model]\nkind = \"vae\"\nk = 3\n", ":3:1:", &["`model.k` is a setting of gmvae"]),
        (
            "[model]\nkind = \"gmave\"\n",
            ":2:1:",
            &["`model.kind` takes one of gmvae, m2, modified-m2, vae, discrete-vae"],
        ),
        ("[train]\nlr = 0.1\nlr = 0.2\n", ":3:1:", &["duplicate key"]),
        ("[train]\nlr = 0.1\n\n[train]\nbatch = 2\n", ":4:2:", &["duplicate key"]),
        ("[train]\nepochs = \"many\"\n", ":2:1:", &["`train.epochs` takes a whole number", "not `\"many\"`"]),
        ("[train]\n  epochs = 0\n", ":2:3:", &["`train.epochs` takes a whole number from 1"]),
        ("[train]\nepochs = 1.5\n", ":2:1:", &["`train.epochs` takes a whole number"]),
        ("[train]\nbatch = 0\n", ":2:1:", &["`train.batch` takes a whole number from 1"]),
        ("[train]\nlr = -1e-3\n", ":2:1:", &["`train.lr` takes a number above 0", "not `-1e-3`"]),
        ("[train]\nlr = nan\n", ":2:1:", &["`train.lr` takes a number above 0", "not `nan`"]),
        ("[train]\nseed = -1\n", ":2:1:", &["`train.seed` takes a whole number from 0", "not `-1`"]),
        ("[model]\nk = 0\n", ":2:1:", &["`model.k` takes a whole number from 1"]),
        ("[model]\nhidden = [8, 0]\n", ":2:1:", &["`model.hidden` takes a list", "whole numbers from 1"]),
        ("[train]\nlr = \n", ":2:6:", &[]),
    ];
    for (text, place, needles) in cases {
        let sandbox = Sandbox::new();
        fs::write(sandbox.path("recipe.toml"), text).unwrap();
        let place = format!("recipe.toml{place}");
        assert_refused(&sandbox, "train recipe.toml", 2, &[needles, &[&place]].concat());
    }
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("recipe.toml"), b"[train]\nlr = \xff").unwrap();
    assert_refused(&sandbox, "train recipe.toml", 2, &["recipe.toml: byte 13 is not UTF-8"]);
    fs::write(sandbox.path("recipe.toml"), "#".repeat(2 << 20)).unwrap();
    assert_refused(&sandbox, "train recipe.toml", 2, &["recipe.toml: a recipe has at most"]);
    assert_refused(&sandbox, "train other.toml", 2, &["other.toml: "]);
    assert_refused(&sandbox, "train .", 2, &[".: "]);
}

#[test]
fn settings_that_nothing_can_be_trained_with_are_refused() {
    let cases: [(&str, &[&str]); 31] = [
        ("glyphs-gmvae --set train.epochs=0", &["`train.epochs` takes a whole number from 1"]),
        ("glyphs-gmvae --set train.batch=0", &["`train.batch` takes a whole number from 1"]),
        ("glyphs-gmvae --set train.lr=-0.1", &["`train.lr` takes a number above 0", "not `-0.1`"]),
        ("glyphs-gmvae --set train.lr=0", &["`train.lr` takes a number above 0"]),
        ("glyphs-gmvae --set train.lr=nan", &["`train.lr` takes a number above 0", "not `nan`"]),
        ("glyphs-gmvae --set train.lr=NaN", &["`train.lr` takes a number above 0", "not `NaN`"]),
        ("glyphs-gmvae --set train.lr=inf", &["`train.lr` takes a number above 0"]),
        ("glyphs-gmvae --set train.lr=fast", &["`train.lr` takes a number above 0", "not `fast`"]),
        ("glyphs-gmvae --set model.k=0", &["`model.k` takes a whole number from 1"]),
        ("glyphs-gmvae --set model.k=-3", &["`model.k` takes a whole number from 1"]),
        ("glyphs-gmvae --set data.train_rows=20 --set model.k=21", &["model.k = 21", "20 training rows"]),
        ("glyphs-gmvae --set data.train_rows=99", &["train.batch = 100", "99 training rows"]),
        ("glyphs-gmvae --set data.train_rows=0", &["data.train_rows = 0"]),
        ("glyphs-gmvae --seed -1", &["`train.seed` takes a whole number from 0", "not `-1`"]),
        ("glyphs-gmvae --seed=1.5", &["`train.seed` takes a whole number from 0"]),
        ("glyphs-gmvae --set train.seed=-1", &["`train.seed` takes a whole number from 0", "not `-1`"]),
        ("glyphs-gmvae --set train.epocs=1", &["--set `train.epocs=1`", "did you mean `train.epochs`?"]),
        ("glyphs-gmvae --set train.epochs", &["--set `train.epochs`", "expected section.key=value"]),
        ("glyphs-gmvae --set epochs=3", &["--set `epochs=3`", "did you mean `train.epochs`?"]),
        ("mixture-vae --set model.likelihood=bernoulli", &["Bernoulli", "mixture has real values"]),
        ("glyphs-gmvae --set data.name=mixture", &["Bernoulli", "mixture has real values"]),
        ("mixture-vae --set data.binarize=dynamic", &["data.binarize", "mixture has real values"]),
        ("glyphs-gmvae --set train.epsilon=1e-50", &["`train.epsilon` takes a number from"]),
        ("kmeans --set data.scale=1e-50", &["`data.scale` takes a number from"]),
        ("glyphs-gmvae --set train.samples=10000", &["train.samples = 10000", "at most 268435456"]),
        ("glyphs-gmvae --set model.hidden=[16384,16384]", &["model.hidden", "parameters for 784 columns"]),
        ("mixture-vae --set model.posterior=full --set model.z=4096", &["model.hidden", "parameters for 2 columns"]),
        (
            "mixture-vae --set model.posterior=full --set model.z=2048 --set train.batch=200",
            &["train.batch = 200", "layers of 2100224 units", "at most 268435456"],
        ),
        ("gmm --data wide.npy", &["model.covariance = \"full\"", "try \"diagonal\""]),
        ("glyphs-gmave", &["no recipe `glyphs-gmave`", "did you mean glyphs-gmvae?"]),
        ("thesis", &["no recipe `thesis`", "built in are discrete-vae, factor-analysis, glyphs-gmm"]),
    ];
    let sandbox = Sandbox::new();
    let text = "{'descr': '|b1', 'fortran_order': False, 'shape': (30, 8000), }\n";
    let start = [b"\x93NUMPY\x01\x00".as_slice(), &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat();
    fs::write(sandbox.path("wide.npy"), [start, vec![0; 30 * 8000]].concat()).unwrap();
    for (arguments, needles) in cases {
        assert_refused(&sandbox, &format!("train {arguments}"), 2, needles);
        assert_refused(&sandbox, &format!("train {arguments} --out run"), 2, needles);
    }
    assert_refused(&sandbox, "recipes glyphs", 2, &["no built-in recipe `glyphs`"]);
    assert_refused(
        &sandbox,
        "settings thesis",
        2,
        &["no model of kind `thesis`", "gmvae, m2, modified-m2, vae, discrete-vae"],
    );
}

#[test]
fn directories_that_are_no_run_are_refused_and_left_alone() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("thesis/figures")).unwrap();
    fs::write(sandbox.path("thesis/chapter.tex"), "years").unwrap();
    fs::write(sandbox.path("file"), "").unwrap();
    let train = "train mixture-vae --out";
    assert_refused(&sandbox, &format!("{train} thesis"), 2, &["thesis: directory is not empty and not a run"]);
    assert_refused(&sandbox, &format!("{train} file"), 2, &["file: a file is in the way"]);
    assert_refused(&sandbox, &format!("{train} file/run"), 2, &["file/run: a file is in the way"]);
    for (out, missing) in [("thesis", "elbo.lock"), ("file", "elbo.lock"), ("nowhere", "elbo.lock")] {
        let message = format!("{out}: not a run directory (no {missing} in it)");
        assert_refused(&sandbox, &format!("{train} {out} --resume"), 2, &[&message]);
    }
    for run in ["thesis", "file", "nowhere"] {
        assert_refused(&sandbox, &format!("eval {run}"), 2, &[&format!("{run}: not a run directory")]);
    }
    let empty = sandbox.command("train mixture-vae").args(["--out="]).output().unwrap();
    assert_eq!(empty.status.code(), Some(2));
    assert!(!sandbox.path("runs").exists());
}

#[test]
fn a_run_is_neither_overwritten_nor_continued_as_another() {
    let sandbox = with_data();
    sandbox.succeed(TRAIN);
    assert_refused(&sandbox, TRAIN, 2, &["run: a run is there already", "--resume"]);
    let changed = format!("{TRAIN} --set model.z=3 --set train.lr=0.5 --seed 7 --resume");
    let differences = ["model.z = 3 (run: 2)", "train.lr = 0.5 (run: 0.001)", "train.seed = 7 (run: 0)"];
    assert_refused(&sandbox, &changed, 2, &[&["run/config.toml: another configuration: "][..], &differences].concat());
    assert_refused(&sandbox, "train mixture-vae --out run --resume", 2, &["model.kind = \"vae\" (run: \"gmvae\")"]);

    let images = sandbox.path("data").join(TRAIN_IMAGES);
    let mut bytes = fs::read(&images).unwrap();
    bytes[100] ^= 1;
    fs::write(&images, bytes).unwrap();
    assert_refused(&sandbox, &format!("{TRAIN} --resume"), 3, &["run/env.json", "other data"]);
}

#[test]
fn every_damage_to_a_checkpoint_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.succeed(&format!("{QUICK} run"));
    let resume = format!("{QUICK} run --resume");
    // Which commands read which file.
    let files: [(&str, &[&str]); 3] = [
        ("last.state", &[&resume]),
        ("last.safetensors", &[&resume, "eval run"]),
        ("best.safetensors", &[&resume, "eval run --checkpoint best"]),
    ];
    for (name, lines) in files {
        let path = sandbox.path("run/checkpoints").join(name);
        let good = fs::read(&path).unwrap();
        let refused = |damaged: &[u8]| {
            fs::write(&path, damaged).unwrap();
            for line in lines {
                assert_refused(&sandbox, line, 7, &[&format!("run/checkpoints/{name}: ")]);
            }
        };
        // The header and what follows it bit by bit in the first bytes, the rest at places all over the file.
        let places = (0..64).step_by(5).chain(numbers().map(|x| x % good.len()).take(20)).chain([good.len() - 1]);
        for (place, bit) in places.zip(numbers().map(|x| x % 8)) {
            let mut damaged = good.clone();
            damaged[place] ^= 1 << bit;
            refused(&damaged);
        }
        for length in [0, 1, 8, 56, good.len() / 2, good.len() - 1] {
            refused(&good[..length]);
        }
        refused(&[&good[..], &[0]].concat());
        refused(b"<html>");
        if name != "last.state" {
            fs::remove_file(&path).unwrap();
            lines.iter().for_each(|line| assert_refused(&sandbox, line, 7, &["checkpoint is missing"]));
        }
        fs::write(&path, good).unwrap();
        lines.iter().for_each(|line| drop(sandbox.succeed(line)));
    }
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.succeed(&format!("{QUICK} run"));
    sandbox.succeed(&format!("{QUICK} wide --set model.hidden=[33]"));
    let copy = |name| {
        let [from, to] = ["wide", "run"].map(|run| sandbox.path(run).join("checkpoints").join(name));
        fs::copy(from, to).unwrap();
    };
    copy("last.safetensors");
    assert_refused(&sandbox, "eval run", 7, &["last.safetensors: tensor `q_z.hidden.0.weight` is [2, 33]"]);
    copy("last.state");
    assert_refused(&sandbox, &format!("{QUICK} run --resume"), 7, &["last.state: it holds", "parameters"]);
}

#[test]
fn an_evaluation_on_data_of_another_shape_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.succeed(&format!("{QUICK} run"));
    assert_refused(
        &sandbox,
        "eval run --data glyphs",
        3,
        &["data set glyphs does not fit", "rows of 784 numbers", "rows of 2"],
    );
    assert_refused(&sandbox, "eval run --data nothing", 3, &["no data set `nothing`"]);
    for env in ["[]", "5", "{"] {
        fs::write(sandbox.path("run/env.json"), env).unwrap();
        assert_refused(&sandbox, "eval run", 2, &["run/env.json: "]);
    }
}

/// Whether a table holds intensities is asked of every part of it, and of every table that a model is given.
#[test]
fn reals_are_refused_wherever_a_model_needs_intensities() {
    let sandbox = Sandbox::new();
    let table = |x: &str| (0..40).map(|i| format!("0.{},{x}\n", i % 5)).collect::<String>();
    for (name, x) in [("grey.csv", "0.5"), ("bright.csv", "0.6"), ("real.csv", "7")] {
        fs::write(sandbox.path(name), table(x)).unwrap();
    }
    let train = "train mixture-vae --set model.likelihood=bernoulli --set data.valid_rows=4 --set train.batch=8
        --set train.epochs=1 --data grey.csv --out";
    for set in ["", "--set data.binarize=dynamic"] {
        let line = format!("{train} run --set data.test_file=bright.csv --set data.scale=2 {set}");
        assert_refused(&sandbox, &line, 2, &["needs intensities", "has real values"]);
    }
    sandbox.succeed(&format!("{train} run --set data.test_rows=8"));
    assert_refused(
        &sandbox,
        "eval run --data real.csv",
        2,
        &["a Bernoulli likelihood needs intensities, and real.csv"],
    );
    assert_refused(&sandbox, "export latents run --data real.csv -o z.csv", 2, &["needs intensities, and real.csv"]);
}

/// Runs the words of `line` by `script`, which ends with them as `"$@"`.
fn shell(sandbox: &Sandbox, script: &str, line: &str) -> Outcome {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_elbo")]).args(line.split_whitespace());
    sandbox.confine(&mut command);
    command.output().expect("there is a shell").into()
}

#[cfg(unix)]
#[test]
fn a_system_that_refuses_to_write_is_named_and_nothing_stays() {
    let sandbox = Sandbox::new();
    // Every write of a byte to a file fails, for any user.
    let before = sandbox.contents("");
    for out in ["run", "new/deep/run"] {
        let outcome = shell(&sandbox, "trap '' XFSZ; ulimit -f 0; exec \"$@\"", &format!("{QUICK} {out}"));
        assert_refusal("no room for a file", &outcome, 5, &[&format!("{out}/elbo.lock: cannot write: ")]);
        assert!(sandbox.contents("") == before, "something was left");
    }
    for parent in ["/proc", "/sys"].into_iter().filter(|parent| Path::new(parent).join("kernel").exists()) {
        let line = format!("train mixture-vae --out {parent}/elbo-run");
        assert_refused(&sandbox, &line, 5, &[&format!("{parent}/elbo-run: cannot create directory: ")]);
    }
    if let Ok(full) = File::options().write(true).open("/dev/full") {
        let outcome = sandbox.command("recipes").stdout(full).output().unwrap().into();
        assert_refusal("stdout on a full disk", &outcome, 5, &["stdout: cannot write: "]);
    }
}

/// The same on file systems made for the test, where the system allows to make them.
#[cfg(target_os = "linux")]
#[test]
fn a_full_or_read_only_file_system_is_named_and_nothing_stays() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("disk")).unwrap();
    let on_disk = |options: &str, script: &str| {
        let mount = format!("mount -t tmpfs -o {options} none disk && {script}");
        format!("exec unshare --user --map-root-user --mount sh -c '{mount}' sh \"$@\"")
    };
    if shell(&sandbox, &on_disk("size=16k", "true"), "").code != Some(0) {
        let mut stderr = std::io::stderr();
        writeln!(stderr, "SKIPPED: a full and a read-only file system, because this user may not mount").unwrap();
        return;
    }
    let line = format!("{QUICK} disk/run");
    let full = "head -c 16384 /dev/zero >disk/filler; \"$@\"; code=$?; ls -A disk >left; exit $code";
    let outcome = shell(&sandbox, &on_disk("size=16k", full), &line);
    assert_refusal("a full disk", &outcome, 5, &["disk/run/", "No space left on device"]);
    assert_eq!(fs::read_to_string(sandbox.path("left")).unwrap(), "filler\n");

    let outcome = shell(&sandbox, &on_disk("ro", "exec \"$@\""), &line);
    assert_refusal("a read-only disk", &outcome, 5, &["disk/run: ", "Read-only file system"]);
}
