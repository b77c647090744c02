//! All rows that match: update or delete by filter.
//!
//! At most 500 rows a call, in one transaction. The row rule is asked about each; rows it
//! refuses are left alone, and when it refuses all of them the request is a 403 (contract 8.3,
//! 13.2). The filter must not be empty: "everything" has to be said in so many words.

use super::record::{RowChange, change_row, finish};
use super::{Need, Target};
use crate::access::{Standing, no_rule, refused_bulk};
use crate::db::Transaction;
use crate::denial::Reason;
use crate::error::{Error, Result};
use crate::hooks::Event;
use crate::pattern::Budget;
use crate::query::filter::Filter;
use crate::query::read;
use crate::query::record::{self, Object, Place};
use crate::respond::{self, Record};
use axum::http::StatusCode;
use axum::response::Response;
use edgebase_blocks::Table;
use edgebase_blocks::block::TableConfig;
use serde_json::{Value, json};

/// Rows of one call.
const MAX_ROWS: i64 = 500;

/// A checked request.
#[derive(Debug)]
pub struct BulkRequest {
    change: RowChange,
    filter: Filter,
    limit: i64,
}

impl BulkRequest {
    pub(super) fn parse(table: &Table, body: Object, patterns: &Budget) -> Result<Self> {
        let bad = |message: &str| Error::BadRequest(message.to_owned());
        let action = body.get("action").and_then(Value::as_str);
        if !matches!(action, Some("update" | "delete")) {
            return Err(bad("batch-by-filter requires 'action' to be 'delete' or 'update'."));
        }
        if body.get("filter").and_then(Value::as_array).is_none_or(Vec::is_empty) {
            return Err(bad("batch-by-filter requires 'filter' to be a non-empty array."));
        }
        let change = if action == Some("delete") {
            RowChange::Delete
        } else {
            let update = body
                .get("update")
                .and_then(Value::as_object)
                .filter(|u| !u.is_empty())
                .ok_or_else(|| {
                    bad("batch-by-filter with action 'update' requires 'update' data.")
                })?;
            let changes = record::changes(table, update, Place::Update, patterns)?;
            RowChange::Update { body: update.clone(), changes }
        };
        let limit = match body.get("limit") {
            None | Some(Value::Null) => MAX_ROWS,
            Some(limit) => whole(limit)
                .filter(|l| *l >= 0)
                .ok_or_else(|| bad("limit must be a non-negative integer."))?,
        };
        let filter = Filter::parse(table, body.get("filter"), body.get("orFilter"))?;
        Ok(Self { change, filter, limit: limit.min(MAX_ROWS) })
    }
}

/// An integer, also one that a client's number type writes with a fraction (`10.0`).
fn whole(number: &Value) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation)] // a cast beyond the range stops at its end
    let of_float = |n: f64| (n.fract() == 0.0).then_some(n as i64);
    number.as_i64().or_else(|| number.as_f64().and_then(of_float))
}

pub(super) async fn bulk(target: &Target<'_>, request: BulkRequest) -> Result<Response> {
    let config = target.table()?;
    let table = &config.table;
    let change = &request.change;
    let operation = change.operation();
    let rule = change.rule(config);
    let access = target.access();
    if access.standing(rule) == Standing::Closed {
        let error = match rule {
            None => no_rule(table, operation),
            Some(_) => refused_bulk(table, operation),
        };
        return Err(access.by(error, table, operation, &Reason::of(rule)));
    }
    let open = target
        .begin(table, Need::Existing, &|s| {
            vec![read::lock_matching(s, table, &request.filter, request.limit)]
        })
        .await?;
    let done = match open {
        None => 0,
        Some((transaction, locked)) => {
            let work = async {
                let rows = locked.into_iter().next().unwrap_or_default();
                perform(&transaction, target, config, change, &respond::records(table, &rows)?)
                    .await
            }
            .await;
            let (done, events) = finish(transaction, table, work).await?;
            for event in events {
                target.announce(config, event);
            }
            done
        }
    };
    Ok(respond::json(StatusCode::OK, json!({"processed": done, "succeeded": done}).to_string()))
}

async fn perform(
    transaction: &Transaction,
    target: &Target<'_>,
    config: &TableConfig,
    change: &RowChange,
    records: &[Record],
) -> Result<(usize, Vec<Event>)> {
    let table = &config.table;
    let access = target.access();
    let rule = change.rule(config);
    let standing = access.standing(rule);
    let mut allowed = Vec::with_capacity(records.len());
    let mut refusal = None;
    if standing == Standing::PerRequest && !records.is_empty() {
        refusal = access.any_row(rule).await.err();
    }
    for record in records {
        let verdict = match (standing, &refusal) {
            (Standing::PerRow, _) => access.row(rule, access.seen(rule, record)?).await,
            (Standing::Open, _) | (Standing::PerRequest, None) => Ok(()),
            (Standing::Closed, _) => Err(Reason::of(rule)),
            (Standing::PerRequest, Some(_)) => break,
        };
        match verdict {
            Ok(()) => allowed.push(record),
            Err(reason) => {
                // A rule that is stuck on this row would be stuck on the others as well.
                let stuck = reason.is_failure_to_ask();
                refusal = Some(reason);
                if stuck {
                    break;
                }
            }
        }
    }
    if let (Some(reason), true) = (&refusal, allowed.is_empty()) {
        let operation = change.operation();
        let error = Error::RowDenied(format!(
            "Access denied: '{operation}' rule blocked all matched rows in table \"{}\".",
            table.name
        ));
        return Err(access.by(error, table, operation, reason));
    }
    let mut events = Vec::new();
    if change.is_hooked(config) {
        for record in &allowed {
            let (rows, before) = change_row(transaction, target, config, change, record).await?;
            events.push(change.event(table, before, &rows)?);
        }
    } else if !allowed.is_empty() {
        let ids: Vec<String> = allowed.iter().map(|r| r.id.clone()).collect();
        transaction.query(&change.statement(transaction.schema(), table, &ids), table).await?;
    }
    Ok((allowed.len(), events))
}
