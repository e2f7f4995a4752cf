//! `results.csv`: one row a metric, from the cells that are finished.

use std::borrow::Cow;

use super::plan::Plan;
use super::status::{Outcome, number};

/// The table `study,cell,seed,metric,value` in the order of the plan. Every finished cell has a row `diverged`, 0 or 1,
/// before its metrics. No clock is in it: equal grids give equal bytes.
pub fn table(plan: &Plan, outcomes: &[Option<Outcome>]) -> String {
    let mut text = String::from("study,cell,seed,metric,value\n");
    for (cell, outcome) in plan.cells().iter().zip(outcomes) {
        let Some(outcome) = outcome else { continue };
        let head = format!("{},{},{}", field(plan.study()), field(&cell.label()), cell.seed);
        text += &format!("{head},diverged,{}\n", u8::from(outcome.diverged()));
        for (metric, value) in &outcome.values {
            text += &format!("{head},{},{}\n", field(metric), number(*value));
        }
    }
    text
}

/// A field of CSV, in quotes if it needs them (RFC 4180).
fn field(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Cell, Width};
    use super::super::status::State;
    use super::*;

    #[test]
    fn rows_are_in_plan_order_and_a_diverged_cell_has_its_row() {
        let cell = |id: &str, layout: &str, seed| {
            let labels = vec![("arm".into(), layout.into()), ("beta".into(), "0.1".into())];
            Cell { id: id.into(), labels, seed, extent: 1, config: None, cost: 1.0, width: Width::OneCore, round: 0 }
        };
        let plan = Plan::new("sweep", vec![cell("a", "axes", 0), cell("b", "x,\"y\"", 1), cell("c", "axes", 2)]);
        let outcome = |state, values: &[(&str, f64)]| {
            let values = values.iter().map(|(name, value)| (name.to_string(), *value)).collect();
            Some(Outcome { state, values, record: serde_json::Value::Null, extent: 1, seconds: 3.0 })
        };
        let finished = outcome(State::Finished, &[("nmi", 0.1), ("gap, nats", 2.0)]);
        let diverged = outcome(State::Diverged("at step 7".into()), &[("nmi", f64::NAN)]);
        let expected = "study,cell,seed,metric,value\n\
            sweep,arm=axes beta=0.1,0,diverged,0\n\
            sweep,arm=axes beta=0.1,0,nmi,0.1\n\
            sweep,arm=axes beta=0.1,0,\"gap, nats\",2\n\
            sweep,\"arm=x,\"\"y\"\" beta=0.1\",1,diverged,1\n\
            sweep,\"arm=x,\"\"y\"\" beta=0.1\",1,nmi,nan\n";
        assert_eq!(table(&plan, &[finished, diverged, None]), expected);
    }
}
