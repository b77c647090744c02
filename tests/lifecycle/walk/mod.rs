//! Does any interleaving of create, enter, write, migrate and drop do what a plain model says?
//!
//! Two walks: one takes turns between four sessions whose transactions overlap, and knows the exact
//! outcome of every step; the other lets sessions run truly at once, each with instances of its own
//! that it knows exactly and with some that all share. `EDGEBASE_WALK_SEED` repeats a run.

mod model;
mod parallel;
mod turns;

use edgebase_tests::sql::literal;
use model::Row;
use serde_json::Value;
use std::collections::BTreeMap;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// Registers the block `walk` with `columns` fields beside its `v`.
async fn configure(admin: &Client, columns: usize) -> Result<(), Error> {
    let fields: Vec<String> = (0..columns).map(|n| format!(r#""c{n}": "number""#)).collect();
    let config = format!(
        r#"{{"databases": {{"walk": {{"instance": true, "tables": {{"items": {{"schema": {{"v": "number", {}}}}}}}}}}}}}"#,
        fields.join(", ")
    );
    admin.batch_execute(&format!("SELECT * FROM edgebase.apply_config({})", literal(&config))).await
}

/// The seed of this run, printed when it fails.
fn seed() -> u64 {
    let given = std::env::var("EDGEBASE_WALK_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| edgebase_tests::token::now() ^ u64::from(std::process::id()) << 32)
}

/// `SELECT edgebase.<function>('walk', id)`.
fn call(function: &str, id: &str) -> String {
    format!("SELECT edgebase.{function}('walk', {})", literal(id))
}

/// The last row's first column, when there is one.
async fn text(client: &Client, sql: &str) -> Result<Option<String>, Error> {
    let messages = client.simple_query(sql).await?;
    Ok(messages.iter().rev().find_map(|m| match m {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    }))
}

/// What the open transaction sees of its table: the fields, and rows without their nulls.
async fn rows(client: &Client) -> Result<BTreeMap<String, Row>, Error> {
    let sql = "SELECT coalesce(jsonb_object_agg(id, jsonb_strip_nulls(to_jsonb(i) - 'id' - 'createdAt' - 'updatedAt')), '{}') FROM items AS i";
    let all: Value = serde_json::from_str(&text(client, sql).await?.unwrap()).unwrap();
    Ok(parse(&all))
}

fn parse(all: &Value) -> BTreeMap<String, Row> {
    let fields = |row: &Value| {
        row.as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_i64().unwrap())).collect()
    };
    all.as_object().unwrap().iter().map(|(id, row)| (id.clone(), fields(row))).collect()
}
