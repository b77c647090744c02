//! Which web pages may read the answers?
//!
//! Contract 18. The rules come from the config in force, so a reload changes them at once,
//! which is why this is not a fixed layer. An origin that is not allowed gets no CORS headers;
//! the browser then withholds the answer. `*` is never combined with credentials.

use axum::http::{HeaderMap, HeaderValue, Method, header};
use edgebase_blocks::ConfigError;
use edgebase_blocks::config::{Cors, OneOrMany};

const METHODS: &str = "GET, POST, PATCH, DELETE, OPTIONS";
const HEADERS: &str = "Content-Type, Authorization, X-EdgeBase-Service-Key";
/// What a page may read beside the body: when to try again, which request to ask about, and in
/// development which rule refused.
const EXPOSED: &str = "Retry-After, X-Request-Id, X-EdgeBase-Denied-By";
const MAX_AGE: u64 = 86_400;

/// Adds the headers that the request's origin is entitled to.
pub fn decorate(cors: Option<&Cors>, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some((origin, text)) = origin.and_then(|o| Some((o, o.to_str().ok()?))) else { return };
    let Some(any) = allows(cors, text) else { return };
    let credentials = !any && cors.and_then(|c| c.credentials).unwrap_or(true);
    let methods = cors
        .and_then(|c| c.methods.as_ref())
        // Browsers ask in upper case and compare letter for letter.
        .map_or_else(|| METHODS.to_owned(), |list| list.join(", ").to_ascii_uppercase());
    let max_age = cors.and_then(|c| c.max_age).unwrap_or(MAX_AGE);
    let allow_origin = if any { HeaderValue::from_static("*") } else { origin.clone() };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allow_origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(max_age));
    if let Ok(methods) = HeaderValue::from_str(&methods) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    if credentials {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

/// Refuses methods that no header can name.
///
/// # Errors
/// The first of them.
pub fn validate(cors: &Cors) -> Result<(), ConfigError> {
    let methods = cors.methods.iter().flatten();
    match methods.enumerate().find(|(_, method)| Method::from_bytes(method.as_bytes()).is_err()) {
        None => Ok(()),
        Some((i, method)) => Err(ConfigError::new(
            &["cors", "methods", &i.to_string()],
            format!("'{method}' is no method of HTTP"),
        )),
    }
}

/// What of the settings has no effect.
#[must_use]
pub fn remarks(cors: &Cors) -> Vec<String> {
    let origins = origins(cors);
    let mut all: Vec<String> = origins
        .iter()
        .filter(|origin| !can_match(origin))
        .map(|origin| {
            format!("cors.origin '{origin}' matches no origin; write it as browsers do, like 'https://example.com': in lower case, without a path and without the port that its scheme has anyway; '*' stands for whole labels at the beginning of the host")
        })
        .collect();
    if origins.iter().any(|origin| origin == "*") && cors.credentials == Some(true) {
        all.push("cors.credentials has no effect with the origin '*': name the origins".into());
    }
    all
}

/// Whether an origin of a browser can match: a scheme, a host and perhaps a port, as a browser
/// writes them.
fn can_match(pattern: &str) -> bool {
    let (scheme, host) = match pattern.split_once("://") {
        Some((scheme, host)) => (scheme, host),
        None if pattern.starts_with("*.") => ("", pattern),
        None => return matches!(pattern, "*" | "null"),
    };
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "\0",
    };
    let name = host.strip_prefix("*.").unwrap_or(host);
    let is_foreign =
        |c: char| !c.is_ascii_graphic() || c.is_ascii_uppercase() || "/*@?#\\,".contains(c);
    !name.is_empty()
        && !name.contains(is_foreign)
        && !scheme.contains(is_foreign)
        && !name.ends_with(default_port)
        && !name.ends_with(':')
}

fn origins(cors: &Cors) -> &[String] {
    match &cors.origin {
        None => &[],
        Some(OneOrMany::One(pattern)) => std::slice::from_ref(pattern),
        Some(OneOrMany::Many(patterns)) => patterns,
    }
}

/// `Some(true)`: by `*`; `Some(false)`: by name; `None`: not allowed.
fn allows(cors: Option<&Cors>, origin: &str) -> Option<bool> {
    let Some(cors) = cors.filter(|c| c.origin.is_some()) else {
        return is_local(origin).then_some(false);
    };
    let patterns = origins(cors);
    if patterns.iter().any(|p| p == "*") {
        return Some(true);
    }
    patterns.iter().any(|p| matches(p, origin)).then_some(false)
}

/// `http://localhost[:port]` and `http://127.0.0.1[:port]`, the default.
fn is_local(origin: &str) -> bool {
    ["http://localhost", "http://127.0.0.1"].iter().any(|base| {
        origin.strip_prefix(base).is_some_and(|rest| {
            rest.is_empty()
                || rest
                    .strip_prefix(':')
                    .is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
        })
    })
}

/// An origin, or one with a `*.` label: `*.example.com`, `https://*.example.com`.
fn matches(pattern: &str, origin: &str) -> bool {
    let Some((scheme, suffix)) = pattern.split_once("*.") else {
        return pattern == origin;
    };
    let Some((origin_scheme, host)) = origin.split_once("://") else { return false };
    let same_scheme = scheme.is_empty() || scheme.strip_suffix("://") == Some(origin_scheme);
    let label = host.strip_suffix(suffix).and_then(|h| h.strip_suffix('.'));
    same_scheme && label.is_some_and(|l| !l.is_empty() && !l.contains(['/', '@']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_match_exactly_or_by_a_whole_label() {
        assert!(is_local("http://localhost:5173") && is_local("http://127.0.0.1"));
        assert!(
            !is_local("http://localhost.evil.com")
                && !is_local("https://localhost")
                && !is_local("http://localhost:")
        );
        assert!(matches("*.example.com", "https://app.example.com"));
        assert!(matches("https://*.example.com", "https://a.b.example.com"));
        for bad in
            ["https://example.com", "https://evilexample.com", "http://app.example.com.evil.com"]
        {
            assert!(!matches("*.example.com", bad), "{bad}");
        }
        assert!(!matches("https://*.example.com", "http://app.example.com"));
    }

    #[test]
    fn methods_are_sent_in_upper_case() {
        let cors = serde_json::json!({"origin": "https://a.com", "methods": ["get", "Patch"]});
        let cors: Cors = serde_json::from_value(cors).unwrap();
        let mut headers = HeaderMap::new();
        decorate(Some(&cors), Some(&HeaderValue::from_static("https://a.com")), &mut headers);
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_METHODS], "GET, PATCH");
    }

    #[test]
    fn settings_without_effect_are_remarked_on_and_those_that_cannot_be_sent_refused() {
        let cors = |value: serde_json::Value| -> Cors { serde_json::from_value(value).unwrap() };
        let said = |value| remarks(&cors(value)).join("; ");
        let any = said(serde_json::json!({"origin": ["*"], "credentials": true}));
        assert!(any.contains("no effect"), "{any}");
        for origin in [
            "example.com",
            "https://example.com/",
            "https://",
            "",
            "https://Example.com",
            "https://example.com:443",
            "http://example.com:80",
            "https://example.com:",
            "HTTPS://example.com",
            "https://a@example.com",
            "https://*.*.example.com",
            "https://app.*.com",
            "https://example.com?x",
            "https://exämple.com",
            "a.com, b.com",
            " https://example.com",
        ] {
            let said = said(serde_json::json!({"origin": origin}));
            assert!(said.contains("matches no origin"), "{origin}: {said}");
        }
        let good = [
            "*.example.com",
            "https://*.example.com",
            "http://localhost:5173",
            "app://x",
            "http://example.com:443",
            "http://[::1]:3000",
            "chrome-extension://abc",
            "null",
        ];
        assert_eq!(said(serde_json::json!({"origin": good, "credentials": true})), "");
        assert_eq!(said(serde_json::json!({"origin": "*"})), "");
        for method in ["GET,", "", "GE T", "G\n"] {
            let cors = cors(serde_json::json!({"methods": ["GET", method]}));
            let error = validate(&cors).expect_err(method).to_string();
            assert!(error.starts_with("cors.methods.1: "), "{error}");
        }
        assert!(validate(&cors(serde_json::json!({"methods": ["GET", "PURGE"]}))).is_ok());
    }
}
