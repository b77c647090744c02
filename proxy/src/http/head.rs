//! What do the stages of a request read of its head?
//!
//! The method, the path and the query as the client sent them; nothing is decoded here.

use crate::trace::Trace;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::request::Parts;
use std::net::IpAddr;
use std::sync::Arc;

/// The head of a request.
pub struct RequestHead {
    /// GET, POST, …
    pub method: String,
    /// As sent, not decoded.
    pub path: String,
    /// The query string, as sent.
    pub query: String,
    /// As sent, except that `Host` is also set for HTTP/2, which sends it as `:authority`
    /// (RFC 9113, 8.3.1).
    pub headers: HeaderMap,
    /// The address of the connection's other end.
    pub peer: IpAddr,
    /// What the log says of the request.
    pub trace: Arc<Trace>,
}

impl RequestHead {
    /// The head in the parts of a request that came from `peer`.
    #[must_use]
    pub fn new(parts: Parts, peer: IpAddr, trace: Arc<Trace>) -> Self {
        let mut headers = parts.headers;
        if let (None, Some(authority)) = (headers.get(HOST), parts.uri.authority())
            && let Ok(host) = authority.as_str().parse()
        {
            headers.insert(HOST, host);
        }
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers,
            peer,
            trace,
        }
    }
}
