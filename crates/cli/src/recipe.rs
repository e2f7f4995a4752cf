//! Recipes: the built-in ones, files, and the schema that both obey.

use std::path::Path;

use elbo_models::{Setting, fit};

use crate::config::{Config, Schema, Section, read_recipe};
use crate::data;
use crate::error::Result;

/// Name and text of every file in `recipes/`, by name.
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/recipes.rs"));

/// Every setting there is.
pub fn schema() -> Schema {
    const STEPS: [u64; 2] = [0, 1_000_000_000];
    let log = vec![
        Setting::int("every_steps", 0, STEPS, "write a row of steps.csv this often; 0: never"),
        Setting::int(
            "watch_steps",
            0,
            STEPS,
            "write the smallest raw spreads and variances and the largest gradient to watch.csv this often; 0: never",
        ),
        Setting::int("keep_epochs", 0, STEPS, "keep the checkpoint of every so many epochs; 0: the last one only"),
        Setting::bool("probe", false, "measure the accuracy of a linear probe on the latent after every epoch"),
    ];
    Schema {
        sections: vec![
            Section { name: "data", settings: data::settings() },
            Section { name: "model", settings: Vec::new() },
            Section { name: "train", settings: fit::settings() },
            Section { name: "log", settings: log },
        ],
        models: elbo_models::all().iter().map(|spec| (spec.kind, (spec.settings)())).collect(),
    }
}

/// Name and configuration of each built-in recipe.
pub fn built_in() -> Result<Vec<(&'static str, Config)>> {
    BUILT_IN.iter().map(|(name, text)| Ok((*name, Config::parse(text, name, &schema())?))).collect()
}

/// The text of a built-in recipe.
pub fn text(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(built_in, _)| *built_in == name).map(|(_, text)| *text)
}

/// The built-in recipe `recipe`, or the recipe in the file of that path, and the name that its runs get.
pub fn load(recipe: &str) -> Result<(String, Config)> {
    if let Some(text) = text(recipe) {
        return Ok((recipe.into(), Config::parse(text, recipe, &schema())?));
    }
    let path = Path::new(recipe);
    if !path.exists() && !recipe.contains(['/', '\\', '.']) {
        let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        let near = names.iter().min_by_key(|name| strsim::damerau_levenshtein(name, recipe));
        let near = near.filter(|name| recipe.len() < 64 && strsim::damerau_levenshtein(name, recipe) <= 4);
        let hint =
            near.map_or_else(|| format!("built in are {}", names.join(", ")), |name| format!("did you mean {name}?"));
        return Err(crate::error::Error::usage(format_args!("no recipe `{recipe}`; {hint}")));
    }
    let config = Config::parse(&read_recipe(path)?, recipe, &schema())?;
    let stem = path.file_stem().map_or_else(|| "run".into(), |stem| stem.to_string_lossy().into_owned());
    Ok((stem, config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_recipe_is_valid_and_described() {
        for (name, config) in built_in().expect("built-in recipes parse") {
            assert!(!config.description().is_empty(), "{name}");
        }
    }

    #[test]
    fn a_slip_in_a_name_is_answered_with_the_right_one() {
        let error = load("mnist-gmave").unwrap_err().to_string();
        assert!(error.contains("did you mean mnist-gmvae?"), "{error}");
    }
}
