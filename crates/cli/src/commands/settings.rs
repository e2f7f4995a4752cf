//! `elbo settings`: every key of a recipe, read off the declarations.

use elbo_models::Setting;

use crate::error::{Error, Result};
use crate::{output, recipe};

/// Lists all settings; of models only those of `kind` if one is named.
pub fn run(kind: Option<&str>) -> Result<()> {
    let schema = recipe::schema();
    let models: Vec<_> = schema.models.iter().filter(|(name, _)| kind.is_none_or(|kind| kind == *name)).collect();
    if models.is_empty() {
        let kinds: Vec<&str> = schema.models.iter().map(|(name, _)| *name).collect();
        return Err(Error::usage(format_args!("no model `{}`; there are {}", kind.unwrap_or(""), kinds.join(", "))));
    }
    let mut text = String::new();
    for section in &schema.sections {
        if section.name != "model" {
            text += &describe(&format!("[{}]", section.name), section.name, &section.settings);
            continue;
        }
        for (kind, settings) in &models {
            text += &describe(&format!("[model]  with kind = \"{kind}\""), "model", settings);
        }
    }
    output::data(text.trim_start_matches('\n'))
}

fn describe(title: &str, section: &str, settings: &[Setting]) -> String {
    let lines = settings.iter().map(|s| {
        let key = format!("{section}.{} = {}", s.name, s.default);
        format!("  {key:36} {} ({})\n", s.help, s.domain)
    });
    format!("\n{title}\n{}", lines.collect::<String>())
}
