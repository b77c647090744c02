//! How does a test talk to the server?
//!
//! A JSON client that never follows, retries or interprets anything, so that what a test sees is
//! what the server said. One is made per test: a connection belongs to the runtime it was opened
//! in. [`raw`] sends bytes that no HTTP library would.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as JSON; null when it is none.
    pub body: Value,
    /// The body as it came.
    pub text: String,
    /// Response headers, names in lower case.
    pub headers: BTreeMap<String, String>,
}

impl Answer {
    /// The error's message, or the empty string.
    #[must_use]
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    /// The ids of a list's items, in order.
    #[must_use]
    pub fn ids(&self) -> Vec<&str> {
        self.items().iter().filter_map(|i| i["id"].as_str()).collect()
    }

    /// The items of a list.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        self.body["items"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The body, when the status is the one given.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// Checks status and message, and that the envelope repeats the status.
    ///
    /// # Panics
    /// When either differs.
    #[track_caller]
    pub fn refused(&self, status: u16, message: &str) {
        assert_eq!((self.status, self.message()), (status, message), "{}", self.text);
        assert_eq!(self.body["code"], status, "{}", self.text);
    }
}

/// A caller with its credentials.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    headers: Vec<(String, String)>,
}

impl Client {
    /// A caller without credentials.
    #[must_use]
    pub fn anonymous(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("an HTTP client can be made");
        Self { http, base: base.to_owned(), headers: Vec::new() }
    }

    /// The same with one more header on every request.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    /// The same with a bearer token.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// # Panics
    /// When there is none.
    pub async fn send(&self, method: &str, path: &str, body: Option<(&str, Vec<u8>)>) -> Answer {
        self.try_send(method, path, body).await.expect("the server answers")
    }

    /// Sends a request; fails when no answer comes.
    ///
    /// # Errors
    /// As the connection does.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> reqwest::Result<Answer> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some((content_type, bytes)) = body {
            if !content_type.is_empty() {
                request = request.header("content-type", content_type);
            }
            request = request.body(bytes);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
            .collect();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer { status, body, text, headers })
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    /// GET with a query, its values percent-encoded here.
    pub async fn query(&self, path: &str, query: &[(&str, &str)]) -> Answer {
        let pairs: Vec<_> = query.iter().map(|(k, v)| format!("{k}={}", encode(v))).collect();
        self.get(&format!("{path}?{}", pairs.join("&"))).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None).await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(("application/json", body.to_string().into_bytes()))).await
    }

    /// PATCH of JSON.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, Some(("application/json", body.to_string().into_bytes()))).await
    }
}

/// What a path segment or query value may hold unencoded.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Percent-encodes a path segment or a query value.
#[must_use]
pub fn encode(text: &str) -> String {
    match text {
        // A URL parser resolves these away, encoded or not; a server sees them only from `raw`.
        "." => "%2E".into(),
        ".." => "%2E%2E".into(),
        _ => utf8_percent_encode(text, PLAIN).to_string(),
    }
}

/// Sends `request` byte for byte and answers the status; 0 when the server just hangs up.
///
/// # Panics
/// When the server takes no connection.
pub async fn raw(base: &str, request: &[u8]) -> u16 {
    let answer = raw_answer(base, request).await;
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// Sends `request` byte for byte and answers all that comes back until the server hangs up.
///
/// # Panics
/// When the server takes no connection.
pub async fn raw_answer(base: &str, request: &[u8]) -> String {
    let address = base.strip_prefix("http://").unwrap_or(base);
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("the server listens");
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}
