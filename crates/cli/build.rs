//! Lists the files of `recipes/`, and records the git commit that the binary is built from (`unknown` outside a
//! checkout).

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

fn main() {
    let recipes = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("recipes");
    let mut files: Vec<PathBuf> =
        fs::read_dir(&recipes).expect("the folder of recipes").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let entries =
        files.iter().map(|path| format!("({:?}, include_str!({path:?})),\n", path.file_stem().expect("a file")));
    let list = format!("&[\n{}]\n", entries.collect::<String>());
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("recipes.rs");
    fs::write(out, list).expect("the list of recipes is written");
    println!("cargo:rerun-if-changed={}", recipes.display());

    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".into());
    println!("cargo:rustc-env=ELBO_COMMIT={commit}");
    if let Some(head) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo:rerun-if-changed={head}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
