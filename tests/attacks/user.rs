//! The attacker has signed in: a valid token of an ordinary user, who may use an instance of its own.

use edgebase_tests::{Product, fixture};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

#[tokio::test]
async fn an_answer_that_is_not_read_is_given_up() {
    let product = Product::start(&fixture("contract.ts"));
    let (user, table) = (product.user("mallory"), "/api/db/space/mallory/tables/posts");
    let body = "x".repeat(1 << 20);
    for _ in 0..8 {
        user.post(table, &json!({"title": "large", "body": body})).await.expect(201);
    }
    let socket = TcpSocket::new_v4().unwrap();
    // Little is kept on the way.
    socket.set_recv_buffer_size(4096).unwrap();
    let address = product.url.strip_prefix("http://").unwrap().parse().unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let token = edgebase_tests::token::user(&product.jwt_secret, "mallory", &json!({}));
    let head = format!("GET {table} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(50)).await;
    let mut read = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut read)).await;
    assert!(end.is_ok(), "the connection is closed");
    assert!(read.starts_with(b"HTTP/1.1 200"));
    assert!(read.len() < 8 << 20, "all of the answer was kept for the client");
}
