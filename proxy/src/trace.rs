//! What is known of a request that the log may name?
//!
//! Its id, what it is about, and who asks. A span called `request`, in which everything that
//! happens for it is logged, has the first two; the access log (`server/access_log.rs`) has all.
//!
//! Invariant: nothing here identifies a person or was chosen freely by a client. An instance is its
//! hash, a route has placeholders for what varies, and blocks and tables are named only where the
//! config has them. In development, where all data is the developer's, the path is kept too.

use axum::http::Method;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tracing::Span;

/// Bytes of an instance's hash, which are twice as many digits.
const HASH: usize = 8;

/// Who a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerKind {
    /// A valid service key.
    Service,
    /// A valid user token.
    User,
    /// Neither came.
    Anonymous,
    /// A token came, and its time is over.
    TokenExpired,
    /// A token came that is none of a trusted issuer.
    TokenInvalid,
}

impl CallerKind {
    /// In words, for the log and for the header that explains a refusal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::User => "user",
            Self::Anonymous => "nobody",
            Self::TokenExpired => "nobody: token expired",
            Self::TokenInvalid => "nobody: token invalid",
        }
    }

    /// Whether a token came and does not count.
    #[must_use]
    pub fn is_mistaken(self) -> bool {
        matches!(self, Self::TokenExpired | Self::TokenInvalid)
    }
}

/// An instance as logs name it: the beginning of the SHA-256 of `namespace:id`, which finds the
/// lines of a tenant whose id is known and does not tell an id that is not.
#[must_use]
pub fn hash(namespace: &str, id: &str) -> String {
    let digest = Sha256::new().chain_update(namespace).chain_update(":").chain_update(id);
    let mut text = String::with_capacity(2 * HASH);
    for byte in digest.finalize().iter().take(HASH) {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// One request, as far as it is logged.
#[derive(Debug)]
pub struct Trace {
    begun: Instant,
    id: Box<str>,
    method: &'static str,
    subject: Subject,
    /// Who the token says it is from.
    bearer: OnceLock<CallerKind>,
    has_service_key: AtomicBool,
}

/// What a request is about, as far as it may be logged.
#[derive(Debug, Default)]
pub struct Subject {
    /// The route with placeholders.
    pub route: Option<&'static str>,
    /// The block.
    pub block: Option<Box<str>>,
    /// The hash of the instance.
    pub instance: Option<String>,
    /// The table.
    pub table: Option<Box<str>>,
    /// The path as it came; in development alone.
    pub path: Option<Box<str>>,
}

impl Trace {
    /// Of a request that begins now.
    #[must_use]
    pub fn new(id: &str, method: &Method, subject: Subject) -> Self {
        Self {
            begun: Instant::now(),
            id: id.into(),
            method: name(method),
            subject,
            bearer: OnceLock::new(),
            has_service_key: AtomicBool::new(false),
        }
    }

    /// The id that the answer has, too.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// GET, POST, ...
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// What it is about.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The span that everything done for the request stands in.
    #[must_use]
    pub fn span(&self) -> Span {
        tracing::info_span!(
            "request",
            id = &*self.id,
            method = self.method,
            route = self.subject.route,
            block = self.subject.block.as_deref(),
            instance = self.subject.instance.as_deref(),
            table = self.subject.table.as_deref(),
        )
    }

    /// The route with placeholders, or what stands for it where there is none.
    #[must_use]
    pub fn route(&self) -> &'static str {
        self.subject.route.unwrap_or("none")
    }

    /// How long ago it began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Notes what came of the token.
    pub fn has_token_of(&self, bearer: CallerKind) {
        // A token is looked at once.
        let _ = self.bearer.set(bearer);
    }

    /// Notes that a valid service key came, which counts instead of a token.
    pub fn has_service_key(&self) {
        self.has_service_key.store(true, Ordering::Relaxed);
    }

    /// Who asks, as far as that has been found out.
    #[must_use]
    pub fn caller(&self) -> Option<CallerKind> {
        if self.has_service_key.load(Ordering::Relaxed) {
            return Some(CallerKind::Service);
        }
        self.bearer.get().copied()
    }
}

/// A method that HTTP itself defines; a client may write any word.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_named_by_the_beginning_of_its_keys_hash() {
        // printf %s user:alice | sha256sum
        assert_eq!(hash("user", "alice"), "dabd1db8d35ab131");
        assert_ne!(hash("user", "alice"), hash("user", "Alice"));
        assert_eq!(hash("user", "").len(), 2 * HASH);
    }

    #[test]
    fn only_the_methods_of_http_are_named() {
        assert_eq!(name(&Method::PATCH), "PATCH");
        assert_eq!(name(&Method::from_bytes(b"alice-at-example.com").unwrap()), "other");
    }
}
