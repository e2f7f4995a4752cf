//! What a sweep could not run, and what it must not run, is said.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::support::sweep::{FOUR, assert_refusal, cell_dir, results, status, with_recipe};
use crate::support::{Outcome, Sandbox};

#[test]
fn failures_are_listed_with_their_reasons_and_leave_the_others_running() {
    // Of the batches one is larger than the data; one step size diverges.
    let sandbox = with_recipe("epochs = 5\n[sweep]\ntrain.batch = [32, 5000]\ntrain.lr = [1e-3, 1000.0]\nseeds = 2\n");
    sandbox.succeed("sweep plan recipe.toml --out sweep");
    let blocked = cell_dir(&sandbox, "sweep", 1);
    fs::create_dir_all(blocked.parent().unwrap()).unwrap();
    fs::write(&blocked, "in the way").unwrap();
    let expect = |second: &str| {
        let states = ["finished", second, "diverged", "diverged", "failed", "failed", "failed", "failed"];
        let found = status(&sandbox, "sweep");
        assert_eq!(found.iter().map(|(state, _)| state.as_str()).collect::<Vec<_>>(), states, "{found:?}");
        for (index, (_, reason)) in found.iter().enumerate() {
            let needle = match index {
                0 => "",
                1 if second == "finished" => "",
                1 => "a file is in the way of this directory",
                2 | 3 => "is not finite at step",
                _ => "train.batch = 5000: more than the 320 training rows",
            };
            assert!(reason.contains(needle), "cell {index}: {reason}");
        }
    };
    let outcome = sandbox.elbo("sweep run recipe.toml --out sweep --quiet");
    assert_eq!(outcome.code, Some(8), "{outcome:?}");
    let last = outcome.stderr.lines().last().unwrap();
    assert!(
        last.contains("7 cells have failed or diverged, the first: cell 1 (train.batch=32 train.lr=0.001"),
        "{last}"
    );
    assert_eq!(outcome.stderr.lines().count(), 1 + 5, "{}", outcome.stderr);
    expect("failed");
    // What has failed is not tried again by another process that only joins.
    let before = fs::metadata(cell_dir(&sandbox, "sweep", 4).join("status.json")).unwrap().ino();
    assert_refusal(&sandbox.elbo("sweep run recipe.toml --out sweep --quiet"), 8, "7 cells have failed or diverged");
    assert_eq!(fs::metadata(cell_dir(&sandbox, "sweep", 4).join("status.json")).unwrap().ino(), before);

    fs::remove_file(&blocked).unwrap();
    let outcome = sandbox.elbo("sweep resume recipe.toml --out sweep --quiet");
    assert_eq!(outcome.code, Some(8), "{outcome:?}");
    assert!(outcome.stderr.contains("6 cells have failed or diverged"), "{}", outcome.stderr);
    expect("finished");
    assert_eq!(results(&sandbox, "sweep").matches(",diverged,").count(), 4);
    assert_refusal(&sandbox.elbo("sweep exec sweep --index 2 --quiet"), 8, "cell 2 (train.batch=32 train.lr=1000.0");
    let outcome = sandbox.elbo("sweep exec sweep --index 4 --quiet");
    assert_eq!(outcome.code, Some(8), "{outcome:?}");
}

/// A mixture whose guards are off and whose rows overflow its parameters.
const COLLAPSE: &str = r#"
[data]
name = "factors"
components = 4
train_rows = 300
valid_rows = 0
test_rows = 50
scale = 1e4

[model]
kind = "natural-gmm"

[train]
epochs = 300
lwr_prs_reg = 1e-2

[sweep]
train.mode = ["guarded", "faithful"]
"#;

#[test]
fn the_collapse_of_a_mixture_without_guards_is_a_result() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("recipe.toml"), COLLAPSE).unwrap();
    sandbox.succeed("sweep run recipe.toml --out sweep");
    let found = status(&sandbox, "sweep");
    assert_eq!(
        found.iter().map(|(state, _)| state.as_str()).collect::<Vec<_>>(),
        ["finished", "diverged"],
        "{found:?}"
    );
    sandbox.succeed("sweep exec sweep --index 1");
    assert_eq!(results(&sandbox, "sweep").matches(",diverged,1").count(), 1);
}

#[test]
fn cells_are_not_run_on_other_rows_than_those_before() {
    let sandbox = Sandbox::new();
    let table = |rows: usize| {
        let rows: String = (0..rows).map(|i| format!("{},{}\n", i % 7, i % 5)).collect();
        fs::write(sandbox.path("t.csv"), rows).unwrap();
    };
    let recipe = |ks: &str| {
        let data = "[data]\nfile = \"t.csv\"\nvalid_rows = 0\ntest_rows = 0\ntest = \"train\"\n";
        let text = format!("{data}[model]\nkind = \"kmeans\"\n[sweep]\n\"model.k\" = {ks}\n");
        fs::write(sandbox.path("recipe.toml"), text).unwrap();
    };
    // Rows that no cell was run on are not held against later ones.
    table(1);
    recipe("[2, 3]");
    assert_eq!(sandbox.elbo("sweep run recipe.toml --out sweep --quiet").code, Some(8));
    table(60);
    sandbox.succeed("sweep resume recipe.toml --out sweep");
    let noted = sandbox.contents("sweep/data");
    table(59);
    recipe("[2, 3, 4]");
    let outcome = sandbox.elbo("sweep run recipe.toml --out sweep --quiet");
    assert_eq!(outcome.code, Some(8), "{outcome:?}");
    assert!(status(&sandbox, "sweep")[2].1.contains("other cells were run on other rows"), "{outcome:?}");
    assert!(sandbox.contents("sweep/data") == noted, "the rows were noted anew");
    table(60);
    sandbox.succeed("sweep resume recipe.toml --out sweep");
    assert_eq!(status(&sandbox, "sweep")[2].0, "finished");
}

/// On a file system made for the test, where the system allows to make one.
#[cfg(target_os = "linux")]
#[test]
fn cells_on_a_full_disk_fail_with_that_reason() {
    use std::io::Write;
    let sandbox = with_recipe("epochs = 100000\n[sweep]\nseeds = 2\n");
    fs::create_dir(sandbox.path("disk")).unwrap();
    let run = |script: &str| -> Outcome {
        let mount = format!("mount -t tmpfs -o size=600k none disk && {script}");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount, "sh", env!("CARGO_BIN_EXE_elbo")]);
        sandbox.confine(&mut command);
        command.output().unwrap().into()
    };
    if run("true").code != Some(0) {
        writeln!(std::io::stderr(), "SKIPPED: a full file system, because this user may not mount").unwrap();
        return;
    }
    // The disk is filled once both cells run; then their next checkpoint, and every further one, finds no room.
    let script = "(\"$1\" sweep run recipe.toml --out disk/sweep --threads 2 --quiet; echo $? >code) & \
        until [ -f code ] || [ $(ls disk/sweep/cells/*/status.json 2>/dev/null | wc -l) = 2 ]; do sleep 0.05; done; \
        cat /dev/zero >disk/filler; wait; \"$1\" sweep status disk/sweep; exit $(cat code)";
    let outcome = run(script);
    assert_eq!(outcome.code, Some(8), "{outcome:?}");
    assert!(outcome.stdout.ends_with("2 cells: 2 failed\n"), "{outcome:?}");
    assert_eq!(outcome.stdout.matches("No space left on device").count(), 2, "{outcome:?}");
}

#[test]
fn mistakes_are_refused_before_anything_is_written() {
    let cases = [
        ("\"model.k\" = []", ":15:1: `model.k` has no values"),
        ("\"model.betta\" = [1]", ":15:1: unknown key `model.betta`; did you mean `model.beta`?"),
        ("\"model.beta\" = [1, -1]", ":15:20: `model.beta` takes a number"),
        ("seeds = 1000\n\"train.epochs\" = { from = 1, to = 1000, step = 1 }", "has 1000000 runs; 10000 are allowed"),
    ];
    for (axis, needle) in cases {
        let sandbox = with_recipe(&format!("[sweep]\n{axis}\n"));
        for command in ["plan", "run"] {
            let outcome = sandbox.elbo(&format!("sweep {command} recipe.toml"));
            assert_refusal(&outcome, 2, "elbo: recipe.toml:");
            assert!(outcome.stderr.contains(needle), "{outcome:?}");
            assert!(!sandbox.path("sweeps").exists(), "something was written");
        }
    }
    let sandbox = with_recipe(FOUR);
    assert_refusal(
        &sandbox.elbo("train recipe.toml"),
        2,
        "[sweep] makes many runs of this recipe; use `elbo sweep run",
    );
    assert_refusal(&sandbox.elbo("sweep run mixture-vae"), 2, "no [sweep] in this recipe; `elbo train mixture-vae`");
    assert_refusal(&sandbox.elbo("sweep resume recipe.toml"), 2, "sweeps/recipe: no plan.json in it");
    assert_refusal(&sandbox.elbo("sweep status recipe.toml"), 2, "sweeps/recipe: no plan.json in it");
    assert_refusal(
        &sandbox.elbo("sweep plan recipe.toml --set train.seed=3"),
        2,
        "`train.seed` is an axis of the sweep",
    );
    assert!(!sandbox.path("sweeps").exists(), "something was written");
    fs::create_dir(sandbox.path("thesis")).unwrap();
    fs::write(sandbox.path("thesis/chapter.tex"), "years").unwrap();
    assert_refusal(
        &sandbox.elbo("sweep run recipe.toml --out thesis"),
        2,
        "thesis: directory is not empty and neither",
    );
    // A study is no sweep, and a sweep no study.
    sandbox.succeed("reproduce beta-sweep --seeds 1 --quick --out study --quiet");
    assert_refusal(
        &sandbox.elbo("sweep run recipe.toml --out study"),
        2,
        "study/plan.json: it holds beta-sweep and not",
    );
    for line in ["exec study --index 0", "status study", "collect study", "resume study"] {
        assert_refusal(&sandbox.elbo(&format!("sweep {line}")), 2, "study: it is a study and no sweep");
    }
    sandbox.succeed("sweep plan recipe.toml --out sweep");
    assert_refusal(
        &sandbox.elbo("reproduce beta-sweep --out sweep"),
        2,
        "sweep: it holds study recipe and not beta-sweep",
    );
}

#[test]
fn a_damaged_or_hostile_plan_is_refused() {
    let sandbox = with_recipe(FOUR);
    sandbox.succeed("sweep plan recipe.toml --out sweep");
    let path = sandbox.path("sweep/plan.json");
    let plan = fs::read_to_string(&path).unwrap();
    let id = cell_dir(&sandbox, "sweep", 0).file_name().unwrap().to_str().unwrap().to_string();
    for damaged in [plan[..plan.len() / 2].to_string(), plan.replace(&id, "../../thesis"), "[]".into()] {
        fs::write(&path, damaged).unwrap();
        for line in
            ["plan recipe.toml --out sweep", "run recipe.toml --out sweep", "status sweep", "exec sweep --index 0"]
        {
            assert_refusal(&sandbox.elbo(&format!("sweep {line}")), 7, "sweep/plan.json: damaged: ");
        }
    }
    // A cell that this version does not understand fails alone.
    fs::write(&path, plan.replacen("[train]", "[trian]", 1)).unwrap();
    let outcome = sandbox.elbo("sweep exec sweep --index 0");
    assert_eq!(outcome.code, Some(8), "{outcome:?}");
    assert!(outcome.stderr.contains("cell 0:"), "{outcome:?}");
    sandbox.succeed("sweep exec sweep --index 1 --quiet");
}
