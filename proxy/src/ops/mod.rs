//! Which operation is asked for, and how does it run?
//!
//! [`Request`] is a table request with every parameter and field checked; [`run`] performs it.
//! Reads of an instance that does not exist answer as from an empty database and create
//! nothing; the first write creates it, when `canCreate` allows (contract 9). So it
//! is with a table that the instance has not got yet: who may write to it makes it.

mod answer;
mod batch;
mod bulk;
mod hooks;
mod list;
mod record;
mod scan;
mod target;
mod upsert;

use crate::error::{Error, Result};
use crate::http::parameters::query::Query;
use crate::http::route::Action;
use crate::pattern::Budget;
use crate::query::record::Object;
use axum::response::Response;
use edgebase_blocks::Table;
use std::sync::Arc;
use tracing::Instrument as _;

pub use target::Target;
pub use upsert::is_upsert;

/// A checked request.
#[derive(Debug)]
pub enum Request {
    /// List, and search that answers as a list.
    List(list::ListRequest),
    /// Count.
    Count(list::CountRequest),
    /// One record by id.
    Get(record::GetRequest),
    /// One new record.
    Insert(record::InsertRequest),
    /// One record, new or changed.
    Upsert(upsert::UpsertRequest),
    /// An update or the deletion of one record.
    Change(record::ChangeRequest),
    /// Inserts, updates and deletes by id.
    Batch(batch::BatchRequest),
    /// An update or delete of all rows that match.
    Bulk(bulk::BulkRequest),
}

impl Request {
    /// Checks everything that can be checked without the database.
    ///
    /// # Errors
    /// 400 in the contract's words.
    pub fn parse(
        table: &Table,
        action: Action,
        query: &Query<'_>,
        body: Option<Object>,
        patterns: &Budget,
    ) -> Result<Self> {
        let body = body.unwrap_or_default();
        Ok(match action {
            Action::List => Self::List(list::ListRequest::parse(table, query, false)?),
            Action::Search => Self::List(list::ListRequest::parse(table, query, true)?),
            Action::Count => Self::Count(list::CountRequest::parse(table, query)?),
            Action::Get(id) => Self::Get(record::GetRequest::parse(table, query, id)?),
            Action::Insert if is_upsert(query) => {
                Self::Upsert(upsert::UpsertRequest::parse(table, query, body, patterns)?)
            }
            Action::Insert => {
                upsert::refuse_target(query)?;
                Self::Insert(record::InsertRequest::parse(table, body, patterns)?)
            }
            Action::Update(id) => {
                Self::Change(record::ChangeRequest::update(table, id, body, patterns)?)
            }
            Action::Delete(id) => Self::Change(record::ChangeRequest::delete(id)),
            Action::Batch => {
                Self::Batch(batch::BatchRequest::parse(table, query, &body, patterns)?)
            }
            Action::BatchByFilter => Self::Bulk(bulk::BulkRequest::parse(table, body, patterns)?),
        })
    }
}

impl Request {
    fn is_write(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Count(_) | Self::Get(_))
    }
}

/// Performs a request. What after-hooks follow is finished even when its client goes away
/// meanwhile, so that no committed write is without them.
///
/// # Errors
/// In the words of the contract.
pub async fn run(target: &Target<'_>, request: Request) -> Result<Response> {
    if request.is_write() && hooks::follow_writes(&target.table()?.hooks) {
        return run_detached(target, request).await;
    }
    perform(target, request).await
}

async fn perform(target: &Target<'_>, request: Request) -> Result<Response> {
    match request {
        Request::List(r) => list::list(target, r).await,
        Request::Count(r) => list::count(target, r).await,
        Request::Get(r) => record::get(target, r).await,
        Request::Insert(r) => record::insert(target, r).await,
        Request::Upsert(r) => upsert::upsert(target, r).await,
        Request::Change(r) => record::change(target, r).await,
        Request::Batch(r) => batch::batch(target, r).await,
        Request::Bulk(r) => bulk::bulk(target, r).await,
    }
}

/// Performs a request in a task of its own, which a client that goes away does not end.
async fn run_detached(target: &Target<'_>, request: Request) -> Result<Response> {
    let (app, snapshot) = (Arc::clone(target.app), Arc::clone(target.snapshot));
    let (principal, path, key) =
        (target.principal.clone(), target.path.clone(), target.key.clone());
    let caller = target.caller;
    let task = async move {
        let _under_way = app.after_hooks.hold();
        let block = snapshot.config.databases.get(&path.namespace);
        let block = block.ok_or_else(|| Error::internal("a block has left its config"))?;
        let (app, snapshot) = (&app, &snapshot);
        let target = Target {
            app,
            snapshot,
            principal: &principal,
            caller,
            block,
            key,
            path: &path,
            patterns: Budget::default(),
        };
        perform(&target, request).await
    };
    tokio::spawn(task.in_current_span()).await.unwrap_or_else(|e| Err(Error::internal(e)))
}
