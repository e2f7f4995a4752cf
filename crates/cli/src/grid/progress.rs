//! One bar for a whole grid, with the time that is left.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::claim::Pulse;
use super::plan::{Plan, Width, duration};
use super::status::Outcome;
use crate::machine::output;

/// Positions of the bar.
const TICKS: f64 = 1000.0;
/// Off a terminal a line is due after this time or this share of the work.
const LINE_EVERY: (Duration, f64) = (Duration::from_secs(30), 0.05);
/// Between two looks at whether there is something to show at least this much time passes.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The progress of a grid, weighted by the expected cost of its cells; one that costs nothing does not count.
pub struct Progress<'a> {
    plan: &'a Plan,
    threads: usize,
    /// Whether the costs of the plan are seconds; otherwise the time left is told once a cell is finished.
    timed: bool,
    bar: ProgressBar,
    /// Whether progress is told in lines of text.
    lines: bool,
    /// The bits of the share of each cell that is done.
    shares: Vec<AtomicU64>,
    tally: Mutex<Tally>,
}

/// What is known of the finished cells, and what was shown last.
struct Tally {
    finished: usize,
    diverged: usize,
    /// Seconds that the finished cells took and were expected to take.
    measured: f64,
    expected: f64,
    looked: Instant,
    shown: Instant,
    shown_share: f64,
}

/// Where a running cell says how far it is.
pub struct CellProgress<'a> {
    progress: &'a Progress<'a>,
    index: usize,
    pulse: Option<&'a Pulse>,
}

impl CellProgress<'_> {
    /// The share `done` of the cell, between 0 and 1, is done. Cheap enough for every step of a training.
    pub fn report(&self, done: f64) {
        let done = done.clamp(0.0, 1.0);
        self.pulse.iter().for_each(|pulse| pulse.beat(done));
        self.progress.shares[self.index].store(done.to_bits(), Ordering::Relaxed);
        // Another cell may be showing the progress just now: then there is nothing to add.
        if let Ok(mut tally) = self.progress.tally.try_lock() {
            self.progress.show(&mut tally);
        }
    }
}

impl<'a> Progress<'a> {
    /// Progress of `plan`, whose costs are seconds if `timed`, on `threads` cores; with `quiet` nothing is shown.
    pub fn new(plan: &'a Plan, threads: usize, timed: bool, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal && !quiet { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(TICKS as u64), target);
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(plan.study().to_string());
        let shares = plan.cells().iter().map(|_| AtomicU64::new(0)).collect();
        let now = Instant::now();
        let tally =
            Tally { finished: 0, diverged: 0, measured: 0.0, expected: 0.0, looked: now, shown: now, shown_share: 0.0 };
        Self { plan, threads, timed, bar, lines: !terminal && !quiet, shares, tally: Mutex::new(tally) }
    }

    /// The progress of one cell, and the sign of life of who runs it.
    pub fn cell<'p>(&'p self, index: usize, pulse: Option<&'p Pulse>) -> CellProgress<'p> {
        CellProgress { progress: self, index, pulse }
    }

    /// Tells an error of a cell, quiet or not.
    pub fn say(&self, line: &str) {
        if self.bar.is_hidden() { output::note(line) } else { self.bar.println(line) }
    }

    /// Cell `index` is finished, now or in an earlier process.
    pub fn finished(&self, index: usize, outcome: &Outcome) {
        self.shares[index].store(1f64.to_bits(), Ordering::Relaxed);
        let cell = &self.plan.cells()[index];
        let cores = if cell.width == Width::OneCore { 1 } else { self.threads };
        let mut tally = self.tally.lock().unwrap();
        tally.finished += 1;
        tally.diverged += usize::from(outcome.diverged());
        tally.measured += outcome.seconds;
        tally.expected += cell.cost / cores as f64;
        self.show(&mut tally);
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn share(&self, index: usize) -> f64 {
        f64::from_bits(self.shares[index].load(Ordering::Relaxed))
    }

    fn show(&self, tally: &mut Tally) {
        if !self.lines && self.bar.is_hidden() || tally.looked.elapsed() < LOOK_EVERY {
            return;
        }
        tally.looked = Instant::now();
        let share = self.done();
        if !self.lines {
            self.bar.set_message(self.text(tally));
            self.bar.set_position((TICKS * share) as u64);
        } else if tally.shown.elapsed() >= LINE_EVERY.0 || share - tally.shown_share >= LINE_EVERY.1 {
            output::note(&format!("{}: {}", self.plan.study(), self.text(tally)));
            (tally.shown, tally.shown_share) = (tally.looked, share);
        }
    }

    /// The share of the whole work that is done.
    fn done(&self) -> f64 {
        let costs = self.plan.cells().iter().map(|cell| cell.cost);
        let done: f64 = costs.clone().enumerate().map(|(index, cost)| cost * self.share(index)).sum();
        done / costs.sum::<f64>().max(f64::MIN_POSITIVE)
    }

    /// `12/48 cells · 1 diverged · 25% · 2.5 min left`
    fn text(&self, tally: &Tally) -> String {
        let diverged = if tally.diverged > 0 { format!(" · {} diverged", tally.diverged) } else { String::new() };
        let known = self.timed || tally.expected > 0.0;
        let left = if known { format!(" · {} left", duration(self.left(tally))) } else { String::new() };
        let cells = self.plan.cells().iter().filter(|cell| cell.cost > 0.0).count();
        let percent = 100.0 * self.done();
        format!("{}/{cells} cells{diverged} · {percent:.0}%{left}", tally.finished)
    }

    /// Seconds left: as planned, times what the finished cells took for each planned second.
    fn left(&self, tally: &Tally) -> f64 {
        let slower = if tally.expected > 0.0 { tally.measured / tally.expected } else { 1.0 };
        slower * self.plan.remaining(self.threads, |index| 1.0 - self.share(index))
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::Cell;
    use super::super::status::State;
    use super::*;

    #[test]
    fn time_left_is_the_planned_time_corrected_by_the_finished_cells() {
        let cell = |id: u64| {
            let (id, width) = (id.to_string(), Width::OneCore);
            Cell { id, labels: vec![], seed: 0, extent: 1, config: None, cost: 10.0, width, round: 0 }
        };
        let plan = Plan::new("study", (0..5).map(cell).collect());
        let progress = Progress::new(&plan, 2, true, true);
        let text = || progress.text(&progress.tally.lock().unwrap());
        assert_eq!(text(), "0/5 cells · 0% · 30 s left");
        let outcome = Outcome {
            state: State::Diverged("at once".into()),
            values: vec![],
            record: serde_json::Value::Null,
            extent: 1,
            seconds: 20.0,
        };
        progress.finished(4, &outcome);
        assert_eq!(text(), "1/5 cells · 1 diverged · 20% · 40 s left");
        progress.cell(0, None).report(0.5);
        progress.cell(1, None).report(7.0);
        assert_eq!(text(), "1/5 cells · 1 diverged · 50% · 30 s left");
    }
}
