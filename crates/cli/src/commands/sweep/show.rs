//! Plans and states of sweeps as tables and as JSON.

use serde_json::{Map, Value, json};

use crate::grid::{Cell, Grid, Holder, Standing, State, duration, now};

/// Number, seed and labels of each cell.
pub fn plan_table(grid: &Grid) -> String {
    let rows = grid.plan().cells().iter().enumerate();
    let rows = rows.map(|(index, cell)| format!("{index:>5}  {:>6}  {}\n", cell.seed, cell.label()));
    format!("{:>5}  {:>6}  cell\n", "index", "seed") + &rows.collect::<String>()
}

/// The same as JSON.
pub fn plan_json(grid: &Grid) -> Value {
    let cells = grid.plan().cells().iter().enumerate().map(|(index, cell)| described(index, cell));
    json!({
        "sweep": grid.plan().study(),
        "out": grid.path().display().to_string(),
        "cells": cells.collect::<Vec<Value>>(),
    })
}

fn described(index: usize, cell: &Cell) -> Value {
    let labels: Map<String, Value> = cell.labels.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    json!({"index": index, "id": cell.id, "labels": labels, "seed": cell.seed})
}

/// How each cell stands, and how many stand so.
pub fn status_table(grid: &Grid, standings: &[Standing]) -> String {
    let cells = grid.plan().cells();
    let width = cells.iter().map(|cell| cell.label().chars().count()).max().unwrap_or(0).clamp(4, 60);
    let rows = cells.iter().zip(standings).enumerate().map(|(index, (cell, standing))| {
        let (state, label, detail) = (standing.name(), cell.label(), detail(standing));
        let row = format!("{index:>5}  {state:8}  {:>6}  {label:width$}  {detail}", cell.seed);
        row.trim_end().to_string() + "\n"
    });
    let head = format!("{:>5}  {:8}  {:>6}  cell\n", "index", "state", "seed");
    head + &rows.collect::<String>() + &counts(standings) + "\n"
}

/// The same as JSON.
pub fn status_json(grid: &Grid, standings: &[Standing]) -> Value {
    let mut value = counts_json(grid, standings);
    let cells = grid.plan().cells().iter().zip(standings).enumerate();
    value["cells"] = cells.map(|(index, (cell, standing))| cell_json(index, cell, standing)).collect();
    value
}

/// How a cell stands, as JSON.
pub fn cell_json(index: usize, cell: &Cell, standing: &Standing) -> Value {
    let mut value = described(index, cell);
    value["state"] = json!(standing.name());
    if let Some(reason) = reason(standing) {
        value["reason"] = json!(reason);
    }
    match standing {
        Standing::Running(holder) | Standing::Abandoned(holder) => {
            value["holder"] = json!({
                "host": holder.host,
                "pid": holder.pid,
                "heartbeat_age_s": now().saturating_sub(holder.heartbeat),
                "done": holder.done,
                "alive": matches!(standing, Standing::Running(_)),
            });
        }
        Standing::Ended(outcome) => value["seconds"] = json!(outcome.seconds),
        _ => {}
    }
    value
}

/// Why a cell has no result, or none without NaN.
pub fn reason(standing: &Standing) -> Option<String> {
    match standing {
        Standing::Failed(failure) => Some(failure.reason.clone()),
        Standing::Ended(outcome) => match &outcome.state {
            State::Diverged(reason) => Some(reason.clone()),
            State::Finished => None,
        },
        _ => None,
    }
}

fn detail(standing: &Standing) -> String {
    let by = |holder: &Holder| format!("process {} on {}", holder.pid, holder.host);
    match standing {
        Standing::Waiting => String::new(),
        Standing::Abandoned(holder) => format!("{} has died", by(holder)),
        Standing::Running(holder) => {
            let age = duration(now().saturating_sub(holder.heartbeat) as f64);
            format!("{:.0}% by {}, {age} ago", 100.0 * holder.done, by(holder))
        }
        Standing::Failed(failure) => format!("{} (process {} on {})", failure.reason, failure.pid, failure.host),
        Standing::Ended(outcome) => reason(standing).unwrap_or_else(|| duration(outcome.seconds)),
    }
}

fn count(standings: &[Standing], name: &str) -> usize {
    standings.iter().filter(|standing| standing.name() == name).count()
}

/// "24 cells: 1 running, 23 finished"
pub fn counts(standings: &[Standing]) -> String {
    let named = Standing::NAMES.map(|name| (count(standings, name), name));
    let named = named.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}"));
    format!("{} cells: {}", standings.len(), named.collect::<Vec<_>>().join(", "))
}

/// The same as JSON.
pub fn counts_json(grid: &Grid, standings: &[Standing]) -> Value {
    let counts = Standing::NAMES.map(|name| (name.to_string(), json!(count(standings, name))));
    json!({
        "sweep": grid.plan().study(),
        "out": grid.path().display().to_string(),
        "counts": counts.into_iter().collect::<Map<String, Value>>(),
    })
}

/// What a process that ends leaves to others.
pub fn left(standings: &[Standing]) -> Vec<String> {
    let mut lines = Vec::new();
    if count(standings, "running") > 0 {
        lines.push(
            "other processes are still running cells; `elbo sweep status` shows them, and the last one collects".into(),
        );
    }
    if count(standings, "failed") > 0 {
        lines.push("`elbo sweep resume` runs again what has failed".into());
    }
    lines
}
