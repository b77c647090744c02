//! How do several statements run in one round trip and one transaction?
//!
//! By PostgreSQL's extended protocol with a single Sync: everything is sent at once, the server
//! runs it in order, skips what follows an error, and ends the transaction at the Sync unless a
//! BEGIN among the statements holds it open (manual, "Pipelining"). A driver that syncs after
//! every statement costs both sides a wake-up for each, which is why this speaks the protocol
//! itself; the messages are those of the `postgres-protocol` crate, and the connection is made
//! by `tokio-postgres` (`connect.rs`). The answers are read in `wire/answers.rs`.
//!
//! A [`Wire`] whose [`Wire::batch`] was given up half-way runs nothing more until
//! [`Wire::drain`] has read what the server still says about it.

mod answers;

use super::bound::Bound;
use super::failure::Failure;
use super::prepared::{Plan, Prepared};
use super::row::Reply;
use super::statement::Sql;
use answers::Answer;
use bytes::BytesMut;
use edgebase_blocks::sqlstate::TABLE_REWRITTEN;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend::{self, BindError};
use postgres_types::{ToSql, Type};
use std::pin::pin;
use std::task::Context;
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
    pub fn bare(text: &'a str) -> Self {
        Self::new(text, Vec::new())
    }

    /// Its text.
    pub fn text(&self) -> &str {
        self.text
    }

    /// How many values it has.
    pub fn values(&self) -> usize {
        self.params.len()
    }

    /// Whether a client wrote it.
    pub fn is_foreign(&self) -> bool {
        !self.recurs
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

    /// [`Self::batch`] as far as the protocol goes.
    pub(super) async fn run(&mut self, steps: &[Step<'_>]) -> Result<Vec<Reply>, Failure> {
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
            self.attempt(&[Step::bare("ROLLBACK")]).await?;
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
        let replies = wire.batch(&[Step::bare("BEGIN"), Step::bare("x")]).await.unwrap();
        assert_eq!(replies.iter().map(|r| r.affected).collect::<Vec<_>>(), [0, 3]);
        assert!(wire.is_idle());
        assert_eq!(task.await.unwrap(), [4, 0, 0, 0, b'S']);
    }

    #[tokio::test]
    async fn the_first_refusal_counts_and_the_wire_stays_fit() {
        let (mut wire, mut server) = wire(4096);
        server.write_all(b"E\0\0\0\x13C23505\0Mtwice\0\0").await.unwrap();
        server.write_all(READY).await.unwrap();
        let failure = wire.batch(&[Step::bare("x"), Step::bare("y")]).await.unwrap_err();
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
            assert_eq!(wire.batch(&[Step::bare("x")]).await.unwrap()[0].affected, affected);
        }
        let failure = wire.batch(&[Step::bare("x")]).await.unwrap_err();
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
        let steps: Vec<_> = (0..statements).map(|_| Step::bare("a statement")).collect();
        assert_eq!(wire.batch(&steps).await.unwrap().len(), statements);
    }

    #[tokio::test]
    async fn a_wire_given_up_runs_nothing_until_the_rest_has_been_read() {
        let (mut wire, mut server) = wire(64);
        let text = "x".repeat(200);
        let steps = [Step::bare(&text)];
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
        let steps = [Step::bare("x")];
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
