//! Which texts make up a config?
//!
//! Follows imports from the config file, each file once, and prepares every text. JSON files
//! are parsed here, so that no JavaScript can hide in them.

use super::resolve::{self, SHARED_TEXT, Target};
use super::{Source, Sources};
use crate::error::{LoadError, Location};
use crate::fast;
use crate::program::PreparedModule;
use crate::syntax::{self, Kind, Mention, Mistakes, Origins};
use edgebase_blocks::rule::FUNCTION_MARKER;
use oxc_span::Span;
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest file, and largest sum of files, that is read.
const LARGEST_FILE: u64 = 1 << 20;
const LARGEST_SUM: usize = 8 << 20;
/// Most files a config may consist of.
const MOST_FILES: usize = 500;

/// A function of the files, by its tick.
pub(super) struct Known {
    pub location: Location,
    pub mentions: Vec<Mention>,
    pub fast: Result<Arc<fast::Program>, String>,
    pub span: Span,
    pub is_generator: bool,
}

/// The texts, prepared.
#[derive(Default)]
pub(super) struct Read {
    pub modules: Vec<PreparedModule>,
    pub files: Vec<PathBuf>,
    pub functions: HashMap<u32, Known>,
    pub sources: Sources,
    pub mistakes: HashMap<PathBuf, Mistakes>,
    /// From places of the texts that are run to places of the files.
    pub origins: HashMap<PathBuf, Origins>,
}

/// Reads a config and what it imports.
pub(super) fn read(path: &Path) -> Result<Read, LoadError> {
    let config = path
        .canonicalize()
        .map_err(|e| LoadError::in_file(path, format!("cannot be read: {e}")))?;
    let root = config.parent().unwrap_or(Path::new("/")).to_owned();
    let mut read = Read::default();
    let mut indices: HashMap<PathBuf, usize> = HashMap::from([(config.clone(), 0)]);
    let mut waiting = vec![config];
    let mut next_tick = 1;
    let mut sum = 0;
    let mut shared = None;
    let mut next = 0;
    while next < waiting.len() {
        let file = waiting[next].clone();
        next += 1;
        if next > MOST_FILES {
            return Err(LoadError::in_file(&file, "the config has too many files"));
        }
        let text = text_of(&file)?;
        sum += text.len();
        if sum > LARGEST_SUM {
            return Err(LoadError::in_file(&file, "the config's files are too large together"));
        }
        read.files.push(file.clone());
        let Some(kind) = kind_of(&file)? else {
            read.json(&file, text)?;
            continue;
        };
        let prepared = syntax::prepare(&file, &text, kind, next_tick)?;
        let mut edges = HashMap::new();
        let mut linked = HashMap::new();
        for import in &prepared.imports {
            let target = resolve::resolve(&root, &file, &import.specifier).map_err(|message| {
                LoadError::at(Location::of(&file, &text, import.offset), &text, message)
            })?;
            let index = match target {
                Target::Shared => *shared.get_or_insert(usize::MAX),
                Target::File(target) => {
                    linked.insert(import.specifier.clone(), target.clone());
                    *indices.entry(target.clone()).or_insert_with(|| {
                        waiting.push(target);
                        waiting.len() - 1
                    })
                }
            };
            edges.insert(import.specifier.clone(), index);
        }
        for function in prepared.functions {
            next_tick = next_tick.max(function.tick + 1);
            let location = Location::of(&file, &text, function.span.start);
            let (mentions, fast) = (function.mentions, function.fast);
            let (span, is_generator) = (function.span, function.is_generator);
            let known = Known { location, mentions, fast, span, is_generator };
            read.functions.insert(function.tick, known);
        }
        let source = Source { text: text.into(), places: prepared.places, links: linked };
        read.sources.insert(file.clone(), source);
        read.origins.insert(file.clone(), prepared.origins);
        read.mistakes.insert(file.clone(), prepared.mistakes);
        read.modules.push(PreparedModule { name: file, text: prepared.js, json: false, edges });
    }
    if shared.is_some() {
        let index = read.modules.len();
        for module in &mut read.modules {
            module.edges.values_mut().filter(|i| **i == usize::MAX).for_each(|i| *i = index);
        }
        read.modules.push(PreparedModule {
            name: PathBuf::from("@edge-base/shared"),
            text: SHARED_TEXT.to_owned(),
            json: false,
            edges: HashMap::new(),
        });
    }
    Ok(read)
}

impl Read {
    /// The text of a file.
    pub fn text(&self, file: &Path) -> &str {
        self.sources.get(file).map_or("", |s| &s.text)
    }

    fn json(&mut self, file: &Path, text: String) -> Result<(), LoadError> {
        let value: Value = serde_json::from_str(&text).map_err(|e| {
            let location = Location {
                file: file.to_owned(),
                line: e.line().max(1) as u32,
                column: e.column().max(1) as u32,
            };
            let message = e.to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            LoadError::at(location, &text, message)
        })?;
        if let Some(offset) = reserved(&value).then(|| text.find(FUNCTION_MARKER).unwrap_or(0)) {
            let message = format!("the key '{FUNCTION_MARKER}' is reserved");
            let location = Location::of(file, &text, offset as u32);
            return Err(LoadError::at(location, &text, message));
        }

        let places = syntax::json_places(file, &text)?;
        let source = Source { text: text.into(), places, links: HashMap::new() };
        self.sources.insert(file.to_owned(), source);
        let text = value.to_string();
        self.modules.push(PreparedModule {
            name: file.to_owned(),
            text,
            json: true,
            edges: HashMap::new(),
        });
        Ok(())
    }
}

/// Whether a function's mark occurs, which would let JSON point at functions.
fn reserved(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(reserved),
        Value::Object(map) => map.iter().any(|(k, v)| k == FUNCTION_MARKER || reserved(v)),
        _ => false,
    }
}

fn text_of(file: &Path) -> Result<String, LoadError> {
    let cannot = |e: std::io::Error| LoadError::in_file(file, format!("cannot be read: {e}"));
    let metadata = std::fs::metadata(file).map_err(cannot)?;
    if !metadata.is_file() {
        return Err(LoadError::in_file(file, "cannot be read: it is not a file"));
    }
    if metadata.len() > LARGEST_FILE {
        return Err(LoadError::in_file(file, "is too large for a config (1 MiB)"));
    }
    let bytes = std::fs::read(file).map_err(cannot)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| LoadError::in_file(file, "cannot be read: it is not UTF-8"))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// `None` for JSON.
fn kind_of(file: &Path) -> Result<Option<Kind>, LoadError> {
    match file.extension().and_then(|e| e.to_str()) {
        Some("ts" | "mts") => Ok(Some(Kind::TypeScript)),
        Some("js" | "mjs") => Ok(Some(Kind::JavaScript)),
        Some("json") => Ok(None),
        _ => Err(LoadError::in_file(file, "is not a .ts, .js, .mjs or .json file")),
    }
}
