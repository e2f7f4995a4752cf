//! The report of a study: plain data, written as one HTML page or as Markdown with its figures beside it.
//!
//! The writers are pure: no files, no clock, the same bytes for the same report. Text is plain, with `code` between
//! backticks; all else is escaped.

mod html;
mod inline;
mod markdown;
mod number;
#[cfg(test)]
mod sample;
mod verdict;

pub use html::html;
pub use markdown::markdown;
pub use number::number;
pub use verdict::{Band, Verdict};

use crate::plot::panel::{Key, legend};

/// Everything a study has to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Name of the study.
    pub title: String,
    /// The question of the study, in two sentences.
    pub question: String,
    /// What came out, in short statements at the top.
    pub summary: Vec<Statement>,
    /// The evidence.
    pub sections: Vec<Section>,
    /// How it was made: version, commit, kernel, threads, command, seeds, duration.
    pub provenance: Vec<(String, String)>,
}

impl Report {
    /// How many numbers were judged, and the names of those that are not where they should be.
    pub fn verdicts(&self) -> (usize, Vec<String>) {
        let blocks = self.sections.iter().flat_map(|section| &section.blocks);
        let rows = blocks.filter_map(|block| if let Block::Verdicts { rows, .. } = block { Some(rows) } else { None });
        let judged: Vec<&Verdict> = rows.flatten().filter(|row| row.holds.is_some()).collect();
        let broken = judged.iter().filter(|row| row.holds == Some(false));
        (judged.len(), broken.map(|row| row.quantity.clone()).collect())
    }
}

/// One statement of the summary.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Whether it holds; `None` where it is not a matter of yes or no.
    pub holds: Option<bool>,
    /// The statement.
    pub text: String,
}

/// A chapter of the report.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// Its content in order.
    pub blocks: Vec<Block>,
}

impl Section {
    /// A chapter with this heading.
    pub fn new(title: &str, blocks: Vec<Block>) -> Self {
        Self { title: title.into(), blocks }
    }
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// Short items, one line each.
    List(Vec<String>),
    /// A command or its output, line by line as it stands.
    Code(String),
    /// Numbers of the source beside ours, with their verdicts.
    Verdicts {
        /// What the rows are and what the spread means.
        caption: String,
        /// A row each.
        rows: Vec<Verdict>,
    },
    /// Text in rows and columns, of up to eight columns; the first column names the row.
    Table {
        /// What the table shows.
        caption: String,
        /// Names of the columns.
        head: Vec<String>,
        /// As many cells in each row as there are columns.
        rows: Vec<Vec<String>>,
    },
    /// Panels under one legend and one caption.
    Figure {
        /// Begins the names of its files: lower-case letters, digits and hyphens, and only one figure has it.
        id: String,
        /// What the figure shows.
        caption: String,
        /// The series of all panels.
        legend: Vec<Key>,
        /// End of the file's name, and the SVG document.
        panels: Vec<(String, String)>,
    },
}

impl Block {
    /// Panels under one legend and one caption.
    pub fn figure(id: &str, caption: String, legend: Vec<Key>, panels: Vec<(String, String)>) -> Self {
        Self::Figure { id: id.into(), caption, legend, panels }
    }
}

/// Name and content of the file of every panel and every legend.
pub fn figure_files(report: &Report) -> Vec<(String, String)> {
    let blocks = report.sections.iter().flat_map(|section| &section.blocks);
    let files = blocks.filter_map(|block| match block {
        Block::Figure { id, legend: keys, panels, .. } => {
            let legend = (!keys.is_empty()).then(|| (legend_file(id), legend(keys)));
            let panels = panels.iter().map(|(stem, svg)| (panel_file(id, stem), svg.clone()));
            Some(legend.into_iter().chain(panels))
        }
        _ => None,
    });
    files.flatten().collect()
}

fn panel_file(id: &str, stem: &str) -> String {
    format!("{id}-{stem}.svg")
}

fn legend_file(id: &str) -> String {
    panel_file(id, "legend")
}

/// The sign and the word of an outcome: never a colour alone.
fn sign(holds: Option<bool>) -> (char, &'static str, &'static str) {
    match holds {
        Some(true) => ('✓', "yes", "holds"),
        Some(false) => ('✗', "no", "fails"),
        None => ('–', "open", "open"),
    }
}

/// For each column but the first, whether all its cells begin as numbers do; these are aligned to the right.
fn numeric_columns(columns: usize, rows: &[Vec<String>]) -> Vec<bool> {
    let begins = |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit() || "−–+-±<>≤≥∞[".contains(c));
    let numeric = |column: usize| {
        column > 0 && rows.iter().filter_map(|row| row.get(column)).all(|cell| cell.is_empty() || begins(cell))
    };
    (0..columns).map(numeric).collect()
}
