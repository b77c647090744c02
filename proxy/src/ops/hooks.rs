//! What do a table's hooks add, change or forbid?
//!
//! Contract 14.1. Before-hooks run where the write can still be
//! refused, and their result is validated like any body; after-hooks run once the write is
//! committed, no answer waits for them, and a failing one is logged and counted; a server that
//! stops waits for those under way. A before-hook that cannot finish counts as a refusal.
//! `ctx.db` reads of hooks use connections of their own, so that a transaction waiting for its
//! hook can never starve the hook.

use super::Target;
use crate::auth::Principal;
use crate::error::denial::Denial;
use crate::error::{Error, Result};
use crate::query::record::Object;
use crate::rule_db::{PoolKind, RuleDb};
use axum::http::StatusCode;
use edgebase_blocks::Table;
use edgebase_blocks::block::{TableConfig, TableHooks};
use edgebase_blocks::datetime::Moment;
use edgebase_blocks::rule::FunctionRef;
use edgebase_rules::{Arg, Cause, Engine, Failure};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::Instrument as _;

/// What a hook may take; the write's transaction waits meanwhile.
const BUDGET: Duration = Duration::from_millis(2_000);

/// When the `onEnrich` hooks of an answer that is made now have to be done, all together.
#[must_use]
pub fn deadline() -> Instant {
    Instant::now() + BUDGET
}

/// A write that has been committed.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A new record.
    Inserted(Value),
    /// A changed one.
    Updated {
        /// As it was.
        before: Value,
        /// As it is.
        after: Value,
    },
    /// One that is gone.
    Deleted(Value),
}

/// Whether any hook runs after writes.
pub(crate) fn follow_writes(hooks: &TableHooks) -> bool {
    hooks.after_insert.is_some() || hooks.after_update.is_some() || hooks.after_delete.is_some()
}

/// A value on its way into a hook.
pub(crate) fn arg(value: Value) -> Arg {
    Arg::Json(Arc::new(value))
}

impl Target<'_> {
    fn auth_arg(&self) -> Arg {
        match self.principal {
            Principal::User(auth) => Arg::Json(Arc::clone(auth)),
            Principal::Service | Principal::Anonymous => Arg::Null,
        }
    }

    /// The hooks, evaluated at the expense of who asks.
    fn engine(&self) -> Engine {
        self.snapshot.engine.for_caller(self.caller)
    }

    fn hook_context(&self) -> Arg {
        Arg::Context(Arc::new(RuleDb {
            app: Arc::clone(self.app),
            snapshot: Arc::clone(self.snapshot),
            namespace: self.path.namespace.clone(),
            key: Some(self.key.clone()),
            pool: PoolKind::Hooks,
        }))
    }

    /// Runs a before-hook; the keys of the object it returns.
    ///
    /// # Errors
    /// What it threw, as the contract words it, or that it did not finish.
    pub(crate) async fn before(
        &self,
        hook: FunctionRef,
        event: &str,
        subject: Vec<Arg>,
    ) -> Result<Object> {
        let mut args = vec![self.auth_arg()];
        args.extend(subject);
        args.push(self.hook_context());
        match self.engine().value(hook.id(), args, BUDGET).await {
            Ok(Some(Value::Object(map))) => Ok(map),
            Ok(_) => Ok(Object::new()),
            Err(failure) => {
                let cause = Cause::from(failure.clone()).describe("hook");
                Err(rejection(failure, event).by(Denial { rule: self.hook_name(hook), cause }))
            }
        }
    }

    /// A hook's place in the config.
    fn hook_name(&self, hook: FunctionRef) -> String {
        let info = self.snapshot.loaded.function(hook.id());
        info.map_or_else(String::new, |info| info.path.clone())
    }

    /// The keys that `beforeInsert` sets, given the record as it would be stored.
    ///
    /// # Errors
    /// As [`Self::before`].
    pub(crate) async fn before_insert(
        &self,
        hook: FunctionRef,
        table: &Table,
        id: &str,
        body: &Object,
    ) -> Result<Object> {
        let now = Value::from(Moment::now().to_string());
        let mut data = Object::new();
        data.insert("id".into(), id.into());
        if table.auto.created_at {
            data.insert("createdAt".into(), now.clone());
        }
        if table.auto.updated_at {
            data.insert("updatedAt".into(), now);
        }
        match &table.fields {
            Some(fields) => {
                for field in fields {
                    if let Some(value) = body.get(&field.name).or(field.default.as_ref()) {
                        data.insert(field.name.clone(), value.clone());
                    }
                }
            }
            None => {
                for (key, value) in body {
                    data.entry(key.clone()).or_insert_with(|| value.clone());
                }
            }
        }
        self.before(hook, "Insert", vec![arg(Value::Object(data))]).await
    }

    /// Starts the after-hook of a committed write. No answer waits for it; what goes wrong in it
    /// is logged and counted.
    pub(crate) fn spawn_after_hook(&self, config: &TableConfig, event: Event) {
        let hooks = &config.hooks;
        let (hook, name, subject) = match event {
            Event::Inserted(record) => (hooks.after_insert, "Insert", vec![record]),
            Event::Updated { before, after } => (hooks.after_update, "Update", vec![before, after]),
            Event::Deleted(record) => (hooks.after_delete, "Delete", vec![record]),
        };
        let Some(hook) = hook else { return };
        let engine = self.engine();
        let mut args: Vec<Arg> = subject.into_iter().map(arg).collect();
        args.push(self.hook_context());
        let failures = self.app.metrics.after_hook_failures.clone();
        // Taken before the answer is given, so that a stopping server knows of this hook.
        let under_way = self.app.after_hooks.hold();
        let rule = self.hook_name(hook);
        let running = async move {
            if let Err(failure) = engine.value(hook.id(), args, BUDGET).await {
                failures.inc();
                let cause = Cause::from(failure).describe("hook");
                tracing::error!(rule, cause, "the after{name} hook failed");
            }
            drop(under_way);
        };
        tokio::spawn(running.in_current_span());
    }

    /// `onEnrich`: what it returns is merged into the record shown; its errors show nothing, and
    /// records whose turn comes after `deadline` are shown as they are.
    pub(crate) async fn enrich(
        &self,
        hook: FunctionRef,
        record: Value,
        deadline: Instant,
    ) -> Value {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return record;
        }
        let args = vec![self.auth_arg(), arg(record.clone()), self.hook_context()];
        match (self.engine().value(hook.id(), args, left).await, record) {
            (Ok(Some(Value::Object(extra))), Value::Object(mut map)) => {
                map.extend(extra);
                Value::Object(map)
            }
            (Ok(_), record) => record,
            (Err(failure), record) => {
                let cause = Cause::from(failure).describe("hook");
                tracing::warn!(rule = self.hook_name(hook), cause, "an onEnrich hook failed");
                record
            }
        }
    }
}

/// What the client is told of a hook that did not return.
fn rejection(failure: Failure, event: &str) -> Error {
    let (message, typed) = match failure {
        Failure::Threw { message, typed } => (message, typed),
        Failure::Ended(Cause::TooLarge) => {
            return Error::BadRequest(format!(
                "The record is too large for the before{event} hook of this table."
            ));
        }
        // Its checks have not run, and repeating the request does not change that.
        Failure::Ended(Cause::NoVerdict(what)) => {
            tracing::error!("a before{event} hook returned {what}");
            Default::default()
        }
        Failure::Ended(cause) => return Error::hook_not_completed(cause),
    };
    let message = if message.is_empty() {
        format!("{event} rejected by before{event} hook.")
    } else {
        message
    };
    match typed.code.and_then(|c| StatusCode::from_u16(c).ok()) {
        // A typed error is the config's own word and passes as it is.
        Some(status) => Error::Hook { status, message, slug: typed.slug, data: typed.data },
        None => Error::Hook {
            status: guess(&message),
            message,
            slug: Some("hook-rejected".into()),
            data: None,
        },
    }
}

/// The status that the words of an error suggest; the first family that matches counts
/// (contract 14.1).
fn guess(message: &str) -> StatusCode {
    let text = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|w| text.contains(w));
    if says(&["auth required", "authentication required", "unauthorized"]) {
        StatusCode::UNAUTHORIZED
    } else if says(&["forbidden", "denied", "blocked", "not allowed", "owner"])
        || text.split_once("only ").is_some_and(|(_, rest)| rest.split(' ').any(|w| w == "can"))
    {
        StatusCode::FORBIDDEN
    } else if says(&["not found", "unknown"]) {
        StatusCode::NOT_FOUND
    } else if says(&["already exists", "already registered", "duplicate", "conflict"]) {
        StatusCode::CONFLICT
    } else if says(&["too many", "rate limit", "thrott"]) {
        StatusCode::TOO_MANY_REQUESTS
    } else {
        StatusCode::BAD_REQUEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_rejection_choose_its_status() {
        for (message, status) in [
            ("Authentication required", 401),
            ("auth required", 401),
            ("Unauthorized", 401),
            ("Only admins can publish", 403),
            ("Only tin cans here", 400),
            ("Forbidden word", 403),
            ("Access denied", 403),
            ("You are blocked", 403),
            ("This is not allowed", 403),
            ("You are not the owner", 403),
            ("Parent not found", 404),
            ("Unknown category", 404),
            ("Slug already exists", 409),
            ("Email already registered", 409),
            ("A duplicate", 409),
            ("Write conflict", 409),
            ("Too many posts", 429),
            ("Rate limit reached", 429),
            ("Request was throttled", 429),
            // The first family that matches counts.
            ("Unauthorized: forbidden and not found", 401),
            ("Denied: not found", 403),
            ("Title is silly", 400),
        ] {
            assert_eq!(guess(message).as_u16(), status, "{message}");
        }
    }
}
