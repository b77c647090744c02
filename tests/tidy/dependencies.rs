//! What do we depend on, and may we?

use crate::tree;
use serde_json::Value;
use std::process::Command;

/// A package of the lock file that is not ours.
pub struct Package {
    pub name: String,
    /// SPDX expression.
    pub licence: String,
    /// Where cargo has it from.
    pub source: String,
}

/// Every dependency of every crate. On a fresh machine cargo fetches those that nothing has built yet.
pub fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--filter-platform"])
        .arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
        .current_dir(tree::root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let text = |package: &Value, key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let all = metadata["packages"].as_array().expect("cargo lists packages");
    all.iter()
        .filter(|package| !package["source"].is_null())
        .map(|package| Package {
            name: text(package, "name"),
            licence: text(package, "license"),
            source: text(package, "source"),
        })
        .collect()
}

/// The licences that `deny.toml` allows.
pub fn allowed(deny: &str) -> Vec<String> {
    let list = deny.split_once("[licenses]").map_or("", |(_, rest)| rest);
    let list = list.split_once("allow = [").map_or("", |(_, rest)| rest);
    let list = list.split_once(']').map_or("", |(list, _)| list);
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether an SPDX expression can be satisfied: every part joined by AND has an allowed alternative.
pub fn may_use(expression: &str, allowed: &[String]) -> bool {
    let plain = expression.replace('/', " OR ");
    split(&plain, " AND ").iter().all(|part| {
        let part = part.trim();
        let inner = part.strip_prefix('(').and_then(|part| part.strip_suffix(')'));
        match inner {
            Some(inner) => may_use(inner, allowed),
            None => match &split(part, " OR ")[..] {
                [one] => allowed.iter().any(|licence| licence == one.trim()),
                several => several.iter().any(|one| may_use(one, allowed)),
            },
        }
    })
}

/// The parts of an expression that a word outside of parentheses separates.
fn split<'a>(expression: &'a str, word: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in expression.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 && expression[at..].starts_with(word) => {
                parts.push(&expression[start..at]);
                start = at + word.len();
            }
            _ => {}
        }
    }
    parts.push(&expression[start..]);
    parts
}

#[test]
fn an_expression_is_satisfied_by_one_alternative_of_each_part() {
    let allowed = ["MIT".to_owned(), "Zlib".into(), "Apache-2.0 WITH LLVM-exception".into()];
    for good in
        ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-2.0", "(GPL-3.0 OR MIT) AND Zlib", "MIT AND (Zlib OR X)"]
    {
        assert!(may_use(good, &allowed), "{good}");
    }
    assert!(may_use("Apache-2.0 WITH LLVM-exception OR GPL-3.0", &allowed));
    for bad in ["GPL-3.0", "", "MIT AND GPL-3.0", "(GPL-3.0 OR X) AND MIT", "GPL-3.0 OR X"] {
        assert!(!may_use(bad, &allowed), "{bad}");
    }
}
