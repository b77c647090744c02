//! Which sections of the contract does a file cite?
//!
//! "contract 8.3", "contract section 5", "contract 10.1 to 10.5", "contract 2 and 4.3". The rows of
//! `tests/contract/rows` cite by their first argument.

use std::collections::BTreeSet;

/// The sections that the document has: `## 8. ...` and `### 8.3 ...`.
pub fn sections(document: &str) -> BTreeSet<String> {
    document
        .lines()
        .filter_map(|line| line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")))
        .filter_map(|heading| number(heading).map(|(section, _)| section))
        .collect()
}

/// The sections that a text cites.
pub fn cited(text: &str) -> impl Iterator<Item = String> {
    // A citation may be broken over two lines of a comment.
    let text = text.replace("\n", " ").replace("//!", " ").replace("///", " ").replace("//", " ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    for (at, word) in text.match_indices("ontract ") {
        let mut rest = &text[at + word.len()..];
        rest = rest.strip_prefix("section ").unwrap_or(rest);
        while let Some((section, end)) = number(rest) {
            found.push(section);
            rest = &rest[end..];
            let joint =
                [", ", " and ", " to "].into_iter().find_map(|joint| rest.strip_prefix(joint));
            rest = joint.unwrap_or_default();
        }
    }
    found.into_iter()
}

/// The sections that rows of the contract's tests say they are about.
pub fn rows(path: &str, text: &str) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    if path.starts_with("tests/contract/rows/") {
        for (at, begin) in text.match_indices("Row::") {
            let call = &text[at + begin.len()..];
            let argument = call.split_once('(').map_or("", |(_, rest)| rest.trim_start());
            let section = argument.strip_prefix('"').and_then(number);
            found.extend(section.map(|(section, _)| section));
        }
    }
    found.into_iter()
}

/// `8` or `8.3` at the begin of a text, and where it ends.
fn number(text: &str) -> Option<(String, usize)> {
    let digits =
        |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let first = digits(text);
    if first == 0 || first > 2 {
        return None;
    }
    let second = text[first..].strip_prefix('.').map_or(0, digits);
    let end = if second > 0 { first + 1 + second } else { first };
    Some((text[..end].to_owned(), end))
}

#[test]
fn citations_are_found_in_all_their_forms() {
    let text = "(contract 8.2 and\n/// 14.1). Contract section 5: contract 1.3, 6.2; contract 10.1 to 10.5.";
    let found: Vec<String> = cited(text).collect();
    assert_eq!(found, ["8.2", "14.1", "5", "1.3", "6.2", "10.1", "10.5"]);
    let row = r#"Row::get("22", path), Row::post( "8.3", x), Row::new(y)"#;
    assert_eq!(rows("tests/contract/rows/a.rs", row).collect::<Vec<_>>(), ["22", "8.3"]);
    assert_eq!(sections("# C\n## 8. R\n### 8.3 T\n## Words\n"), ["8".into(), "8.3".into()].into());
}
