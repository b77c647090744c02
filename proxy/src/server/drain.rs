//! What becomes of a body that nobody wants to read?
//!
//! A request that is refused early leaves its body in the socket. Closing the connection over
//! unread bytes resets it, and the client may lose the answer that says why. So what is left of
//! a body is read and thrown away for a while: long enough for an honest client to finish
//! sending and read its answer, short enough not to serve a dishonest one.

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long the rest of a body is read.
const LONGEST: Duration = Duration::from_secs(5);
/// How much of it.
const MOST: usize = 32 << 20;

/// A body whose rest is read when it is dropped.
pub struct DrainedBody {
    body: Option<Body>,
}

impl DrainedBody {
    /// Wraps a request's body.
    pub fn wrap(body: Body) -> Body {
        if body.is_end_stream() { body } else { Body::new(Self { body: Some(body) }) }
    }
}

impl HttpBody for DrainedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for DrainedBody {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else { return };
        // Dropped together with the runtime there is nobody left to answer.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(tokio::time::timeout(LONGEST, discard(body)));
    }
}

async fn discard(mut body: Body) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > MOST {
            return;
        }
    }
}
