//! A sweep ends with the same results however often it was killed and however many processes share it.
#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::poll::poll;
use crate::support::sweep::{FOUR, assert_refusal, cell_dir, results, status, with_recipe, write_recipe};
use crate::support::{Outcome, Sandbox};

/// 24 cells of less than a second, most of them with a checkpoint on their way.
const CELLS: &str = r#"
epochs = 2000

[sweep]
"model.beta" = [0.5, 1]
"train.lr" = { from = 1e-4, to = 1e-2, count = 3, scale = "log" }
seeds = 4
"#;

fn start(sandbox: &Sandbox, line: &str) -> Child {
    sandbox.command(line).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[track_caller]
fn succeeds(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The directories of the cells, by their ids.
fn cells(sandbox: &Sandbox, out: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(sandbox.path(out).join("cells")) else { return Vec::new() };
    let mut cells: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    cells.sort();
    cells
}

/// Every finished cell with the number of its status file, which changes when it is written again.
fn finished(sandbox: &Sandbox, out: &str) -> BTreeMap<PathBuf, u64> {
    let identity = |cell: PathBuf| {
        let path = cell.join("status.json");
        let number = fs::metadata(&path).ok()?.ino();
        let text = fs::read_to_string(&path).ok()?;
        // Between the two looks it may have been replaced.
        let same = fs::metadata(&path).ok()?.ino() == number;
        (same && text.contains("\"state\":\"finished\"")).then_some((cell, number))
    };
    cells(sandbox, out).into_iter().filter_map(identity).collect()
}

#[test]
fn a_sweep_killed_at_twenty_moments_has_the_results_of_one_never_killed() {
    const KILLS: u64 = 20;
    let sandbox = with_recipe(CELLS);
    sandbox.succeed("sweep run recipe.toml --out whole --quiet");
    let whole = results(&sandbox, "whole");
    assert_eq!(whole.lines().filter(|line| line.contains(",diverged,0")).count(), 24);
    let (mut kills, mut sweeps, mut random) = (0, 0, 3u64);
    while kills < KILLS {
        // A sweep may end before it was killed often enough; then the next one is killed.
        sweeps += 1;
        let out = format!("killed-{sweeps}");
        loop {
            let before = finished(&sandbox, &out);
            let command = if sandbox.path(&out).join("plan.json").exists() { "resume" } else { "run" };
            let threads = 1 + kills % 2;
            let mut child =
                start(&sandbox, &format!("sweep {command} recipe.toml --out {out} --threads {threads} --quiet"));
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let (began, moment) = (Instant::now(), Duration::from_millis((random >> 33) % 1200));
            let killed = kills < KILLS && poll(&mut child, || began.elapsed() >= moment);
            if killed {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
            } else {
                succeeds(child);
            }
            let after = finished(&sandbox, &out);
            assert!(before.iter().all(|cell| after.get(cell.0) == Some(cell.1)), "a finished cell was run again");
            if !killed {
                break;
            }
        }
        assert!(results(&sandbox, &out) == whole, "results.csv differs after {kills} kills");
    }
}

/// Watches until all of `children` have succeeded; which processes were seen to hold each cell, and which finished
/// status files each cell was seen to have.
fn watch(sandbox: &Sandbox, out: &str, children: Vec<Child>) -> BTreeMap<PathBuf, (BTreeSet<String>, BTreeSet<u64>)> {
    let mut seen: BTreeMap<PathBuf, (BTreeSet<String>, BTreeSet<u64>)> = BTreeMap::new();
    let mut look = || {
        for cell in cells(sandbox, out) {
            let holder = fs::read_to_string(cell.join("elbo.lock")).unwrap_or_default();
            if holder.ends_with('\n') {
                seen.entry(cell).or_default().0.insert(holder);
            }
        }
        for (cell, number) in finished(sandbox, out) {
            seen.entry(cell).or_default().1.insert(number);
        }
    };
    for mut child in children {
        while poll(&mut child, || true) {
            look();
        }
        succeeds(child);
    }
    look();
    seen
}

#[test]
fn processes_on_one_plan_share_the_work_and_run_no_cell_twice() {
    let sandbox = with_recipe(&CELLS.replace("2000", "700"));
    sandbox.succeed("sweep run recipe.toml --out whole --quiet");
    let children: Vec<Child> =
        (0..3).map(|_| start(&sandbox, "sweep run recipe.toml --out shared --threads 1 --quiet")).collect();
    let pids: BTreeSet<String> = children.iter().map(|child| format!("{}\n", child.id())).collect();
    let seen = watch(&sandbox, "shared", children);
    assert_eq!(seen.len(), 24);
    for (cell, (holders, endings)) in &seen {
        assert_eq!((holders.len(), endings.len()), (1, 1), "{}: {holders:?} {endings:?}", cell.display());
    }
    assert_eq!(seen.values().flat_map(|(holders, _)| holders.clone()).collect::<BTreeSet<_>>(), pids);
    // The last process to end has seen all cells.
    assert!(results(&sandbox, "shared") == results(&sandbox, "whole"), "results.csv differs");
}

#[test]
fn a_cell_whose_process_died_is_taken_over_and_continued() {
    let sandbox = with_recipe("epochs = 10000\n[sweep]\nseeds = 3\n");
    let line = "sweep run recipe.toml --out sweep --threads 1 --quiet";
    let mut first = start(&sandbox, line);
    // Until a cell has a checkpoint and is not at its end.
    let checkpoint = || cells(&sandbox, "sweep").into_iter().find(|cell| cell.join("checkpoints/last.state").exists());
    assert!(poll(&mut first, || checkpoint().is_some()), "the sweep ended");
    let cell = checkpoint().unwrap();
    let running = status(&sandbox, "sweep");
    assert!(running.contains(&("running".into(), "true".into())), "{running:?}");
    let second = start(&sandbox, line);
    first.kill().unwrap();
    first.wait().unwrap();
    // The clock in the first row shows that it is the old one.
    let first_row = || fs::read_to_string(cell.join("metrics.csv")).unwrap().lines().nth(1).map(String::from);
    let row = first_row();
    succeeds(second);
    assert!(status(&sandbox, "sweep").iter().all(|(state, _)| state == "finished"));
    assert!(row.is_some() && first_row() == row, "begun anew");
    sandbox.succeed(&line.replace("--out sweep", "--out whole"));
    assert!(results(&sandbox, "sweep") == results(&sandbox, "whole"), "results.csv differs");
}

#[test]
fn status_tells_dead_processes_from_living_ones() {
    let sandbox = with_recipe("epochs = 100000\n[sweep]\nseeds = 3\n");
    let mut child = start(&sandbox, "sweep run recipe.toml --out sweep --threads 1 --quiet");
    let begun = || sandbox.path("sweep/plan.json").exists() && status(&sandbox, "sweep")[0].0 == "running";
    assert!(poll(&mut child, begun), "the sweep ended");
    let table = sandbox.succeed("sweep status recipe.toml --out sweep");
    assert!(table.contains(&format!("process {} on ", child.id())), "{table}");
    assert!(table.ends_with("3 cells: 2 waiting, 1 running\n"), "{table}");
    // A single cell is refused to others as long as its process lives.
    let outcome = sandbox.elbo("sweep exec sweep --index 0");
    assert_refusal(&outcome, 6, &format!("in use by process {}", child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(status(&sandbox, "sweep")[0], ("waiting".into(), "false".into()));
    assert!(sandbox.succeed("sweep status sweep").contains(" has died\n"));
}

#[test]
fn a_sweep_stopped_by_a_signal_continues() {
    let sandbox = with_recipe(CELLS);
    sandbox.succeed("sweep run recipe.toml --out whole --quiet");
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut child = start(&sandbox, "sweep run recipe.toml --out stopped --quiet");
        let before = finished(&sandbox, "stopped").len();
        assert!(poll(&mut child, || finished(&sandbox, "stopped").len() > before), "the sweep ended");
        let kill = format!("kill -{signal} {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let outcome: Outcome = child.wait_with_output().unwrap().into();
        assert_refusal(&outcome, code, "of 24 cells ended; the same command again continues");
        assert!(status(&sandbox, "stopped").iter().all(|(state, _)| state == "waiting" || state == "finished"));
    }
    sandbox.succeed("sweep resume stopped --quiet");
    assert!(results(&sandbox, "stopped") == results(&sandbox, "whole"), "results.csv differs");
}

#[test]
fn an_extension_appends_and_a_changed_plan_is_refused() {
    let sandbox = with_recipe(FOUR);
    let table = sandbox.succeed("sweep plan recipe.toml");
    let expected = "index    seed  cell\n    0       0  train.lr=0.001\n    1       1  train.lr=0.001\n";
    assert!(table.starts_with(expected), "{table}");
    sandbox.succeed("sweep run recipe.toml --quiet");
    let (before, ended) = (results(&sandbox, "sweeps/recipe"), finished(&sandbox, "sweeps/recipe"));

    write_recipe(&sandbox, &FOUR.replace("[1e-3, 1e-2]", "[1e-3, 1e-2, 1e-1]").replace("seeds = 2", "seeds = 3"));
    let longer = sandbox.succeed("sweep plan recipe.toml --json");
    let longer: serde_json::Value = serde_json::from_str(&longer).unwrap();
    let seeds: Vec<u64> =
        longer["cells"].as_array().unwrap().iter().map(|cell| cell["seed"].as_u64().unwrap()).collect();
    assert_eq!(seeds, [0, 1, 0, 1, 2, 2, 0, 1, 2]);
    sandbox.succeed("sweep resume recipe.toml --quiet");
    assert!(results(&sandbox, "sweeps/recipe").starts_with(&before), "old rows changed");
    let after = finished(&sandbox, "sweeps/recipe");
    assert_eq!(after.len(), 9);
    assert!(ended.iter().all(|cell| after.get(cell.0) == Some(cell.1)), "a finished cell was run again");

    let contents = sandbox.contents("sweeps/recipe/cells");
    let plan = fs::read(sandbox.path("sweeps/recipe/plan.json")).unwrap();
    for (line, needle) in [
        ("recipe.toml", "cell 2 (train.lr=0.01 seed=0) is not in the recipe any more"),
        (
            "recipe.toml --set train.epochs=3",
            "cell 0 (train.lr=0.001 seed=0) has other settings: train.epochs = 3 (plan: 10)",
        ),
    ] {
        write_recipe(&sandbox, &FOUR.replace("[1e-3, 1e-2]", "[1e-3, 1e-1]"));
        for command in ["plan", "run", "resume"] {
            let outcome = sandbox.elbo(&format!("sweep {command} {line}"));
            assert_refusal(&outcome, 2, &format!("elbo: sweeps/recipe/plan.json: {needle}"));
        }
    }
    assert!(sandbox.contents("sweeps/recipe/cells") == contents, "the refused plan left something");
    assert!(fs::read(sandbox.path("sweeps/recipe/plan.json")).unwrap() == plan);
}

#[test]
fn a_job_array_runs_the_cells_of_a_plan() {
    let sandbox = with_recipe(FOUR);
    sandbox.succeed("sweep run recipe.toml --out whole --quiet");
    sandbox.succeed("sweep plan recipe.toml --out array --quiet");
    // A job needs the plan and nothing else.
    fs::rename(sandbox.path("recipe.toml"), sandbox.path("gone.toml")).unwrap();
    for (index, plan) in ["array", "array/plan.json", "array", "array"].iter().enumerate() {
        let mut command = sandbox.command(&format!("sweep exec {plan} --quiet"));
        let outcome: Outcome = command.env("SLURM_ARRAY_TASK_ID", index.to_string()).output().unwrap().into();
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert_eq!(Path::new(outcome.stdout.trim_end()).file_name(), cell_dir(&sandbox, "array", index).file_name());
        let counts = sandbox.succeed("sweep status array");
        assert!(counts.contains(&format!("{} finished", index + 1)), "{counts}");
    }
    assert_eq!(sandbox.succeed("sweep collect array"), "array/results.csv\n");
    assert!(results(&sandbox, "array") == results(&sandbox, "whole"), "results.csv differs");
    // Again it is done already.
    let before = finished(&sandbox, "array");
    sandbox.succeed("sweep exec array --index 2 --quiet");
    assert_eq!(finished(&sandbox, "array"), before);

    assert_refusal(&sandbox.elbo("sweep exec array"), 2, "--index is missing, and SLURM_ARRAY_TASK_ID is not set");
    assert_refusal(&sandbox.elbo("sweep exec array --index 4"), 2, "array: no cell 4; there are 4, from 0");
    assert_refusal(&sandbox.elbo("sweep exec nowhere --index 0"), 2, "nowhere: no plan.json in it");
    let outcome = sandbox.command("sweep exec array").env("SLURM_ARRAY_TASK_ID", "x").output().unwrap().into();
    assert_refusal(&outcome, 2, "SLURM_ARRAY_TASK_ID is `x`");
}

#[test]
fn a_cell_is_a_run_and_its_rows_are_its_last_metrics() {
    let sandbox = with_recipe(FOUR);
    sandbox.succeed("sweep run recipe.toml --out sweep --quiet");
    let cell = cell_dir(&sandbox, "sweep", 0);
    for name in ["config.toml", "env.json", "metrics.csv", "summary.json", "checkpoints/best.safetensors"] {
        assert!(cell.join(name).is_file(), "{name} is missing");
    }
    let shown = cell.strip_prefix(sandbox.path("")).unwrap().display().to_string();
    let evaluated = sandbox.succeed(&format!("eval {shown}"));
    let text = results(&sandbox, "sweep");
    assert!(text.starts_with("study,cell,seed,metric,value\nrecipe,train.lr=0.001,0,diverged,0\n"), "{text}");
    let rows: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.strip_prefix("recipe,train.lr=0.001,0,")?.split_once(',')).collect();
    for line in evaluated.lines() {
        let (name, value) = line.split_once(char::is_whitespace).unwrap();
        assert_eq!(rows[name], value.trim(), "{name}");
    }
    assert!(rows.contains_key("best_epoch") && rows.contains_key("train_loss") && rows.contains_key("valid_loss"));
    assert!(!text.contains("elapsed"), "{text}");
    // A training by hand with these settings is this cell.
    sandbox.succeed(&format!("train {shown}/config.toml --out alone --quiet"));
    let weights = |dir: PathBuf| fs::read(dir.join("checkpoints/last.safetensors")).unwrap();
    assert!(weights(sandbox.path("alone")) == weights(cell));
}
