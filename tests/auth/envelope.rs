//! Does every answer have what answers must have, and is what is too large or too odd refused?

use super::{direct, trusting};
use edgebase_tests::{Answer, raw_answer};
use serde_json::{Value, json};

const OPEN: &str = "/api/db/app/tables/open";

/// A header of a raw answer, and its body as JSON.
fn parts(answer: &str) -> (u16, Vec<(String, String)>, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    (status, headers, serde_json::from_str(body).unwrap_or_default())
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn every_answer_is_marked_whatever_it_is() {
    let nobody = direct().anonymous();
    let service = direct().service();
    let json_body = |text: &str| Some(("application/json", text.as_bytes().to_vec()));
    let big = format!("{{\"title\":\"{}\"}}", "x".repeat(11 << 20));
    let answers: Vec<(u16, Answer)> = vec![
        (200, nobody.get("/").await),
        (200, nobody.get("/openapi.json").await),
        (200, nobody.get("/api/health").await),
        (200, nobody.get(OPEN).await),
        (201, service.post(OPEN, &json!({"title": "x"})).await),
        (204, nobody.send("OPTIONS", OPEN, None).await),
        (400, service.send("POST", OPEN, json_body("{")).await),
        (401, nobody.bearer("bad").get(OPEN).await),
        (403, nobody.post(OPEN, &json!({})).await),
        (404, nobody.get("/nope").await),
        (404, service.get("/api/db/app/tables/nope").await),
        (405, nobody.send("HEAD", OPEN, None).await),
        (415, service.send("POST", OPEN, Some(("text/plain", vec![b'x']))).await),
        (413, service.send("POST", OPEN, json_body(&big)).await),
        (414, nobody.get(&format!("{OPEN}?filter={}", "x".repeat(33 << 10))).await),
        (431, nobody.with("x-large", &"x".repeat(33 << 10)).get(OPEN).await),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{status}");
        assert!(!answer.headers["x-request-id"].is_empty(), "{status}");
        assert_eq!(answer.headers["vary"], "Origin", "{status}");
        if status >= 400 && status != 405 {
            assert_eq!(answer.body["code"], status);
            assert!(!answer.message().is_empty());
            assert_eq!(answer.headers["content-type"], "application/json");
        }
        if status == 405 {
            assert_eq!(answer.text, "", "HEAD has no body");
        }
    }
}

#[tokio::test]
async fn a_request_id_comes_back_when_it_is_sane_and_is_replaced_when_it_is_not() {
    let nobody = direct().anonymous();
    let long = "x".repeat(129);
    for (sent, is_kept) in [
        ("0193b1f0-7b5c-7d1e-8a44-2bdaf4d2184f", true),
        ("Root=1-67891233-abcdef012345678912345678", true),
        ("a b", false),
        ("<script>alert(1)</script>", false),
        ("\"; DROP TABLE x; --", false),
        (&long, false),
        ("", false),
    ] {
        let answer = nobody.with("x-request-id", sent).get("/api/health").await;
        assert_eq!(answer.headers["x-request-id"] == sent, is_kept, "{sent}");
    }
    let (a, b) = (nobody.get("/api/health").await, nobody.get("/api/health").await);
    assert_ne!(a.headers["x-request-id"], b.headers["x-request-id"]);
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_before_it_is_sent() {
    let key = &direct().service_key;
    let head = |more: &str| {
        format!(
            "POST {OPEN} HTTP/1.1\r\nhost: x\r\nx-edgebase-service-key: {key}\r\n\
             content-type: application/json\r\n{more}\r\n\r\n"
        )
    };
    // Not one byte of the body is sent, and the server hangs up by itself.
    for more in [
        "content-length: 10485761\r\nexpect: 100-continue",
        "content-length: 99999999999\r\nexpect: 100-continue",
    ] {
        let answer = raw_answer(&direct().url, head(more).as_bytes()).await;
        let (status, headers, body) = parts(&answer);
        assert_eq!((status, &body["code"]), (413, &json!(413)), "{answer}");
        assert_eq!(header(&headers, "connection"), Some("close"), "{answer}");
        assert_eq!(header(&headers, "x-content-type-options"), Some("nosniff"));
    }
    // Who sends all of it all the same still gets the answer, and not a broken connection.
    let mut request = head(&format!("content-length: {}", 11 << 20)).into_bytes();
    request.extend(vec![b'x'; 11 << 20]);
    let (status, headers, _) = parts(&raw_answer(&direct().url, &request).await);
    assert_eq!((status, header(&headers, "connection")), (413, Some("close")));
    // Without a stated length it is counted.
    let mut request = head("transfer-encoding: chunked").into_bytes();
    for _ in 0..11 {
        request.extend(b"100000\r\n");
        request.extend(vec![b'x'; 1 << 20]);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    let (status, headers, _) = parts(&raw_answer(&direct().url, &request).await);
    assert_eq!((status, header(&headers, "connection")), (413, Some("close")));
}

#[tokio::test]
async fn whoever_asks_before_it_sends_and_is_refused_is_told_that_the_connection_ends() {
    for (line, credential, expected) in [
        (format!("POST {OPEN}"), "x-edgebase-service-key: wrong", 401),
        ("POST /nope".to_owned(), "x-nothing: x", 404),
        (format!("POST {OPEN}?filter={}", "x".repeat(33 << 10)), "x-nothing: x", 414),
    ] {
        let request = format!(
            "{line} HTTP/1.1\r\nhost: x\r\n{credential}\r\nexpect: 100-continue\r\n\
             content-type: application/json\r\ncontent-length: 5\r\n\r\n"
        );
        let answer = raw_answer(&direct().url, request.as_bytes()).await;
        let (status, headers, _) = parts(&answer);
        assert_eq!((status, header(&headers, "connection")), (expected, Some("close")), "{answer}");
    }
    // Whoever is not refused is told to send, and keeps the connection.
    let key = &direct().service_key;
    let head = format!(
        "POST {OPEN} HTTP/1.1\r\nhost: x\r\nx-edgebase-service-key: {key}\r\n\
         expect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n\
         {{\"title\":\"x\"}}GET /api/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    );
    let answer = raw_answer(&direct().url, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 100 "), "{answer}");
    assert!(answer.contains("HTTP/1.1 201 ") && answer.contains("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_request_names_one_host() {
    let url = &direct().url;
    for (version, hosts, expected) in [
        ("1.1", &["host: example.com"][..], 200),
        ("1.1", &["host: [::1]:8080"], 200),
        ("1.1", &["host:"], 200),
        ("1.1", &[], 400),
        ("1.1", &["host: a", "host: a"], 400),
        ("1.1", &["host: a b"], 400),
        ("1.1", &["host: user@a"], 400),
        ("1.1", &["host: a/b"], 400),
        ("1.1", &["host: \u{e9}"], 400),
        ("1.0", &[], 200),
    ] {
        let hosts: String = hosts.iter().map(|host| format!("{host}\r\n")).collect();
        let request = format!("GET /api/health HTTP/{version}\r\n{hosts}connection: close\r\n\r\n");
        let (status, _, body) = parts(&raw_answer(url, request.as_bytes()).await);
        assert_eq!(status, expected, "{version} {hosts:?} {body}");
    }
}

#[tokio::test]
async fn a_refused_method_comes_with_those_that_there_are() {
    let nobody = direct().anonymous();
    for (path, methods) in [
        (OPEN.to_owned(), "GET, POST, OPTIONS"),
        (format!("{OPEN}/x"), "GET, PATCH, DELETE, OPTIONS"),
        (format!("{OPEN}/batch"), "GET, POST, PATCH, DELETE, OPTIONS"),
    ] {
        let answer = nobody.send("HEAD", &path, None).await;
        assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, methods), "{path}");
    }
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let body = vec![b'x'; 6 << 20];
    for (credential, expected) in [
        ("x-edgebase-service-key: wrong", 401),
        ("authorization: Bearer wrong", 401),
        ("x-nothing: x", 403),
    ] {
        let mut request = format!(
            "POST {OPEN}/batch HTTP/1.1\r\nhost: x\r\n{credential}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend(&body);
        let (status, _, answer) = parts(&raw_answer(&direct().url, &request).await);
        // Anonymous, a batch is refused once its operations are known; until then it is read.
        assert!(status == expected || (status == 400 && expected == 403), "{status} {answer}");
    }
}

#[tokio::test]
async fn bounds_of_path_and_headers_are_bounds_and_not_less() {
    let nobody = direct().anonymous();
    let filter = |length: usize| format!("{OPEN}?ignored={}", "x".repeat(length));
    nobody.get(&filter(30_000)).await.expect(200);
    let answer = nobody.get(&filter(33_000)).await;
    answer.refused(414, "The path and query are too long: the limit is 32768 bytes.");
    nobody.with("x-large", &"x".repeat(30_000)).get(OPEN).await.expect(200);
    let answer = nobody.with("x-large", &"x".repeat(33_000)).get(OPEN).await;
    answer.refused(431, "The request headers are too large: the limit is 32768 bytes.");
    // Far beyond it the connection is refused before there is a request to answer.
    let monstrous = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    let (status, ..) = parts(&raw_answer(&direct().url, monstrous.as_bytes()).await);
    assert!(matches!(status, 0 | 431), "{status}");
    let many = "a: b\r\n".repeat(500);
    let request = format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    let (status, ..) = parts(&raw_answer(&direct().url, request.as_bytes()).await);
    assert_eq!(status, 431);
    nobody.get("/api/health").await.expect(200);
}

#[tokio::test]
async fn http2_without_tls_is_spoken_too() {
    // The preface and empty settings; the server answers with its settings frame.
    let answer = raw_answer(
        &direct().url,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0",
    )
    .await;
    assert_eq!(answer.as_bytes().get(3), Some(&4), "a settings frame: {answer:?}");
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_answers_and_others_may_not() {
    let get = async |origin: &str| {
        let caller = trusting().anonymous().with("x-forwarded-for", "192.0.2.77");
        caller.with("origin", origin).get("/api/health").await
    };
    for origin in [
        "https://app.example.com",
        "https://a.preview.example.com",
        "http://a.b.preview.example.com",
        "https://x.tenant.example.com",
    ] {
        let answer = get(origin).await;
        for (name, value) in [
            ("access-control-allow-origin", origin),
            ("access-control-allow-methods", "GET, POST"),
            ("access-control-allow-headers", "Content-Type, Authorization, X-EdgeBase-Service-Key"),
            ("access-control-allow-credentials", "true"),
            ("access-control-max-age", "600"),
            ("vary", "Origin"),
        ] {
            assert_eq!(
                answer.headers.get(name).map(String::as_str),
                Some(value),
                "{origin} {name}"
            );
        }
    }
    for origin in [
        "https://evil.com",
        "http://app.example.com",
        "https://app.example.com.evil.com",
        "https://app.example.com:8443",
        "https://evilapp.example.com",
        "https://preview.example.com",
        "https://evilpreview.example.com",
        "http://x.tenant.example.com",
        "http://localhost:3000",
        "null",
        "*",
        "",
    ] {
        let answer = get(origin).await;
        assert_eq!(answer.status, 200, "the request is processed all the same");
        assert!(!answer.headers.keys().any(|name| name.starts_with("access-control")), "{origin}");
        assert_eq!(answer.headers["vary"], "Origin");
    }
}

#[tokio::test]
async fn without_a_config_only_pages_of_this_machine_may_read() {
    for (origin, allowed) in [
        ("http://localhost", true),
        ("http://localhost:5173", true),
        ("http://127.0.0.1:8080", true),
        ("https://localhost:5173", false),
        ("http://localhost:x", false),
        ("http://localhost.evil.com", false),
        ("http://127.0.0.1.evil.com", false),
        ("https://app.example.com", false),
    ] {
        let answer = direct().anonymous().with("origin", origin).get(OPEN).await;
        let stated = answer.headers.get("access-control-allow-origin");
        assert_eq!(stated.map(String::as_str), allowed.then_some(origin), "{origin}");
        if allowed {
            assert_eq!(
                answer.headers["access-control-allow-methods"],
                "GET, POST, PATCH, DELETE, OPTIONS"
            );
            assert_eq!(answer.headers["access-control-max-age"], "86400");
        }
    }
}

#[tokio::test]
async fn a_preflight_is_answered_everywhere_without_credentials() {
    let page = direct().anonymous().with("origin", "http://localhost:5173");
    let page = page.with("access-control-request-method", "PATCH");
    for path in
        [OPEN, "/api/sql", "/api/nope", "/", "/internal/x", "/api/db/room/x/tables/messages"]
    {
        let answer = page.send("OPTIONS", path, None).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{path}");
        assert_eq!(answer.headers["access-control-allow-origin"], "http://localhost:5173");
        let bad = page.bearer("bad").with("x-edgebase-service-key", "bad");
        assert_eq!(bad.send("OPTIONS", path, None).await.status, 204, "{path}");
    }
    // Errors can be read by the page as well.
    let refused = page.bearer("bad").get(OPEN).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.headers["access-control-allow-origin"], "http://localhost:5173");
}
