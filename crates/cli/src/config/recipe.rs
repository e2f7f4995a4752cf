//! Recipes: the built-in ones, and files.

use std::borrow::Cow;
use std::path::Path;

use crate::config::{Config, Variant, read_recipe, variants};
use crate::machine::error::{Error, Result};

/// Name and text of every file in `recipes/`, by name.
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/recipes.rs"));

/// Name of each built-in recipe and the configuration that its runs have in common.
pub fn built_in() -> Result<Vec<(&'static str, Config)>> {
    BUILT_IN.iter().map(|(name, text)| Ok((*name, Config::base(text, name)?))).collect()
}

/// The text of a built-in recipe.
pub fn text(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(built_in, _)| *built_in == name).map(|(_, text)| *text)
}

/// The built-in recipe `recipe`, or the recipe in the file of that path, and the name that its runs get.
pub fn load(recipe: &str) -> Result<(String, Config)> {
    Ok((name(recipe), Config::parse(&read(recipe)?, recipe)?))
}

/// The same for a recipe of many runs, after the `--set` arguments `set`.
pub fn load_sweep(recipe: &str, set: &[String]) -> Result<(String, Vec<Variant>)> {
    Ok((name(recipe), variants(&read(recipe)?, recipe, set)?))
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
        return Err(Error::usage(format_args!("no recipe `{recipe}`; {hint}")));
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
