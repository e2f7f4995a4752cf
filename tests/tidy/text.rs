//! Rules on names and lines.

use crate::source::Source;
use crate::tokens::{is_name, item_end, tokens};

/// Numbers of the lines of more than `columns` characters.
pub fn long_lines(text: &str, columns: usize) -> Vec<usize> {
    (1..).zip(text.lines()).filter(|(_, line)| line.chars().count() > columns).map(|(number, _)| number).collect()
}

/// The same of prose: tables, links and code may be as wide as they must.
pub fn long_prose(text: &str, columns: usize) -> Vec<usize> {
    let mut code = false;
    let prose = text.lines().map(|line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        let wide = code || fence || line.trim_start().starts_with('|') || line.contains("](") || line.contains("://");
        if wide { "" } else { line }
    });
    long_lines(&prose.collect::<Vec<_>>().join("\n"), columns)
}

/// The words of `snake_case`, `CamelCase` and `SCREAMING_CASE`, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut before_is_lower = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && before_is_lower) {
            found.push(String::new());
        }
        if c != '_' {
            found.last_mut().expect("never empty").extend(c.to_lowercase());
        }
        before_is_lower = c.is_lowercase() || c.is_numeric();
    }
    found
}

fn is_of_a_distribution(name: &str) -> bool {
    let words = words(name);
    words.iter().any(|word| word == "kl") || words.windows(2).any(|two| two[0] == "log" && two[1] == "prob")
}

/// The names of a file and of its items that say `log_prob` or `kl`.
pub fn of_distributions(source: &Source) -> Vec<String> {
    let stem = source.path.rsplit('/').next().unwrap_or("").trim_end_matches(".rs");
    let tokens = tokens(&source.code);
    let is_keyword =
        |word: &str| matches!(word, "fn" | "struct" | "enum" | "union" | "trait" | "type" | "const" | "static");
    let items = tokens.windows(2).filter(|pair| is_keyword(pair[0]) && is_name(pair[1])).map(|pair| pair[1]);
    [stem].into_iter().chain(items).filter(|name| is_of_a_distribution(name)).map(String::from).collect()
}

/// The reads of settings by a string, as in `settings.int("k")`.
pub fn string_keyed_reads(source: &Source) -> usize {
    let is_reader = |word: &str| matches!(word, "int" | "float" | "text" | "bool" | "ints" | "floats");
    // What follows the string tells a read from a declaration, which has more arguments.
    let read = |tokens: &&[&str]| {
        tokens[0] == "." && is_reader(tokens[1]) && tokens[2..5] == ["(", "\"", "\""] && tokens[5] == ")"
    };
    tokens(&source.code).windows(6).filter(read).count()
}

/// The implementations of `Kl` for a pair of distributions.
pub fn divergences(source: &Source) -> usize {
    let tokens = tokens(&source.code);
    let is_head = |i: &usize| {
        let head = tokens[*i..].iter().take_while(|token| **token != "{");
        let said: Vec<&str> = head.copied().collect();
        tokens[*i] == "impl" && said.contains(&"Kl") && said.contains(&"for")
    };
    (0..tokens.len()).filter(is_head).count()
}

/// How often `name { … }` stands in the body of `function`.
pub fn rows(source: &Source, function: &str, name: &str) -> usize {
    let tokens = tokens(&source.code);
    let start = tokens.windows(2).position(|pair| pair == ["fn", function]).expect("the function is there");
    let end = item_end(&tokens, start);
    tokens[start..end].windows(3).filter(|three| three[0] != ">" && three[1..] == [name, "{"]).count()
}
