//! How much memory may answers hold, all requests together?
//!
//! What a request reads from the database is counted in its [`Reservation`] while it is made into
//! an answer, and the answer's body keeps what it holds counted until it has been sent or given
//! up: a client that does not read holds its share and no more than that. The shares come from one
//! budget of the process. A request that finds too little left fails with 503; what is small is not
//! counted, so that large answers do not keep small ones from being given.

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

/// What all answers hold together.
pub const BUDGET: usize = 256 << 20;
/// What a request may hold without being counted.
const SMALL: usize = 256 << 10;
/// Bytes held for each byte of a row on its way: the row, its text, and the answer made of them.
const COPIES: usize = 3;

static HELD: AtomicUsize = AtomicUsize::new(0);

tokio::task_local! {
    static CURRENT: Arc<Reservation>;
}

/// The budget does not allow it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

/// What one request holds.
#[derive(Debug, Default)]
pub struct Reservation(AtomicUsize);

impl Reservation {
    /// Counts more, if the budget allows it.
    fn add(&self, bytes: usize) -> Result<(), Exhausted> {
        let before = self.0.load(Ordering::Relaxed);
        let more = counted(before + bytes) - counted(before);
        let allowed = |held: usize| held.checked_add(more).filter(|held| *held <= BUDGET);
        if more > 0 && HELD.fetch_update(Ordering::AcqRel, Ordering::Relaxed, allowed).is_err() {
            return Err(Exhausted);
        }
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// What is held from now on, which is no more than before.
    fn keep(&self, bytes: usize) {
        let before = self.0.load(Ordering::Relaxed);
        let after = bytes.min(before);
        self.0.store(after, Ordering::Relaxed);
        HELD.fetch_sub(counted(before) - counted(after), Ordering::AcqRel);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.keep(0);
    }
}

/// The part of a request's bytes that is counted.
fn counted(bytes: usize) -> usize {
    bytes.saturating_sub(SMALL)
}

/// Counts bytes of rows that the request under way is reading. Nothing is counted for what no
/// request waits for.
///
/// # Errors
/// When the budget is used up.
pub fn read(bytes: usize) -> Result<(), Exhausted> {
    CURRENT.try_with(|reservation| reservation.add(COPIES * bytes)).unwrap_or(Ok(()))
}

/// Counts no more than so many bytes of rows for the request under way: the others are dropped.
pub fn keep(bytes: usize) {
    // What is called outside of a request has nothing counted.
    let _ = CURRENT.try_with(|reservation| reservation.keep(COPIES * bytes));
}

/// Answers a request with a reservation of its own, which the answer's body takes over.
pub async fn counting(answer: impl Future<Output = Response>) -> Response {
    let reservation = Arc::new(Reservation::default());
    let response = CURRENT.scope(Arc::clone(&reservation), answer).await;
    let size = response.body().size_hint().exact().unwrap_or(0);
    reservation.keep(usize::try_from(size).unwrap_or(usize::MAX));
    if counted(reservation.0.load(Ordering::Relaxed)) == 0 {
        return response;
    }
    response.map(|body| Body::new(Held { body, reservation }))
}

/// A body whose data holds a reservation until the last of it is dropped: the connection may take
/// it all at once and send it for as long as the client reads.
struct Held {
    body: Body,
    reservation: Arc<Reservation>,
}

struct HeldData {
    data: Bytes,
    _reservation: Arc<Reservation>,
}

impl AsRef<[u8]> for HeldData {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let reservation = Arc::clone(&self.reservation);
        Poll::Ready(frame.map(|frame| {
            Ok(frame?
                .map_data(|data| Bytes::from_owner(HeldData { data, _reservation: reservation })))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    /// The budget is the process's, and so is this test of all that it does.
    #[tokio::test]
    async fn an_answer_is_counted_until_its_last_byte_is_dropped() {
        let size = 20 << 20;
        let response = counting(async {
            assert_eq!(read(size), Ok(()));
            assert_eq!(HELD.load(Ordering::Relaxed), COPIES * size - SMALL);
            assert_eq!(read(BUDGET), Err(Exhausted));
            Response::new(Body::from(vec![0; size]))
        })
        .await;
        assert_eq!(HELD.load(Ordering::Relaxed), size - SMALL);
        // The connection has it all, and the body is gone; the client has read nothing.
        let data = response.into_body().frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((data.len(), HELD.load(Ordering::Relaxed)), (size, size - SMALL));
        let rest = data.slice(1..);
        drop(data);
        assert_eq!(HELD.load(Ordering::Relaxed), size - SMALL);
        drop(rest);
        assert_eq!(HELD.load(Ordering::Relaxed), 0);
        // Rows that are looked at and dropped count while they are there.
        counting(async {
            for _ in 0..100 {
                assert_eq!(read(size), Ok(()));
                keep(0);
            }
            assert_eq!(HELD.load(Ordering::Relaxed), 0);
            Response::new(Body::empty())
        })
        .await;
        // A request that is given up gives back what it has read.
        let given_up = counting(async {
            assert_eq!(read(size), Ok(()));
            std::future::pending().await
        });
        let _ = tokio::time::timeout(std::time::Duration::from_millis(10), given_up).await;
        assert_eq!(HELD.load(Ordering::Relaxed), 0);
        assert_eq!(read(usize::MAX / COPIES), Ok(()), "nothing is counted outside of a request");
    }
}
