//! Which line does the access log have of a request?
//!
//! One, when the request has been answered or given up, in the target `edgebase::access`: what a
//! [`Trace`] knows, the answer, and the rule or hook that refused.

use crate::error::denial::Denial;
use crate::http::route::Route;
use crate::snapshot::Snapshot;
use crate::trace::{CallerKind, Subject, Trace, hash};
use axum::http::StatusCode;
use std::fmt;
use std::sync::Arc;

/// The target, for filters.
const TARGET: &str = "edgebase::access";
/// The most that a line says of a refusal's cause, in characters.
const LONGEST_CAUSE: usize = 300;

/// What the log may say of what a path asks for.
pub(super) fn subject(snapshot: &Snapshot, path: &str, route: Option<&Route>) -> Subject {
    let (namespace, instance, table) = route.map_or((None, None, None), Route::names);
    let block = namespace.and_then(|name| snapshot.config.databases.get(name));
    let table = table.filter(|name| block.is_some_and(|b| b.tables.contains_key(*name)));
    Subject {
        route: route.map(Route::template),
        instance: block.and_then(|block| Some(hash(&block.namespace, instance?))),
        block: block.map(|block| block.namespace.as_str().into()),
        table: table.map(Into::into),
        path: snapshot.development.then(|| path.into()),
    }
}

/// A request's line of the access log, written when it is dropped: a request that was given up,
/// mostly because its client has gone, has one without a status.
#[derive(Debug)]
pub(super) struct AccessLine {
    trace: Arc<Trace>,
    /// What was answered.
    pub(super) status: Option<StatusCode>,
    /// The rule or hook that refused.
    pub(super) denial: Option<Denial>,
}

impl AccessLine {
    /// Of a request under way.
    pub(super) fn new(trace: Arc<Trace>) -> Self {
        Self { trace, status: None, denial: None }
    }
}

impl Drop for AccessLine {
    #[allow(clippy::cast_precision_loss)] // exact for some hundred years
    fn drop(&mut self) {
        let trace = &self.trace;
        let subject = trace.subject();
        let denial = self.denial.as_ref();
        let cause = denial.map(|denial| Bounded(&denial.cause).to_string());
        tracing::info!(
            target: TARGET,
            parent: None,
            id = trace.id(),
            method = trace.method(),
            route = trace.route(),
            status = self.status.map(|status| status.as_u16()),
            ms = trace.elapsed().as_micros() as f64 / 1e3,
            caller = trace.caller().map(CallerKind::as_str),
            block = subject.block.as_deref(),
            instance = subject.instance.as_deref(),
            table = subject.table.as_deref(),
            rule = denial.map(|denial| &*denial.rule),
            cause = cause.as_deref(),
            path = subject.path.as_deref(),
            "{}",
            if self.status.is_some() { "request" } else { "request given up" }
        );
    }
}

/// The beginning of a text.
struct Bounded<'a>(&'a str);

impl fmt::Display for Bounded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(LONGEST_CAUSE) {
            None => f.write_str(self.0),
            Some((end, _)) => write!(f, "{}...", &self.0[..end]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_cut_between_characters() {
        assert_eq!(Bounded("ü").to_string(), "ü");
        let long = "ü".repeat(LONGEST_CAUSE + 1);
        assert_eq!(Bounded(&long).to_string(), format!("{}...", "ü".repeat(LONGEST_CAUSE)));
    }
}
