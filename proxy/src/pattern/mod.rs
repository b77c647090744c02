//! Does a text match a field's `pattern`, in bounded work whatever both are?
//!
//! A pattern means what `new RegExp(pattern).test(text)` means in JavaScript. It is compiled to an
//! automaton that looks at each byte of the text once, where it is regular and its automaton is
//! small. Any other (lookaround, backreferences, automata beyond their bound) is matched by
//! backtracking with a budget of steps: a match that does not complete within it is no match, and
//! the caller says so. Nothing that a client sends makes one request's matching cost more than
//! [`Budget`] says.

mod backtrack;
mod linear;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use tokio::runtime::{Handle, RuntimeFlavor};

/// The longest text, in UTF-16 units, that is matched by backtracking.
pub const MAX_BACKTRACKED: usize = 10_000;
/// Steps of backtracking for one text.
const TEXT_STEPS: u64 = 1_000_000;
/// Steps of backtracking for one request.
const REQUEST_STEPS: u64 = 5_000_000;
/// Compiled patterns that are remembered.
const MAX_REMEMBERED: usize = 10_000;

/// A compiled pattern.
#[derive(Debug)]
pub struct Pattern {
    units: tree::Units,
    matcher: Matcher,
}

#[derive(Debug)]
enum Matcher {
    Linear(Box<linear::Automaton>),
    Backtracking(backtrack::Program, String),
}

/// The steps of backtracking that a request has left.
#[derive(Debug)]
pub struct Budget(AtomicU64);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU64::new(REQUEST_STEPS))
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The text is longer than [`MAX_BACKTRACKED`].
    TooLong,
    /// The budget ended first.
    TooMuchWork,
}

impl Pattern {
    /// Compiles a pattern, or finds it among those that were.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn get(text: &str) -> Result<Arc<Self>, String> {
        static COMPILED: LazyLock<RwLock<HashMap<String, Arc<Pattern>>>> =
            LazyLock::new(RwLock::default);
        if let Some(known) = COMPILED.read().unwrap_or_else(PoisonError::into_inner).get(text) {
            return Ok(Arc::clone(known));
        }
        let pattern = Arc::new(Self::compile(text)?);
        let mut compiled = COMPILED.write().unwrap_or_else(PoisonError::into_inner);
        // Only configs bring patterns, so this many mean many reloads.
        if compiled.len() >= MAX_REMEMBERED {
            compiled.clear();
        }
        compiled.insert(text.to_owned(), Arc::clone(&pattern));
        Ok(pattern)
    }

    fn compile(text: &str) -> Result<Self, String> {
        let (units, tree) = tree::parse(text)?;
        let matcher = match linear::Automaton::compile(&tree, units) {
            Ok(automaton) => Matcher::Linear(Box::new(automaton)),
            Err(reason) => Matcher::Backtracking(backtrack::Program::compile(&tree)?, reason),
        };
        Ok(Self { units, matcher })
    }

    /// Why it is matched by backtracking; `None` when it is not.
    #[must_use]
    pub fn backtracks(&self) -> Option<&str> {
        match &self.matcher {
            Matcher::Linear(_) => None,
            Matcher::Backtracking(_, reason) => Some(reason),
        }
    }

    /// Whether the pattern is found anywhere in the text.
    ///
    /// # Errors
    /// When the bounds of backtracking do not allow an answer.
    pub fn matches(&self, text: &str, budget: &Budget) -> Result<bool, Unanswered> {
        match &self.matcher {
            Matcher::Linear(automaton) => Ok(automaton.matches(text, self.units)),
            Matcher::Backtracking(program, _) => {
                let text = self.units.of(text);
                if text.len() > MAX_BACKTRACKED {
                    return Err(Unanswered::TooLong);
                }
                let allowed = budget.0.load(Ordering::Relaxed).min(TEXT_STEPS);
                let mut steps = allowed;
                let found = aside(|| program.search(&text, &mut steps));
                budget.0.fetch_sub(allowed - steps, Ordering::Relaxed);
                found.ok_or(Unanswered::TooMuchWork)
            }
        }
    }
}

/// Runs what may take some milliseconds without keeping other requests from this thread.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(work)
        }
        _ => work(),
    }
}
