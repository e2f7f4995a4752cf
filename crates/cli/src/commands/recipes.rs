//! `elbo recipes`: the built-in recipes, or one of them as TOML.

use crate::config::recipe;
use crate::machine::error::{Error, Result};
use crate::machine::output;

/// Lists the recipes, or prints the one named.
pub fn run(name: Option<&str>) -> Result<()> {
    if let Some(name) = name {
        let text = recipe::text(name);
        return output::data(
            text.ok_or_else(|| Error::usage(format_args!("no built-in recipe `{name}`; see `elbo recipes`")))?,
        );
    }
    let list = recipe::built_in()?;
    let width = list.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = list.iter().map(|(name, config)| format!("{name:width$}  {}\n", config.description()));
    output::data(&lines.collect::<String>())
}
