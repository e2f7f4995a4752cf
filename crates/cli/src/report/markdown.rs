//! The report as GitHub-flavoured Markdown.

use super::inline::markdown as text;
use super::verdict::{Verdict, common_band};
use super::{Block, Report, legend_file, number, numeric_columns, panel_file, sign};

/// Width at which GitHub shows a panel, in pixels: two in a row.
const PANEL: usize = 400;

/// The whole report; `figures` is the folder with its [`figure_files`](super::figure_files), relative to the document.
pub fn markdown(report: &Report, figures: &str) -> String {
    let mut out = format!("# {}\n\n{}\n\n", text(&report.title), text(&report.question));
    for statement in &report.summary {
        let (sign, _, word) = sign(statement.holds);
        out.push_str(&format!("- {sign} **{word}**: {}\n", text(&statement.text)));
    }
    let mut numbers = Numbers { figures: 0, tables: 0 };
    for section in &report.sections {
        out.push_str(&format!("\n## {}\n", text(&section.title)));
        for content in &section.blocks {
            out.push('\n');
            out.push_str(&block(content, figures, &mut numbers));
        }
    }
    if !report.provenance.is_empty() {
        let rows: Vec<Vec<String>> =
            report.provenance.iter().map(|(key, value)| vec![text(key), text(value)]).collect();
        out.push_str("\n## Provenance\n\n");
        out.push_str(&table(&["".to_string(), "".to_string()], &[false; 2], &rows));
    }
    out
}

/// How many figures and tables there were so far.
struct Numbers {
    figures: usize,
    tables: usize,
}

fn block(block: &Block, figures: &str, numbers: &mut Numbers) -> String {
    match block {
        Block::Text(content) => format!("{}\n", text(content)),
        Block::List(items) => items.iter().map(|item| format!("- {}\n", text(item))).collect(),
        Block::Code(code) => code.lines().map(|line| format!("    {line}\n")).collect(),
        Block::Verdicts { caption, rows } => {
            numbers.tables += 1;
            let band = common_band(rows).map(|what| format!(" Reference band: {}.", text(what))).unwrap_or_default();
            format!("**Table {}.** {}{band}\n\n{}", numbers.tables, text(caption), verdicts(rows))
        }
        Block::Table { caption, head, rows } => {
            numbers.tables += 1;
            let right = numeric_columns(head.len(), rows);
            let line = |row: &Vec<String>| row.iter().map(|cell| text(cell)).collect::<Vec<_>>();
            let rows: Vec<Vec<String>> = rows.iter().map(line).collect();
            format!("**Table {}.** {}\n\n{}", numbers.tables, text(caption), table(&line(head), &right, &rows))
        }
        Block::Figure { id, caption, legend, panels } => {
            numbers.figures += 1;
            let image = |file: String, what: &str| {
                format!("<img src=\"{figures}/{file}\" width=\"{PANEL}\" alt=\"{}\">\n", super::inline::plain(what))
            };
            let legend = if legend.is_empty() { String::new() } else { image(legend_file(id), "legend") + "\n" };
            let panels: String = panels.iter().map(|(stem, _)| image(panel_file(id, stem), stem)).collect();
            format!("{legend}{panels}\n**Figure {}.** {}\n", numbers.figures, text(caption))
        }
    }
}

/// Ours and the source's in separate columns, as on the page.
fn verdicts(rows: &[Verdict]) -> String {
    let several_bands = common_band(rows).is_none();
    let head =
        ["quantity", "ours: median [spread]", "reference band", "ours", "the source's value", "its percentile in ours"];
    let line = |row: &Verdict| {
        let unit = if row.unit.is_empty() { String::new() } else { format!(" ({})", row.unit) };
        let band = row.band.filter(|_| several_bands);
        let what = band.map(|band| format!(" ({})", text(band.what))).unwrap_or_default();
        let (place, words) = row.place_text();
        vec![
            text(&format!("{}{unit}", row.quantity)),
            text(&format!("{} {}", number(row.median), row.spread_text())),
            text(&row.band_text()) + &what,
            row.ours_text().to_string(),
            row.source_text(),
            if words.is_empty() { place } else { format!("{place}, {words}") },
        ]
    };
    let rows: Vec<Vec<String>> = rows.iter().map(line).collect();
    table(&head.map(str::to_string), &[false, true, true, false, true, false], &rows)
}

/// Cells that are Markdown already.
fn table(head: &[String], right: &[bool], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule: Vec<String> = right.iter().map(|&right| if right { "---:" } else { "---" }.to_string()).collect();
    line(head) + &line(&rule) + &rows.iter().map(|row| line(row)).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{figure_files, sample};

    #[test]
    fn every_block_appears_and_every_table_row_has_as_many_cells_as_its_head() {
        let document = markdown(&sample::report(), "figures");
        for expected in
            ["# β", "- ✓ **holds**", "- ✗ **fails**", "**Figure 1.**", "**Table 1.**", "✗ outside", "## Provenance"]
        {
            assert!(document.contains(expected), "{expected}");
        }
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        let lines: Vec<&str> = document.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair.iter().all(|line| line.starts_with('|'))) {
            assert_eq!(cells(pair[0]), cells(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn every_image_is_a_file_of_the_report() {
        let report = sample::report();
        let document = markdown(&report, "figures");
        let files = figure_files(&report);
        assert_eq!(document.matches("<img ").count(), files.len());
        assert!(files.iter().all(|(name, _)| document.contains(&format!("src=\"figures/{name}\""))));
        let names: std::collections::BTreeSet<&String> = files.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), files.len());
    }
}
