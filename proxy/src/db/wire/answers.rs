//! How are the answers to a batch read?
//!
//! In the order of its statements, until the server is ready again, while what is still to be sent
//! is sent: a server whose answers are not taken stops reading. What is larger than its bound is
//! thrown away without being held.
//!
//! Invariant: a wire is idle or open only once the server has said so.

use super::{CHUNK, READ_ONLY, State, Wire};
use crate::db::bound::{Bound, Verdict, Weigher};
use crate::db::failure::Failure;
use crate::db::row::{Reply, Row};
use bytes::Buf as _;
use postgres_protocol::message::backend::{Message, RowDescriptionBody};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::io::AsyncReadExt as _;

/// What came back for a batch.
#[derive(Default)]
pub(super) struct Answer {
    pub replies: Vec<Reply>,
    pub columns: Option<RowDescriptionBody>,
}

impl Wire {
    /// Reads the rest of what the server says about a batch that was given up, keeping nothing of
    /// it. May be given up itself and called again.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn drain(&mut self) -> Result<(), Failure> {
        while self.state == State::Unknown {
            // Rows may be of any size and are not even looked at.
            if let (0, Some(&[b'D', a, b, c, d])) = (self.skipped, self.input.first_chunk()) {
                self.skipped = 1 + u32::from_be_bytes([a, b, c, d]) as usize;
            }
            if self.skipped > 0 {
                self.skip(self.skipped).await?;
                continue;
            }
            match Message::parse(&mut self.input)? {
                Some(Message::ReadyForQuery(body)) => self.ready(body.status()),
                Some(Message::ParseComplete) => self.prepared.confirm(),
                // The server waits for data that nobody here has.
                Some(Message::CopyInResponse(_)) => {
                    self.state = State::Broken;
                    return Err(Failure::Broken("the server wants data to copy".into()));
                }
                Some(_) => {}
                None => self.fill().await?,
            }
        }
        self.shrink();
        Ok(())
    }

    pub(super) async fn read(&mut self, bounds: &[Bound]) -> Result<Answer, Failure> {
        let mut answer = Answer { replies: Vec::with_capacity(bounds.len()), columns: None };
        let mut rows: Vec<Row> = Vec::new();
        let mut weigher = Weigher::default();
        let mut refusal = None;
        loop {
            loop {
                let bound = bounds.get(answer.replies.len()).copied().unwrap_or_default();
                match weigher.weigh(&self.input, bound) {
                    Verdict::Keep => {}
                    Verdict::Skip { bytes, message } => {
                        rows.clear();
                        refusal = refusal.or(Some(Failure::TooMuch { bytes, committed: true }));
                        self.skip(message).await?;
                        continue;
                    }
                    Verdict::Leave if answer.replies.len() + 1 == bounds.len() => {
                        rows.push(Row::rest());
                        answer.replies.push(Reply { rows, ..Reply::default() });
                        return Ok(answer);
                    }
                    Verdict::Leave => return Err(Failure::Broken("a page is not the last".into())),
                    Verdict::Stop(failure) => return Err(failure),
                }
                let Some(message) = Message::parse(&mut self.input)? else { break };
                match message {
                    Message::DataRow(body) => {
                        weigher.next();
                        rows.push(Row::new(&body));
                    }
                    Message::ParseComplete => self.prepared.confirm(),
                    Message::CommandComplete(body) => {
                        weigher = Weigher::default();
                        answer.replies.push(Reply::new(std::mem::take(&mut rows), body.tag()?));
                    }
                    Message::EmptyQueryResponse => answer.replies.push(Reply::default()),
                    Message::RowDescription(body) => answer.columns = Some(body),
                    Message::ErrorResponse(body) => {
                        let refused = Failure::refused(&body);
                        self.read_only |= refused.code() == Some(READ_ONLY);
                        refusal = refusal.or(Some(refused));
                    }
                    Message::ReadyForQuery(body) => {
                        self.ready(body.status());
                        return refusal.map_or(Ok(answer), Err);
                    }
                    Message::BindComplete
                    | Message::CloseComplete
                    | Message::NoData
                    | Message::NoticeResponse(_)
                    | Message::NotificationResponse(_)
                    | Message::ParameterDescription(_)
                    | Message::ParameterStatus(_) => {}
                    // COPY among others: a conversation that is not held here.
                    _ => {
                        self.state = State::Broken;
                        return Err(Failure::Broken("an unexpected message came".into()));
                    }
                }
            }
            // What the server said last, e.g. that it is shutting down, tells more than that it
            // then hung up.
            if let Err(e) = self.fill().await {
                return Err(refusal.unwrap_or_else(|| e.into()));
            }
        }
    }

    /// Throws a message of so many bytes away. What is left of it when this is given up is thrown
    /// away by `drain`.
    async fn skip(&mut self, bytes: usize) -> io::Result<()> {
        self.skipped = bytes;
        loop {
            let there = self.skipped.min(self.input.len());
            self.input.advance(there);
            self.skipped -= there;
            if self.skipped == 0 {
                return Ok(());
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_fill(cx)).await.inspect_err(|_| self.state = State::Broken)
    }

    /// Sends what is still to be sent and waits for something to read. Both at once: a server
    /// whose answers nobody takes stops reading.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.output.has_remaining() {
            match Pin::new(&mut *self.stream).poll_write(cx, &self.output)? {
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(n) => self.output.advance(n),
                Poll::Pending => break,
            }
        }
        // A stream with a buffer of its own (TLS) sends it only now.
        let _ = Pin::new(&mut *self.stream).poll_flush(cx)?;
        self.input.reserve(CHUNK);
        match ready!(pin!(self.stream.read_buf(&mut self.input)).poll(cx))? {
            0 => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server closed the connection",
            ))),
            _ => Poll::Ready(Ok(())),
        }
    }
}
