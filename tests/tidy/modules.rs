//! Which module of a crate uses which?
//!
//! A module is a file or folder directly below `src`. It uses another one where its code names it by
//! `crate::` or from `super::`. Re-exports by the crate's root are no use.

use crate::source::code;
use crate::tree;
use std::collections::{BTreeMap, BTreeSet};

/// Module and what it uses.
pub type Edge = (String, String);

/// External crates whose use is bound to a layer.
const EXTERNAL: &[&str] = &["axum", "clap", "tokio_postgres"];

/// The crates of the product, by their folders.
pub fn crates() -> Vec<String> {
    let mut found = tree::folders("");
    found.retain(|name| tree::exists(&format!("{name}/src/lib.rs")) && name != "tests");
    assert!(found.len() >= 4, "only {found:?} look like crates");
    found.sort();
    found
}

/// The modules of a crate, except those that its tests alone have.
pub fn of(name: &str) -> BTreeSet<String> {
    let root = tree::read(&format!("{name}/src/lib.rs"));
    tree::entries(&format!("{name}/src"))
        .into_iter()
        .filter_map(|(entry, is_folder)| match entry.strip_suffix(".rs") {
            _ if is_folder => Some(entry),
            Some("lib" | "main" | "tests") | None => None,
            Some(module) => Some(module.to_owned()),
        })
        .filter(|module| !root.contains(&format!("#[cfg(test)]\nmod {module};")))
        .collect()
}

/// The rows of the table that puts a crate's modules into an order: below the heading "The modules of
/// ...", each with the modules that its first cell links to.
pub fn order(map: &str, name: &str) -> Vec<BTreeSet<String>> {
    let heading = format!("## The modules of {name}");
    let section = map
        .lines()
        .skip_while(|line| *line != heading && *line != heading.replace("of ", "of the "));
    let rows = section.skip(1).take_while(|line| !line.starts_with("## "));
    rows.filter_map(|line| line.strip_prefix('|')?.split('|').next())
        .map(|cell| cell.split('[').skip(1).filter_map(first_name).collect())
        .collect()
}

/// Every use between modules of a crate, and of the external crates above.
pub fn edges(name: &str) -> BTreeSet<Edge> {
    let modules = of(name);
    let prefix = format!("{name}/src/");
    let mut found = BTreeSet::new();
    for path in tree::files(&["rs"]) {
        let Some(inside) = path.strip_prefix(&prefix) else { continue };
        let mut steps: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
        if !modules.contains(steps[0]) || steps.contains(&"tests") {
            continue;
        }
        steps.retain(|step| *step != "mod");
        let code = code(&tree::read(&path));
        let mut used = names_after(&code, "crate::");
        // `super::` as many times as the file is deep leads to the crate's root.
        used.extend(names_after(&code, &"super::".repeat(steps.len())));
        for external in EXTERNAL {
            if code.contains(&format!("{external}::")) {
                used.insert((*external).to_owned());
            }
        }
        let known = |used: &String| modules.contains(used) || EXTERNAL.contains(&used.as_str());
        for used in used.into_iter().filter(known) {
            if used != steps[0] {
                found.insert((steps[0].to_owned(), used));
            }
        }
    }
    found
}

/// The names that follow a path, in groups too: `crate::{a, b::c}` names `a` and `b`.
fn names_after(code: &str, path: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(path) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue; // `$crate::` is one, `super::super::` is counted from its begin
        }
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            None => found.extend(first_name(rest)),
            Some(group) => {
                let mut depth = 0;
                let mut start = 0;
                for (end, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth > 0 => depth -= 1,
                        ',' | '}' if depth == 0 => {
                            found.extend(first_name(group[start..end].trim_start()));
                            start = end + 1;
                            if c == '}' {
                                break;
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

fn first_name(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// The edges that lie on a circle: what is used leads back to its user.
pub fn in_circles(edges: &BTreeSet<Edge>) -> impl Iterator<Item = Edge> {
    let mut reach: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in edges {
        reach.entry(from).or_default().insert(to);
    }
    loop {
        let mut grown = reach.clone();
        for targets in grown.values_mut() {
            let further: Vec<&str> =
                targets.iter().filter_map(|to| reach.get(to)).flatten().copied().collect();
            targets.extend(further);
        }
        if grown == reach {
            break;
        }
        reach = grown;
    }
    let circular = |(from, to): &&Edge| {
        reach.get(to.as_str()).is_some_and(|targets| targets.contains(from.as_str()))
    };
    edges.iter().filter(circular).cloned().collect::<Vec<_>>().into_iter()
}

#[test]
fn names_are_found_alone_and_in_groups() {
    let code = "use crate::{a, b::{c, d}, e as f}; let x = crate::g::h(); use super::i; $crate::k";
    let found: Vec<String> = names_after(code, "crate::").into_iter().collect();
    assert_eq!(found, ["a", "b", "e", "g", "k"]);
    assert_eq!(names_after(code, "super::").into_iter().collect::<Vec<_>>(), ["i"]);
    assert!(names_after("super::super::x", "super::super::super::").is_empty());
}

#[test]
fn the_map_puts_modules_into_an_order() {
    let map = "## The modules of the proxy\n\n| module | |\n|---|---|\n| [a](x), [b](y) | z |\n| [c](x) | [d](y) |\n\n## B\n| [e](x) |";
    let rows: Vec<Vec<String>> = order(map, "proxy")
        .into_iter()
        .map(|row| row.into_iter().collect())
        .filter(|row: &Vec<_>| !row.is_empty())
        .collect();
    assert_eq!(rows, [vec!["a".to_owned(), "b".into()], vec!["c".into()]]);
}

#[test]
fn a_circle_is_found_and_what_leads_into_it_is_none() {
    let edge = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let edges = [edge("a", "b"), edge("b", "c"), edge("c", "b"), edge("c", "d")].into();
    assert_eq!(in_circles(&edges).collect::<Vec<_>>(), [edge("b", "c"), edge("c", "b")]);
}
