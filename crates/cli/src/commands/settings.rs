//! `elbo settings`: every key of a recipe, read off the declarations.

use elbo_models::{Configured, Domain, Setting, Value};
use serde_json::{Map, Value as Json, json};

use crate::config::{Config, Method};
use crate::machine::error::Result;
use crate::machine::output;

/// Arguments of `elbo settings`.
#[derive(Debug, clap::Args)]
pub struct Settings {
    /// Show the settings of this model only
    pub kind: Option<String>,
    /// Print them as a JSON schema of a recipe; without a model, of one of any
    #[arg(long)]
    pub json: bool,
}

/// Lists all settings; of models only those of the kind if one is named.
pub fn run(args: &Settings) -> Result<()> {
    let kinds = match &args.kind {
        Some(kind) => vec![Config::of_kind(kind)?.kind()],
        None => Method::kinds(),
    };
    let settings = |kind| Config::of_kind(kind).map(|mut config| (kind, config.settings()));
    let all = kinds.into_iter().map(settings).collect::<Result<Vec<_>>>()?;
    output::result(args.json, || schema(&all), || list(&all))
}

/// A kind of model and its settings.
type Declared = (&'static str, Vec<Setting>);

fn list(all: &[Declared]) -> String {
    let mut text = String::new();
    // Models whose settings of a section are the same share its description.
    let mut described: Vec<(String, Vec<&str>)> = Vec::new();
    for (kind, settings) in all {
        for section in settings.chunk_by(|a, b| a.section() == b.section()) {
            let body: String = section.iter().map(line).collect();
            match described.iter_mut().find(|(known, _)| *known == body) {
                Some((_, kinds)) => kinds.push(kind),
                None => described.push((body, vec![kind])),
            }
        }
    }
    for (body, kinds) in described {
        let section = body.trim_start().split('.').next().unwrap_or_default();
        let quoted: Vec<String> = kinds.iter().map(|kind| format!("\"{kind}\"")).collect();
        let of = if section == "data" { String::new() } else { format!("  with model.kind = {}", quoted.join(", ")) };
        text += &format!("\n[{section}]{of}\n{body}");
    }
    text.trim_start_matches('\n').into()
}

fn line(setting: &Setting) -> String {
    let key = format!("{} = {}", setting.key, setting.value);
    format!("  {key:36} {} ({})\n", setting.help, setting.domain)
}

/// A JSON schema of recipes with one of these models.
fn schema(all: &[Declared]) -> Json {
    let mut all: Vec<Json> = all.iter().map(of_kind).collect();
    let mut schema = if all.len() == 1 { all.swap_remove(0) } else { json!({"oneOf": all}) };
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema
}

fn of_kind((kind, settings): &Declared) -> Json {
    let mut sections = Map::new();
    for section in settings.chunk_by(|a, b| a.section() == b.section()) {
        let mut keys: Map<String, Json> = section.iter().map(|setting| (setting.name().into(), of(setting))).collect();
        let name = section[0].section();
        let required: &[&str] = if name == "model" { &["kind"] } else { &[] };
        if name == "model" {
            keys.insert("kind".into(), json!({"const": kind}));
        }
        sections.insert(
            name.into(),
            json!({"type": "object", "properties": keys, "required": required, "additionalProperties": false}),
        );
    }
    sections.insert("description".into(), json!({"type": "string"}));
    sections.insert("sweep".into(), json!({"type": "object"}));
    json!({"type": "object", "properties": sections, "required": ["model"], "additionalProperties": false})
}

fn of(setting: &Setting) -> Json {
    let mut schema = match &setting.domain {
        Domain::Int { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Domain::Float { min, max, open: true } => json!({"type": "number", "exclusiveMinimum": min, "maximum": max}),
        Domain::Float { min, max, open: false } => json!({"type": "number", "minimum": min, "maximum": max}),
        Domain::Bool => json!({"type": "boolean"}),
        Domain::Choice(words) => json!({"enum": words}),
        Domain::Text => json!({"type": "string", "minLength": 1}),
        Domain::OptionalText | Domain::OptionalPath => json!({"type": "string"}),
        Domain::Ints { min, max, len } => json!({
            "type": "array", "maxItems": len, "items": {"type": "integer", "minimum": min, "maximum": max},
        }),
        Domain::Floats { len } => json!({"type": "array", "maxItems": len, "items": {"type": "number", "minimum": 0}}),
    };
    schema["description"] = json!(setting.help);
    schema["default"] = match &setting.value {
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Bool(value) => json!(value),
        Value::Text(value) => json!(value),
        Value::Ints(value) => json!(value),
        Value::Floats(value) => json!(value),
    };
    schema
}
