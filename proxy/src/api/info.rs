//! What does the server say about itself?
//!
//! The small read-only endpoints of contract 17. They reveal which tables exist only where the
//! config says so, and only `ready` asks the database.

use crate::auth::{Principal, Scope};
use crate::error::{Error, Result};
use crate::http::head::RequestHead;
use crate::http::response;
use crate::snapshot::Snapshot;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use edgebase_blocks::config::SchemaEndpoint;
use serde_json::{Map, Value, json};

/// The version that the API reports.
pub const API_VERSION: &str = "0.1.0";

/// `GET /api/health`
#[must_use]
pub fn health() -> Response {
    let now = edgebase_blocks::datetime::Moment::now().to_string();
    response::json(
        StatusCode::OK,
        json!({"status": "ok", "version": API_VERSION, "timestamp": now}).to_string(),
    )
}

/// `GET /api/ready`, where the database answers.
#[must_use]
pub fn ready() -> Response {
    response::json(StatusCode::OK, json!({"status": "ready"}).to_string())
}

/// `GET /api/config`
#[must_use]
pub fn config(snapshot: &Snapshot) -> Response {
    let captcha = snapshot.config.captcha_site_key.as_ref().map(|key| json!({"siteKey": key}));
    let mut response = response::json(StatusCode::OK, json!({"captcha": captcha}).to_string());
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60, s-maxage=60"));
    response
}

/// `GET /`
#[must_use]
pub fn root() -> Response {
    response::json(
        StatusCode::OK,
        json!({"name": "EdgeBase API", "docs": "/openapi.json", "admin": null}).to_string(),
    )
}

/// `GET /api/schema`
///
/// # Errors
/// 404 when switched off, 401 for strangers when it wants a caller it knows.
pub fn schema(snapshot: &Snapshot, head: &RequestHead, user: &Principal) -> Result<Response> {
    match snapshot.config.schema_endpoint {
        SchemaEndpoint::Off => return Err(Error::NotFound("Schema endpoint is disabled.".into())),
        SchemaEndpoint::Public => {}
        SchemaEndpoint::Authenticated => {
            let scope = Scope {
                text: "schema:endpoint:*:read".into(),
                tenant: None,
                bearer: false,
                purpose: "schema reads".into(),
            };
            let service = snapshot.auth.service(head, &scope)?;
            if !service && !matches!(user, Principal::User(_)) {
                return Err(Error::SchemaAuthRequired);
            }
        }
    }
    let tables: Map<String, Value> = snapshot
        .config
        .databases
        .values()
        .flat_map(|block| {
            block.tables.iter().map(|(name, table)| {
                let entry =
                    json!({"namespace": block.namespace, "fts": !table.table.fts.is_empty()});
                (name.clone(), entry)
            })
        })
        .collect();
    Ok(response::json(StatusCode::OK, json!({"tables": tables}).to_string()))
}
