//! How do connections become requests?
//!
//! HTTP/1.1 and HTTP/2 without TLS, told apart by the first bytes. A client has a bounded time
//! for each head, whether it sends slowly or nothing at all, and there is a bounded number of
//! connections; further ones wait in the kernel's queue.

use crate::app::App;
use crate::envelope;
use axum::body::Body;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};

/// How long a connection may take for a head, and how long it may be idle. Longer than the
/// common 60 seconds of load balancers, which must be the first to close.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// Bytes of a head that are read at all. What is refused with an answer is smaller.
const MAX_HEAD: u32 = 128 << 10;
/// Connections at a time.
const MAX_CONNECTIONS: usize = 10_000;
/// Requests at a time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;
/// How an HTTP/2 client begins.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves until `stopped`, and ends when the requests under way have been answered.
pub async fn serve(listener: TcpListener, app: Arc<App>, mut stopped: oneshot::Receiver<()>) {
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (http1, http2) = (http1(), http2());
    loop {
        let (stream, peer, place) = tokio::select! {
            // A dropped sender stops the server as well.
            _ = &mut stopped => break,
            accepted = accept(&listener, &room) => match accepted {
                Ok(accepted) => accepted,
                Err(e) => {
                    // Mostly a connection that was given up, or no file descriptor left.
                    tracing::debug!("a connection was not accepted: {e}");
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let app = Arc::clone(&app);
        let (http1, http2, watcher) = (http1.clone(), http2.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _place = place;
            let Ok(Ok(is_http2)) = timeout(HEAD_TIMEOUT, is_http2(&stream)).await else { return };
            let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let app = Arc::clone(&app);
                async move {
                    let request = request.map(Body::new);
                    Ok::<_, Infallible>(envelope::answer(&app, peer, request).await)
                }
            });
            let builder = if is_http2 { http2 } else { http1 };
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            if let Err(e) = watcher.watch(connection).await {
                tracing::debug!("a connection ended: {e}");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

type Accepted = (TcpStream, std::net::IpAddr, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> io::Result<Accepted> {
    let place = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer.ip(), place))
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

fn http1() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD as usize);
    builder
}

fn http2() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new()).http2_only();
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_TIMEOUT)
        .max_header_list_size(MAX_HEAD)
        .max_concurrent_streams(MAX_STREAMS);
    builder
}
