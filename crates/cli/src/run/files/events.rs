//! `events.log` of a fit by iterations: a line an event.

use std::path::Path;

use crate::machine::error::Result;
use crate::machine::files;

/// What the number of the iteration stands behind.
const START: &str = "iteration ";

/// The lines in memory: like the metrics they are rewritten as a whole at every checkpoint and read back up to it, so
/// that a killed run that is continued neither loses an event nor has it twice.
#[derive(Debug, Default, PartialEq)]
pub struct Events(Vec<String>);

impl Events {
    /// Reads the events up to those of `iteration`, of an earlier part of the run; none if there is no file.
    pub fn read(path: &Path, iteration: u64) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = files::read_text(path)?;
        let of = |line: &str| line.strip_prefix(START)?.split_once(':')?.0.parse::<u64>().ok();
        let reached = text.lines().filter(|line| of(line).is_some_and(|number| number <= iteration));
        Ok(Self(reached.map(String::from).collect()))
    }

    /// Adds an event and returns its line.
    pub fn push(&mut self, iteration: u64, event: &str) -> &str {
        self.0.push(format!("{START}{iteration}: {event}"));
        &self.0[self.0.len() - 1]
    }

    /// Replaces the file; without events there is none, but for one that a killed predecessor left.
    pub fn write(&self, path: &Path) -> Result<()> {
        if self.0.is_empty() && !path.exists() {
            return Ok(());
        }
        let text: String = self.0.iter().map(|line| format!("{line}\n")).collect();
        files::write_atomic(path, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_gives_back_the_events_up_to_an_iteration() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.log");
        assert_eq!(Events::read(&path, 9).unwrap(), Events::default());
        Events::default().write(&path).unwrap();
        assert!(!path.exists());
        let mut events = Events::default();
        for (iteration, event) in [(1, "first"), (9, "component 2: is kept"), (9, "again"), (10, "late")] {
            events.push(iteration, event);
        }
        events.write(&path).unwrap();
        assert_eq!(Events::read(&path, 10).unwrap(), events);
        events.0.truncate(3);
        assert_eq!(Events::read(&path, 9).unwrap(), events);
        Events::default().write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }
}
