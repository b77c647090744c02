//! How does a list or another JSON value become an answer?
//!
//! The list envelope always has its six keys (contract 10.4), the form that every SDK reads.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::Value;

/// The list envelope (contract 10.4).
#[derive(Debug)]
pub struct List {
    /// Records as JSON text.
    pub items: Vec<String>,
    /// Rows that match, when counted.
    pub total: Option<i64>,
    /// Whether there is a next page.
    pub has_more: bool,
    /// Where it begins.
    pub cursor: Option<String>,
    /// This page's number, null for searches.
    pub page: Option<i64>,
    /// Rows of a page.
    pub per_page: i64,
}

impl List {
    /// The answer.
    #[must_use]
    pub fn respond(self) -> Response {
        let number = |n: Option<i64>| n.map_or_else(|| "null".to_owned(), |n| n.to_string());
        let cursor = self.cursor.map_or(Value::Null, Value::from);
        let rest = format!(
            r#"],"total":{},"hasMore":{},"cursor":{cursor},"page":{},"perPage":{}}}"#,
            number(self.total),
            self.has_more,
            number(self.page),
            self.per_page
        );
        json(StatusCode::OK, array(r#"{"items":["#, self.items) + &rest)
    }
}

/// The items behind a beginning, with commas between them. Each is dropped once it is written.
#[must_use]
pub fn array(beginning: &str, items: Vec<String>) -> String {
    let length: usize = items.iter().map(|item| item.len() + 1).sum();
    // Room for the end of an envelope.
    let mut text = String::with_capacity(beginning.len() + length + 256);
    text.push_str(beginning);
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        text.push_str(&item);
    }
    text
}

/// A JSON answer from text that is JSON.
#[must_use]
pub fn json(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
