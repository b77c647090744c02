//! Is a request still under way, and does its client read the answer?
//!
//! A request lasts until its answer's body is dropped. The body is handed over in pieces, and the
//! connection asks for the next one only when it has got rid of those before, so how long ago a
//! piece was handed over is how long the client has not read.

use super::Connections;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

/// The client has nothing to read yet.
pub(super) const NOTHING: u64 = 0;
/// Bytes of an answer that are handed over at a time. What was handed over counts as read, so
/// this and a buffer of the connection are what a client may leave unread unnoticed.
const CHUNK: usize = 64 << 10;

/// A request that is under way.
#[derive(Debug)]
pub struct UnderWay {
    connections: Arc<Connections>,
    connection: u64,
    request: u64,
    /// Since when there is something that the client has not read, in the server's milliseconds.
    offered: Arc<AtomicU64>,
}

impl UnderWay {
    pub(super) fn new(
        connections: Arc<Connections>,
        connection: u64,
        request: u64,
        offered: Arc<AtomicU64>,
    ) -> Self {
        Self { connections, connection, request, offered }
    }

    /// The answer's body, whose end is the request's.
    pub fn answer(self, body: Body) -> Body {
        Body::new(Answer { body, rest: Bytes::new(), under_way: self })
    }

    fn offer(&self, since: u64) {
        self.offered.store(since, Ordering::Relaxed);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.connections.end(self.connection, self.request);
    }
}

/// A body that is handed over piece by piece, so that it shows whether the client reads: the
/// connection asks for a piece when it has got rid of those before.
struct Answer {
    body: Body,
    rest: Bytes,
    under_way: UnderWay,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let polled = Pin::new(&mut self.body).poll_frame(context);
            let Poll::Ready(Some(Ok(frame))) = polled else {
                self.under_way.offer(NOTHING);
                return polled;
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        self.under_way.offer(self.under_way.connections.now());
        let length = self.rest.len().min(CHUNK);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Bounds, MAX_STALL, millis};
    use super::*;
    use futures::FutureExt as _;
    use http_body_util::BodyExt as _;
    use std::time::Duration;

    #[tokio::test]
    async fn an_answer_comes_whole_in_pieces_and_one_that_is_not_read_closes_its_connection() {
        let bounds = Bounds { max: 100, per_address: Some(0) };
        let connections = Arc::new(Connections::new(bounds));
        let peer = "10.0.0.1".parse().unwrap();
        let admission = connections.admit(peer, false).unwrap();
        let sent: Vec<u8> = (0..3 * CHUNK + 5).map(|n| n as u8).collect();
        let body = admission.request().answer(Body::from(sent.clone()));
        assert_eq!(body.size_hint().exact(), Some(sent.len() as u64));
        assert_eq!(body.collect().await.unwrap().to_bytes(), sent);
        let mut body = admission.request().answer(Body::from(sent));
        assert!(body.frame().await.is_some());
        connections.sweep(Duration::ZERO);
        assert!(admission.closed().now_or_never().is_none());
        connections.close_stalled(connections.now() + millis(MAX_STALL) + 1);
        assert!(admission.closed().now_or_never().is_some());
        assert_eq!(connections.counts.stalled.get(), 1);
    }
}
