//! How does work go on inside an open transaction, and how does it end?
//!
//! A [`Transaction`] is a connection inside a sealed instance. It returns to its pool only after
//! a confirmed commit or rollback; dropped in any other state, as when a request is cancelled
//! half-way, the connection is closed, which ends the transaction on the server.

use super::sqlstate;
use super::statement::Sql;
use super::turns::Turn;
use crate::error::{Error, Result};
use deadpool_postgres::Object;
use edgebase_blocks::Table;
use futures::future::join_all;
use std::sync::Arc;
use tokio_postgres::Row;

/// An open transaction inside an instance.
#[derive(Debug)]
pub struct Transaction {
    pub(super) client: Option<Object>,
    pub(super) schema: Arc<str>,
    /// Held for as long as the connection.
    pub(super) _turn: Option<Turn>,
}

impl Transaction {
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
        self.client()?
            .query_typed(sql.text(), &sql.params())
            .await
            .map_err(|e| sqlstate::to_error(&e, Some(table)))
    }

    /// Runs several statements in one round trip, in order.
    ///
    /// # Errors
    /// The first error.
    pub async fn query_all(&self, statements: &[Sql], table: &Table) -> Result<Vec<Vec<Row>>> {
        let client = self.client()?;
        let params: Vec<_> = statements.iter().map(|s| (s.text(), s.params())).collect();
        let results =
            join_all(params.iter().map(|(text, params)| client.query_typed(text, params))).await;
        // The statements after a failed one only report the aborted transaction.
        let mut rows = Vec::with_capacity(results.len());
        let mut failed = None;
        for result in results {
            match result {
                Ok(r) => rows.push(r),
                Err(e) if failed.is_none() || !sqlstate::is_aftermath(&e) => {
                    failed = failed.or(Some(e))
                }
                Err(_) => {}
            }
        }
        failed.map_or(Ok(rows), |e| Err(sqlstate::to_error(&e, Some(table))))
    }

    /// Commits. A transaction that an error has aborted is not committed, and says so.
    ///
    /// # Errors
    /// When a deferred constraint or the server refuses.
    pub async fn commit(self, table: &Table) -> Result<()> {
        match self.client()?.batch_execute("COMMIT").await {
            Ok(()) => {
                self.release();
                Ok(())
            }
            Err(e) => {
                let error = sqlstate::to_error(&e, Some(table));
                self.rollback().await;
                Err(error)
            }
        }
    }

    /// Gives everything back. The connection survives only if the server confirms.
    pub async fn rollback(self) {
        if let Ok(client) = self.client()
            && client.batch_execute("ROLLBACK").await.is_ok()
        {
            self.release();
        }
    }

    pub(crate) fn client(&self) -> Result<&Object> {
        self.client.as_ref().ok_or_else(|| Error::internal("the transaction is over"))
    }

    pub(super) fn release(mut self) {
        drop(self.client.take());
    }
}

impl Drop for Transaction {
    /// Neither committed nor rolled back: the request was dropped half-way. The state of the
    /// connection is unknown, so it is closed instead of pooled, which ends the transaction.
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}
