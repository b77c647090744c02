//! What breaks a rule, and is known to?
//!
//! `allowed.txt` has a line for each place: the rule, where, and for some rules a number. A place that
//! is not listed, or a number that is higher, fails the test, which prints the line. With
//! `TIDY=update` lines that are no longer needed are removed and numbers lowered; nothing is ever
//! added but by hand.

use crate::tree;
use std::collections::BTreeMap;
use std::sync::Mutex;

const LIST: &str = "tests/tidy/allowed.txt";

/// Tests run at the same time and share the file.
static WRITING: Mutex<()> = Mutex::new(());

/// Fails where `found` has what the list does not allow.
pub fn hold(rule: &str, found: Vec<String>, advice: &str) {
    let _writing = WRITING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let list = tree::read(LIST);
    let allowed = numbered(list.lines().filter(|line| rule_of(line) == rule));
    let found = numbered(found.iter().map(String::as_str));
    let broken: Vec<String> = found
        .iter()
        .filter(|(place, number)| allowed.get(*place).is_none_or(|most| *number > most))
        .map(|(place, number)| line(place, *number))
        .collect();
    assert!(broken.is_empty(), "{advice}:\n{}", broken.join("\n"));
    if std::env::var_os("TIDY").is_some_and(|value| value == "update") {
        let kept = list.lines().filter_map(|text| {
            let (place, _) = split(text);
            match found.get(place) {
                _ if rule_of(text) != rule => Some(text.to_owned()),
                Some(number) => Some(line(place, *number)),
                None => None,
            }
        });
        let shorter: String = kept.map(|line| line + "\n").collect();
        if shorter != list {
            tree::write(LIST, &shorter);
        }
    }
}

fn rule_of(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

/// A line's place, and its number where it has one.
fn split(line: &str) -> (&str, usize) {
    match line.rsplit_once(' ').map(|(place, last)| (place, last.parse())) {
        Some((place, Ok(number))) => (place, number),
        _ => (line, 0),
    }
}

fn line(place: &str, number: usize) -> String {
    if number == 0 { place.to_owned() } else { format!("{place} {number}") }
}

fn numbered<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    lines.map(split).collect()
}

#[test]
fn a_line_has_a_place_and_perhaps_a_number() {
    assert_eq!(split("length a/b.rs 612"), ("length a/b.rs", 612));
    assert_eq!(split("circle proxy app body"), ("circle proxy app body", 0));
}
