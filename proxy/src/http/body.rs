//! Is the body a JSON object?
//!
//! Reads at most [`MAX_BYTES`] and refuses what is no record, in the contract's words (section 2).
//! A value costs the same memory however few bytes it is sent in, so values are counted in the
//! bytes before any is made: what is parsed takes at most some ten times [`MAX_BYTES`].

use crate::error::{Error, Result};
use crate::http::head::RequestHead;
use crate::http::parameters::{self, Shape, keys};
use crate::http::route::Action;
use crate::json::Fault;
use axum::body::{Body, HttpBody as _};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::timeout;

/// The largest body taken: 500 records of 20 kB.
pub const MAX_BYTES: usize = 10 << 20;
/// The most values in one body, members and elements: 500 records of 500 fields.
pub const MAX_VALUES: usize = 250_000;
/// How long it may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// The body of a table request that must have one.
///
/// # Errors
/// 400, 413 or 415.
pub async fn read(
    head: &RequestHead,
    body: Body,
    table: &str,
    action: &Action,
) -> Result<Map<String, Value>> {
    let shape = match action {
        Action::Batch => &Shape::Object(parameters::BATCH),
        Action::BatchByFilter => &Shape::Object(parameters::BATCH_BY_FILTER),
        _ => &Shape::Record,
    };
    let action = if head.method == "PATCH" { "updating" } else { "inserting into" };
    let missing = format!(
        "Invalid JSON body for {action} table '{table}'. Send application/json with the expected fields."
    );
    read_object(head, body, shape, &missing).await
}

/// The body as an object of this shape; `missing` is said when there is none at all.
///
/// # Errors
/// 400, 413 or 415.
pub async fn read_object(
    head: &RequestHead,
    body: Body,
    shape: &Shape,
    missing: &str,
) -> Result<Map<String, Value>> {
    // Compressed, 10 MiB could be any amount.
    let encodings = head.headers.get_all(CONTENT_ENCODING).iter();
    let mut encodings = encodings.map(|value| String::from_utf8_lossy(value.as_bytes()));
    if let Some(encoding) = encodings.find(|e| !e.trim().eq_ignore_ascii_case("identity")) {
        return Err(Error::UnsupportedEncoding(encoding.into_owned()));
    }
    // What says that it is too large is not read first.
    if body.size_hint().lower() > MAX_BYTES as u64 {
        return Err(Error::BodyTooLarge(MAX_BYTES));
    }
    let bytes = match timeout(PATIENCE, collect(body)).await {
        Ok(collected) => collected?,
        Err(_) => return Err(Error::BodyTooSlow),
    };
    let content_type = head.headers.get(CONTENT_TYPE).map(|v| v.to_str().unwrap_or_default());
    match content_type {
        None if bytes.is_empty() => {
            return Err(Error::BadRequest(missing.to_owned()));
        }
        Some(t) if is_json(t) => {}
        _ => return Err(Error::UnsupportedMediaType),
    }
    if values(&bytes) > MAX_VALUES {
        return Err(Error::TooManyValues(MAX_VALUES));
    }
    match keys::parse(&bytes, shape) {
        Ok((_, Some(key))) => Err(Error::BadRequest(format!(
            "The request body has the key '{key}' twice in one object. Send it once: which of the two values counts would be a guess."
        ))),
        Ok((Value::Object(map), None)) => Ok(map),
        Ok((other, None)) => Err(Error::NotARecord(match other {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) | Value::Object(_) => "array",
        })),
        Err(Fault::Malformed) => Err(Error::MalformedJson),
        Err(fault) => Err(Error::BadRequest(format!("The request body {fault}."))),
    }
}

/// The body in one piece: what comes byte by byte costs no more than what comes at once.
async fn collect(body: Body) -> Result<Vec<u8>> {
    let mut body = Limited::new(body, MAX_BYTES);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            Err(e) if e.is::<LengthLimitError>() => return Err(Error::BodyTooLarge(MAX_BYTES)),
            Err(_) => return Err(Error::BadRequest("The request body ended early.".into())),
        }
    }
    Ok(bytes)
}

/// How many values a JSON text has at most: what begins a container or separates its elements,
/// outside of strings. A text that is no JSON has any number.
fn values(text: &[u8]) -> usize {
    let (mut count, mut in_string, mut escaped) = (1, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' | b',' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_outside_of_strings() {
        for (text, count) in [
            ("1", 1),
            ("[1]", 2),
            ("[1,2,3]", 4),
            (r#"{"a":[{},{}],"b":null}"#, 7),
            (r#"[",,,[[[{{{"]"#, 2),
            (r#"["\",",",","\\",1]"#, 5),
            (r#"{"\\\",":1}"#, 2),
            ("[\"\u{e9},\u{1f600},\",2]", 3),
            ("", 1),
        ] {
            assert_eq!(values(text.as_bytes()), count, "{text}");
        }
    }
}
