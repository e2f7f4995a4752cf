//! Recipes: the built-in ones, files, and the schema that both obey.

use std::borrow::Cow;
use std::path::Path;

use elbo_models::{Setting, fit};

use crate::config::{Config, Kind, Schema, Section, Variant, read_recipe, variants};
use crate::data;
use crate::machine::error::Result;

/// Name and text of every file in `recipes/`, by name.
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/recipes.rs"));

/// Every setting there is.
pub fn schema() -> Schema {
    let by_steps = elbo_models::all().iter().map(|spec| Kind {
        name: spec.kind,
        sections: vec![
            Section { name: "model", settings: (spec.settings)() },
            Section { name: "train", settings: fit::settings() },
            Section { name: "log", settings: log_of_steps() },
        ],
    });
    let by_iterations = elbo_models::estimators().iter().map(|spec| Kind {
        name: spec.kind,
        sections: vec![
            Section { name: "model", settings: (spec.model)() },
            Section { name: "train", settings: std::iter::once(fit::seed()).chain((spec.train)()).collect() },
            Section { name: "log", settings: log_of_iterations() },
        ],
    });
    let common = |name, settings| Section { name, settings };
    Schema {
        sections: vec![
            common("data", data::settings()),
            common("model", Vec::new()),
            common("train", Vec::new()),
            common("log", Vec::new()),
        ],
        models: by_steps.chain(by_iterations).collect(),
    }
}

fn log_of_steps() -> Vec<Setting> {
    const STEPS: [u64; 2] = [0, 1_000_000_000];
    vec![
        Setting::int("every_steps", 0, STEPS, "write a row of steps.csv this often; 0: never"),
        Setting::int(
            "watch_steps",
            0,
            STEPS,
            "write the smallest argument and variance of each softplus and the largest gradient to watch.csv this often; 0: never",
        ),
        Setting::int("keep_epochs", 0, STEPS, "keep the checkpoint of every so many epochs; 0: the last one only"),
        probe(),
    ]
}

fn log_of_iterations() -> Vec<Setting> {
    const OFTEN: [u64; 2] = [0, 1_000_000_000];
    vec![
        Setting::int("evaluate_every", 0, OFTEN, "evaluate after every so many iterations; 0: at the end only"),
        probe(),
    ]
}

fn probe() -> Setting {
    Setting::bool("probe", false, "measure the accuracy of a linear probe on the latent at every evaluation")
}

/// Name of each built-in recipe and the configuration that its runs have in common.
pub fn built_in() -> Result<Vec<(&'static str, Config)>> {
    BUILT_IN.iter().map(|(name, text)| Ok((*name, Config::base(text, name, &schema())?))).collect()
}

/// The text of a built-in recipe.
pub fn text(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(built_in, _)| *built_in == name).map(|(_, text)| *text)
}

/// The built-in recipe `recipe`, or the recipe in the file of that path, and the name that its runs get.
pub fn load(recipe: &str) -> Result<(String, Config)> {
    Ok((name(recipe), Config::parse(&read(recipe)?, recipe, &schema())?))
}

/// The same for a recipe of many runs, after the `--set` arguments `set`.
pub fn load_sweep(recipe: &str, set: &[String]) -> Result<(String, Vec<Variant>)> {
    Ok((name(recipe), variants(&read(recipe)?, recipe, set, &schema())?))
}

/// The name that the runs of `recipe` get: that of the built-in recipe, or of the file without its ending.
pub fn name(recipe: &str) -> String {
    let stem = Path::new(recipe).file_stem().map_or_else(|| "run".into(), |stem| stem.to_string_lossy().into_owned());
    if text(recipe).is_some() { recipe.into() } else { stem }
}

/// The text of the built-in recipe `recipe`, or of the file of that path.
fn read(recipe: &str) -> Result<Cow<'static, str>> {
    if let Some(text) = text(recipe) {
        return Ok(text.into());
    }
    let path = Path::new(recipe);
    if !path.exists() && !recipe.contains(['/', '\\', '.']) {
        let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        let distance = |name: &str| strsim::damerau_levenshtein(name, recipe);
        let near = names.iter().min_by_key(|name| distance(name));
        let near = near.filter(|name| recipe.len() < 64 && distance(name) <= 1 + recipe.chars().count() / 3);
        let hint =
            near.map_or_else(|| format!("built in are {}", names.join(", ")), |name| format!("did you mean {name}?"));
        return Err(crate::machine::error::Error::usage(format_args!("no recipe `{recipe}`; {hint}")));
    }
    read_recipe(path).map(Cow::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_recipe_is_valid_and_described() {
        for (name, config) in built_in().expect("built-in recipes parse") {
            assert!(!config.description().is_empty(), "{name}");
            if let Err(error) = load(name) {
                assert!(!load_sweep(name, &[]).expect("neither one run nor many").1.is_empty(), "{error}");
            }
        }
    }

    #[test]
    fn a_slip_in_a_name_is_answered_with_the_right_one() {
        let error = load("mnist-gmave").unwrap_err().to_string();
        assert!(error.contains("did you mean mnist-gmvae?"), "{error}");
    }
}
