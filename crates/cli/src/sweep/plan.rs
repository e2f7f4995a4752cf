//! The plan of a sweep, which only grows: a cell never changes and never gets another number.

use std::collections::HashMap;

use crate::config::{Config, Method, Variant};
use crate::grid::{Cell, Plan};
use crate::machine::error::{Error, Result};

/// The plan of the sweep `name` over `variants`, in whose order new cells follow those of `stored`.
///
/// # Errors
/// Exit code 2 if `stored` is of something else, or holds a cell that is none of `variants`: with which, and with its
/// settings that differ.
pub fn plan(name: &str, variants: &[Variant], stored: Option<&Plan>) -> Result<Plan> {
    let stored = match stored {
        None => return Ok(Plan::new(name, variants.iter().map(cell).collect())),
        Some(stored) if stored.study() == name => stored,
        Some(stored) => return Err(refused(format_args!("it holds {} and not {name}", stored.study()))),
    };
    let mut new: HashMap<String, &Variant> = variants.iter().map(|variant| (variant.config.id(), variant)).collect();
    for (index, old) in stored.cells().iter().enumerate() {
        let config = config(index, old)?;
        if new.remove(&config.id()).is_none() {
            return Err(refused(format_args!("cell {index} ({}) {}", old.name(), change(old, &config, variants))));
        }
    }
    let appended = variants.iter().filter(|variant| new.contains_key(&variant.config.id())).map(cell);
    Ok(Plan::new(name, stored.cells().iter().cloned().chain(appended).collect()))
}

/// The configuration that is stored with cell `index` of a plan.
///
/// # Errors
/// Exit code 2 if there is none, or none that this version understands.
pub fn config(index: usize, cell: &Cell) -> Result<Config> {
    let text = cell.config.as_ref().ok_or_else(|| refused(format_args!("it is a study and no sweep")))?;
    Config::parse(text, &format!("cell {index}"))
}

/// Whether the cell with `config` is there to show how its training ends in NaN: it is a mixture whose guards are off.
pub fn shows_collapse(config: &Config) -> bool {
    matches!(&config.method, Method::Iterations(iterations) if iterations.options.facts().shows_collapse)
}

fn refused(problem: std::fmt::Arguments<'_>) -> Error {
    Error::usage(format_args!("{problem}; choose another --out"))
}

/// A variant as a new cell.
fn cell(variant: &Variant) -> Cell {
    Cell {
        id: variant.config.id(),
        labels: variant.labels.clone(),
        seed: variant.config.method.seed(),
        extent: variant.config.method.extent(),
        config: Some(variant.config.to_toml()),
        cost: 0.0,
        width: Default::default(),
        round: 0,
    }
}

/// What has become of the cell `old`, whose configuration is `config`.
fn change(old: &Cell, config: &Config, variants: &[Variant]) -> String {
    let same = variants.iter().find(|variant| variant.labels == old.labels && variant.config.method.seed() == old.seed);
    let Some(same) = same else { return "is not in the recipe any more".into() };
    let differences = same.config.diff(config);
    let list = differences.iter().map(|d| format!("{} = {} (plan: {})", d.key, d.ours, d.theirs));
    format!("has other settings: {}", list.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::variants;

    const KINDS: &str = "[sweep]\n\"model.k\" = [3, 4]\nseeds = 2";

    fn of(text: &str) -> Vec<Variant> {
        variants(text, "r.toml", &[]).unwrap()
    }

    fn names(plan: &Plan) -> Vec<String> {
        plan.cells().iter().map(Cell::name).collect()
    }

    #[test]
    fn a_longer_plan_begins_with_the_shorter_one() {
        let first = plan("s", &of(KINDS), None).unwrap();
        assert_eq!(plan("s", &of(KINDS), Some(&first)).unwrap(), first);
        let longer = [
            // Values at the end, at the start, seeds, and a new axis that has the old value.
            ("[sweep]\n\"model.k\" = [3, 4, 5]\nseeds = 2", ["model.k=5 seed=0", "model.k=5 seed=1"].as_slice()),
            ("[sweep]\n\"model.k\" = [5, 4, 3]\nseeds = 2", &["model.k=5 seed=0", "model.k=5 seed=1"]),
            ("[sweep]\n\"model.k\" = [3, 4]\nseeds = 3", &["model.k=3 seed=2", "model.k=4 seed=2"]),
            (
                "[sweep]\nmodel.k = [3, 4]\ntrain.lr = [1e-3, 1e-2]\nseeds = 2",
                &[
                    "model.k=3 train.lr=0.01 seed=0",
                    "model.k=3 train.lr=0.01 seed=1",
                    "model.k=4 train.lr=0.01 seed=0",
                    "model.k=4 train.lr=0.01 seed=1",
                ],
            ),
        ];
        for (text, appended) in longer {
            let second = plan("s", &of(text), Some(&first)).unwrap();
            assert_eq!(second.cells()[..4], *first.cells());
            assert_eq!(names(&second)[4..], *appended);
        }
    }

    #[test]
    fn a_changed_or_vanished_cell_is_named() {
        let first = plan("s", &of(KINDS), None).unwrap();
        let refusal = |name: &str, text: &str| plan(name, &of(text), Some(&first)).unwrap_err().to_string();
        assert_eq!(
            refusal("s", &format!("[train]\nepochs = 7\n{KINDS}")),
            "cell 0 (model.k=3 seed=0) has other settings: train.epochs = 7 (plan: 20); choose another --out"
        );
        assert_eq!(
            refusal("s", "[sweep]\n\"model.k\" = [3, 5]\nseeds = 2"),
            "cell 2 (model.k=4 seed=0) is not in the recipe any more; choose another --out"
        );
        assert_eq!(refusal("t", KINDS), "it holds s and not t; choose another --out");
        let study = Plan::new("s", vec![Cell { config: None, ..first.cells()[0].clone() }]);
        let refusal = plan("s", &of(KINDS), Some(&study)).unwrap_err().to_string();
        assert_eq!(refusal, "it is a study and no sweep; choose another --out");
    }

    #[test]
    fn a_plan_holds_the_configuration_of_each_cell() {
        let first = plan("s", &of(KINDS), None).unwrap();
        for (index, (stored, variant)) in first.cells().iter().zip(of(KINDS)).enumerate() {
            assert_eq!(config(index, stored).unwrap().diff(&variant.config), []);
        }
    }
}
