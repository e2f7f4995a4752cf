//! A sweep planned, run and read from Rust; other processes may work on the same directory at the same time.
//!
//! `cargo run --release --example sweep_from_rust`

#![allow(clippy::print_stdout)] // a program of its own

use elbo::{Run, Sweep};

const RECIPE: &str = r#"
[data]
name = "mixture"
train_rows = 600
valid_rows = 0
test_rows = 200

[model]
kind = "gmm"

[sweep]
model.k = [2, 3, 4]
seeds = 2
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::temp_dir().join(format!("elbo-sweep-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let recipe = dir.join("mixture.toml");
    std::fs::write(&recipe, RECIPE)?;

    let sweep = Sweep::plan(&recipe.to_string_lossy(), &[], dir.join("sweep"))?;
    println!("{} cells", sweep.new);
    println!("results in {}", sweep.run()?.display());
    for cell in sweep.cells()? {
        let outcome = cell.outcome.ok_or("every cell has ended")?;
        println!("{:20} test NMI {:.3}", cell.name, outcome.value("test_nmi"));
    }
    // Every cell is a run like those of `elbo train`.
    let first = Run::open(&sweep.cells()?[0].path)?;
    println!("columns of its metrics: {}", first.metrics()?.header().join(", "));
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}
