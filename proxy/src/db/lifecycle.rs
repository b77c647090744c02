//! How does an instance come about, keep up with its block, and go?
//!
//! Each is one function of the extension, called as the login role; what it does and leaves behind
//! is decided there. Here is decided on which connection it may wait, and what is remembered of
//! the instance follows the answer. None is cancelled when the client goes away: other requests
//! wait for the same, and clients in a hurry would keep it from ever being done.

use super::call::{call, key_args, one};
use super::sqlstate::{self, Signal};
use super::statement::Bind;
use super::turns::{Turn, Work};
use super::{Database, Known, Outcome, tables};
use crate::error::{Error, Result};
use edgebase_blocks::{InstanceKey, Table};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often an instance is asked for whose request was ended: its deletion, which comes first in the
/// queue for it, may have left the queue to end the request.
const LOOKS: u32 = 4;
/// How long between two of them.
const PAUSE: Duration = Duration::from_millis(150);

impl Database {
    /// Makes the instance, with that table and those that it refers to, or with all; idempotent.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn create(&self, key: &InstanceKey, table: Option<&Table>) -> Result<()> {
        let known = self.known(key);
        let turn = known.turns.take(key, Work::Change).await?;
        let mut lease = self.slots.take_for_newcomer(key).await?.under(&turn).finishing();
        let mut sql = tables::call("SELECT edgebase.create_instance(", key, table);
        sql.push(" ->> 'created'");
        let made = one(&mut lease, &sql).await.map_err(|e| sqlstate::to_change_error(&e))?;
        // Another creator may have chosen other tables.
        if made.first().is_some_and(|row| row.try_get::<&str>(0).is_ok_and(|made| made == "true")) {
            table.into_iter().for_each(|t| known.tables.set(t, true));
        }
        known.made.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Drops the instance for `caller` and answers its receipt; `None` when there is no such
    /// instance.
    ///
    /// # Errors
    /// When the database refuses, or running requests do not end in time.
    pub async fn drop(&self, key: &InstanceKey, caller: &str) -> Result<Option<Value>> {
        let known = self.known(key);
        let turn = known.turns.take(key, Work::Change).await?;
        let mut lease = self.slots.take_for_leaver(key).await?.under(&turn).finishing();
        let mut sql = key_args("SELECT edgebase.drop_instance(", key);
        sql.push(", ").bind(Bind::text(caller)).push(")::text");
        let result = one(&mut lease, &sql).await;
        known.set_schema(None);
        match result {
            Ok(rows) => rows
                .first()
                .map(|row| {
                    let text = row.try_get(0).map_err(Error::internal)?;
                    serde_json::from_str(text).map_err(Error::internal)
                })
                .transpose(),
            Err(e) if sqlstate::signal(&e) == Some(Signal::Absent) => Ok(None),
            Err(e) => Err(sqlstate::to_change_error(&e)),
        }
    }

    /// Why a request failed. A deletion ends what runs in its instance as a time limit does, and is
    /// waited for here by entering the instance.
    pub async fn explain(&self, key: &InstanceKey, error: Error) -> Error {
        if !matches!(error, Error::TimedOut) {
            return error;
        }
        for _ in 0..LOOKS {
            if let Ok(Outcome::Absent) = self.read(key, &Table::default(), &|_| Vec::new()).await {
                let message = format!("Instance '{key}' was deleted while the request ran.");
                return Error::NotFound(message);
            }
            tokio::time::sleep(PAUSE).await;
        }
        error
    }

    /// Whether the instance does not exist, as far as can be said without waiting for a
    /// connection.
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn is_known_absent(&self, key: &InstanceKey) -> Result<bool> {
        let known = self.known(key);
        Ok(known.schema().is_none()
            && self.slots.is_free_for_newcomer(key)
            && self.locate(key, &known, None).await?.is_none())
    }

    /// Brings the instance up to date, unless that has failed a moment ago. Whatever stops it is
    /// no fault of the request, so it is a 503 whose cause is in the log and in the registry.
    pub(super) async fn migrate(&self, key: &InstanceKey, turn: &Turn) -> Result<()> {
        let mut lease = self.slots.take(key).await?.under(turn).finishing();
        let rows = call(&mut lease, "SELECT edgebase.try_migrate(", key).await.map_err(|e| {
            match sqlstate::signal(&e) {
                // Dropped meanwhile: the next look at it says so.
                Some(Signal::Absent) => sqlstate::to_error(&e, None),
                _ => Error::unavailable(
                    "This database is being migrated and cannot serve yet. Try again.",
                    format!("migration of '{key}': {e}"),
                ),
            }
        })?;
        let answer: Value = match rows.first() {
            Some(row) => {
                let text = row.try_get(0).map_err(Error::internal)?;
                serde_json::from_str(text).map_err(Error::internal)?
            }
            None => Value::Null,
        };
        match answer.get("failed") {
            None => Ok(()),
            Some(why) => Err(Error::unavailable(
                "This database could not be brought up to date with the config. Its data is unchanged; try again later.",
                format!("migration of '{key}' failed: {why}"),
            )),
        }
    }

    pub(super) async fn locate(
        &self,
        key: &InstanceKey,
        known: &Known,
        turn: Option<&Turn>,
    ) -> Result<Option<Arc<str>>> {
        let mut lease = self.slots.take_for_newcomer(key).await?.under(turn);
        let rows = call(&mut lease, "SELECT edgebase.locate(", key)
            .await
            .map_err(|e| sqlstate::to_error(&e, None))?;
        let schema: Option<&str> = match rows.first() {
            Some(row) => row.try_get(0).map_err(Error::internal)?,
            None => None,
        };
        let schema = schema.map(Arc::<str>::from);
        known.set_schema(schema.clone());
        Ok(schema)
    }
}
