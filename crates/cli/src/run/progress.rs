//! What a run says while it works: a bar with the remaining time on a terminal, a line an epoch elsewhere.

use std::cell::Cell;
use std::io::IsTerminal;

use elbo_models::fit::Terms;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::machine::output;

/// How far a run goes.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Epochs, or iterations at most.
    pub rows: u64,
    /// Steps of each.
    pub steps_of_row: u64,
    /// Steps done.
    pub done: u64,
}

/// Who is told how a run goes on.
pub trait Observer {
    /// The run begins, or goes on.
    fn begin(&self, extent: Extent);
    /// A step of epoch `epoch` (from 1) has ended with mean loss `loss`; `step` steps are done.
    fn step(&self, step: u64, epoch: u64, loss: f64);
    /// An epoch has ended with these means of the training batches and metrics of the test split.
    fn epoch(&self, epoch: u64, train: &Terms, test: &[(String, f64)]);
    /// Something happened that a person should know.
    fn say(&self, line: &str);
    /// The run ends or stops.
    fn finish(&self) {}
}

/// The progress of a run on a terminal, or as lines.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    rows: Cell<u64>,
    /// Whether an epoch is told as a line of text.
    lines: bool,
}

impl Progress {
    /// Progress of a run that has not begun.
    pub fn new(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal && !quiet { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {percent}% · {elapsed} · {eta} left · {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, rows: Cell::new(0), lines: !terminal && !quiet }
    }
}

impl Observer for Progress {
    fn begin(&self, Extent { rows, steps_of_row, done }: Extent) {
        self.rows.set(rows);
        self.bar.set_length(rows * steps_of_row);
        self.bar.set_position(done);
        self.bar.reset_eta();
    }

    fn step(&self, step: u64, epoch: u64, loss: f64) {
        if !self.bar.is_hidden() {
            self.bar.set_prefix(format!("epoch {epoch}/{}", self.rows.get()));
            self.bar.set_message(format!("loss {loss:.2}"));
        }
        self.bar.set_position(step);
    }

    fn epoch(&self, epoch: u64, train: &Terms, test: &[(String, f64)]) {
        let show = |list: &[(String, f64)]| {
            let texts = list.iter().map(|(name, value)| format!("{} {value:.4}", name.replace('_', " ")));
            texts.collect::<Vec<_>>().join(", ")
        };
        let train = train.values.iter().map(|(name, value)| format!("{name} {value:.2}")).collect::<Vec<_>>().join(" ");
        let left =
            if epoch < self.rows.get() { format!(" · {} left", HumanDuration(self.bar.eta())) } else { String::new() };
        let line = format!("epoch {epoch}/{}: train {train} · test {}{left}", self.rows.get(), show(test));
        if self.lines {
            output::note(&line);
        }
    }

    fn say(&self, line: &str) {
        if self.lines {
            output::note(line);
        } else {
            self.bar.println(line);
        }
    }

    /// Removes the bar.
    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
