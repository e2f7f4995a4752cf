//! The rooms of the command and the floors they stand on.

use crate::modules::{Use, module_of};

/// A room uses rooms of lower floors only. The root of the crate stands on top of all.
const FLOORS: [(&str, u32); 12] = [
    ("machine", 0),
    ("plot", 1),
    ("checkpoint", 2),
    ("report", 2),
    ("data", 3),
    ("config", 4),
    ("run", 5),
    ("grid", 6),
    ("study", 7),
    ("sweep", 7),
    ("commands", 8),
    ("", 9),
];

/// The uses that do not lead to a lower floor, and the rooms that have none: as `from -> to`, and in words.
pub fn upward(uses: &[Use]) -> Vec<(String, String)> {
    let room = |file: &str| module_of(file).into_iter().next().unwrap_or_default();
    let floor = |room: &str| FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor);
    let judge = |Use { from, to, by }: &Use| {
        let [upper, lower] = [room(from), room(to)];
        let why = match (floor(&upper), floor(&lower)) {
            (Some(high), Some(low)) if high > low || upper == lower => return None,
            (Some(high), Some(low)) => format!("{from} (floor {high}) uses {by} of {to} (floor {low})"),
            (None, _) => format!("{from}: the room {upper} has no floor"),
            (_, None) => format!("{to}: the room {lower} has no floor"),
        };
        Some((format!("{from} -> {to}"), why))
    };
    uses.iter().filter_map(judge).collect()
}
