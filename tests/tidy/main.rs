//! Does the repository keep the rules that no compiler checks?
//!
//! Layers, the map of modules, citations of the contract, lengths of files, columns of prose, words,
//! licences. Each test states one rule and names every place that breaks it. What broke a rule when
//! it was made is listed in `allowed.txt`, which may only get shorter: see [`allowed`].

mod allowed;
mod citations;
mod dependencies;
mod modules;
mod prose;
mod source;
mod tree;

use allowed::hold;
use modules::{crates, edges, in_circles};
use std::collections::BTreeMap;

/// Which module may not use which, and why, beside the order of docs/architecture.md. A name that is no
/// module is an external crate.
const FORBIDDEN: &[(&str, &str, &[&str], &str)] = &[
    ("proxy", "db", &["axum"], "the database layer knows no HTTP"),
    ("proxy", "query", &["axum"], "statements know no HTTP"),
    ("proxy", "auth", &["db", "query", "ops"], "who calls is known before anything is asked for"),
];

/// Longer files answer more than one question.
const MAX_LINES: usize = 500;

/// Words that say less than the term they stand for.
const WORDS: &[&str] =
    &["manager", "helper", "helpers", "utils", "somebody", "nobody", "anybody", "the design"];

#[test]
fn modules_of_a_crate_use_each_other_in_one_direction() {
    let mut found = Vec::new();
    for name in crates() {
        let edges = edges(&name);
        found.extend(in_circles(&edges).map(|(from, to)| format!("circle {name} {from} {to}")));
    }
    hold("circle", found, "move what both need into a module below them");
}

#[test]
fn a_layer_uses_only_what_is_below_it() {
    let mut found = Vec::new();
    for (name, from, to, reason) in FORBIDDEN {
        for (user, used) in edges(name) {
            if user == *from && to.contains(&used.as_str()) {
                found.push(format!("layer {name} {user} {used}"));
                println!("{name}::{user} uses {used}: {reason}");
            }
        }
    }
    hold("layer", found, "pass in what the lower layer needs, or move it down");
}

#[test]
fn modules_use_what_the_map_has_below_them() {
    let map = tree::read("docs/architecture.md");
    let mut found = Vec::new();
    for name in crates() {
        let order = modules::order(&map, &name);
        let place = |module: &str| order.iter().position(|row| row.contains(module));
        for (user, used) in edges(&name) {
            if let (Some(user_at), Some(used_at)) = (place(&user), place(&used))
                && used_at < user_at
            {
                found.push(format!("order {name} {user} {used}"));
            }
        }
    }
    hold(
        "order",
        found,
        "the tables of modules in docs/architecture.md list users above what they use",
    );
}

#[test]
fn every_link_leads_somewhere() {
    let mut found = Vec::new();
    for path in tree::files(&["md"]) {
        let text = tree::read(&path);
        for link in prose::links(&text) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { path.clone() } else { tree::beside(&path, file) };
            if !tree::exists(&target) {
                found.push(format!("link {path} {link}"));
            } else if !anchor.is_empty() && target.ends_with(".md") {
                let text = tree::read(&target);
                if !prose::anchors(&text).any(|found| found == anchor) {
                    found.push(format!("link {path} {link}"));
                }
            }
        }
    }
    for path in prose::paths(&tree::read("CONTRIBUTING.md")) {
        if !tree::exists(&path) {
            found.push(format!("link CONTRIBUTING.md {path}"));
        }
    }
    hold("link", found, "name the file or heading as it is called now");
}

#[test]
fn every_module_is_on_the_map() {
    let map = tree::read("docs/architecture.md");
    let mut found = Vec::new();
    for name in crates() {
        for module in modules::of(&name) {
            let path = format!("{name}/src/{module}");
            let named = map.match_indices(&path).any(|(at, _)| {
                let next = map[at + path.len()..].chars().next();
                !next.is_some_and(|c| c.is_alphanumeric() || c == '_')
            });
            if !named {
                found.push(format!("map {name} {module}"));
            }
        }
    }
    hold("map", found, "name the module in docs/architecture.md, with a link to its file");
}

#[test]
fn every_section_of_the_contract_that_is_cited_exists() {
    let sections = citations::sections(&tree::read("docs/contract.md"));
    assert!(sections.contains("8.3"), "docs/contract.md has no sections that this test can read");
    let mut found = Vec::new();
    for path in tree::files(&["rs", "md", "ts", "sh", "py", "sql"]) {
        let text = tree::read(&path);
        for section in citations::cited(&text).chain(citations::rows(&path, &text)) {
            if !sections.contains(&section) {
                found.push(format!("citation {path} {section}"));
            }
        }
    }
    hold("citation", found, "cite a section that docs/contract.md has");
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let counts = tree::files(&["rs", "py", "sh", "ts", "sql"])
        .into_iter()
        .filter(|path| !path.starts_with("extension/test/versions/"))
        .map(|path| (tree::read(&path).lines().count(), path))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .map(|(lines, path)| format!("length {path} {lines}"));
    hold("length", counts.collect(), "split the file by the questions that it answers");
}

#[test]
fn prose_is_wrapped_at_100_columns() {
    let long = tree::files(&["md"])
        .into_iter()
        .filter(|path| path != "benches/RESULTS.md") // written by a program
        .map(|path| (prose::long_lines(&tree::read(&path)), path))
        .filter(|(lines, _)| *lines > 0)
        .map(|(lines, path)| format!("wrap {path} {lines}"));
    hold("wrap", long.collect(), "wrap the lines; tables and code may be longer");
}

#[test]
fn the_fields_terms_are_used() {
    let mut counts = BTreeMap::new();
    for path in tree::files(&["rs", "md", "ts", "sql"]) {
        if path.starts_with("tests/tidy/") || path == "CONTRIBUTING.md" {
            continue; // these name the words
        }
        let text = prose::outside_of_quotes(&tree::read(&path));
        let place = path.split('/').next().filter(|first| *first != path).unwrap_or("root");
        for word in WORDS {
            *counts.entry((place.to_owned(), *word)).or_insert(0) += prose::count(&text, word);
        }
    }
    let found = counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|((place, word), count)| format!("word {place} {} {count}", word.replace(' ', "-")));
    hold(
        "word",
        found.collect(),
        "name the thing: the role, the client, the module, the decision record",
    );
}

#[test]
fn dependencies_have_licences_that_we_may_use_and_one_origin() {
    let packages = dependencies::packages();
    let allowed = dependencies::allowed(&tree::read("deny.toml"));
    let mut found = Vec::new();
    for package in &packages {
        if !dependencies::may_use(&package.licence, &allowed) {
            found.push(format!("licence {} {}", package.name, package.licence.replace(' ', "_")));
        }
        if !package.source.starts_with("registry+") || package.source != packages[0].source {
            found.push(format!("source {} {}", package.name, package.source));
        }
    }
    assert!(packages.len() > 100, "cargo named {} dependencies", packages.len());
    assert!(found.is_empty(), "see deny.toml:\n{}", found.join("\n"));
}
