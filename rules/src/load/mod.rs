//! What does a config file hold?
//!
//! Reads the file and what it imports from its own folder, prepares every module, evaluates
//! them once and keeps the result: the default export as JSON, its functions by number, and
//! everything a worker needs to evaluate the same again without touching the disk.
//!
//! Invariant: whatever the files hold, loading ends, and ends in a value or an error.

mod mistakes;
mod read;
mod resolve;

use crate::api::{Arg, Form, Limits};
use crate::budget;
use crate::error::{LoadError, Location};
use crate::js::host::ENVIRONMENT_PREFIX;
use crate::js::realm;
use crate::program::{EVALUATION, Facts, FunctionInfo, GIVE_UP, Program};
use crate::residual::{self, Columns, RowPredicate};
use crate::syntax::{Mention, Place, Places};
use edgebase_blocks::FunctionId;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Stack of the thread that parses and evaluates: deep enough for every recursion that the
/// limits on nesting let through. It is reserved, not used.
const STACK: usize = 512 << 20;
/// How often it is asked whether the thread has been stopped for its memory.
const LOOK: Duration = Duration::from_millis(50);

/// What is said of a generator function or a class where a rule or hook is wanted.
const GENERATOR: &str = "a generator cannot stand here: calling it runs none of its code";
const CLASS: &str = "a class cannot stand here: it cannot be called; write a function";

struct Inner {
    json: Value,
    functions: Vec<FunctionInfo>,
    facts: Arc<Vec<Facts>>,
    files: Vec<PathBuf>,
    program: Arc<Program>,
    sources: Sources,
}

/// What is known about a file's text after it has been prepared.
struct Source {
    text: Arc<str>,
    places: Places,
    /// Files by the specifier that names them here.
    links: HashMap<String, PathBuf>,
}

type Sources = HashMap<PathBuf, Source>;

/// A loaded config; cheap to clone.
#[derive(Clone)]
pub struct Loaded {
    inner: Arc<Inner>,
}

/// Loads a config: `.ts`, `.js`, `.mjs` or `.json`.
///
/// `environment` is what `process.env` shows, restricted to variables whose names start with
/// `EDGEBASE_PUBLIC_`.
///
/// # Errors
/// The first mistake, with its place when that is known.
pub fn load(path: &Path, environment: &HashMap<String, String>) -> Result<Loaded, LoadError> {
    let (send, receive) = channel();
    let file = path.to_owned();
    // One byte per load is leaked, so that the allocator can hold on to it.
    let over_memory: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
    let environment: BTreeMap<String, String> = environment
        .iter()
        .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    std::thread::Builder::new()
        .name("config".into())
        .stack_size(STACK)
        .spawn(move || {
            budget::count(over_memory);
            let loaded = std::panic::catch_unwind(|| inside(&file, environment));
            // Nobody waits any more when loading was given up.
            let _ = send.send(loaded);
        })
        .map_err(|e| LoadError::in_file(path, format!("no thread to load it: {e}")))?;
    let until = Instant::now() + GIVE_UP;
    let message = loop {
        break match receive.recv_timeout(LOOK) {
            Ok(Ok(loaded)) => return loaded,
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                "the config cannot be evaluated (the engine failed)"
            }
            Err(RecvTimeoutError::Timeout) if over_memory.load(Ordering::Acquire) => {
                "the config takes too much memory to evaluate"
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() >= until => {
                "the config does not finish evaluating"
            }
            Err(RecvTimeoutError::Timeout) => continue,
        };
    };
    Err(LoadError::in_file(path, message))
}

fn inside(path: &Path, environment: BTreeMap<String, String>) -> Result<Loaded, LoadError> {
    let mut read = read::read(path)?;
    let modules = std::mem::take(&mut read.modules);
    let texts = read.sources.iter().map(|(file, s)| (file.clone(), Arc::clone(&s.text))).collect();
    let origins = std::mem::take(&mut read.origins);
    let program = Arc::new(Program { modules, environment, texts, origins });
    let config = program.modules[0].name.clone();
    let limits = Limits { slice: EVALUATION, ..Limits::default() };
    let mut evaluated = realm::evaluate(&program, &limits).map_err(|e| match e.path {
        Some(keys) => {
            let message = format!("{}: {}", keys.join("."), e.message);
            mistake(&read.sources, &config, &keys, message)
        }
        None => match e.thrown_at.and_then(|at| at.place(&program)) {
            Some(location) => {
                let text = read.text(&location.file).to_owned();
                LoadError::at(location, &text, e.message)
            }
            None => LoadError::in_file(&config, e.message),
        },
    })?;
    let mut functions = Vec::new();
    let mut facts = Vec::new();
    let search = mistakes::Search { mistakes: &read.mistakes, sources: &read.sources };
    for index in 0..evaluated.functions.len() {
        let tick = evaluated.source_of(index).and_then(|text| crate::syntax::tick_of(&text));
        let keys = &evaluated.functions[index].0;
        let known = tick.and_then(|tick| read.functions.get(&tick));
        let location =
            known.map(|k| k.location.clone()).or_else(|| locate(&read.sources, &config, keys));
        let place = |location: &Location, message: &str| {
            LoadError::at(location.clone(), read.text(&location.file), message)
        };
        let mistake = match (known, &location) {
            (_, Some(location)) if evaluated.is_class(index) => Some(place(location, CLASS)),
            (Some(known), _) if known.is_generator => Some(place(&known.location, GENERATOR)),
            (Some(known), _) => search.within(&known.location.file, known.span),
            (None, _) if evaluated.is_class(index) => Some(LoadError::in_file(&config, CLASS)),
            (None, _) => None,
        };
        functions.push(FunctionInfo {
            path: keys.join("."),
            file: location.as_ref().map_or_else(|| config.clone(), |l| l.file.clone()),
            line: location.map_or(1, |l| l.line),
        });
        facts.push(known.map_or_else(
            || Facts {
                mentions: vec![Mention::All; Mention::ANY_NUMBER],
                fast: Err("its source is not in the config's files".into()),
                mistake: None,
            },
            |k| Facts { mentions: k.mentions.clone(), fast: k.fast.clone(), mistake: None },
        ));
        if let Some(facts) = facts.last_mut() {
            facts.mistake = mistake;
        }
    }
    let inner = Inner {
        json: evaluated.json,
        functions,
        facts: Arc::new(facts),
        files: read.files,
        program,
        sources: read.sources,
    };
    Ok(Loaded { inner: Arc::new(inner) })
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("files", &self.inner.files).finish_non_exhaustive()
    }
}

impl Loaded {
    /// The default export, with `{"$function": n}` in the place of each function; keys in
    /// their order.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.inner.json
    }

    /// Where a key path of the config stands: the place of the longest prefix that is written
    /// out in the files, through `defineConfig(...)`, constants and imports.
    #[must_use]
    pub fn locate(&self, path: &[String]) -> Option<Location> {
        locate(&self.inner.sources, &self.inner.program.modules[0].name, path)
    }

    /// A mistake at a key path of the config, shown where [`Self::locate`] finds it.
    #[must_use]
    pub fn mistake(&self, path: &[String], message: impl Into<String>) -> LoadError {
        mistake(&self.inner.sources, &self.inner.program.modules[0].name, path, message.into())
    }

    /// A function of the config.
    #[must_use]
    pub fn function(&self, id: FunctionId) -> Option<&FunctionInfo> {
        self.inner.functions.get(id.0 as usize)
    }

    /// All functions, in the order of their numbers.
    #[must_use]
    pub fn functions(&self) -> &[FunctionInfo] {
        &self.inner.functions
    }

    /// How a function is evaluated, and why.
    #[must_use]
    pub fn form(&self, id: FunctionId) -> Form {
        match self.inner.facts.get(id.0 as usize) {
            Some(Facts { fast: Ok(_), .. }) => Form::Fast,
            Some(Facts { fast: Err(reason), .. }) => Form::Engine(reason.clone()),
            None => Form::Engine("the config has no such function".into()),
        }
    }

    /// Why a function of the config cannot be a rule or hook, with the place: it is a generator, or
    /// it tests or returns what is always truthy.
    #[must_use]
    pub fn function_mistake(&self, id: FunctionId) -> Option<&LoadError> {
        self.inner.facts.get(id.0 as usize)?.mistake.as_ref()
    }

    /// Up to which of its arguments a function looks, as far as it names them; one that takes
    /// however many are given names none.
    #[must_use]
    pub fn parameters_used(&self, id: FunctionId) -> usize {
        let mentions = self.inner.facts.get(id.0 as usize).map_or(&[][..], |f| &f.mentions);
        if mentions.len() >= Mention::ANY_NUMBER {
            return 0;
        }
        mentions.iter().rposition(|m| *m != Mention::Unused).map_or(0, |last| last + 1)
    }

    /// What `rule(auth, row)` says of the rows that have these columns, for a caller: what is
    /// left of the native form once everything but the row is known.
    #[must_use]
    pub fn row_predicate(&self, id: FunctionId, auth: &Arg, columns: &Columns) -> RowPredicate {
        match self.inner.facts.get(id.0 as usize) {
            Some(Facts { fast: Ok(program), .. }) => {
                residual::row_predicate(program, auth, columns)
            }
            Some(Facts { fast: Err(reason), .. }) => RowPredicate::Opaque(reason.clone()),
            None => RowPredicate::None,
        }
    }

    /// Every file read, for watching.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.inner.files
    }

    pub(crate) fn facts(&self) -> &Arc<Vec<Facts>> {
        &self.inner.facts
    }

    pub(crate) fn program(&self) -> &Arc<Program> {
        &self.inner.program
    }
}

fn mistake(sources: &Sources, config: &Path, keys: &[String], message: String) -> LoadError {
    match locate(sources, config, keys) {
        Some(location) => {
            let text = sources.get(&location.file).map_or("", |s| &s.text);
            LoadError::at(location, text, message)
        }
        None => LoadError::in_file(config, message),
    }
}

fn locate(sources: &Sources, config: &Path, keys: &[String]) -> Option<Location> {
    let mut file = config.to_owned();
    let mut place: &Place = sources.get(&file)?.places.exports.get("default")?;
    let mut offset = place.offset;
    let mut file_of_offset = file.clone();
    let mut keys = keys.iter();
    let mut key = keys.next();
    // Links can form a circle; keys cannot.
    let mut links = 0;
    while let Some(name) = key {
        if let Some((specifier, export)) = &place.link {
            links += 1;
            let target = sources.get(&file).and_then(|s| s.links.get(specifier));
            let next = target
                .and_then(|t| Some((t, sources.get(t)?.places.exports.get(export)?)))
                .filter(|_| links < 32);
            let Some((target, next)) = next else { break };
            file = target.clone();
            place = next;
            continue;
        }
        let Some((_, child)) = place.children.iter().rev().find(|(k, _)| k == name) else { break };
        place = child;
        offset = child.offset;
        file_of_offset.clone_from(&file);
        key = keys.next();
    }
    let text = &sources.get(&file_of_offset)?.text;
    Some(Location::of(&file_of_offset, text, offset))
}
