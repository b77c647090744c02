//! `GET /api/db/{namespace}/{id}/export`: everything an instance holds, as NDJSON.
//!
//! For service keys. One line a record, `{"table": …, "record": …}`, tables in config order and
//! rows in id order, all from one snapshot of a read-only sealed transaction. Rows are fetched
//! through a cursor a few hundred at a time and wait for the client, so memory stays constant
//! whatever the size; a client that stops reading is cut off, because its transaction keeps the
//! instance from being deleted. Exports share the connections of raw SQL, so that slow readers
//! take none from requests. A failure in the middle breaks the transfer off: a truncated export never
//! looks complete.

use crate::auth::Scope;
use crate::db::statement::Sql;
use crate::db::{Bound, Database, Mode, Outcome, Transaction};
use crate::error::{Error, Result};
use crate::http::head::RequestHead;
use crate::query::read;
use crate::query::row_json;
use crate::resolve;
use crate::snapshot::Snapshot;
use crate::state::App;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use edgebase_blocks::{Block, InstanceKey, Table};
use futures::stream;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::timeout;
use tracing::Instrument as _;

/// How long the client may take to read what was fetched.
const STALL: Duration = Duration::from_secs(30);
/// Rows of one fetch at most.
const BATCH: usize = 200;
/// Bytes of one fetch, by what the rows before were like.
const FETCH: usize = 4 << 20;
/// Bytes of one fetch at most.
const MAX_FETCH: usize = 1 << 30;

/// Starts the export.
///
/// # Errors
/// 401 and 403 without a valid key, 404 for what does not exist.
pub async fn run(
    app: &Arc<App>,
    snapshot: &Arc<Snapshot>,
    head: &RequestHead,
    namespace: &str,
    id: &str,
) -> Result<Response> {
    let text = format!("db:instance:{namespace}:export");
    let scope = Scope { purpose: format!("scope '{text}'"), text, tenant: Some(id), bearer: true };
    if !snapshot.auth.service(head, &scope)? {
        return Err(Error::ServiceKeyRequired(format!("export an instance of '{namespace}'")));
    }
    let block = resolve::block(snapshot, namespace)?;
    let key = resolve::instance_key(block, Some(id))?;
    let pools = app.pools_of(snapshot, &key);
    let opened =
        pools.sql.begin_as(Mode::Snapshot, &key, &Table::default(), &|_| Vec::new()).await?;
    let Outcome::Done((transaction, _)) = opened else {
        return Err(Error::NotFound(format!("Instance '{key}' does not exist.")));
    };
    let tables = tables(&pools.requests, &transaction, block, &key).await?;
    // Locks all of them. What somebody changed since the snapshot, or hides from it, is refused now
    // and not in the middle of the answer.
    let each = |table: &Table| read::none(transaction.schema(), table);
    transaction.query_all(&tables.iter().map(each).collect::<Vec<_>>(), &Table::default()).await?;
    let (lines, mut sent) = channel::<std::io::Result<Bytes>>(1);
    let stream = stream::poll_fn(move |cx| sent.poll_recv(cx));
    let sending = async move {
        let done = tokio::select! {
            done = send(&transaction, &tables, &lines) => done,
            // A client that has gone stops a fetch that is under way.
            () = lines.closed() => return,
        };
        transaction.rollback().await;
        if let Err(error) = done {
            tracing::error!(detail = error.detail(), "an export broke off: {error}");
            // When the client is gone or does not read there is nobody to tell; dropping the
            // channel's end would look like a complete export, so the error is queued.
            let failed = Err(std::io::Error::other("the export failed"));
            let _ = timeout(STALL, lines.send(failed)).await;
        }
    };
    tokio::spawn(sending.in_current_span());
    let mut response = Response::new(Body::from_stream(stream));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// The block's tables that the transaction sees. One that it does not see is left out only when the
/// database says that it has not been made yet; `db` is another than the transaction's, so that
/// exports never wait for each other's connections.
async fn tables(
    db: &Database,
    transaction: &Transaction,
    block: &Block,
    key: &InstanceKey,
) -> Result<Vec<Table>> {
    let names = read::tables(transaction.schema());
    let rows = transaction.query(&names, &Table::default()).await?;
    let there: HashSet<&str> =
        rows.iter().map(|row| row.try_get(0).map_err(Error::internal)).collect::<Result<_>>()?;
    let mut tables = Vec::with_capacity(there.len());
    for table in block.tables.values().map(|t| &t.table) {
        if there.contains(&*table.name) || !db.lacks(key, table).await? {
            tables.push(table.clone());
        }
    }
    Ok(tables)
}

async fn send(
    transaction: &Transaction,
    tables: &[Table],
    lines: &Sender<std::io::Result<Bytes>>,
) -> Result<()> {
    for table in tables {
        let mut declare = Sql::new("DECLARE export NO SCROLL CURSOR FOR ");
        declare.push(read::all(transaction.schema(), table).text());
        transaction.query(&declare, table).await?;
        let mut batch = 1;
        let name = Value::from(table.name.as_str());
        loop {
            let mut fetch = Sql::new(&format!("FETCH {batch} FROM export"));
            fetch.within(Bound::Refuse(MAX_FETCH));
            let rows = transaction.query(&fetch, table).await?;
            if rows.is_empty() {
                break;
            }
            let mut chunk = String::new();
            for row in &rows {
                let record = row_json::record(table, row)?;
                chunk.push_str(&format!("{{\"table\":{name},\"record\":{}}}\n", record.text));
            }
            batch = (FETCH / (chunk.len() / rows.len()).max(1)).clamp(1, 2 * batch).min(BATCH);
            match timeout(STALL, lines.send(Ok(chunk.into()))).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Ok(()),
                Err(_) => return Err(Error::TimedOut),
            }
        }
        transaction.query(&Sql::new("CLOSE export"), table).await?;
    }
    Ok(())
}
