//! Files of earlier versions: runs that ended are opened, runs and sweeps that were stopped continue.
//!
//! `tests/formats/COMMIT` was written by the build of that commit, see its `make.sh`, and is never changed. Numbers may
//! differ in their last digits between processors, so they are compared with a tolerance.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use elbo_cli::{Metrics, Run, Which};
use elbo_tensor::Tensor;
use serde_json::Value;

use crate::support::{Sandbox, copy_dir};

/// Runs that ended, and the table that each was trained on.
const RUNS: [(&str, &str); 7] = [
    ("factor-analysis", "leaves.csv"),
    ("gmm", "leaves.csv"),
    ("gmvae", "bits.csv"),
    ("kmeans", "leaves.csv"),
    ("natural-gmm", "leaves.csv"),
    ("pca", "leaves.csv"),
    ("vae", "leaves.csv"),
];

fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/af177e6").join(name)
}

/// A sandbox with a copy of the stored files `name`.
fn copied(name: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    copy_dir(&stored(name), &sandbox.path(name));
    sandbox
}

#[track_caller]
fn assert_near(found: f64, expected: f64, what: &str) {
    let near = (found - expected).abs() <= 1e-3 * expected.abs().max(1.0);
    assert!(near || found.is_nan() && expected.is_nan(), "{what}: {found} instead of {expected}");
}

/// Weights of networks are of the precision of their build.
fn is_readable(run: &str) -> bool {
    cfg!(not(feature = "f64")) || !run.ends_with("vae")
}

#[test]
fn runs_of_an_earlier_version_are_evaluated_as_they_were_then() {
    for (run, table) in RUNS.into_iter().filter(|(run, _)| is_readable(run)) {
        let sandbox = copied("runs");
        let table = stored(table);
        let outcome = sandbox.elbo(&format!("eval runs/{run} --data {} --json", table.display()));
        assert_eq!(outcome.code, Some(0), "{run}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains("written by an earlier version (format 0, now 1)"),
            "{run}: {}",
            outcome.stderr
        );
        let expected = fs::read_to_string(stored(&format!("expected/{run}.json"))).unwrap();
        let [found, expected] = [&outcome.stdout, &expected].map(|text| serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(found["epoch"], expected["epoch"], "{run}");
        let names = |value: &Value| value["metrics"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected), "{run}");
        for name in names(&expected) {
            let of = |value: &Value| value["metrics"][&name].as_f64().unwrap_or(f64::NAN);
            assert_near(of(&found), of(&expected), &format!("{run}: {name}"));
        }
    }
}

/// The stored table `name` without its last column, which holds the labels.
fn rows(name: &str) -> Tensor {
    let text = fs::read_to_string(stored(name)).unwrap();
    let lines: Vec<&str> = text.lines().skip(1).collect();
    let numbers = |line: &&str| {
        let (numbers, _) = line.rsplit_once(',').unwrap();
        numbers.split(',').map(|cell| cell.parse().unwrap()).collect::<Vec<_>>()
    };
    let values: Vec<_> = lines.iter().flat_map(numbers).collect();
    Tensor::from_slice([lines.len(), values.len() / lines.len()], &values)
}

#[test]
fn runs_of_an_earlier_version_are_applied_from_rust() {
    for (run, table) in RUNS.into_iter().filter(|(run, _)| is_readable(run)) {
        let sandbox = copied("runs");
        let opened = Run::open(sandbox.path("runs").join(run)).unwrap();
        assert!(opened.model(Which::Last).unwrap().remark.is_some(), "{run}");
        let text = fs::read_to_string(stored(&format!("expected/{run}.csv"))).unwrap();
        let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let names = lines.next().unwrap();
        let column = |name: &str| names.iter().position(|known| *known == name);
        let cells: Vec<Vec<&str>> = lines.collect();
        let found = opened.infer(&rows(table)).unwrap();
        if let Some(column) = column("cluster") {
            let expected: Vec<u32> = cells.iter().map(|row| row[column].parse().unwrap()).collect();
            assert_eq!(found.clusters.unwrap().assignments, expected, "{run}");
        }
        if let Some(column) = column("z0") {
            let latents = found.latents.unwrap();
            let means = latents.means.chunks(latents.width);
            for (row, (mean, cells)) in means.zip(&cells).enumerate() {
                assert_near(f64::from(mean[0]), cells[column].parse().unwrap(), &format!("{run}: row {row}"));
            }
        }
    }
}

/// Every column of `metrics.csv` but for the clock.
fn series(path: &Path) -> BTreeMap<String, Vec<(f64, f64)>> {
    let metrics = Metrics::read_all(path).unwrap();
    let names = metrics.header().iter().filter(|name| *name != "elapsed_s");
    names.map(|name| (name.clone(), metrics.column(name).unwrap())).collect()
}

#[test]
fn a_run_that_an_earlier_version_began_goes_on_to_the_end_of_an_unbroken_one() {
    for run in ["natural-gmm", "vae"].into_iter().filter(|run| is_readable(run)) {
        let name = format!("stopped/{run}");
        let sandbox = copied(&name);
        sandbox.succeed(&format!("train {name}/config.toml --resume --out {name} --quiet"));
        let [found, expected] =
            [sandbox.path(&name).join("metrics.csv"), stored(&format!("expected/stopped-{run}.csv"))]
                .map(|path| series(&path));
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{run}");
        for (name, expected) in &expected {
            assert_eq!(found[name].len(), expected.len(), "{run}: {name}");
            for ((row, found), (_, expected)) in found[name].iter().zip(expected) {
                assert_near(*found, *expected, &format!("{run}: {name} in row {row}"));
            }
        }
        let last = Run::open(sandbox.path(&name)).unwrap().model(Which::Last).unwrap();
        assert!(last.remark.is_none(), "{run}: its next checkpoint is of the present format");
    }
}

#[test]
fn a_sweep_that_an_earlier_version_began_comes_to_its_end() {
    let sandbox = copied("stopped/sweep");
    let cell = "stopped/sweep/cells/9b6e05088fcb4453/checkpoints";
    let before = sandbox.contents(cell);
    sandbox.succeed("sweep resume stopped/sweep --quiet");
    assert_eq!(sandbox.contents(cell), before, "a cell that had ended is not run again");
    let [found, expected] = [sandbox.path("stopped/sweep/results.csv"), stored("expected/sweep.csv")]
        .map(|path| fs::read_to_string(path).unwrap());
    let cells = |text: &str| text.lines().map(|line| line.split(',').map(str::to_string).collect()).collect();
    let [found, expected]: [Vec<Vec<String>>; 2] = [cells(&found), cells(&expected)];
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        match (found.parse(), expected.parse()) {
            (Ok(found), Ok(expected)) if cfg!(not(feature = "f64")) => assert_near(found, expected, "results.csv"),
            (Ok(_), Ok(_)) => {}
            _ => assert_eq!(found, expected),
        }
    }
}
