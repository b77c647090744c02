//! Which of its tables has an instance not got yet?
//!
//! A table is made at its first write, so a statement may name one that is not there. Whether it is
//! so, and not that the instance has moved or its schema is being changed, is for the database to
//! say. A table that has not been seen in its instance is asked for before it is named: reading what
//! is empty costs one question and no failed statement, and that a table is not there is never
//! taken from memory. One that was seen and has gone with its instance fails a statement once.

use super::call::{key_args, one};
use super::statement::{Bind, Sql};
use super::turns::{Turn, Work};
use super::{Database, sqlstate};
use crate::error::Result;
use edgebase_blocks::{InstanceKey, Table};
use sqlstate::Signal;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The tables that were seen in an instance, by the hashes of their names.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Vec<u64>>);

impl Seen {
    fn hash(table: &Table) -> u64 {
        let mut hasher = DefaultHasher::new();
        table.name.hash(&mut hasher);
        hasher.finish()
    }

    fn all(&self) -> MutexGuard<'_, Vec<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the table is to be asked for before a statement names it; somebody else's statements
    /// name which they like.
    pub(super) fn is_unknown(&self, key: &InstanceKey, table: &Table) -> bool {
        may_lack(key) && !table.name.is_empty() && !self.has(table)
    }

    fn has(&self, table: &Table) -> bool {
        self.all().contains(&Self::hash(table))
    }

    pub(super) fn set(&self, table: &Table, there: bool) {
        let (hash, mut all) = (Self::hash(table), self.all());
        all.retain(|h| *h != hash);
        if there {
            all.push(hash);
        }
    }
}

/// The instance of a single-instance block has all of its tables: one that is gone is a fault.
fn may_lack(key: &InstanceKey) -> bool {
    key.id().is_some()
}

impl Database {
    /// Makes that table and those that it refers to, or all, unless they are there. Whether the
    /// instance is there and up to date is left to the statement that follows.
    ///
    /// # Errors
    /// When the database refuses, or writers of a table that it refers to do not end in time.
    pub async fn ensure_tables(&self, key: &InstanceKey, table: Option<&Table>) -> Result<()> {
        let known = self.known(key);
        let turn = known.turns.take(key, Work::Change).await?;
        // Not with the newcomers, whom nothing may hold up that waits for writers.
        let mut lease = self.slots.take(key).await?.under(&turn).finishing();
        match one(&mut lease, &call("SELECT edgebase.ensure_tables(", key, table)).await {
            Err(e) if !matches!(sqlstate::signal(&e), Some(Signal::Absent | Signal::Behind)) => {
                Err(sqlstate::to_change_error(&e))
            }
            Err(_) => Ok(()),
            Ok(_) => {
                table.into_iter().for_each(|t| known.tables.set(t, true));
                Ok(())
            }
        }
    }

    /// Whether the instance has not got a table of its block yet; false also where the database
    /// does not say so, and then the statement that names it finds out why.
    ///
    /// # Errors
    /// When no connection is free in time.
    pub async fn lacks(&self, key: &InstanceKey, table: &Table) -> Result<bool> {
        self.lacks_under(key, table, None).await
    }

    /// The same, asked by a request that holds a turn.
    pub(super) async fn lacks_under(
        &self,
        key: &InstanceKey,
        table: &Table,
        turn: Option<&Turn>,
    ) -> Result<bool> {
        if !may_lack(key) {
            return Ok(false);
        }
        let mut lease = self.slots.take(key).await?.under(turn);
        let mut sql = key_args("SELECT edgebase.has_table(", key);
        sql.push(", ").bind(Bind::text(&*table.name)).push(")");
        let rows = one(&mut lease, &sql).await.unwrap_or_default();
        let has = rows.first().and_then(|row| row.try_get::<bool>(0).ok());
        self.known(key).tables.set(table, has == Some(true));
        Ok(has == Some(false))
    }
}

/// Calls a function that takes an instance and a list of tables, null for all.
pub(super) fn call(function: &str, key: &InstanceKey, table: Option<&Table>) -> Sql {
    let mut sql = key_args(function, key);
    sql.push(", ");
    match table {
        Some(table) => sql.bind(Bind::Texts(vec![table.name.clone()])),
        None => sql.push("NULL"),
    };
    sql.push(")");
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_seen_until_it_is_found_to_be_missing() {
        let (seen, table) = (Seen::default(), Table { name: "a".into(), ..Table::default() });
        assert!(!seen.has(&table));
        seen.set(&table, true);
        seen.set(&table, true);
        assert!(seen.has(&table) && !seen.has(&Table { name: "b".into(), ..Table::default() }));
        seen.set(&table, false);
        assert!(!seen.has(&table));
    }

    #[test]
    fn names_are_bound_and_none_stands_for_all() -> Result<(), Box<dyn std::error::Error>> {
        let key = InstanceKey::new("w", Some("a"))?;
        let table = Table { name: "x\"); DROP".into(), ..Table::default() };
        assert_eq!(call("f(", &key, Some(&table)).text(), "f($1, $2, $3)");
        assert_eq!(call("f(", &key, None).text(), "f($1, $2, NULL)");
        Ok(())
    }
}
