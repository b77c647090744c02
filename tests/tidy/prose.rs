//! How is prose written?

/// A line of prose has at most this many characters.
const COLUMNS: usize = 100;

/// How many lines of a Markdown text are too long. Tables, headings and code may be, and so may a
/// line that has no blank to break at.
pub fn long_lines(text: &str) -> usize {
    let mut in_code = false;
    let mut long = 0;
    for line in text.lines() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("```") {
            in_code = !in_code;
        }
        let exempt = in_code || trimmed.starts_with(['|', '<', '#']);
        // Code is not broken, so a line of nothing else may be as long as it is.
        let words = trimmed.split('`').step_by(2).collect::<String>();
        let breakable = words.trim_start_matches(['-', '*', '>', ' ']).trim().contains(' ');
        if !exempt && breakable && line.chars().count() > COLUMNS {
            long += 1;
        }
    }
    long
}

/// The text without its blocks of code.
fn without_code(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// Where the links of a Markdown text lead, except those to other sites.
pub fn links(text: &str) -> Vec<String> {
    let text = without_code(text);
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link.to_owned())
        .filter(|link| !link.contains("://") && !link.contains(' '))
        .collect()
}

/// The anchors that a Markdown text's headings have.
pub fn anchors(text: &str) -> impl Iterator<Item = String> {
    let text = without_code(text);
    let headings: Vec<String> = text
        .lines()
        .filter_map(|line| {
            line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#'))
        })
        .map(|heading| {
            heading
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect();
    headings.into_iter()
}

/// What stands in backquotes and is a path from the repository's root: it has a `/`, and begins
/// with one of its folders.
pub fn paths(text: &str) -> Vec<String> {
    let text = without_code(text);
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter(|quoted| !quoted.contains([' ', '*', '<']))
        .filter(|quoted| {
            quoted
                .split_once('/')
                .is_some_and(|(first, _)| !first.is_empty() && crate::tree::exists(first))
        })
        .filter(|quoted| !["target/", "VERSION"].iter().any(|part| quoted.contains(part)))
        .map(str::to_owned)
        .collect()
}

/// The text without what stands in backquotes or quotation marks on one line: names, messages.
pub fn outside_of_quotes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.lines() {
        let mut rest = line;
        while let Some(at) = rest.find(['`', '"']) {
            let quote = &rest[at..=at];
            kept.push_str(&rest[..at]);
            rest = rest[at + 1..].split_once(quote).map_or("", |(_, behind)| behind);
        }
        kept.push_str(rest);
        kept.push('\n');
    }
    kept
}

/// How often a word occurs, in any case, as a whole word.
pub fn count(text: &str, word: &str) -> usize {
    let text = text.to_lowercase();
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word)
        .filter(|(at, _)| {
            !letter(text[..*at].chars().next_back())
                && !letter(text[at + word.len()..].chars().next())
        })
        .count()
}

#[test]
fn long_prose_is_seen_and_long_tables_are_not() {
    let long = "word ".repeat(30);
    assert_eq!(long_lines(&format!("{long}\n- {long}\n| {long}\n```\n{long}\n```\n{long}")), 3);
    assert_eq!(long_lines(&"x".repeat(200)), 0);
}

#[test]
fn words_are_counted_outside_of_quotes() {
    let text = outside_of_quotes("Nobody asks `nobody`, \"nobody\" or nobody's\nfor_nobody");
    assert_eq!(count(&text, "nobody"), 2);
}

#[test]
fn links_and_anchors_are_found() {
    let text = "# A `b`, c\n[x](y.md#z) [w](https://v)\n```\n[no](no)\n```\n## D-e";
    assert_eq!(links(text), ["y.md#z"]);
    assert_eq!(anchors(text).collect::<Vec<_>>(), ["a-b-c", "d-e"]);
}
