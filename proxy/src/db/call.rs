//! How is a function of the extension called?
//!
//! By one statement, which names the instance in values that are bound and never in its text.

use super::failure::Failure;
use super::row::Row;
use super::slots::Lease;
use super::statement::{Bind, Sql};
use edgebase_blocks::InstanceKey;

/// The rows of one statement.
pub(super) async fn one(lease: &mut Lease, sql: &Sql) -> Result<Vec<Row>, Failure> {
    let mut replies = lease.batch(&[sql.into()]).await?;
    Ok(replies.pop().unwrap_or_default().rows)
}

/// Calls a function of the extension as the login role; its answer as text.
pub(super) async fn call(
    lease: &mut Lease,
    function: &str,
    key: &InstanceKey,
) -> Result<Vec<Row>, Failure> {
    let mut sql = key_call(function, key);
    sql.push("::text");
    one(lease, &sql).await
}

/// `SELECT edgebase.f(namespace, id)`.
pub(super) fn key_call(function: &str, key: &InstanceKey) -> Sql {
    let mut sql = key_args(function, key);
    sql.push(")");
    sql
}

/// The same, to be continued with further arguments.
pub(super) fn key_args(function: &str, key: &InstanceKey) -> Sql {
    let mut sql = Sql::new(function);
    sql.bind(Bind::text(key.namespace())).push(", ").bind(Bind::Text(key.id().map(str::to_owned)));
    sql
}
