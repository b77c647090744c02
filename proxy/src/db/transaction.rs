//! How does work go on inside an open transaction, and how does it end?
//!
//! A [`Transaction`] is a connection inside a sealed instance. It returns to its pool only after
//! a confirmed commit or rollback; dropped in any other state, as when a request is cancelled
//! half-way, its statement is cancelled and the transaction rolled back first (`cancel.rs`).

use super::failure::Failure;
use super::row::{Reply, Row};
use super::slots::Lease;
use super::sqlstate;
use super::statement::Sql;
use super::wire::{Column, Step};
use crate::error::{Error, Result};
use edgebase_blocks::Table;
use postgres_types::Type;
use std::sync::Arc;
use tokio::sync::Mutex;

/// An open transaction inside an instance.
#[derive(Debug)]
pub struct Transaction {
    /// Locked for one round trip at a time; there is never more than one user.
    lease: Mutex<Lease>,
    schema: Arc<str>,
}

impl Transaction {
    pub(super) fn new(lease: Lease, schema: Arc<str>) -> Self {
        Self { lease: Mutex::new(lease), schema }
    }

    /// The schema of the instance it is in.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Runs one statement.
    ///
    /// # Errors
    /// In the client's words.
    pub async fn query(&self, sql: &Sql, table: &Table) -> Result<Vec<Row>> {
        let rows = self.query_all(std::slice::from_ref(sql), table).await?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// Runs several statements in one round trip, in order.
    ///
    /// # Errors
    /// The first error; nothing after it has run.
    pub async fn query_all(&self, statements: &[Sql], table: &Table) -> Result<Vec<Vec<Row>>> {
        let steps: Vec<_> = statements.iter().map(Step::from).collect();
        match self.lease.lock().await.batch(&steps).await {
            Ok(replies) => Ok(replies.into_iter().map(|r| r.rows).collect()),
            Err(e) => Err(sqlstate::to_error(&e, Some(table))),
        }
    }

    /// Runs the last statements and commits, in one round trip.
    ///
    /// # Errors
    /// The first error, or a refusal to commit; nothing is done then.
    pub async fn finish(self, statements: &[Sql], table: &Table) -> Result<Vec<Vec<Row>>> {
        let commit = Step::bare("COMMIT");
        let statements = statements.iter().map(|sql| Step::from(sql).committed());
        let steps: Vec<_> = statements.chain([commit]).collect();
        let outcome = self.lease.lock().await.batch(&steps).await;
        match outcome {
            Ok(mut replies) => match replies.pop() {
                Some(commit) if !commit.rolled_back => {
                    Ok(replies.into_iter().map(|r| r.rows).collect())
                }
                _ => Err(Error::internal("a failed transaction was to be committed")),
            },
            Err(e) => {
                self.rollback().await;
                Err(sqlstate::to_error(&e, Some(table)))
            }
        }
    }

    /// Commits. A transaction that an error has aborted is not committed, and says so.
    ///
    /// # Errors
    /// When a deferred constraint or the server refuses.
    pub async fn commit(self, table: &Table) -> Result<()> {
        self.finish(&[], table).await.map(drop)
    }

    /// Gives everything back. The connection survives only if the server confirms.
    pub async fn rollback(self) {
        let mut lease = self.lease.into_inner();
        if lease.is_open() {
            // What goes wrong here shows in the connection's state, which decides.
            let _ = lease.batch(&[Step::bare("ROLLBACK")]).await;
        }
    }

    /// The columns that somebody else's statement would give.
    ///
    /// # Errors
    /// As the server says.
    pub async fn describe(&self, text: &str, kinds: &[Type]) -> Result<Vec<Column>, Failure> {
        self.lease.lock().await.describe(text, kinds).await
    }

    /// Runs somebody else's statement.
    ///
    /// # Errors
    /// As the server says.
    pub async fn foreign(&self, step: Step<'_>) -> Result<Reply, Failure> {
        let mut replies = self.lease.lock().await.batch(&[step]).await?;
        Ok(replies.pop().unwrap_or_default())
    }
}
