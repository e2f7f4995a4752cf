//! Circles of files that use one another.
//!
//! A file and its parent are two files: a child that uses an item of its parent's file, while that file uses the child,
//! is a circle. What children share belongs in a file beside them, and what joins them in the parent's.

use std::collections::{BTreeMap, BTreeSet};

use crate::modules::{Use, module_of};

/// A circle that is known: modules below or equal to `from` may use `to`. The root of a crate is `""`.
pub struct Known {
    pub krate: &'static str,
    pub from: &'static str,
    pub to: &'static str,
}

impl Known {
    fn excuses(&self, krate: &str, found: &Use) -> bool {
        let [from, to] = [&found.from, &found.to].map(|file| module_of(file).join("::"));
        let below = from
            .strip_prefix(self.from)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || self.from.is_empty());
        krate == self.krate && to == self.to && below
    }
}

/// The circles of a crate without the known ones, in words.
pub fn unknown(krate: &str, uses: &[Use], known: &[Known]) -> Vec<String> {
    let judged: Vec<Use> =
        uses.iter().filter(|found| !known.iter().any(|known| known.excuses(krate, found))).cloned().collect();
    circles(&judged).iter().map(|circle| described(krate, circle, &judged)).collect()
}

/// The entries of `known` without which there is no other circle than with them.
pub fn stale<'a>(krate: &str, uses: &[Use], known: &'a [Known]) -> Vec<&'a Known> {
    let needed = |i: usize| {
        let rest = uses
            .iter()
            .filter(|found| !known.iter().enumerate().any(|(other, known)| other != i && known.excuses(krate, found)));
        !circles(&rest.cloned().collect::<Vec<_>>()).is_empty()
    };
    known.iter().enumerate().filter(|(i, known)| known.krate == krate && !needed(*i)).map(|(_, known)| known).collect()
}

/// The largest sets of files in which every file reaches every other one by uses, each in order.
pub fn circles(uses: &[Use]) -> Vec<Vec<&str>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Use { from, to, .. } in uses {
        next.entry(from).or_default().insert(to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> = next.keys().map(|&from| (from, reach(from, &next))).collect();
    let mutual = |a: &str, b: &str| reached[a].contains(b) && reached.get(b).is_some_and(|all| all.contains(a));
    let circle = |&a: &&str| reached[a].iter().copied().filter(|b| mutual(a, b)).collect::<Vec<_>>();
    let found: BTreeSet<Vec<&str>> = next.keys().map(circle).filter(|circle| circle.len() > 1).collect();
    found.into_iter().collect()
}

fn reach<'a>(from: &'a str, next: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(file) = open.pop() {
        for &to in next.get(file).into_iter().flatten() {
            if found.insert(to) {
                open.push(to);
            }
        }
    }
    found
}

/// The circle, and by which names its files use one another.
fn described(krate: &str, circle: &[&str], uses: &[Use]) -> String {
    let mut names: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for Use { from, to, by } in uses.iter().filter(|u| circle.contains(&&u.from[..]) && circle.contains(&&u.to[..])) {
        names.entry((from, to)).or_default().push(by);
    }
    let lines = names.iter().map(|((from, to), by)| format!("\n    {from} -> {to}: {}", by.join(", ")));
    format!("{krate}: a circle of {}{}", circle.join(", "), lines.collect::<String>())
}
