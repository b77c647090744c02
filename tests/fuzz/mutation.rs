//! How does a request come to be one that the document does not describe?
//!
//! One change to a body's values, its bytes, the path, the query or the head; a request gets a few
//! of them.

use crate::odd;
use crate::request::Request;
use edgebase_tests::encode;
use fastrand::Rng;
use serde_json::{Value, json};

/// Changes a request; `body` is what its body was written from.
pub fn apply(rng: &mut Rng, request: &mut Request, mut body: Value) {
    if request.body.is_some() && rng.u8(..4) > 0 {
        for _ in 0..rng.usize(1..3) {
            change_value(rng, &mut body);
        }
        request.body = Some(odd::render(&body));
    }
    for _ in 0..rng.usize(..3) {
        match rng.u8(..12) {
            0..4 => change_query(rng, &mut request.target),
            4..6 => change_path(rng, &mut request.target),
            6 => {
                request.method =
                    one_of(rng, &["GET", "HEAD", "POST", "PATCH", "PUT", "OPTIONS", "TRACE", "X"])
            }
            7 | 8 => request.headers.push(odd_header(rng)),
            9 => request.body = None,
            _ => change_bytes(rng, request.body.get_or_insert_default()),
        }
    }
}

fn one_of(rng: &mut Rng, all: &[&str]) -> String {
    all[rng.usize(..all.len())].to_owned()
}

fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(map) => map.values().map(size).sum::<usize>(),
        _ => 0,
    }
}

/// The value that comes `n`th in the order of writing.
fn nth<'v>(value: &'v mut Value, n: &mut usize) -> Option<&'v mut Value> {
    if *n == 0 {
        return Some(value);
    }
    *n -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, n)),
        Value::Object(map) => map.values_mut().find_map(|item| nth(item, n)),
        _ => None,
    }
}

fn change_value(rng: &mut Rng, body: &mut Value) {
    let mut n = rng.usize(..size(body));
    let Some(value) = nth(body, &mut n) else { return };
    match (rng.u8(..10), &mut *value) {
        (0 | 1, Value::Object(map)) => drop(map.insert(odd::text(rng), odd::any(rng))),
        (2, Value::Object(map)) => {
            let keys: Vec<_> = map.keys().cloned().collect();
            if !keys.is_empty() {
                map.remove(&keys[rng.usize(..keys.len())]);
            }
        }
        (0..3, Value::Array(items)) => {
            let count = [1, 2, 6, 101, 501][rng.usize(..5)];
            let item = items.first().cloned().unwrap_or_else(|| odd::any(rng));
            items.extend(std::iter::repeat_n(item, count));
        }
        (3, _) => *value = odd::deep(rng),
        (4, _) => *value = odd::wide(rng),
        (5, _) => *value = odd::long(rng),
        (6, _) => *value = json!([value.take()]),
        (7, _) => *value = json!({"$op": value.take()}),
        _ => *value = odd::any(rng),
    }
}

/// Path and query are text until here; what is added may be none.
fn change_query(rng: &mut Rng, target: &mut Vec<u8>) {
    let path = target.iter().position(|b| *b == b'?').unwrap_or(target.len());
    let query = String::from_utf8_lossy(&target[path..]).into_owned();
    let mut pairs: Vec<String> = query
        .trim_start_matches('?')
        .split('&')
        .filter(|p| !p.is_empty())
        .map(Into::into)
        .collect();
    let at = rng.usize(..pairs.len().max(1));
    let odd = |rng: &mut Rng| match rng.u8(..4) {
        0 => String::from_utf8(odd::render(&odd::any(rng)))
            .map_or_else(|_| String::new(), |t| encode(&t)),
        1 => one_of(
            rng,
            &["%", "%zz", "%FF", "%C3%28", "%00", "+", "%2", "&=", "=", ";", "%F0%9F%98"],
        ),
        _ => encode(&odd::text(rng)),
    };
    match rng.u8(..8) {
        // Twice, the same or another.
        0 if !pairs.is_empty() => pairs.push(pairs[at].clone()),
        1 | 2 if !pairs.is_empty() => {
            let name = pairs[at].split('=').next().unwrap_or_default().to_owned();
            let value = odd(rng);
            pairs.push(format!("{name}={value}"));
        }
        3 if !pairs.is_empty() => {
            let name = pairs[at].split('=').next().unwrap_or_default().to_owned();
            pairs[at] = format!("{name}={}", odd(rng));
        }
        4 => pairs.push(odd(rng)),
        5 => pairs.extend((0..[3, 50, 1_000][rng.usize(..3)]).map(|n| format!("x{n}={n}"))),
        6 => {
            let name = one_of(
                rng,
                &["filter", "sort", "fields", "after", "limit", "search", "upsert", "expand"],
            );
            pairs.push(format!("{name}={}", odd(rng)));
        }
        _ => {
            let length = [1_000, 8_000, 30_000, 33_000, 140_000][rng.usize(..5)];
            let name = one_of(rng, &["filter", "sort", "fields", "after", "search", "x"]);
            pairs.push(format!(
                "{name}={}",
                one_of(rng, &["a", "[", ",", "%20a", "9", "%5B"]).repeat(length / 3)
            ));
        }
    }
    target.truncate(path);
    target.extend_from_slice(format!("?{}", pairs.join("&")).as_bytes());
}

fn change_path(rng: &mut Rng, target: &mut Vec<u8>) {
    let end = target.iter().position(|b| *b == b'?').unwrap_or(target.len());
    let path = String::from_utf8_lossy(&target[..end]).into_owned();
    let mut segments: Vec<String> = path.split('/').map(Into::into).collect();
    let at = rng.usize(1..segments.len().max(2)).min(segments.len() - 1);
    match rng.u8(..8) {
        0 => segments.insert(at, String::new()),
        1 => segments.insert(at, one_of(rng, &["..", ".", "%2E%2E", "%2F", "internal", "tables"])),
        2 => drop(segments.remove(at)),
        3 => segments[at] = encode(&segments[at]),
        4 => segments[at]
            .push_str(&one_of(rng, &["%", "%00", "%FF", "%0A", "%20", ";a=b", "%C0%AF"])),
        5 => segments[at] = "a".repeat([256, 1_025, 8_000, 40_000][rng.usize(..4)]),
        6 => segments.push(String::new()),
        _ => segments[at] = encode(&odd::text(rng)),
    }
    let query = target.split_off(end);
    *target = segments.join("/").into_bytes();
    target.extend_from_slice(&query);
    if rng.u8(..10) == 0 {
        let at = rng.usize(..=target.len());
        target.insert(at, [0xff, 0xc3, b' ', b'#', 0x7f, 0x01, b'"', b'|'][rng.usize(..8)]);
    }
}

/// A header that changes what a request means, or is none.
fn odd_header(rng: &mut Rng) -> (String, Vec<u8>) {
    let (name, values): (&str, &[&str]) = match rng.u8(..12) {
        0 => (
            "content-type",
            &[
                "text/plain",
                "application/json; charset=utf-16",
                "application/xml",
                "",
                "multipart/form-data; boundary=a",
            ],
        ),
        1 => ("content-encoding", &["gzip", "identity", "br", "deflate, gzip"]),
        2 => (
            "authorization",
            &["Bearer ", "Bearer a.b.c", "bearer eyJhbGciOiJub25lIn0.e30.", "Basic YTpi", "Bearer"],
        ),
        3 => ("x-edgebase-service-key", &["", "jb_root_x", "bad", "\u{e4}"]),
        4 => ("expect", &["100-continue", "200-ok"]),
        5 => ("origin", &["http://localhost:3000", "null", "https://evil.example"]),
        6 => ("x-request-id", &["", "a b", "\u{e4}", "../../a"]),
        7 => ("access-control-request-method", &["PATCH", "X"]),
        8 => ("x-forwarded-for", &["1.2.3.4", "::1, 2", "x"]),
        9 => ("accept", &["text/html", "*/*;q=0"]),
        10 => ("connection", &["close", "keep-alive, x-edgebase-service-key", "upgrade"]),
        _ => ("range", &["bytes=0-1", "bytes=5-1"]),
    };
    if rng.u8(..12) == 0 {
        return ("x-long".into(), vec![b'a'; [8_000, 33_000, 140_000][rng.usize(..3)]]);
    }
    (name.to_owned(), one_of(rng, values).into_bytes())
}

/// Bytes of the body that are cut, changed or too many.
fn change_bytes(rng: &mut Rng, body: &mut Vec<u8>) {
    let at = rng.usize(..=body.len());
    match rng.u8(..6) {
        0 => body.truncate(at),
        1 if at < body.len() => body[at] = rng.u8(..),
        2 => body.insert(at, rng.u8(..)),
        3 => drop(body.splice(..0, *b"\xef\xbb\xbf")),
        4 => body.extend_from_slice(b"{}"),
        _ => {
            let piece = body[at..(at + 40).min(body.len())].to_vec();
            drop(body.splice(at..at, piece));
        }
    }
}
