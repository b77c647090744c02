//! What does an attack cost the server, seen from its machine?

use edgebase_tests::Product;
use edgebase_tests::sql::texts;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio_postgres::Client;

/// How many backends are in the middle of a statement whose text has `text` in it.
pub async fn running(admin: &Client, text: &str) -> usize {
    let statement = format!(
        "SELECT count(*) FROM pg_stat_activity
         WHERE state = 'active' AND pid <> pg_backend_pid() AND strpos(query, '{text}') > 0"
    );
    texts(admin, &statement).await.unwrap()[0].parse().unwrap()
}

/// Waits until no such backend is left, and fails when that takes too long.
pub async fn until_none_runs(admin: &Client, text: &str, within: Duration) {
    let begun = Instant::now();
    loop {
        let left = running(admin, text).await;
        if left == 0 {
            return;
        }
        assert!(begun.elapsed() < within, "{left} backends still run {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A connection to the product from an address of one's own on this machine.
pub async fn connect_from(source: &str, product: &Product) -> std::io::Result<TcpStream> {
    let target: SocketAddr = product.url.strip_prefix("http://").unwrap().parse().unwrap();
    let socket = TcpSocket::new_v4()?;
    socket.bind(format!("{source}:0").parse().unwrap())?;
    socket.connect(target).await
}

/// Sends a request and hangs up without waiting for the answer, after a while.
pub async fn send_and_drop(product: &Product, request: &str, after: Duration) {
    let mut stream = connect_from("127.0.0.1", product).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(after).await;
}

/// Lets this process, and what it starts, open that many files.
pub fn open_files(wanted: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a structure of the type that the call fills.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
    limit.rlim_cur = limit.rlim_cur.max(wanted).min(limit.rlim_max);
    assert!(limit.rlim_cur >= wanted, "this process may open {} files only", limit.rlim_cur);
    // SAFETY: the same, and the call only reads it.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}
