//! Which files does the repository have?
//!
//! Paths are relative to its root. What a build or a run leaves behind is passed over.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const PASSED_OVER: &[&str] = &["target", "node_modules", "__pycache__"];

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file's text.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Replaces a file.
pub fn write(path: &str, text: &str) {
    fs::write(root().join(path), text).unwrap_or_else(|error| panic!("{path}: {error}"));
}

/// Every file whose name ends with one of these extensions, sorted.
pub fn files(extensions: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    walk("", extensions, &mut found);
    found.sort();
    assert!(!found.is_empty(), "the repository has no files that end with {extensions:?}");
    found
}

/// Names of the folders in a folder.
pub fn folders(path: &str) -> Vec<String> {
    entries(path).into_iter().filter(|(_, is_folder)| *is_folder).map(|(name, _)| name).collect()
}

/// Whether a file or folder exists.
pub fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// The path of what a file names relative to itself.
pub fn beside(path: &str, relative: &str) -> String {
    let mut steps: Vec<&str> = path.split('/').collect();
    steps.pop();
    for step in relative.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()),
            _ => steps.push(step),
        }
    }
    steps.join("/")
}

/// The names in a folder, and which of them are folders.
pub fn entries(path: &str) -> Vec<(String, bool)> {
    let entries = fs::read_dir(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    entries
        .map(|entry| entry.expect("the folder can be read"))
        .map(|entry| {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            (entry.file_name().to_string_lossy().into_owned(), is_folder)
        })
        .filter(|(name, is_folder)| {
            let passed_over = *is_folder && PASSED_OVER.contains(&name.as_str());
            !passed_over && !name.starts_with('.')
        })
        .collect()
}

fn walk(folder: &str, extensions: &[&str], found: &mut Vec<String>) {
    for (name, is_folder) in entries(folder) {
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if is_folder {
            walk(&path, extensions, found);
        } else if path.rsplit_once('.').is_some_and(|(_, end)| extensions.contains(&end)) {
            found.push(path);
        }
    }
}
