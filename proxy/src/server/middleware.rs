//! What does every answer have, whatever was asked?
//!
//! A request id, `nosniff`, the CORS headers that its origin is entitled to, a body in the
//! contract's form, also where a handler panics or takes too long, and its place in the log. A
//! head that is larger than any client of ours sends is refused before anything looks into it.

use crate::error::{Error, Result, denial};
use crate::http::cors;
use crate::http::route::{self, Route};
use crate::memory;
use crate::request;
use crate::server::access_log::{self, AccessLine};
use crate::server::drain::DrainedBody;
use crate::snapshot::Snapshot;
use crate::state::App;
use crate::trace::Trace;
use axum::body::Body;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use std::any::Any;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument as _;
use uuid::Uuid;

/// The longest a request may take; statements are bounded more tightly by the extension.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest path with query: a filter with some hundred ids fits.
pub const MAX_URI: usize = 32 << 10;
/// All headers together.
pub const MAX_HEADERS: usize = 32 << 10;
/// The longest request id taken over from the client.
const MAX_REQUEST_ID: usize = 128;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers one request.
pub async fn answer(app: &Arc<App>, peer: IpAddr, request: Request) -> Response {
    let id = request_id(request.headers());
    let origin = request.headers().get(header::ORIGIN).cloned();
    let snapshot = app.current.load_full();
    let route = route::parse(request.method(), request.uri().path());
    let subject = access_log::subject(&snapshot, request.uri().path(), route.as_ref().ok());
    let id_text = id.to_str().unwrap_or_default();
    let trace = Arc::new(Trace::new(id_text, request.method(), subject));
    let mut line = AccessLine::new(Arc::clone(&trace));
    let asks_first =
        request.version() < Version::HTTP_2 && request.headers().contains_key(header::EXPECT);
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        let asked = Asked { snapshot: &snapshot, trace: &trace, peer };
        let answered = respond(app, asked, route, request, &mut line).instrument(trace.span());
        memory::counting(answered).await
    };
    let headers = response.headers_mut();
    cors::decorate(snapshot.config.cors.as_ref(), origin.as_ref(), headers);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REQUEST_ID, id);
    if asks_first && !response.status().is_success() {
        // Whoever waits for leave to send a body need not send it now, and what comes next on the
        // connection could be the body or another request.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    app.metrics.answered(response.status(), trace.elapsed());
    line.status = Some(response.status());
    response
}

/// What is known of a request before it is handled.
struct Asked<'a> {
    snapshot: &'a Arc<Snapshot>,
    trace: &'a Arc<Trace>,
    peer: IpAddr,
}

async fn respond(
    app: &Arc<App>,
    Asked { snapshot, trace, peer }: Asked<'_>,
    route: Result<Route>,
    request: Request,
    line: &mut AccessLine,
) -> Response {
    let path = request.uri().path().to_owned();
    let handled = match refuse_head(&request) {
        Some(error) => Err(error),
        None => {
            let request = request.map(DrainedBody::wrap);
            let handler = request::handle(app, snapshot, trace, route, request, peer);
            let caught = AssertUnwindSafe(Box::pin(handler)).catch_unwind();
            match tokio::time::timeout(REQUEST_TIMEOUT, caught).await {
                Ok(Ok(handled)) => handled,
                Ok(Err(panic)) => Err(Error::internal(text(&*panic))),
                Err(_) => Err(Error::TimedOut),
            }
        }
    };
    handled.unwrap_or_else(|error| {
        // The log is told the kind of path alone.
        let error = error.on(trace.route());
        if error.status().is_server_error() {
            tracing::error!(detail = error.detail(), "{error}");
        }
        let (error, denial) = error.on(&path).explained();
        let mut response = error.into_response();
        if let Some(denial) = &denial
            && snapshot.development
        {
            response.headers_mut().insert(denial::HEADER, denial.header(trace.caller()));
        }
        line.denial = denial;
        response
    })
}

fn refuse_head(request: &Request<Body>) -> Option<Error> {
    if request.version() == Version::HTTP_11 && !has_host(request.headers()) {
        return Some(Error::BadRequest(
            "A request of HTTP/1.1 has one Host header, which names the server.".into(),
        ));
    }
    let uri = request.uri().path_and_query().map_or(0, |p| p.as_str().len());
    let headers: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if uri > MAX_URI {
        Some(Error::UriTooLong(MAX_URI))
    } else if headers > MAX_HEADERS {
        Some(Error::HeadersTooLarge(MAX_HEADERS))
    } else {
        None
    }
}

/// Whether there is one host, and a legal one (RFC 9112, 3.2). It is empty where the address that
/// the client asked for names none.
fn has_host(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let is_legal = |host: &str| !host.contains('@') && host.parse::<Authority>().is_ok();
    host.is_empty() || host.to_str().is_ok_and(is_legal)
}

/// The client's own id where it is short and harmless in a log, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_sane = |id: &HeaderValue| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:=+/@".contains(b))
    };
    headers.get(&REQUEST_ID).filter(|id| is_sane(id)).cloned().unwrap_or_else(|| {
        HeaderValue::try_from(Uuid::now_v7().to_string())
            .unwrap_or(HeaderValue::from_static("unknown"))
    })
}

/// What a panic said.
fn text(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", said.unwrap_or("without a text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(id: &[u8]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_bytes(id).unwrap());
        let chosen = request_id(&headers);
        assert!(chosen.to_str().is_ok_and(|text| !text.is_empty()));
        chosen.as_bytes() == id
    }

    #[test]
    fn a_request_id_is_taken_over_when_it_is_short_and_harmless() {
        assert!(taken(b"0193b1f0-7b5c-7d1e-8a44-2bdaf4d2184f"));
        assert!(taken(b"Root=1-67891233-abcdef012345678912345678"));
        assert!(taken(&[b'x'; MAX_REQUEST_ID]));
        for bad in [
            &b""[..],
            b"a b",
            b"a\tb",
            b"\xff",
            b"<script>",
            b"\"",
            b"a;b",
            &[b'x'; MAX_REQUEST_ID + 1],
        ] {
            assert!(!taken(bad), "{bad:?}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
