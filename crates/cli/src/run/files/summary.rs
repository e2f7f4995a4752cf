//! `summary.json`: how a run has ended, and the same in words.

use serde_json::{Map, Value, json};

use super::super::dir::RunDir;
use super::super::fit::Finished;
use super::super::metric::{self, Better, SPLITS};
use crate::config::Config;

/// A finished run, in what its summary tells.
pub struct Summary<'a> {
    /// Its configuration.
    pub config: &'a Config,
    /// What came out.
    pub finished: &'a Finished,
    /// [`Preparation::log_density_shift`](crate::data::Preparation::log_density_shift) of its rows.
    pub log_density_shift: Option<f64>,
    /// Names of the figures.
    pub figures: &'a [&'static str],
}

impl Summary<'_> {
    /// Epochs; iterations of an estimator.
    fn epochs(&self) -> u64 {
        self.value("epoch").unwrap_or(0.0) as u64
    }

    fn value(&self, column: &str) -> Option<f64> {
        self.finished.last.iter().find(|(name, _)| name == column).map(|(_, value)| *value)
    }

    /// The content of `summary.json`.
    pub fn json(&self) -> Value {
        let Finished { last, best, converged, steps, elapsed, .. } = self.finished;
        let last = last.iter().map(|(name, value)| (name.clone(), json!(value)));
        json!({
            "status": "finished",
            "model": self.config.kind(),
            "data": self.config.data.title(),
            "epochs": self.epochs(),
            "steps": steps,
            "elapsed_s": elapsed,
            "converged": converged,
            "last": last.collect::<Map<String, Value>>(),
            "log_density_shift": self.log_density_shift,
            "best": best.map(|(loss, epoch)| json!({"epoch": epoch, "valid_loss": loss})),
            "figures": self.figures,
        })
    }

    /// The summary in words: every quantity of the last row of `metrics.csv` with its meaning.
    pub fn text(&self, dir: &RunDir) -> String {
        let Finished { last, best, steps, elapsed, .. } = self.finished;
        let (kind, data, epochs) = (self.config.kind(), self.config.data.title(), self.epochs());
        let some = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let (epochs, steps) = (some(epochs, "epoch"), some(*steps, "step"));
        let mut text = format!("{kind} on {data}: {epochs}, {steps}, {elapsed:.0} s\n");
        let mut names: Vec<&str> = Vec::new();
        for (_, name) in last.iter().filter_map(|(column, _)| metric::of_column(column)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let has = |split: &str| names.iter().any(|name| self.value(&format!("{split}_{name}")).is_some());
        let splits: Vec<&str> = SPLITS.into_iter().filter(|split| has(split)).collect();
        text += &format!("  {:20}{}\n", "", splits.iter().map(|split| format!(" {split:>10}")).collect::<String>());
        let bound = self.config.is_bound();
        for name in names {
            let cell = |split: &&str| {
                let value = self.value(&format!("{split}_{name}"));
                format!(" {:>10}", value.map_or(String::new(), shown))
            };
            let (cells, meaning) = (splits.iter().map(cell).collect::<String>(), meaning(name, bound));
            text += &format!("  {name:20}{cells}{meaning}\n");
        }
        text += &self.density();
        if let Some((loss, epoch)) = best {
            text += &format!("best validation loss {loss:.4} after epoch {epoch}\n");
        }
        let figures: Vec<String> = self.figures.iter().map(|name| dir.figure(name).display().to_string()).collect();
        text + &format!("run      {}\nfigures  {}\n", dir.path().display(), figures.join("\n         "))
    }

    /// Of which rows the densities are.
    fn density(&self) -> String {
        let densities = ["train_log_likelihood", "test_log_likelihood", "test_loss"];
        match (densities.into_iter().find_map(|column| self.value(column)), self.log_density_shift) {
            (None, _) | (_, Some(0.0)) => String::new(),
            (_, Some(shift)) => {
                format!("  x are the prepared rows: {shift:+.4} nats for ln p of the rows as they are\n")
            }
            (_, None) => "  x are the latents that stand for the rows\n".into(),
        }
    }
}

/// Unit, sentence and direction of a metric.
fn meaning(name: &str, bound: bool) -> String {
    let Some(metric) = metric::find(name, bound) else { return String::new() };
    let better = match metric.better {
        Better::Higher => ", higher is better",
        Better::Lower => ", lower is better",
        Better::Neither => "",
    };
    format!("  {}: {}{better}", metric.unit, metric.about)
}

/// A number in four significant digits, without a power of ten where it is short without.
fn shown(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{}", value + 0.0);
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    match digits {
        ..-2 | 8.. => format!("{value:.3e}"),
        digits => format!("{value:.*}", digits.max(0) as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn numbers_have_four_significant_digits() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (0.98765, "0.9877"),
            (138.0600513, "138.1"),
            (-1234.56, "-1235"),
            (1_234_567.0, "1.235e6"),
            (3.14e-5, "3.140e-5"),
            (f64::NAN, "NaN"),
            (60.0, "60.00"),
        ];
        for (value, text) in cases {
            assert_eq!(shown(value), text);
        }
    }
}
