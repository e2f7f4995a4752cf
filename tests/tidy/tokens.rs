//! The tokens of a source without comments and literals.

use crate::source::is_word;

/// Names, lifetimes, `::`, and every other character alone.
pub fn tokens(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if is_word(first) || first == '\'' {
            let tail = &rest[first.len_utf8()..];
            first.len_utf8() + tail.find(|c| !is_word(c)).unwrap_or(tail.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        found.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    found
}

pub fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// One behind the bracket that closes the one at `open`.
pub fn closing(tokens: &[&str], open: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match *token {
            "[" | "{" | "(" => depth += 1,
            "]" | "}" | ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}

/// One behind the item at `start`: behind its semicolon, or behind its braces.
pub fn item_end(tokens: &[&str], start: usize) -> usize {
    let (mut i, ends_at_brace) = (start, !matches!(tokens[start], "use" | "const" | "static" | "type" | "let"));
    while i < tokens.len() {
        match tokens[i] {
            ";" => return i + 1,
            "{" if ends_at_brace => return closing(tokens, i),
            "{" | "(" | "[" => i = closing(tokens, i),
            _ => i += 1,
        }
    }
    tokens.len()
}
