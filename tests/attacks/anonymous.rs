//! The attacker has the server's address and nothing else: no token, no key.

use super::machine::{connect_from, open_files, send_and_drop, until_none_runs};
use edgebase_tests::sql::connect;
use edgebase_tests::{Product, fixture};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A request without a body.
fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

#[tokio::test]
async fn reads_that_are_dropped_end_with_their_requests() {
    let product = Product::start(&fixture("contract.ts"));
    let posts = "/api/db/app/tables/posts";
    product.anonymous().post(posts, &json!({"id": "one", "title": "x"})).await.expect(201);
    let admin = connect(&product.admin_url).await;
    admin.batch_execute("BEGIN; LOCK TABLE app.posts IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let watch = connect(&product.admin_url).await;
    let query = get(posts);
    let (count, search) =
        (get(&format!("{posts}/count")), get(&format!("{posts}/search?search=x")));
    let one = get(&format!("{posts}/one"));
    for _ in 0..12 {
        for request in [&query, &count, &search, &one] {
            send_and_drop(&product, request, Duration::from_millis(20)).await;
        }
    }
    // They wait for the lock, which they would do for ten seconds.
    for text in [".\"posts\"", "read_record"] {
        until_none_runs(&watch, text, Duration::from_secs(6)).await;
    }
    // Gets of one instance leave together; those that are dropped take no other along.
    let client = product.anonymous();
    let mut gets: Vec<_> = (0..24)
        .map(|_| {
            let (client, path) = (client.clone(), format!("{posts}/one"));
            tokio::spawn(async move { client.get(&path).await.status })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let dropped = gets.len() / 2;
    for get in gets.drain(..dropped) {
        get.abort();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    admin.batch_execute("ROLLBACK").await.unwrap();
    for get in gets {
        assert_eq!(get.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn a_body_of_tiny_values_takes_little_memory() {
    let product = Product::start(&fixture("contract.ts"));
    let zeros = "0,".repeat(4_900_000);
    let before = product.peak_memory();
    let caller = product.anonymous();
    for (path, status) in [("/api/sql", 403), ("/api/db/app/tables/loose", 413)] {
        for body in [
            format!("{{\"namespace\":\"app\",\"sql\":\"SELECT 1\",\"params\":[{zeros}0]}}"),
            format!("[{zeros}0]"),
        ] {
            let answer = caller.send("POST", path, Some(("application/json", body.into_bytes())));
            assert_eq!(answer.await.status, status, "{path}");
        }
    }
    let grown = product.peak_memory() - before;
    assert!(grown < 100 << 20, "{grown} bytes more");
    // As many as are taken.
    let body = format!("{{\"title\":[{}0]}}", "0,".repeat(240_000));
    let body = Some(("application/json", body.into_bytes()));
    caller.send("POST", "/api/db/app/tables/loose", body).await.expect(201);
}

#[tokio::test]
async fn sql_without_a_key_says_nothing_about_namespaces() {
    let product = Product::shared("contract.ts");
    for caller in [
        product.anonymous(),
        product.user("u"),
        product.anonymous().with("x-edgebase-service-key", "jb_a_b"),
        product.anonymous().bearer(&product.service_key),
    ] {
        let ask = async |body: &Value| {
            let answer = caller.post("/api/sql", body).await;
            (answer.status, answer.text)
        };
        let there = ask(&json!({"namespace": "app", "sql": "SELECT 1"})).await;
        assert!(matches!(there.0, 401 | 403), "{there:?}");
        for body in [
            json!({"namespace": "nope", "sql": "SELECT 1"}),
            json!({"namespace": "space", "sql": "SELECT 1"}),
            json!({"namespace": "app", "id": "x", "sql": "SELECT 1"}),
            json!({"namespace": "app", "sql": "SELECT 1", "params": "x"}),
            json!([]),
        ] {
            assert_eq!(ask(&body).await, there, "{body}");
        }
    }
}

/// Opens connections from each address and sends half a head on each.
async fn half_sent_heads(product: &Product, addresses: usize, each: usize) -> Vec<TcpStream> {
    let mut held = Vec::with_capacity(addresses * each);
    for address in 0..addresses {
        let source = format!("127.0.7.{}", address + 1);
        for _ in 0..each {
            // A server that is full may reset it.
            let Ok(mut stream) = connect_from(&source, product).await else { continue };
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
            held.push(stream);
        }
    }
    held
}

#[tokio::test]
async fn half_sent_heads_keep_nobody_out() {
    open_files(12_000);
    // One address takes what it may have; many take all that there is, the oldest going first.
    for (addresses, each) in [(1, 10_050), (12, 950)] {
        let product = Product::start(&fixture("contract.ts"));
        let held = half_sent_heads(&product, addresses, each).await;
        for _ in 0..5 {
            let somebody = product.anonymous();
            let answer = timeout(Duration::from_secs(20), somebody.get("/api/health")).await;
            answer.expect("somebody else is served").expect(200);
        }
        drop(held);
    }
}
