//! What a grid runs: an immutable list of cells, and how long it should take.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How much of the machine a cell uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Width {
    /// One thread: many such cells run side by side.
    #[default]
    OneCore,
    /// Every thread: such cells run one at a time.
    AllCores,
}

/// One experiment of a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Hexadecimal hash of all that the result depends on beside `extent`: configuration, seed, checksum of the data.
    pub id: String,
    /// What is run, as a reader knows it: arm, model, β and so on, without the seed.
    pub labels: Vec<(String, String)>,
    /// Random seed.
    pub seed: u64,
    /// How far the cell goes, for example in epochs. A larger one continues what a smaller one has left.
    pub extent: u64,
    /// All that a process must know to run the cell, where the plan alone is at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// Expected seconds on one core. It orders the cells and weighs the progress; no result depends on it.
    #[serde(skip)]
    pub cost: f64,
    /// How much of the machine the cell uses.
    #[serde(skip)]
    pub width: Width,
    /// A cell begins when all cells of smaller rounds have ended, so that it may read what they left.
    #[serde(skip)]
    pub round: usize,
}

impl Cell {
    /// The labels in one text, `arm=axes model=discrete beta=0.1`: equal for the seeds of one experiment.
    pub fn label(&self) -> String {
        let labels = self.labels.iter().map(|(name, value)| format!("{name}={value}"));
        labels.collect::<Vec<_>>().join(" ")
    }

    /// Labels and seed: what messages call the cell.
    pub fn name(&self) -> String {
        format!("{} seed={}", self.label(), self.seed).trim_start().into()
    }
}

/// The cells of a study, in the order of its results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    study: String,
    cells: Vec<Cell>,
}

impl Plan {
    /// The plan of `study`.
    ///
    /// # Panics
    /// If an id is not hexadecimal (it names a directory) or two cells share one.
    #[track_caller]
    pub fn new(study: impl Into<String>, cells: Vec<Cell>) -> Self {
        let plan = Self { study: study.into(), cells };
        plan.check().unwrap_or_else(|problem| panic!("{problem}"));
        plan
    }

    /// Whether every id is hexadecimal (it names a directory) and no two cells share one; if not, which.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut ids = HashSet::new();
        for cell in &self.cells {
            if cell.id.is_empty() || !cell.id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(format!("the id {:?} of cell {} is not hexadecimal", cell.id, cell.name()));
            }
            if !ids.insert(&cell.id) {
                return Err(format!("two cells have the id {}, one is {}", cell.id, cell.name()));
            }
        }
        Ok(())
    }

    /// Name of the study.
    pub fn study(&self) -> &str {
        &self.study
    }

    /// The cells, in the order of the results.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// What keeps this plan from continuing `stored`, in one phrase. Cells may go further than they did and
    /// new ones may come, anywhere; costs and widths may differ, because they change how long a grid takes
    /// and not what it finds.
    pub fn difference(&self, stored: &Self) -> Option<String> {
        if self.study != stored.study {
            return Some(format!("study {} and not {}", stored.study, self.study));
        }
        if self.cells.len() != stored.cells.len() {
            let extents: HashMap<&str, u64> = self.cells.iter().map(|new| (new.id.as_str(), new.extent)).collect();
            let continues = |old: &Cell| extents.get(old.id.as_str()).is_some_and(|extent| *extent >= old.extent);
            let grown = self.cells.len() > stored.cells.len() && stored.cells.iter().all(continues);
            return (!grown).then(|| format!("{} cells and not {}", stored.cells.len(), self.cells.len()));
        }
        let mut pairs = self.cells.iter().zip(&stored.cells).enumerate();
        let (index, (new, old)) = pairs.find(|(_, (new, old))| new.id != old.id || new.extent < old.extent)?;
        let (number, name) = (index + 1, old.name());
        Some(if name != new.name() {
            format!("cell {number} as {name} and not {}", new.name())
        } else if new.id != old.id {
            format!("cell {number} ({name}) with other settings or other data")
        } else {
            format!("cell {number} ({name}) up to {} and not {}", old.extent, new.extent)
        })
    }

    /// This plan with its `chosen` cells of `width` and their extents as all that is known of their costs; the
    /// others cost nothing.
    pub(super) fn weighed(&self, chosen: &[usize], width: Width) -> Self {
        let mut plan = self.clone();
        plan.cells.iter_mut().for_each(|cell| cell.cost = 0.0);
        for &index in chosen {
            let cell = &mut plan.cells[index];
            (cell.cost, cell.width) = (cell.extent as f64, width);
        }
        plan
    }

    /// Expected seconds of the whole plan on `threads` cores.
    pub fn estimate(&self, threads: usize) -> f64 {
        self.remaining(threads, |_| 1.0)
    }

    /// Expected seconds on `threads` cores when the share `left(index)` of each cell is still to do: the longest
    /// one-core cell always goes to the core that is free first, then the wide ones use all cores perfectly.
    pub fn remaining(&self, threads: usize, left: impl Fn(usize) -> f64) -> f64 {
        let costs = self.cells.iter().enumerate().map(|(index, cell)| (cell.width, cell.cost * left(index)));
        let (narrow, wide): (Vec<_>, Vec<_>) = costs.partition(|(width, _)| *width == Width::OneCore);
        let mut narrow: Vec<f64> = narrow.into_iter().map(|(_, cost)| cost).collect();
        narrow.sort_by(|a, b| b.total_cmp(a));
        let mut cores = vec![0.0_f64; threads.max(1)];
        for cost in narrow {
            if let Some(free) = cores.iter_mut().min_by(|a, b| a.total_cmp(b)) {
                *free += cost;
            }
        }
        let wide: f64 = wide.into_iter().map(|(_, cost)| cost).sum();
        cores.iter().copied().fold(0.0, f64::max) + wide / cores.len() as f64
    }

    /// What `--dry-run` shows: how many seeds of which experiment, their time on one core, and the time of the whole.
    pub fn dry_run_table(&self, threads: usize) -> String {
        let mut table = format!("{:>6}  {:>9}  experiment\n", "cells", "core time");
        for (label, count, cost) in self.groups() {
            table += &format!("{count:>6}  {:>9}  {label}\n", duration(cost));
        }
        let (count, whole) = (self.cells.len(), duration(self.estimate(threads)));
        table + &format!("{}: {count} cells, about {whole} on {threads} cores\n", self.study)
    }

    /// The same as JSON.
    pub fn dry_run_json(&self, threads: usize) -> Value {
        let groups = self.groups().into_iter();
        let groups =
            groups.map(|(label, cells, cost)| json!({"experiment": label, "cells": cells, "core_seconds": cost}));
        json!({
            "study": self.study,
            "cells": self.cells.len(),
            "threads": threads,
            "seconds": self.estimate(threads),
            "experiments": groups.collect::<Vec<_>>(),
        })
    }

    /// Label, number of seeds and seconds on one core of each experiment.
    fn groups(&self) -> Vec<(String, usize, f64)> {
        let mut groups: Vec<(String, usize, f64)> = Vec::new();
        for cell in &self.cells {
            let label = cell.label();
            match groups.iter_mut().find(|(other, ..)| *other == label) {
                Some((_, count, cost)) => (*count, *cost) = (*count + 1, *cost + cell.cost),
                None => groups.push((label, 1, cell.cost)),
            }
        }
        groups
    }
}

/// Seconds as a person says them, in two digits: `0.3 s`, `45 s`, `2.5 min`, `11 h`.
pub fn duration(seconds: f64) -> String {
    let (value, unit) = match seconds {
        ..99.5 => (seconds, "s"),
        ..5970.0 => (seconds / 60.0, "min"),
        _ => (seconds / 3600.0, "h"),
    };
    if value < 9.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(id: usize, cost: f64, width: Width) -> Cell {
        let labels = vec![("model".into(), "vae".into()), ("beta".into(), format!("{}", id / 2))];
        Cell { id: format!("{id:04x}"), labels, seed: id as u64 % 2, extent: 20, config: None, cost, width, round: 0 }
    }

    fn plan(costs: &[f64]) -> Plan {
        let cells = costs.iter().enumerate().map(|(id, cost)| cell(id, *cost, Width::OneCore));
        Plan::new("study", cells.collect())
    }

    #[test]
    fn the_estimate_is_a_schedule_of_longest_cells_first() {
        assert_eq!(plan(&[1.0, 1.0, 2.0, 4.0]).estimate(2), 4.0);
        assert_eq!(plan(&[1.0, 1.0, 2.0, 4.0]).estimate(1), 8.0);
        assert_eq!(plan(&[5.0, 1.0]).estimate(64), 5.0);
        assert_eq!(plan(&[]).estimate(2), 0.0);
        let mixed = Plan::new("s", vec![cell(0, 3.0, Width::OneCore), cell(1, 8.0, Width::AllCores)]);
        assert_eq!(mixed.estimate(2), 3.0 + 8.0 / 2.0);
        assert_eq!(mixed.remaining(2, |index| [1.0, 0.25][index]), 3.0 + 2.0 / 2.0);
    }

    #[test]
    fn a_difference_names_the_first_thing_that_differs() {
        let old = plan(&[1.0; 4]);
        assert_eq!(plan(&[9.0; 4]).difference(&old), None);
        assert_eq!(plan(&[1.0; 3]).difference(&old).unwrap(), "4 cells and not 3");
        let mut grown = plan(&[1.0; 5]);
        assert_eq!(grown.difference(&old), None);
        grown.cells.swap(3, 4);
        assert_eq!(grown.difference(&old), None);
        grown.cells[4].extent = 19;
        assert_eq!(grown.difference(&old).unwrap(), "4 cells and not 5");
        assert_eq!(Plan::new("other", vec![]).difference(&old).unwrap(), "study study and not other");
        let mut new = old.clone();
        new.cells[3].extent = 21;
        assert_eq!(new.difference(&old), None);
        assert_eq!(old.difference(&new).unwrap(), "cell 4 (model=vae beta=1 seed=1) up to 21 and not 20");
        new.cells[1].id = "ff".into();
        let reason = new.difference(&old).unwrap();
        assert_eq!(reason, "cell 2 (model=vae beta=0 seed=1) with other settings or other data");
        new.cells[1].labels[1].1 = "7".into();
        let reason = new.difference(&old).unwrap();
        assert_eq!(reason, "cell 2 as model=vae beta=0 seed=1 and not model=vae beta=7 seed=1");
    }

    #[test]
    fn the_table_counts_the_seeds_of_an_experiment() {
        let table = plan(&[30.0, 40.0, 200.0]).dry_run_table(2);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[1], "     2       70 s  model=vae beta=0");
        assert_eq!(lines[2], "     1    3.3 min  model=vae beta=1");
        assert_eq!(lines[3], "study: 3 cells, about 3.3 min on 2 cores");
    }

    #[test]
    #[should_panic(expected = "two cells have the id 0000")]
    fn two_cells_with_one_id_are_a_mistake_of_the_caller() {
        Plan::new("study", vec![cell(0, 1.0, Width::OneCore), cell(0, 1.0, Width::OneCore)]);
    }

    #[test]
    #[should_panic(expected = "not hexadecimal")]
    fn an_id_cannot_lead_out_of_the_folder() {
        Plan::new("study", vec![Cell { id: "../a".into(), ..cell(0, 1.0, Width::OneCore) }]);
    }

    #[test]
    fn durations_have_two_digits() {
        let shown = [0.04, 9.96, 99.4, 99.6, 600.0, 5980.0, 40_000.0].map(duration);
        assert_eq!(shown, ["0.0 s", "10 s", "99 s", "1.7 min", "10 min", "1.7 h", "11 h"]);
    }
}
