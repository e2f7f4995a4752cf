//! `elbo settings`: every key of a recipe, read off the declarations.

use elbo_models::Setting;

use crate::config::recipe;
use crate::machine::error::{Error, Result};
use crate::machine::output;

/// Lists all settings; of models only those of `kind` if one is named.
pub fn run(kind: Option<&str>) -> Result<()> {
    let schema = recipe::schema();
    let models: Vec<_> = schema.models.iter().filter(|model| kind.is_none_or(|kind| kind == model.name)).collect();
    if models.is_empty() {
        let kinds: Vec<&str> = schema.models.iter().map(|model| model.name).collect();
        return Err(Error::usage(format_args!("no model `{}`; there are {}", kind.unwrap_or(""), kinds.join(", "))));
    }
    let mut text = String::new();
    for section in schema.sections.iter().filter(|section| !section.settings.is_empty()) {
        text += &describe(&format!("[{}]", section.name), section.name, &section.settings);
    }
    // Models whose settings of a section are the same share its description.
    let mut described: Vec<(String, Vec<&str>)> = Vec::new();
    for model in models {
        for section in model.sections.iter().filter(|section| !section.settings.is_empty()) {
            let body = describe("", section.name, &section.settings);
            match described.iter_mut().find(|(known, _)| *known == body) {
                Some((_, kinds)) => kinds.push(model.name),
                None => described.push((body, vec![model.name])),
            }
        }
    }
    for (body, kinds) in described {
        let section = body.trim_start().split('.').next().unwrap_or_default();
        let kinds: Vec<String> = kinds.iter().map(|kind| format!("\"{kind}\"")).collect();
        text += &format!("\n[{section}]  with model.kind = {}{body}", kinds.join(", "));
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
