//! How do connections become requests?
//!
//! HTTP/1.1 and HTTP/2 without TLS, told apart by the first bytes. A client has a bounded time
//! for each head, whether it sends slowly or nothing at all, and for reading its answer. Which
//! connections give way when there are too many is decided by `connections.rs`.

use super::middleware;
use crate::connections::Admission;
use crate::state::App;
use axum::body::Body;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{interval, sleep, timeout};

/// How long a connection may take for a head, and how long it may be idle. Longer than the
/// common 60 seconds of load balancers, which must be the first to close.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// Bytes of a head that are read at all. What is refused with an answer is smaller.
const MAX_HEAD: u32 = 128 << 10;
/// How long a connection may be quiet: each protocol's own limit is met first where it has one.
const MAX_QUIET: Duration = Duration::from_secs(80);
/// How often connections are looked over.
const SWEEP: Duration = Duration::from_secs(5);
/// Requests at a time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;
/// Bytes of an answer that an HTTP/2 stream holds ready for its client.
const SEND_BUFFER: usize = 128 << 10;
/// How an HTTP/2 client begins.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves until `stopped`, and ends when the requests under way have been answered.
pub async fn serve(listener: TcpListener, app: Arc<App>, mut stopped: oneshot::Receiver<()>) {
    let graceful = GracefulShutdown::new();
    let protocols = (http1(), http2());
    let mut sweep = interval(SWEEP);
    loop {
        let (stream, peer) = tokio::select! {
            // A dropped sender stops the server as well.
            _ = &mut stopped => break,
            _ = sweep.tick() => {
                app.connections.sweep(MAX_QUIET);
                continue;
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => (stream, peer.ip()),
                Err(e) => {
                    // Mostly a connection that was given up, or no file descriptor left.
                    tracing::debug!("a connection was not accepted: {e}");
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let trusts_proxy = app.current.load().auth.trusts_proxy();
        let Some(admission) = app.connections.admit(peer, trusts_proxy) else { continue };
        let (app, protocols, watcher) = (Arc::clone(&app), protocols.clone(), graceful.watcher());
        tokio::spawn(async move {
            let admission = Arc::new(admission);
            tokio::select! {
                () = converse(app, protocols, watcher, stream, peer, &admission) => {}
                () = admission.closed() => {}
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

type Protocol = Builder<TokioExecutor>;

/// Answers the requests of one connection.
async fn converse(
    app: Arc<App>,
    (http1, http2): (Protocol, Protocol),
    watcher: Watcher,
    stream: TcpStream,
    peer: IpAddr,
    admission: &Arc<Admission>,
) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Ok(Ok(is_http2)) = timeout(HEAD_TIMEOUT, is_http2(&stream)).await else { return };
    let admission = Arc::clone(admission);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let (app, under_way) = (Arc::clone(&app), admission.request());
        async move {
            let answer = middleware::answer(&app, peer, request.map(Body::new)).await;
            Ok::<_, Infallible>(answer.map(|body| under_way.answer(body)))
        }
    });
    let builder = if is_http2 { http2 } else { http1 };
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(e) = watcher.watch(connection).await {
        tracing::debug!("a connection ended: {e}");
    }
}

/// Looks at the first bytes without taking them.
async fn is_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; PREFACE.len()];
    loop {
        let seen = stream.peek(&mut start).await?;
        if seen == PREFACE.len() || !PREFACE.starts_with(&start[..seen]) || seen == 0 {
            return Ok(start == *PREFACE);
        }
        // As much of the preface as has come; asking again at once would spin.
        sleep(Duration::from_millis(10)).await;
    }
}

fn http1() -> Protocol {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD as usize);
    builder
}

fn http2() -> Protocol {
    let mut builder = Builder::new(TokioExecutor::new()).http2_only();
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_TIMEOUT)
        .max_header_list_size(MAX_HEAD)
        .max_send_buf_size(SEND_BUFFER)
        .max_concurrent_streams(MAX_STREAMS);
    builder
}
