//! Where do logs go, and how does a mistake read?
//!
//! To standard error, one line each, coloured only for a terminal; so that scripts can read
//! standard output.

use std::io::{IsTerminal, Write};
use tracing_subscriber::EnvFilter;

/// What is logged when nothing is asked for.
const DEFAULT: &str = "info";

/// Starts logging by `filter`.
pub fn start(filter: Option<&str>) {
    let filter =
        EnvFilter::try_new(filter.unwrap_or(DEFAULT)).unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

/// Tells the person at the prompt what went wrong.
pub fn report(error: &anyhow::Error) {
    // Nothing can be done when standard error itself is gone.
    let _ = writeln!(std::io::stderr(), "error: {}", sentence(error));
}

/// An error with its causes, from the outside in, each said once.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let next = cause.to_string();
        // The driver's bare "db error: ..." repeats what was said better before it.
        if text.contains(&next) || next.starts_with("db error") {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&next);
    }
    text
}
