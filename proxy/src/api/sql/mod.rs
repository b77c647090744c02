//! `POST /api/sql`: one statement of a service key, inside one instance.
//!
//! Contract 16. The statement runs as the instance role in a sealed transaction, by the
//! extended protocol (which takes a single statement), on a pool of its own whose connections
//! are reset with `DISCARD ALL` before they are used again. What the key may reach is decided by
//! the instance's grants, not by the text of the statement. Errors of the statement are the
//! caller's, so they are 400 with PostgreSQL's message; the original answers 500. A key is asked
//! for before the body is read, and its scope before the body's namespace is looked up.

mod placeholders;
mod values;

use crate::auth::Scope;
use crate::db::failure::Failure;
use crate::db::sql_token;
use crate::db::sqlstate::{self, Signal};
use crate::db::{Outcome, Transaction};
use crate::error::{Error, Result};
use crate::http::body;
use crate::http::head::RequestHead;
use crate::http::parameters::query::malformed;
use crate::http::parameters::{self, MAX_PARAMS, Shape as BodyShape, body::check};
use crate::http::response;
use crate::resolve::instance_key;
use crate::snapshot::Snapshot;
use crate::state::App;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use edgebase_blocks::InstanceKey;
use edgebase_blocks::table::Table;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use values::Param;

struct Statement {
    key: InstanceKey,
    text: String,
    params: Vec<Param>,
}

/// Runs the statement and answers its rows.
///
/// # Errors
/// 401 and 403 for the key, 400 for the shape, the target and the statement itself.
pub async fn run(
    app: &Arc<App>,
    snapshot: &Snapshot,
    head: &RequestHead,
    body: Body,
) -> Result<Response> {
    // Who has no key for this makes the server read nothing, and learns of no namespace.
    if !snapshot.auth.may_execute_sql(&head.headers, head.peer)? {
        return Err(Error::ServiceKeyRequired("execute SQL".into()));
    }
    let missing = "Missing required field 'sql' for SQL execution.";
    let body = body::read_object(head, body, &BodyShape::Object(parameters::SQL), missing).await?;
    let (namespace, id, text, params) = shape(&body)?;
    let scope = Scope {
        text: format!("sql:namespace:{namespace}:exec"),
        // The constraint can be met only where the request names the instance, and SQL is bound
        // to exactly that one.
        tenant: id,
        bearer: false,
        purpose: "SQL execution".into(),
    };
    if !snapshot.auth.service(head, &scope)? {
        return Err(Error::ServiceKeyRequired("execute SQL".into()));
    }
    let block =
        snapshot.config.databases.get(namespace).ok_or_else(|| {
            Error::NotFound(format!("Namespace '{namespace}' not found in config"))
        })?;
    let key = instance_key(block, id).map_err(reworded)?;
    if sql_token::first_word(text).eq_ignore_ascii_case("copy") {
        return Err(Error::BadRequest(
            "COPY speaks a protocol of its own and is not available here. Use SELECT or INSERT."
                .into(),
        ));
    }
    let text = placeholders::translate(text, params.len()).map_err(Error::BadRequest)?;
    let statement = Statement { key, text, params: params.iter().map(Param::new).collect() };
    let (rows, columns, count) = match execute(app, snapshot, &statement).await {
        Ok(result) => result,
        Err(error) => {
            let db = &app.pools_of(snapshot, &statement.key).sql;
            return Err(db.explain(&statement.key, error).await);
        }
    };
    let rows = rows.into_iter().map(|row| Value::Object(row).to_string()).collect();
    let rows = response::array("", rows);
    let (columns, count) = (json!(columns), json!(count));
    Ok(response::json(
        StatusCode::OK,
        format!(
            r#"{{"rows":[{rows}],"items":[{rows}],"results":[{rows}],"columns":{columns},"rowCount":{count}}}"#
        ),
    ))
}

type Shape<'a> = (&'a str, Option<&'a str>, &'a str, &'a [Value]);

/// The parts of the body, in the words of contract 2 and 16.
fn shape(body: &Map<String, Value>) -> Result<Shape<'_>> {
    check(body, "SQL execution", parameters::SQL)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let (namespace, sql) = (text("namespace").unwrap_or_default(), text("sql").unwrap_or_default());
    let params = body.get("params").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if params.len() > MAX_PARAMS {
        return Err(malformed("params", &format!("at most {MAX_PARAMS} values are allowed")));
    }
    if sql.trim().is_empty() {
        return Err(Error::BadRequest("Missing required field 'sql' for SQL execution.".into()));
    }
    if sql.contains('\0') || params.iter().any(crate::query::value::has_nul) {
        return Err(Error::BadRequest(
            "SQL and parameters must not contain NUL characters.".into(),
        ));
    }
    Ok((namespace, text("id"), sql, params))
}

/// Here the contract calls the instance id `id`, and says where colons are forbidden.
fn reworded(error: Error) -> Error {
    match error {
        Error::BadRequest(message) => {
            let section = if message.ends_with("must not contain ':'") { " (§2)" } else { "" };
            Error::BadRequest(message.replacen("instanceId", "id", 1) + section)
        }
        other => other,
    }
}

type Rows = (Vec<Map<String, Value>>, Vec<String>, u64);

/// Runs it in an instance that is made if need be. A statement that names a table which is not there
/// is run once more with all tables there: its text may name any of them.
async fn execute(app: &App, snapshot: &Snapshot, statement: &Statement) -> Result<Rows> {
    let key = &statement.key;
    let db = &app.pools_of(snapshot, key).requests;
    let mut made = false;
    loop {
        let transaction = match begin(app, snapshot, key).await? {
            Some(transaction) => transaction,
            None => {
                db.create(key, None).await?;
                begin(app, snapshot, key).await?.ok_or_else(|| {
                    Error::unavailable(
                        "This database is being deleted. Try again.",
                        "vanished after its creation",
                    )
                })?
            }
        };
        match values::rows(&transaction, &statement.text, &statement.params).await {
            Ok(rows) => return transaction.commit(&Table::default()).await.map(|()| rows),
            Err(error) => {
                transaction.rollback().await;
                if made || sqlstate::signal(&error) != Some(Signal::NoTable) {
                    return Err(failure(&error));
                }
            }
        }
        db.ensure_tables(key, None).await?;
        made = true;
    }
}

/// A transaction in the instance; `None` where there is none.
async fn begin(app: &App, snapshot: &Snapshot, key: &InstanceKey) -> Result<Option<Transaction>> {
    let db = &app.pools_of(snapshot, key).sql;
    // Constraints are named as PostgreSQL names them; no table of the config stands behind SQL.
    match db.begin(key, &Table::default(), &|_| Vec::new()).await? {
        Outcome::Done((transaction, _)) => Ok(Some(transaction)),
        Outcome::Absent | Outcome::NoTable => Ok(None),
    }
}

/// Whether an SQLSTATE speaks of the server's state, whatever the statement was.
fn is_of_the_server(code: &str) -> bool {
    matches!(code, "25006" | "25P03" | "25P04" | "55P03" | "XX001" | "XX002" | "EB010")
        || ["08", "40", "53", "57", "58", "F0"].iter().any(|class| code.starts_with(class))
}

/// The statement's own mistakes go back to the caller, the server's do not.
fn failure(error: &Failure) -> Error {
    match (sqlstate::to_error(error, None), error) {
        (
            e @ (Error::Unavailable { .. } | Error::TimedOut | Error::Conflict),
            Failure::Refused(db),
        ) if is_of_the_server(&db.code) => e,
        // Rows of unusual types are shaped by a query around the statement, in which a WITH
        // that writes cannot stand.
        (_, Failure::Refused(db))
            if db.code == "0A000" && db.message.contains("data-modifying") =>
        {
            Error::BadRequest(
                "A WITH that writes can answer columns of plain types only: texts, numbers, booleans, timestamps, JSON. Cast the others, for example total::text.".into(),
            )
        }
        (_, Failure::Refused(db)) => {
            Error::BadRequest(format!("{} (SQLSTATE {})", db.message, db.code))
        }
        (_, Failure::TooMuch { bytes, .. }) => Error::AnswerTooLarge(format!(
            "The result is larger than {bytes} bytes, and the statement was rolled back. Ask for fewer rows or columns; for all of an instance use its export (GET /api/db/{{block}}/{{id}}/export), or COPY in a session of psql."
        )),
        (e, Failure::Broken(_) | Failure::NoMemory) => e,
    }
}
