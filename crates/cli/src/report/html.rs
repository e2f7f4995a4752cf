//! The report as one self-contained HTML page: no script, nothing fetched, figures inline.

use super::inline::{html as text, plain};
use super::verdict::{Verdict, common_band};
use super::{Block, Report, Statement, number, numeric_columns, sign};
use crate::plot::panel::{Key, key_sample};
use crate::plot::{escape, own_ids};

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub fn html(report: &Report) -> String {
    let mut page = Page::default();
    page.push(&format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<title>{}</title>\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n<main>\n",
        plain(&report.title)
    ));
    page.push(&header(report));
    for (i, section) in report.sections.iter().enumerate() {
        page.push(&format!("<section id=\"s{}\">\n<h2>{}</h2>\n", i + 1, text(&section.title)));
        section.blocks.iter().for_each(|block| page.block(block));
        page.push("</section>\n");
    }
    if !report.provenance.is_empty() {
        let entry = |(key, value): &(String, String)| format!("<dt>{}</dt><dd>{}</dd>\n", text(key), text(value));
        let entries: String = report.provenance.iter().map(entry).collect();
        page.push(&format!("<footer>\n<h2>Provenance</h2>\n<dl>\n{entries}</dl>\n</footer>\n"));
    }
    page.push("</main>\n</body>\n</html>\n");
    page.out
}

fn header(report: &Report) -> String {
    let statement = |Statement { holds, text: content }: &Statement| {
        let (sign, class, word) = sign(*holds);
        format!("<li class=\"{class}\"><span class=\"sign\">{sign} {word}</span><span>{}</span></li>\n", text(content))
    };
    let summary: String = report.summary.iter().map(statement).collect();
    let summary = if summary.is_empty() { summary } else { format!("<ul class=\"summary\">\n{summary}</ul>\n") };
    let link = |(i, title): (usize, &str)| format!("<li><a href=\"#s{}\">{}</a></li>\n", i + 1, text(title));
    let links: String = report.sections.iter().map(|section| section.title.as_str()).enumerate().map(link).collect();
    let contents =
        if links.is_empty() { links } else { format!("<nav aria-label=\"Contents\"><ol>\n{links}</ol></nav>\n") };
    let (title, question) = (text(&report.title), text(&report.question));
    format!("<header>\n<h1>{title}</h1>\n<p class=\"question\">{question}</p>\n{summary}{contents}</header>\n")
}

/// The page so far, and how many figures, tables and inline documents it has.
#[derive(Default)]
struct Page {
    out: String,
    figures: usize,
    tables: usize,
    documents: usize,
}

impl Page {
    fn push(&mut self, html: &str) {
        self.out.push_str(html);
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Text(content) => self.push(&format!("<p>{}</p>\n", text(content))),
            Block::List(items) => {
                let items: String = items.iter().map(|item| format!("<li>{}</li>\n", text(item))).collect();
                self.push(&format!("<ul>\n{items}</ul>\n"));
            }
            Block::Code(code) => {
                let lines: Vec<String> = code.lines().map(escape).collect();
                self.push(&format!("<pre><code>{}</code></pre>\n", lines.join("\n")));
            }
            Block::Verdicts { caption, rows } => self.verdicts(caption, rows),
            Block::Table { caption, head, rows } => self.table(caption, head, rows),
            Block::Figure { caption, legend, panels, .. } => self.figure(caption, legend, panels),
        }
    }

    fn figure(&mut self, caption: &str, legend: &[Key], panels: &[(String, String)]) {
        self.figures += 1;
        let key = |key: &Key| format!("<li>{}{}</li>\n", key_sample(key), text(&key.name));
        let keys: String = legend.iter().map(key).collect();
        let keys = if keys.is_empty() { keys } else { format!("<ul class=\"legend\">\n{keys}</ul>\n") };
        let panels_html: String =
            panels.iter().map(|(_, svg)| format!("<div class=\"panel\">{}</div>\n", self.inlined(svg))).collect();
        // One to four panels are set in one or two columns, for they would be lost in three.
        let columns = match panels.len() {
            1 => "one",
            2 | 4 => "two",
            _ => "many",
        };
        let figure = self.figures;
        self.push(&format!(
            "<figure id=\"figure-{figure}\">\n<div class=\"card {columns}\">\n{keys}\
             <div class=\"panels\">\n{panels_html}</div>\n</div>\n\
             <figcaption><b>Figure {figure}.</b> {}</figcaption>\n</figure>\n",
            text(caption)
        ));
    }

    fn table(&mut self, caption: &str, head: &[String], rows: &[Vec<String>]) {
        self.tables += 1;
        let numeric = numeric_columns(head.len(), rows);
        let class = |column: usize| if numeric[column] { " class=\"n\"" } else { "" };
        let names: String = head
            .iter()
            .enumerate()
            .map(|(j, name)| format!("<th scope=\"col\"{}>{}</th>", class(j), text(name)))
            .collect();
        let cell = |(j, content): (usize, &String)| match j {
            0 => format!("<th scope=\"row\">{}</th>", text(content)),
            // A card leaves out what it has no text for.
            _ if content.is_empty() => "<td class=\"none\"></td>".to_string(),
            _ => format!("<td{} data-label=\"{}\"><span>{}</span></td>", class(j), plain(&head[j]), text(content)),
        };
        let line = |row: &Vec<String>| format!("<tr>{}</tr>\n", row.iter().enumerate().map(cell).collect::<String>());
        let lines: String = rows.iter().map(line).collect();
        // Narrow tables stay tables on a narrow page; of others each row becomes a card.
        let kind = if head.len() > 3 { "cards" } else { "narrow" };
        self.push(&format!(
            "<table class=\"{kind}\">\n<caption><b>Table {}.</b> {}</caption>\n<thead><tr>{names}</tr></thead>\n\
             <tbody>\n{lines}</tbody>\n</table>\n",
            self.tables,
            text(caption)
        ));
    }

    fn verdicts(&mut self, caption: &str, rows: &[Verdict]) {
        self.tables += 1;
        let band = common_band(rows);
        let bands = band.map(|what| format!(" Reference band: {}.", text(what))).unwrap_or_default();
        let lines: String = rows.iter().map(|row| self.verdict(row, band.is_none())).collect();
        let strips = rows.iter().any(|row| row.strip.is_some());
        let marks = " In the strips a dot is a seed, the bar our median, the grey area the reference band, the diamond \
                     the source’s value; each strip has a scale of its own.";
        self.push(&format!(
            "<table class=\"verdicts\">\n<caption><b>Table {}.</b> {}{bands}{}</caption>\n\
             {HEAD}<tbody>\n{lines}</tbody>\n</table>\n",
            self.tables,
            text(caption),
            if strips { marks } else { "" }
        ));
    }

    fn verdict(&mut self, row: &Verdict, several_bands: bool) -> String {
        let unit = if row.unit.is_empty() { String::new() } else { format!(" <small>{}</small>", text(row.unit)) };
        let band = row.band.filter(|_| several_bands);
        let what = band.map(|band| format!("<small>{}</small>", text(band.what))).unwrap_or_default();
        let strip = row.strip.as_ref().map(|svg| self.inlined(svg)).unwrap_or_default();
        let (_, class, _) = sign(row.holds);
        let (place, words) = row.place_text();
        let cell = |class: &str, label: &str, content: String| {
            format!("<td class=\"{class}\" data-label=\"{label}\"><span>{content}</span></td>")
        };
        let cells = [
            format!("<th scope=\"row\">{}{unit}</th>", text(&row.quantity)),
            cell(
                "ours median n",
                "ours, median",
                format!("{} <small>{}</small>", number(row.median), text(&row.spread_text())),
            ),
            cell("ours band n", "reference band", text(&row.band_text()) + &what),
            cell("ours outcome", "verdict on ours", format!("<b class=\"{class}\">{}</b>", row.ours_text())),
            format!("<td class=\"strip\">{strip}</td>"),
            cell("source value n", "the source’s value", row.source_text()),
            cell("source place", "its percentile in ours", format!("{place} <small>{words}</small>")),
        ];
        format!("<tr>{}</tr>\n", cells.concat())
    }

    /// An SVG document as part of the page, with ids that are unique within the page.
    fn inlined(&mut self, svg: &str) -> String {
        self.documents += 1;
        own_ids(svg, &format!("d{}-", self.documents))
    }
}

/// The two verdicts stand under headings of their own, with the distribution between them.
const HEAD: &str = "<thead>\n<tr><td></td><th colspan=\"3\" scope=\"colgroup\" class=\"ours\">Ours</th><td></td>\
    <th colspan=\"2\" scope=\"colgroup\" class=\"source\">The source’s value</th></tr>\n\
    <tr><th scope=\"col\">quantity</th><th scope=\"col\" class=\"ours n\">median [spread]</th>\
    <th scope=\"col\" class=\"ours n\">reference band</th><th scope=\"col\" class=\"ours\">verdict</th>\
    <th scope=\"col\" class=\"strip\">distribution</th><th scope=\"col\" class=\"source n\">value</th>\
    <th scope=\"col\" class=\"source\">percentile in ours</th></tr>\n</thead>\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::xml::elements;
    use crate::report::sample;

    /// The elements of the page; the document type is no element.
    fn parsed(page: &str) -> Vec<crate::plot::xml::Element> {
        elements(page.strip_prefix("<!doctype html>\n").expect("a document type"))
    }

    #[test]
    fn the_page_is_well_formed_and_fetches_nothing() {
        let page = html(&sample::report());
        let found = parsed(&page);
        assert!(found.iter().all(|e| e.name != "script" && e.name != "link" && e.name != "iframe"));
        for e in &found {
            let target = [e.get("href"), e.get("src")].concat();
            assert!(target.is_empty() || target.starts_with('#') || target.starts_with("data:"), "{e:?}");
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }

    #[test]
    fn ids_are_unique_and_every_reference_has_its_target() {
        let page = html(&sample::report());
        let found = parsed(&page);
        let ids: Vec<&str> = found.iter().map(|e| e.get("id")).filter(|id| !id.is_empty()).collect();
        let unique: std::collections::BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len());
        let clips = found.iter().filter_map(|e| e.get("clip-path").strip_prefix("url(#")?.strip_suffix(')'));
        let links = found.iter().filter_map(|e| e.get("href").strip_prefix('#'));
        let targets: Vec<&str> = clips.chain(links).collect();
        assert!(targets.len() > 5 && targets.iter().all(|target| ids.contains(target)), "{targets:?}");
    }

    #[test]
    fn every_text_is_escaped() {
        let mut report = sample::report();
        let hostile = "<script>alert(\"1\")</script> & `a<b`";
        report.title = hostile.into();
        report.question = hostile.into();
        report.provenance.push((hostile.into(), hostile.into()));
        report.sections[0].title = hostile.into();
        report.sections[0].blocks = vec![
            Block::Text(hostile.into()),
            Block::List(vec![hostile.into()]),
            Block::Code(hostile.into()),
            Block::Table {
                caption: hostile.into(),
                head: vec![hostile.into(); 4],
                rows: vec![vec![hostile.into(); 4]],
            },
        ];
        let page = html(&report);
        assert!(parsed(&page).iter().all(|e| e.name != "script"));
    }

    #[test]
    fn the_two_verdicts_stand_in_cells_of_their_own() {
        let page = html(&sample::report());
        let found = parsed(&page);
        let count = |class: &str| found.iter().filter(|e| e.get("class") == class).count();
        assert!(count("ours outcome") >= 3);
        assert_eq!(count("ours outcome"), count("source place"));
        assert!(
            ["✓ inside", "✗ outside", "– not judged", "within our 5–95\u{a0}%"].iter().all(|text| page.contains(text))
        );
    }
}
