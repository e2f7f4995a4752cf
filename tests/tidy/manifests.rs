//! Which crates of the workspace a manifest names.

use std::collections::BTreeSet;

/// The crates of the workspace that a manifest depends on, in any of its sections, without `elbo-`.
pub fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        let mut entry = line;
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            inside = section.ends_with("dependencies") && !section.starts_with("workspace");
            // `[dependencies.elbo-tensor]`
            entry = section.rsplit_once("dependencies.").map_or("", |(_, name)| name);
        } else if !inside {
            continue;
        }
        let name: String = entry.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
        found.extend(name.strip_prefix("elbo-").map(String::from));
    }
    found
}
