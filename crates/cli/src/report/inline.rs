//! Text with `code` between backticks, for both writers.

use crate::plot::escape;

/// The text as HTML; what is between backticks becomes `code`.
pub fn html(text: &str) -> String {
    pieces(text)
        .map(|(code, piece)| if code { format!("<code>{}</code>", escape(piece)) } else { escape(piece) })
        .collect()
}

/// The text as GitHub-flavoured Markdown in which only backticks have a meaning; it may stand in a table.
pub fn markdown(text: &str) -> String {
    let mut out = String::new();
    for (code, piece) in pieces(text) {
        if code {
            out.push_str(&format!("`{}`", piece.replace('|', "\\|").replace('\n', " ")));
            continue;
        }
        for c in piece.chars() {
            match c {
                '\\' | '*' | '_' | '|' | '[' | ']' | '~' | '$' | '#' | '`' => out.extend(['\\', c]),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '&' => out.push_str("&amp;"),
                '\n' | '\r' | '\t' => out.push(' '),
                _ => out.push(c),
            }
        }
    }
    out
}

/// The text without its backticks, for attributes.
pub fn plain(text: &str) -> String {
    let text: String = pieces(text).map(|(_, piece)| piece).collect();
    escape(&text)
}

/// The pieces in order, each with whether it is code. A backtick without its partner is text.
fn pieces(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let paired = text.matches('`').count().is_multiple_of(2);
    let parts: Vec<&str> = if paired { text.split('`').collect() } else { vec![text] };
    parts.into_iter().enumerate().map(|(i, piece)| (i % 2 == 1, piece)).filter(|(_, piece)| !piece.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_code_is_marked() {
        let text = "a<b & `x|y <z>` *not bold*";
        assert_eq!(html(text), "a&lt;b &amp; <code>x|y &lt;z&gt;</code> *not bold*");
        assert_eq!(markdown(text), "a&lt;b &amp; `x\\|y <z>` \\*not bold\\*");
        assert_eq!(plain("the `β` | \"q\""), "the β | &quot;q&quot;");
        assert_eq!((html("one ` only").as_str(), markdown("one ` only").as_str()), ("one ` only", "one \\` only"));
    }
}
