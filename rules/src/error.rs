//! Where in a config is the mistake?
//!
//! One error for everything that can go wrong while loading, shown as
//! `file:line:column: message` with the source line and a caret when the place is known.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a source file; line and column count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub file: PathBuf,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

impl Location {
    /// The place of byte `offset` in `text`.
    pub(crate) fn of(file: &Path, text: &str, offset: u32) -> Self {
        let mut offset = (offset as usize).min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let start = before.rfind('\n').map_or(0, |n| n + 1);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let column = before[start..].chars().count() + 1;
        Self { file: file.to_owned(), line: line as u32, column: column as u32 }
    }
}

/// A config that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    message: String,
    file: Option<PathBuf>,
    location: Option<Location>,
    excerpt: Option<String>,
}

impl LoadError {
    /// A mistake without a known place.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), file: None, location: None, excerpt: None }
    }

    /// A mistake somewhere in `file`.
    #[must_use]
    pub fn in_file(file: &Path, message: impl Into<String>) -> Self {
        Self { file: Some(file.to_owned()), ..Self::new(message) }
    }

    /// A mistake at a place; the source line is read from `text`.
    #[must_use]
    pub fn at(location: Location, text: &str, message: impl Into<String>) -> Self {
        let line = text.lines().nth(location.line.saturating_sub(1) as usize);
        Self {
            excerpt: line.map(|line| caret(line, location.column as usize)),
            file: Some(location.file.clone()),
            location: Some(location),
            message: message.into(),
        }
    }

    /// The same mistake, made by this part of the config.
    #[must_use]
    pub fn of_part(mut self, part: &str) -> Self {
        self.message = format!("{part}: {}", self.message);
        self
    }

    /// The place, when known.
    #[must_use]
    pub fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// The message alone.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The widest part of a line that is shown; minified files have lines of megabytes.
const WIDEST: usize = 120;

fn caret(line: &str, column: usize) -> String {
    let from = column.saturating_sub(WIDEST / 2);
    let from = if column < WIDEST { 0 } else { from };
    let shown: String = line
        .chars()
        .skip(from)
        .take(WIDEST)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let gap = " ".repeat(column.saturating_sub(1 + from));
    format!("  {shown}\n  {gap}^")
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.location, &self.file) {
            (Some(at), _) => write!(f, "{at}: ")?,
            (None, Some(file)) => write!(f, "{}: ", file.display())?,
            (None, None) => {}
        }
        f.write_str(&self.message)?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n{excerpt}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}
