//! Sweeps of a small model in a sandbox, and how their cells stand.

use std::fs;
use std::path::PathBuf;

use super::{Outcome, Sandbox};

/// A VAE on the mixture that trains in a moment; `[train]` is open.
pub const SMALL: &str = r#"
[data]
name = "mixture"
train_rows = 320
valid_rows = 100
test_rows = 100

[model]
kind = "vae"
hidden = [8]

[train]
batch = 32
"#;

/// A sandbox with `recipe.toml`: a small VAE whose `[train]` goes on as `rest` says.
pub fn with_recipe(rest: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    write_recipe(&sandbox, rest);
    sandbox
}

pub fn write_recipe(sandbox: &Sandbox, rest: &str) {
    fs::write(sandbox.path("recipe.toml"), [SMALL, rest].concat()).unwrap();
}

/// Two values of the step size and two seeds, of ten epochs.
pub const FOUR: &str = "epochs = 10\n[sweep]\n\"train.lr\" = [1e-3, 1e-2]\nseeds = 2\n";

pub fn results(sandbox: &Sandbox, out: &str) -> String {
    fs::read_to_string(sandbox.path(out).join("results.csv")).unwrap()
}

/// The states of the cells in the order of the plan, and the reason or the holder of those that have one.
pub fn status(sandbox: &Sandbox, out: &str) -> Vec<(String, String)> {
    let json: serde_json::Value =
        serde_json::from_str(&sandbox.succeed(&format!("sweep status {out} --json"))).unwrap();
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), String::from);
    let detail = |cell: &serde_json::Value| match cell.get("reason") {
        Some(reason) => text(reason),
        None => cell.get("holder").map_or_else(String::new, |holder| holder["alive"].to_string()),
    };
    let cells = json["cells"].as_array().unwrap();
    cells.iter().map(|cell| (text(&cell["state"]), detail(cell))).collect()
}

/// The directory of cell `index`.
pub fn cell_dir(sandbox: &Sandbox, out: &str, index: usize) -> PathBuf {
    let plan: serde_json::Value =
        serde_json::from_slice(&fs::read(sandbox.path(out).join("plan.json")).unwrap()).unwrap();
    sandbox.path(out).join("cells").join(plan["cells"][index]["id"].as_str().unwrap())
}

/// Asserts that `outcome` is a refusal with exit code `code` in one line that holds `needle`.
#[track_caller]
pub fn assert_refusal(outcome: &Outcome, code: i32, needle: &str) {
    assert_eq!(outcome.code, Some(code), "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    assert!(outcome.stderr.contains(needle), "no `{needle}` in {outcome:?}");
}
