//! What does a client get for an error?
//!
//! The status, the body of contract 2, and the headers that say when to come again or how to
//! authenticate. Only what the error says to clients is in them, never its `detail`; which rule
//! refused is added where the answer leaves (`server/middleware.rs`).

use super::Error;
use crate::error::denial::Denial;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

impl Error {
    /// Seconds after which the request may succeed.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after, .. } => Some(*retry_after),
            Self::Unavailable { .. } | Self::RuleNotCompleted { .. } => Some(1),
            Self::By { error, .. } => error.retry_after(),
            _ => None,
        }
    }

    /// The refusal itself, and the rule or hook that made it.
    #[must_use]
    pub fn explained(self) -> (Self, Option<Denial>) {
        match self {
            Self::By { error, denial } => (*error, Some(*denial)),
            error => (error, None),
        }
    }

    pub(super) fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("code".into(), json!(self.status().as_u16()));
        body.insert("message".into(), json!(self.to_string()));
        if let Some(slug) = self.slug() {
            body.insert("slug".into(), json!(slug));
        }
        if let Some(word) = self.word() {
            body.insert("error".into(), json!(word));
        }
        if let Self::Validation { fields, .. } = self {
            let data: Map<String, Value> = fields
                .iter()
                .map(|(field, reason)| {
                    (field.clone(), json!({"code": "invalid", "message": reason}))
                })
                .collect();
            body.insert("data".into(), Value::Object(data));
        }
        if let Self::Hook { data: Some(data), .. } = self {
            body.insert("data".into(), data.clone());
        }
        if let Self::RateLimited { group, .. } = self {
            body.insert("group".into(), json!(group));
        }
        Value::Object(body)
    }

    /// How to authenticate (RFC 9110, 11.6.1; RFC 6750, 3).
    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::TokenExpired => {
                r#"Bearer realm="edgebase", error="invalid_token", error_description="Token expired.""#
            }
            Self::TokenInvalid => r#"Bearer realm="edgebase", error="invalid_token""#,
            _ => r#"Bearer realm="edgebase""#,
        })
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Self::HeadNotAllowed(methods) = self {
            return (self.status(), [(header::ALLOW, methods)]).into_response();
        }
        let mut response = (self.status(), axum::Json(self.body())).into_response();
        if matches!(&self, Self::BodyTooLarge(_) | Self::BodyTooSlow) {
            // The rest of the body would be taken for the next request.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, self.challenge());
        }
        if let Self::UnsupportedEncoding(_) = self {
            let identity = HeaderValue::from_static("identity");
            response.headers_mut().insert(header::ACCEPT_ENCODING, identity);
        }
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
