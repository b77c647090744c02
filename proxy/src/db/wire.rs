//! How do several statements run in one round trip and one transaction?
//!
//! By PostgreSQL's extended protocol with a single Sync: everything is sent at once, the server
//! runs it in order, skips what follows an error, and ends the transaction at the Sync unless a
//! BEGIN among the statements holds it open (manual, "Pipelining"). A driver that syncs after
//! every statement costs both sides a wake-up for each, which is why this speaks the protocol
//! itself; the messages are those of the `postgres-protocol` crate, and the connection is made
//! by `tokio-postgres` (`connect.rs`).
//!
//! A [`Wire`] whose [`Wire::batch`] was given up half-way runs nothing more until
//! [`Wire::drain`] has read what the server still says about it.

use super::bound::{Bound, Verdict, Weigher};
use super::failure::Failure;
use super::prepared::{Plan, Prepared};
use super::row::{Reply, Row};
use super::statement::Sql;
use bytes::{Buf as _, BytesMut};
use edgebase_blocks::sqlstate::TABLE_REWRITTEN;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::{Message, RowDescriptionBody};
use postgres_protocol::message::frontend::{self, BindError};
use postgres_types::{ToSql, Type};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

/// Room made for what the server sends; grows with large answers.
const CHUNK: usize = 16 << 10;
/// Buffers beyond this are given back after use.
const KEEP: usize = 256 << 10;
/// `feature_not_supported`: "cached plan must not change result type", among others.
const OTHER_RESULT: &str = "0A000";
/// `read_only_sql_transaction`.
const READ_ONLY: &str = "25006";
/// Values come in binary form.
const BINARY: i16 = 1;

/// What a connection runs over.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Where a connection is between two batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In no transaction.
    Idle,
    /// In one, or in one that has failed.
    Open,
    /// Not known: a batch is under way or was given up.
    Unknown,
    /// Of no use any more.
    Broken,
}

/// One statement with its values.
pub struct Step<'a> {
    text: &'a str,
    params: Vec<(&'a (dyn ToSql + Sync), Type)>,
    recurs: bool,
    bound: Bound,
}

impl<'a> Step<'a> {
    /// A statement that may come again.
    pub fn new(text: &'a str, params: Vec<(&'a (dyn ToSql + Sync), Type)>) -> Self {
        Self { text, params, recurs: true, bound: Bound::default() }
    }

    /// A statement of somebody else's.
    pub fn foreign(text: &'a str, params: Vec<(&'a (dyn ToSql + Sync), Type)>) -> Self {
        Self { text, params, recurs: false, bound: Bound::default() }
    }

    /// The same, giving no more than that.
    #[must_use]
    pub fn within(self, bound: Bound) -> Self {
        Self { bound, ..self }
    }

    /// The same, committed with what it is sent with.
    #[must_use]
    pub fn committed(self) -> Self {
        let bound = self.bound.committed();
        self.within(bound)
    }

    /// A statement without values.
    pub fn text(text: &'a str) -> Self {
        Self::new(text, Vec::new())
    }
}

impl<'a> From<&'a Sql> for Step<'a> {
    fn from(sql: &'a Sql) -> Self {
        Self::new(sql.text(), sql.params()).within(sql.bound())
    }
}

/// A column that a statement will give.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, where it is one that every server has.
    pub kind: Option<Type>,
}

/// A connection to PostgreSQL.
pub struct Wire {
    stream: Box<dyn Stream>,
    state: State,
    prepared: Prepared,
    output: BytesMut,
    input: BytesMut,
    /// What is left of a message that is being thrown away, in bytes.
    skipped: usize,
    /// Whether the server has refused to write.
    read_only: bool,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("state", &self.state).finish_non_exhaustive()
    }
}

/// What came back for a batch.
#[derive(Default)]
struct Answer {
    replies: Vec<Reply>,
    columns: Option<RowDescriptionBody>,
}

impl Wire {
    /// Over a stream on which the server is ready for a query.
    pub fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            state: State::Idle,
            prepared: Prepared::default(),
            output: BytesMut::new(),
            input: BytesMut::new(),
            skipped: 0,
            read_only: false,
        }
    }

    /// Whether it is in no transaction and fit for use.
    pub fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    /// Whether it is in a transaction, between two batches.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether a batch was given up half-way: the server may still run it.
    pub fn is_given_up(&self) -> bool {
        self.state == State::Unknown
    }

    /// Whether the server has refused to write.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether the server has hung up, or has something to say that nobody asked for. Costs no
    /// system call while nothing has come.
    pub fn is_stale(&mut self) -> bool {
        let mut byte = [0];
        let mut context = Context::from_waker(std::task::Waker::noop());
        pin!(self.stream.read(&mut byte)).poll(&mut context).is_ready()
    }

    /// Runs the statements in one round trip; a reply for each. Where the server refuses one that it
    /// keeps, because a table's columns are of other types by now, all that it keeps is forgotten,
    /// and what began with these statements begins again.
    ///
    /// # Errors
    /// The first refusal: nothing after it has run. Outside of a transaction held open nothing
    /// at all has been done then.
    pub async fn batch(&mut self, steps: &[Step<'_>]) -> Result<Vec<Reply>, Failure> {
        let begins = self.is_idle();
        let mut refusal = match self.attempt(steps).await {
            Err(Failure::Refused(refusal))
                if refusal.code == OTHER_RESULT && self.prepared.was_used() =>
            {
                refusal
            }
            outcome => return outcome,
        };
        self.prepared.outdate();
        if !begins {
            // What the transaction did before is lost: who holds it open has to begin again.
            TABLE_REWRITTEN.code.clone_into(&mut refusal.code);
            return Err(Failure::Refused(refusal));
        }
        if self.is_open() {
            self.attempt(&[Step::text("ROLLBACK")]).await?;
        }
        self.attempt(steps).await
    }

    async fn attempt(&mut self, steps: &[Step<'_>]) -> Result<Vec<Reply>, Failure> {
        self.begin()?;
        self.prepared.start();
        let surplus: Vec<u32> = self.prepared.surplus().collect();
        for number in surplus {
            frontend::close(b'S', &self.prepared.name(number), &mut self.output)?;
        }
        for step in steps {
            if let Err(e) = self.write(step) {
                self.prepared.settle();
                return Err(e);
            }
        }
        frontend::sync(&mut self.output);
        let bounds: Vec<Bound> = steps.iter().map(|step| step.bound).collect();
        let answer = self.exchange(&bounds).await?;
        if answer.replies.len() == steps.len() {
            return Ok(answer.replies);
        }
        Err(Failure::Broken("the server did not answer every statement".into()))
    }

    /// The columns that a statement of somebody else's would give.
    ///
    /// # Errors
    /// When the server cannot parse it, or it is more than one.
    pub async fn describe(&mut self, text: &str, kinds: &[Type]) -> Result<Vec<Column>, Failure> {
        self.begin()?;
        self.prepared.once();
        frontend::parse("", text, kinds.iter().map(Type::oid), &mut self.output)?;
        frontend::describe(b'S', "", &mut self.output)?;
        frontend::sync(&mut self.output);
        let Some(body) = self.exchange(&[]).await?.columns else { return Ok(Vec::new()) };
        let column = |f: postgres_protocol::message::backend::Field<'_>| {
            Ok(Column { name: f.name().to_owned(), kind: Type::from_oid(f.type_oid()) })
        };
        Ok(body.fields().map(column).collect()?)
    }

    /// `DISCARD ALL`: whatever somebody else's statements have left is gone.
    ///
    /// # Errors
    /// When the server refuses, as inside a transaction.
    pub async fn discard_all(&mut self) -> Result<(), Failure> {
        self.prepared.forget();
        self.batch(&[Step::foreign("DISCARD ALL", Vec::new())]).await.map(drop)
    }

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

    /// An empty output, unless the server still owes an answer.
    fn begin(&mut self) -> Result<(), Failure> {
        match self.state {
            State::Idle | State::Open => {
                self.output.clear();
                Ok(())
            }
            State::Unknown | State::Broken => {
                Err(Failure::Broken("the connection is not ready for a statement".into()))
            }
        }
    }

    fn ready(&mut self, status: u8) {
        self.state = if status == b'I' { State::Idle } else { State::Open };
    }

    /// What is over leaves nothing behind but buffers of moderate size.
    fn shrink(&mut self) {
        self.prepared.settle();
        if self.output.capacity() > KEEP {
            self.output = BytesMut::new();
        }
        if self.input.capacity() > KEEP {
            self.input = BytesMut::new();
        }
    }

    /// Parse where needed, Bind, Execute.
    fn write(&mut self, step: &Step<'_>) -> Result<(), Failure> {
        let out = &mut self.output;
        let plan = if step.recurs { self.prepared.plan(step.text) } else { self.prepared.once() };
        let name = match plan {
            Plan::Kept(number) | Plan::Keep(number) => self.prepared.name(number),
            Plan::Once => String::new(),
        };
        if !matches!(plan, Plan::Kept(_)) {
            frontend::parse(&name, step.text, step.params.iter().map(|(_, t)| t.oid()), out)?;
        }
        frontend::bind(
            "",
            &name,
            step.params.iter().map(|(value, kind)| value.encode_format(kind) as i16),
            &step.params,
            |(value, kind), out| {
                Ok(match value.to_sql_checked(kind, out)? {
                    postgres_types::IsNull::Yes => IsNull::Yes,
                    postgres_types::IsNull::No => IsNull::No,
                })
            },
            [BINARY],
            out,
        )
        .map_err(|e| match e {
            BindError::Conversion(e) => Failure::Broken(format!("a value cannot be sent: {e}")),
            BindError::Serialization(e) => e.into(),
        })?;
        Ok(frontend::execute("", 0, out)?)
    }

    /// Sends what was written and reads until the server is ready again.
    async fn exchange(&mut self, bounds: &[Bound]) -> Result<Answer, Failure> {
        self.state = State::Unknown;
        let answer = self.read(bounds).await;
        if self.state != State::Unknown {
            self.shrink();
        }
        answer
    }

    async fn read(&mut self, bounds: &[Bound]) -> Result<Answer, Failure> {
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
                    // COPY among others: a conversation that nobody here can hold.
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

    const READY: &[u8] = b"Z\0\0\0\x05I";

    fn wire(buffer: usize) -> (Wire, DuplexStream) {
        let (near, far) = duplex(buffer);
        (Wire::new(Box::new(near)), far)
    }

    fn complete(tag: &str) -> Vec<u8> {
        let length = u8::try_from(tag.len() + 5).unwrap();
        [b"1\0\0\0\x042\0\0\0\x04C\0\0\0", &[length][..], tag.as_bytes(), b"\0"].concat()
    }

    #[tokio::test]
    async fn a_batch_has_one_sync_and_a_reply_for_each_statement() {
        let (mut wire, mut server) = wire(4096);
        let task = tokio::spawn(async move {
            let mut got = vec![0; 4096];
            let n = server.read(&mut got).await.unwrap();
            server.write_all(&complete("BEGIN")).await.unwrap();
            server.write_all(&complete("UPDATE 3")).await.unwrap();
            server.write_all(READY).await.unwrap();
            got[..n].iter().rev().take(5).copied().collect::<Vec<_>>()
        });
        let replies = wire.batch(&[Step::text("BEGIN"), Step::text("x")]).await.unwrap();
        assert_eq!(replies.iter().map(|r| r.affected).collect::<Vec<_>>(), [0, 3]);
        assert!(wire.is_idle());
        assert_eq!(task.await.unwrap(), [4, 0, 0, 0, b'S']);
    }

    #[tokio::test]
    async fn the_first_refusal_counts_and_the_wire_stays_fit() {
        let (mut wire, mut server) = wire(4096);
        server.write_all(b"E\0\0\0\x13C23505\0Mtwice\0\0").await.unwrap();
        server.write_all(READY).await.unwrap();
        let failure = wire.batch(&[Step::text("x"), Step::text("y")]).await.unwrap_err();
        assert_eq!(failure.code(), Some("23505"));
        assert!(wire.is_idle());
    }

    #[tokio::test]
    async fn what_the_server_keeps_and_refuses_is_parsed_anew_and_begins_again() {
        let (mut wire, mut server) = wire(4096);
        let [first, second] = [1, 2].map(|number| wire.prepared.name(number));
        let task = tokio::spawn(async move {
            let refusal = b"E\0\0\0\x13C0A000\0Mother\0\0";
            let answers = [
                complete("SELECT 1"),
                complete("SELECT 2"),
                refusal.to_vec(),
                complete("SELECT 4"),
                complete("SELECT 5"),
                refusal.to_vec(),
            ];
            let mut sent = Vec::new();
            for (n, answer) in answers.into_iter().enumerate() {
                let mut got = vec![0; 4096];
                let length = server.read(&mut got).await.unwrap();
                let has = |text: String| {
                    got[..length].windows(text.len()).any(|part| part == text.as_bytes())
                };
                let parses = has(format!("{first}\0x")) || has(format!("{second}\0x"));
                let closes = has(format!("S{first}\0"));
                sent.push((parses, closes));
                // From the fifth answer on the server is inside a transaction.
                let state = if n < 4 { READY } else { b"Z\0\0\0\x05T" };
                server.write_all(&[answer, state.to_vec()].concat()).await.unwrap();
            }
            sent
        });
        for affected in [1, 2, 4, 5] {
            assert_eq!(wire.batch(&[Step::text("x")]).await.unwrap()[0].affected, affected);
        }
        let failure = wire.batch(&[Step::text("x")]).await.unwrap_err();
        assert_eq!(failure.code(), Some(TABLE_REWRITTEN.code), "who holds it open begins again");
        let sent = task.await.unwrap();
        let anew = [(false, false), (true, false), (false, false), (true, true)];
        assert_eq!(sent[..4], anew, "{sent:?}");
    }

    #[tokio::test]
    async fn a_batch_larger_than_every_buffer_does_not_block_on_its_answers() {
        let (mut wire, mut server) = wire(64);
        let statements = 200;
        tokio::spawn(async move {
            let mut got = [0; 16];
            // Answers before it has read everything, as a server does.
            for _ in 0..statements {
                server.read_exact(&mut got).await.unwrap();
                server.write_all(&complete("SELECT 0")).await.unwrap();
            }
            server.write_all(READY).await.unwrap();
            let mut rest = Vec::new();
            let _ = server.read_to_end(&mut rest).await;
        });
        let steps: Vec<_> = (0..statements).map(|_| Step::text("a statement")).collect();
        assert_eq!(wire.batch(&steps).await.unwrap().len(), statements);
    }

    #[tokio::test]
    async fn a_wire_given_up_runs_nothing_until_the_rest_has_been_read() {
        let (mut wire, mut server) = wire(64);
        let text = "x".repeat(200);
        let steps = [Step::text(&text)];
        assert!(pin!(wire.batch(&steps)).poll(&mut noop()).is_pending());
        assert!(!wire.is_idle() && wire.is_given_up());
        assert!(wire.batch(&steps).await.is_err(), "an answer is still owed");
        // What was not sent yet is sent to its Sync, and what came half-way is read on.
        let task = tokio::spawn(async move {
            let mut got = Vec::new();
            while got.last_chunk() != Some(&[b'S', 0, 0, 0, 4]) {
                server.read_buf(&mut got).await.unwrap();
            }
            server.write_all(&complete("SELECT 1")).await.unwrap();
            server.write_all(&READY[..3]).await.unwrap();
            server
        });
        assert!(pin!(wire.drain()).poll(&mut noop()).is_pending());
        let halfway = tokio::time::timeout(std::time::Duration::from_millis(200), wire.drain());
        assert!(halfway.await.is_err() && wire.is_given_up());
        let mut server = task.await.unwrap();
        server.write_all(&READY[3..]).await.unwrap();
        wire.drain().await.unwrap();
        assert!(wire.is_idle());
        server.write_all(&complete("SELECT 2")).await.unwrap();
        server.write_all(READY).await.unwrap();
        assert_eq!(wire.batch(&steps).await.unwrap()[0].affected, 2);
    }

    #[tokio::test]
    async fn a_wire_hung_up_on_is_not_used_again() {
        let (mut given_up, server) = wire(4096);
        let steps = [Step::text("x")];
        assert!(pin!(given_up.batch(&steps)).poll(&mut noop()).is_pending());
        drop(server);
        assert!(given_up.drain().await.is_err());
        assert!(!given_up.is_idle() && !given_up.is_given_up());
        let (mut idle, server) = wire(4096);
        assert!(!idle.is_stale());
        drop(server);
        assert!(idle.is_stale());
    }

    fn noop() -> Context<'static> {
        Context::from_waker(std::task::Waker::noop())
    }
}
