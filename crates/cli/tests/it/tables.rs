//! Tables of the user: CSV, NPY and NPZ as data of a training, good and hostile.

use std::fs;
use std::io::Write;

use crate::support::{Outcome, Sandbox};
use elbo_datasets::{Elements, Field, npy, npz};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::{CompressionMethod, ZipArchiveWriter};

/// A training that takes a moment; a table follows.
const TRAIN: &str = "train mixture-vae --out run --set data.valid_rows=2 --set data.test_rows=3 --set train.epochs=1
    --set train.batch=4 --set model.hidden=[4] --data";

/// Asserts that `elbo` refuses the arguments `line` with exit code
/// `code` in one line that holds every one of `needles`, and that it writes nothing.
#[track_caller]
fn assert_refused(sandbox: &Sandbox, line: &str, code: i32, needles: &[&str]) {
    let before = sandbox.contents("");
    let outcome: Outcome = sandbox.elbo(line);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(code), ""), "{line}: {outcome:?}");
    let said = outcome.stderr.strip_suffix('\n').unwrap_or_default();
    assert!(said.starts_with("elbo: ") && !said.contains('\n'), "{line}: {outcome:?}");
    for needle in needles {
        assert!(said.contains(needle), "{line}: no `{needle}` in `{said}`");
    }
    assert!(sandbox.contents("") == before, "elbo {line}: something was written");
}

fn with(name: &str, bytes: impl AsRef<[u8]>) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path(name), bytes).unwrap();
    sandbox
}

/// `rows` rows of two numbers and a kind of three, under a header.
fn csv(rows: usize) -> String {
    let row = |i: usize| format!("{}.5,{},{}\n", i % 7, (i * i) % 11, ["ape", "bee", "cow"][i % 3]);
    "width,height,kind\n".to_string() + &(0..rows).map(row).collect::<String>()
}

fn npy_bytes(shape: &[usize], elements: Elements<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    npy::write(&mut bytes, shape, elements).unwrap();
    bytes
}

/// An archive of one deflated member.
fn deflated(name: &str, content: &[u8]) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    let path = rawzip::path::EntryPath::verbatim(name.as_bytes());
    let (mut entry, config) = archive.new_file(path).compression_method(CompressionMethod::DEFLATE).start().unwrap();
    let mut member = config.wrap(DeflateEncoder::new(&mut entry, Compression::fast()));
    member.write_all(content).unwrap();
    let (encoder, checked) = member.finish().unwrap();
    encoder.finish().unwrap();
    entry.finish(checked).unwrap();
    archive.finish().unwrap()
}

#[test]
fn hostile_csv_is_refused_with_line_and_column() {
    let good = csv(20);
    let cases: [(Vec<u8>, &[&str]); 14] = [
        (good.replacen("3.5,9,ape", "3.5,9", 1).into(), &["line 5:", "2 cells, but the first row has 3"]),
        (Vec::new(), &["byte 0:", "there are no data"]),
        (b"\n\r\n".into(), &["line 1:", "no rows"]),
        (b"width,height,kind\r\n".into(), &["line 1:", "a header, but no rows"]),
        (good.replacen("3.5,9", "3.5,nine", 1).into(), &["line 5, column 2 (`height`)", "`nine` is not a number"]),
        (good.replacen("3.5,9", ",9", 1).into(), &["line 5, column 1 (`width`)", "the value is missing"]),
        (good.replacen("3.5,9", "3.5,NA", 1).into(), &["line 5, column 2 (`height`)", "missing (`NA`)"]),
        (good.replacen("3.5,9,ape", "3.5,9,", 1).into(), &["line 5, column 3 (`kind`)", "label is missing"]),
        (good.replacen("3.5,9", "nan,9", 1).into(), &["line 5, column 1 (`width`)", "missing (`nan`)"]),
        (good.replacen("3.5,9", "-inf,9", 1).into(), &["line 5, column 1 (`width`)", "-inf is not finite"]),
        (good.replace(',', ";").into(), &["line 1:", "separated by `;`; commas are wanted"]),
        (good.replacen("3.5,9", "\"3,5\",9", 1).into(), &["line 5, column 1", "a comma is no decimal point"]),
        (good.replace(',', ";").replace('.', ",").into(), &["line 1:", "separated by `;`"]),
        (good.replacen("height", "width", 1).into(), &["line 1, column 2 (`width`)", "column 1 has this name"]),
    ];
    for (bytes, needles) in cases {
        let sandbox = with("t.csv", bytes);
        let line = format!("{TRAIN} t.csv --label-column kind");
        assert_refused(&sandbox, &line, 3, &[needles, &["t.csv: "]].concat());
        assert_refused(&sandbox, "data describe t.csv --label-column kind", 3, &[needles, &["t.csv: "]].concat());
    }
    let mut latin = good.clone().into_bytes();
    latin[18 + 8] = 0xe9;
    let sandbox = with("t.csv", latin);
    assert_refused(
        &sandbox,
        &format!("{TRAIN} t.csv --label-column kind"),
        3,
        &["line 2, column 3 (`kind`)", "not UTF-8"],
    );
    let sandbox = with("t.csv", &good);
    let line = format!("{TRAIN} t.csv --label-column species");
    assert_refused(&sandbox, &line, 3, &["t.csv: ", "no column `species`; there are `width`, `height`, `kind`"]);
    assert_refused(&sandbox, &format!("{TRAIN} t.csv"), 3, &["line 2, column 3 (`kind`)", "`ape` is not a number"]);
    // The same arguments are accepted when the file is good, with a byte order mark and CRLF, too.
    for text in [good.clone(), format!("\u{feff}{}", good.replace('\n', "\r\n"))] {
        with("t.csv", text).succeed(&format!("{TRAIN} t.csv --label-column kind"));
    }
}

#[test]
fn hostile_npy_is_refused_with_its_place() {
    let good = npy_bytes(&[20, 3], Elements::F64(&[0.5; 60]));
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let text = String::from_utf8_lossy(&good[10..128]).into_owned();
    let with_header = |from: &str, to: &str| {
        let header = text.replacen(from, to, 1);
        [&good[..10], &header.as_bytes()[..118], &good[128..]].concat()
    };
    let mut nan = [0.5; 60];
    nan[31] = f64::NAN;
    let mut large = [0.5; 60];
    large[59] = 1e39;
    let cases: [(Vec<u8>, &[&str]); 11] = [
        (changed(0, b'N'), &["byte 0:", "not an NPY file"]),
        (b"a,b\n1,2\n3,4\n".into(), &["byte 0:", "looks like text, not an NPY file"]),
        (changed(9, 0xff), &["byte 8:", "bytes for itself, but there are 608 in all"]),
        (with_header("<f8", "|O8"), &["byte 20:", "pickles are never read"]),
        (with_header("(20, 3), }    ", "(99999999, 3),}"), &["2400000104 bytes in all", "but the data have 608"]),
        (with_header("(20, 3), }             ", "(4611686018427387904, 8),}"), &["overflows"]),
        (good[..607].into(), &["byte 607:", "608 bytes in all, but the data have 607"]),
        ([&good[..], &[0]].concat(), &["byte 608:", "but the data have 609"]),
        (npy_bytes(&[20, 3], Elements::F64(&nan)), &["row 10, column 1: NaN is not finite"]),
        (npy_bytes(&[20, 3], Elements::F64(&large)), &["row 19, column 2: 1e39 is too large"]),
        (Vec::new(), &["byte 0:", "there are no data"]),
    ];
    for (bytes, needles) in cases {
        if cfg!(feature = "f64") && needles[0].contains("1e39") {
            continue;
        }
        let sandbox = with("t.npy", bytes);
        assert_refused(&sandbox, &format!("{TRAIN} t.npy"), 3, &[needles, &["t.npy: "]].concat());
    }
    with("t.npy", &good).succeed(&format!("{TRAIN} t.npy"));
    let sandbox = with("t.npy", &good);
    assert_refused(&sandbox, &format!("{TRAIN} t.npy --label-column kind"), 3, &["columns have no names here"]);
    assert_refused(&sandbox, &format!("{TRAIN} u.npy"), 3, &["u.npy: not found (wanted: an NPY file)"]);
}

#[test]
fn hostile_npz_is_refused_with_its_member() {
    let values: Vec<f32> = (0..60).map(|i| i as f32).collect();
    let labels: Vec<u32> = (0..20).map(|i| i % 3).collect();
    let fields = |x, y| {
        let mut bytes = Vec::new();
        let x = Field { name: x, shape: &[20, 3], elements: (&values[..]).into() };
        let y = Field { name: y, shape: &[20], elements: (&labels[..]).into() };
        npz::write(&mut bytes, &[x, y]).unwrap();
        bytes
    };
    let outside = |from: &[u8], to: &[u8]| {
        let mut bytes = fields("aa/x", "y");
        for at in 0..bytes.len() - from.len() {
            if bytes[at..].starts_with(from) {
                bytes[at..at + to.len()].copy_from_slice(to);
            }
        }
        bytes
    };
    let bomb = deflated("x.npy", &npy_bytes(&[32 << 20], Elements::U32(&vec![0; 32 << 20])));
    assert!(bomb.len() < 1 << 20);
    let mut corrupt = fields("x", "y");
    corrupt[200] ^= 1;
    let nan = [&[1.0; 19][..], &[f64::NAN]].concat();
    let cases: [(Vec<u8>, &[&str]); 9] = [
        (outside(b"aa/x.npy", b"../x.npy"), &["t.npz: byte 0:", "`../x.npy` has a path that leads outside"]),
        (outside(b"aa/x.npy", b"/a/x.npy"), &["t.npz: byte 0:", "`/a/x.npy` has a path that leads outside"]),
        (bomb, &["t.npz/x.npy: ", "too much for an archive of", "zip bomb?"]),
        (fields("features", "y"), &["t.npz: ", "no member `x` or `data`", "there are `features`, `y`", "data.member"]),
        (corrupt, &["t.npz/x.npy: unpacked byte", "the zip member is corrupt"]),
        (fields("x", "y")[..400].into(), &["t.npz: byte 0:", "the zip archive is corrupt"]),
        (b"\x93NUMPY\x01\x00".into(), &["t.npz: byte 0:", "looks like a NumPy file, not an NPZ file"]),
        (deflated("x.npy", &npy_bytes(&[20], Elements::F64(&nan))), &["t.npz/x.npy: row 19, column 0: NaN"]),
        (deflated("x.npy", b"<html></html>"), &["t.npz/x.npy: unpacked byte 0:", "HTML"]),
    ];
    for (bytes, needles) in cases {
        let sandbox = with("t.npz", bytes);
        assert_refused(&sandbox, &format!("{TRAIN} t.npz"), 3, needles);
    }
    let sandbox = with("t.npz", fields("x", "y"));
    for (set, needle) in [
        ("data.member=y --set data.label_member=x", "labels have the shape [20, 3]; one a row is wanted"),
        ("data.label_member=z", "no member `z`; there are `x`, `y`"),
        ("data.member=z", "no member `z`; there are `x`, `y`"),
    ] {
        assert_refused(&sandbox, &format!("{TRAIN} t.npz --set {set}"), 3, &["t.npz", needle]);
    }
    sandbox.succeed(&format!("{TRAIN} t.npz"));
    let described = sandbox.succeed("data describe t.npz");
    assert!(
        described.contains("20 rows of [3] real values; 3 classes [\"0\", \"1\", \"2\"] of [7, 7, 6]"),
        "{described}"
    );
}

#[test]
fn settings_that_no_table_can_have_are_refused() {
    let sandbox = with("t.csv", csv(20));
    fs::write(sandbox.path("t.txt"), csv(20)).unwrap();
    let line = |rest: &str| format!("{TRAIN} t.csv --label-column kind {rest}");
    for (set, needles) in [
        (
            "--set data.valid_rows=17",
            &["t.csv has 20 rows: data.valid_rows = 17 and data.test_rows = 3 leave none"][..],
        ),
        ("--set data.test_rows=100000000", &["t.csv has 20 rows"]),
        ("--set data.header=maybe", &["`data.header` takes one of auto, yes, no"]),
        ("--set data.file=t.txt", &["t.txt: the name of a table ends with .csv, .npy or .npz"]),
        (
            "--set data.test_file=t.csv --set data.valid_rows=20",
            &["t.csv has 20 rows: data.valid_rows = 20 leave none"],
        ),
        ("--set train.batch=16", &["train.batch = 16", "15 training rows"]),
    ] {
        assert_refused(&sandbox, &line(set), 2, needles);
    }
    assert_refused(&sandbox, "train mixture-vae --set data.name=t.csv", 2, &["data.name", "data.file"]);
    assert_refused(&sandbox, "train mixture-vae --set data.test_file=t.csv", 2, &["data.file must name the table"]);
    // A file that is no table is told from a name that nothing has.
    fs::write(sandbox.path("t.tsv"), csv(20)).unwrap();
    for name in ["t.tsv", "u.tsv", "u.csv.gz", "folder/u.tsv"] {
        let needles = [name, "the name of a table ends with .csv, .npy or .npz"];
        assert_refused(&sandbox, &format!("train mixture-vae --data {name}"), 2, &needles);
    }
    // Nothing need be held out.
    for (out, test) in [("none", "held-out"), ("same", "train")] {
        let set = format!("--set data.valid_rows=0 --set data.test_rows=0 --set data.test={test}");
        sandbox.succeed(&line(&set).replace("--out run", &format!("--out {out}")));
    }
    // Of a model of intensities it is asked that they are some.
    let bernoulli = line("--set model.likelihood=bernoulli");
    assert_refused(&sandbox, &bernoulli, 2, &["a Bernoulli likelihood needs intensities, and t.csv has real values"]);
    fs::write(sandbox.path("t.csv"), csv(20).replace(".5,", ",").replace(|c| ('2'..='9').contains(&c), "0")).unwrap();
    sandbox.succeed(&bernoulli);
    assert!(sandbox.succeed("data describe t.csv --label-column 2").contains("real values, all in [0, 1]"));
}

#[test]
fn a_table_is_split_by_its_seed_and_a_run_on_it_resumes_on_the_same_table_only() {
    let sandbox = with("t.csv", csv(40));
    let line = format!("{TRAIN} t.csv --label-column kind --set data.seed=3");
    sandbox.succeed(&line);
    let env = |run: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(sandbox.path(run).join("env.json")).unwrap()).unwrap()
    };
    let data = &env("run")["data"];
    assert_eq!(data["name"], "t.csv");
    assert_eq!([&data["train"]["rows"], &data["valid"]["rows"], &data["test"]["rows"]], [35, 2, 3]);
    let other =
        |rest: &str| sandbox.succeed(&format!("{line} {rest}").replace("--out run", "--out other --set train.lr=1e-4"));
    other("");
    assert_eq!(env("other")["data"], *data);
    fs::remove_dir_all(sandbox.path("other")).unwrap();
    other("--set data.seed=4");
    assert_ne!(env("other")["data"]["test"], data["test"]);

    fs::write(sandbox.path("t.csv"), csv(40).replacen("0.5,0", "0.5,1", 1)).unwrap();
    assert_refused(&sandbox, &format!("{line} --resume"), 3, &["run/env.json", "other data"]);
    fs::write(sandbox.path("t.csv"), csv(40)).unwrap();
    sandbox.succeed(&format!("{line} --resume"));
    // All rows of another table of the same shape, with a class that the first one does not have.
    fs::write(sandbox.path("u.csv"), csv(5) + "1,1,dog\n").unwrap();
    let evaluated = sandbox.succeed("eval run --data u.csv --json");
    assert!(evaluated.contains("test_loss"), "{evaluated}");
    fs::write(sandbox.path("v.csv"), "a,b,c,kind\n1,2,3,ape\n4,5,6,bee\n").unwrap();
    assert_refused(&sandbox, "eval run --data v.csv", 3, &["data set v.csv does not fit"]);
}

#[test]
fn a_table_of_test_rows_shares_columns_and_classes_with_the_other() {
    let sandbox = with("train.csv", csv(20));
    let test = csv(5) + "1,1,dog\n";
    fs::write(sandbox.path("test.csv"), &test).unwrap();
    let line = format!("{TRAIN} train.csv --label-column kind --set data.test_file=test.csv");
    sandbox.succeed(&line);
    let env: serde_json::Value = serde_json::from_slice(&fs::read(sandbox.path("run/env.json")).unwrap()).unwrap();
    assert_eq!([&env["data"]["train"]["rows"], &env["data"]["test"]["rows"]], [18, 6]);
    for (text, needles) in [
        (test.replace("width", "depth"), &["test.csv: ", "a column `depth` where ", "train.csv has `width`"]),
        ("a,b,c,kind\n1,2,3,x\n".into(), &["test.csv: ", "shape [3], but those of ", "train.csv [2]"]),
    ] {
        fs::write(sandbox.path("test.csv"), text).unwrap();
        assert_refused(&sandbox, &line.replace("--out run", "--out other"), 3, needles);
    }
}

/// Columns are known by their names, where both tables have some, and by their places.
#[test]
fn a_table_with_other_columns_than_the_training_is_refused() {
    let sandbox = with("t.csv", csv(20));
    sandbox.succeed(&format!("{TRAIN} t.csv --label-column kind"));
    let rows = |header: &str| format!("{header}1,2,ape\n4,5,bee\n");
    for (name, header, needle) in [
        ("swapped.csv", "height,width,kind\n", "has a column `height` where the run was trained on `width`"),
        ("other.csv", "width,depth,kind\n", "has a column `depth` where the run was trained on `height`"),
    ] {
        fs::write(sandbox.path(name), rows(header)).unwrap();
        for line in ["eval run", "export latents run -o z.npz"] {
            assert_refused(&sandbox, &format!("{line} --data {name}"), 3, &["data set ", name, "run/env.json", needle]);
        }
    }
    fs::write(sandbox.path("same.csv"), rows("width,height,kind\n")).unwrap();
    fs::write(sandbox.path("bare.csv"), rows("")).unwrap();
    fs::write(sandbox.path("bare.npy"), npy_bytes(&[2, 2], Elements::F64(&[1.0, 2.0, 4.0, 5.0]))).unwrap();
    let same = sandbox.succeed("eval run --data same.csv");
    assert_eq!(sandbox.succeed("eval run --data bare.csv --label-column last"), same);
    let loss = |text: &str| text.lines().find(|line| line.starts_with("test_loss")).unwrap().to_string();
    assert_eq!(loss(&sandbox.succeed("eval run --data bare.npy")), loss(&same));
}

/// Rows whose class nobody knows yet are what a trained model is for.
#[test]
fn other_rows_need_no_labels() {
    let sandbox = with("t.csv", csv(20));
    let unlabelled: String = csv(20).lines().map(|line| line.rsplit_once(',').unwrap().0.to_string() + "\n").collect();
    fs::write(sandbox.path("u.csv"), unlabelled).unwrap();
    let values: Vec<f64> = (0..20).flat_map(|i| [(i % 7) as f64 + 0.5, ((i * i) % 11) as f64]).collect();
    let mut archive = Vec::new();
    let x = Field { name: "x", shape: &[20, 2], elements: Elements::F64(&values) };
    npz::write(&mut archive, &[x]).unwrap();
    fs::write(sandbox.path("u.npz"), archive).unwrap();
    for (run, column) in [("named", "kind"), ("last", "last"), ("counted", "2")] {
        sandbox
            .succeed(&format!("{TRAIN} t.csv --label-column {column}").replace("--out run", &format!("--out {run}")));
        let evaluated = sandbox.succeed(&format!("eval {run} --data t.csv"));
        let label_free = |text: &str| text.lines().find(|line| line.starts_with("test_loss")).unwrap().to_string();
        for other in ["u.csv", "u.npz"] {
            let unlabelled = sandbox.succeed(&format!("eval {run} --data {other}"));
            assert_eq!(label_free(&unlabelled), label_free(&evaluated), "{other}");
        }
        sandbox.succeed(&format!("export latents {run} --data u.csv -o u-z.csv"));
        sandbox.succeed(&format!("export latents {run} --data t.csv -o t-z.csv"));
        let [unlabelled, labelled] = ["u-z.csv", "t-z.csv"].map(|name| fs::read_to_string(sandbox.path(name)).unwrap());
        assert!(labelled.lines().next().unwrap().ends_with(",label") && !unlabelled.contains("label"));
        let first = |text: &str| text.lines().nth(1).unwrap().to_string();
        assert!(first(&labelled).starts_with(&first(&unlabelled)));
    }
    // A column that is asked for must be there.
    assert_refused(&sandbox, "eval named --data u.csv --label-column kind", 3, &["u.csv: ", "no column `kind`"]);
    fs::write(sandbox.path("wide.csv"), "width,height,depth\n1,2,3\n").unwrap();
    assert_refused(&sandbox, "eval named --data wide.csv", 3, &["wide.csv: ", "no column `kind`"]);
}

#[test]
fn labels_keep_all_their_digits() {
    let rows: Vec<f64> = (0..20).flat_map(|i| [f64::from(i), 16_777_216.0 + f64::from(i % 2)]).collect();
    let sandbox = with("t.npy", npy_bytes(&[20, 2], Elements::F64(&rows)));
    let described = sandbox.succeed("data describe t.npy --label-column last");
    assert!(described.contains("2 classes [\"16777216\", \"16777217\"] of [10, 10]"), "{described}");
}

/// What single precision takes is said on stderr, in one line.
#[test]
fn a_column_that_loses_its_spread_is_named() {
    let rows = |offset: u64| -> String { (0..40).map(|i| format!("{},{}\n", i % 7, offset + i % 7)).collect() };
    let sandbox = with("t.csv", format!("width,height\n{}", rows(1_000_000_000)));
    let train = "train kmeans --set model.k=2 --set data.valid_rows=0 --set data.test_rows=5 --data t.csv";
    let warning = "t.csv: column 2 (`height`): rounding to 32 bits takes more than 1 % of its standard deviation";
    let warned = sandbox.elbo(&format!("{train} --out run"));
    assert_eq!(warned.code, Some(0), "{warned:?}");
    assert_eq!(warned.stderr.matches(warning).count(), usize::from(!cfg!(feature = "f64")), "{}", warned.stderr);
    for quiet in ["eval run --data t.csv -q", "export latents run -o z.npz -q"] {
        assert_eq!(sandbox.elbo(quiet).stderr, "");
    }
    fs::write(sandbox.path("t.csv"), format!("width,height\n{}", rows(1000))).unwrap();
    assert!(!sandbox.elbo(&format!("{train} --out other")).stderr.contains("rounding"));
}

/// What a run was trained on is found from every directory.
#[test]
fn a_run_is_read_from_another_directory() {
    let sandbox = with("t.csv", csv(20));
    fs::write(sandbox.path("test.csv"), csv(5)).unwrap();
    sandbox.succeed(&format!("{TRAIN} t.csv --label-column kind --set data.test_file=test.csv"));
    let evaluated = sandbox.succeed("eval run");
    fs::create_dir(sandbox.path("elsewhere")).unwrap();
    let mut command = sandbox.command("eval ../run");
    let outcome: Outcome = command.current_dir(sandbox.path("elsewhere")).output().unwrap().into();
    assert_eq!((outcome.code, &outcome.stdout), (Some(0), &evaluated), "{outcome:?}");
    let recipe = "[data]\nlabel_column = \"kind\"\nvalid_rows = 2\ntest_rows = 3\n\
        [model]\nkind = \"kmeans\"\nk = 2\n[sweep]\n\"data.file\" = [\"t.csv\"]\nseeds = 2\n";
    fs::write(sandbox.path("sweep.toml"), recipe).unwrap();
    let planned = sandbox.succeed("sweep plan sweep.toml --out sweep");
    assert!(planned.contains("data.file=t.csv"), "{planned}");
    let mut command = sandbox.command("sweep exec ../sweep --index 1 --quiet");
    let outcome: Outcome = command.current_dir(sandbox.path("elsewhere")).output().unwrap().into();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    // The same recipe has the same plan.
    sandbox.succeed("sweep run sweep.toml --out sweep --quiet");
}
