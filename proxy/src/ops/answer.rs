//! What does a write answer?
//!
//! The record, where `read` lets its caller see it as it is now; otherwise what the caller knows
//! anyway: the id and the fields that were sent, without those whose value the request did not
//! know. A rule that cannot be asked shows nothing, and
//! undoes nothing.

use super::Target;
use crate::access::Standing;
use crate::query::record::{Object, is_operator};
use crate::query::row_json::{self, Record};
use edgebase_blocks::Rule;
use edgebase_blocks::block::TableConfig;
use serde_json::Value;
use std::sync::Arc;

/// The rule that decides which records a caller sees.
pub(super) fn read_rule(config: &TableConfig) -> Option<&Rule> {
    config.access.as_ref()?.read.as_ref()
}

/// Which of these records the caller may see.
pub(super) async fn readable(
    target: &Target<'_>,
    config: &TableConfig,
    records: &[Record],
) -> Vec<bool> {
    let rule = read_rule(config);
    let access = target.access();
    if access.standing(rule) == Standing::Open {
        return vec![true; records.len()];
    }
    let seen = records.iter().map(|record| access.seen(rule, record));
    let passing = match seen.collect::<crate::error::Result<Vec<_>>>() {
        Ok(values) => access.passing(rule, &Arc::new(values), &config.table, "read").await,
        Err(error) => Err(error),
    };
    passing.unwrap_or_else(|error| {
        tracing::warn!(detail = error.detail(), "a written record is not shown");
        vec![false; records.len()]
    })
}

/// The answer about one record, as text; `sent` is what the caller sent.
pub(super) async fn record(
    target: &Target<'_>,
    config: &TableConfig,
    record: Record,
    sent: &Object,
) -> String {
    match readable(target, config, std::slice::from_ref(&record)).await.first() {
        Some(true) => record.text,
        _ => Value::Object(echo(Some(&record.id), sent)).to_string(),
    }
}

/// The answers about several records, each with what the caller sent.
///
/// # Errors
/// As [`row_json::decode`].
pub(super) async fn records(
    target: &Target<'_>,
    config: &TableConfig,
    records: &[Record],
    sent: &[&Object],
) -> crate::error::Result<Vec<Value>> {
    let readable = readable(target, config, records).await;
    let each = records.iter().zip(sent).zip(readable);
    each.map(|((record, sent), readable)| {
        if readable {
            row_json::decode(record)
        } else {
            Ok(Value::Object(echo(Some(&record.id), sent)))
        }
    })
    .collect()
}

/// The id, where the caller knows it, and the fields whose values were sent: an operator is none.
pub(super) fn echo(id: Option<&str>, sent: &Object) -> Object {
    let mut echo = Object::new();
    echo.extend(id.map(|id| ("id".to_owned(), Value::from(id))));
    let sent = sent.iter().filter(|(k, v)| *k != "id" && !is_operator(v));
    echo.extend(sent.map(|(k, v)| (k.clone(), v.clone())));
    echo
}
