//! What becomes of a statement whose request is gone?
//!
//! PostgreSQL takes a `CancelRequest` on a connection of its own, made to the same server and
//! encrypted as the first one was. The server answers nothing: it signals the backend and hangs
//! up, and only then is it certain that the cancellation will not reach a later statement. So a
//! cancellation that did not get as far leaves its connection unfit for further use.
//!
//! Whatever a request held, a turn and a connection of its slot, stays taken until the backend is
//! idle, so that requests that are dropped count for as much as those that wait.

use super::address::Address;
use super::connect::{Lent, Server};
use super::failure::Failure;
use super::wire::{Step, Wire};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::{CancelToken, NoTls};

/// How long the server may take to accept a cancellation.
const WAIT: Duration = Duration::from_secs(5);
/// How long a statement may still run by itself: most are done by then, and a cancellation costs
/// the server a process.
const GRACE: Duration = Duration::from_millis(50);
/// How long until it is cancelled again: the one before may have come between two statements.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a cancelled statement may run on. Longer than `edgebase.statement_timeout`.
const LONGEST: Duration = Duration::from_secs(40);
/// How long a statement may run on that is not cancelled, such as a migration.
const LONGEST_TO_THE_END: Duration = Duration::from_secs(10 * 60);

/// What becomes of a statement whose request is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfDropped {
    /// It is cancelled.
    Cancel,
    /// It runs to its end, because others wait for it too.
    Finish,
}

/// Makes a connection that was given up fit for use again: its statement has ended, and its
/// transaction is rolled back.
///
/// # Errors
/// When it is of no use any more, or its statement did not end in time.
pub async fn settle(
    wire: &mut Wire,
    cancel: &CancelHandle,
    address: &Address,
    if_dropped: IfDropped,
) -> Result<(), Failure> {
    let begun = Instant::now();
    match if_dropped {
        IfDropped::Finish => {
            if let Ok(drained) = timeout(LONGEST_TO_THE_END, wire.drain()).await {
                drained?;
            }
        }
        IfDropped::Cancel => {
            let mut next = begun + GRACE;
            loop {
                if let Ok(drained) = timeout_at(next, wire.drain()).await {
                    drained?;
                    break;
                }
                if begun.elapsed() >= LONGEST {
                    break;
                }
                cancel.cancel(address).await?;
                next = Instant::now() + AGAIN;
            }
        }
    }
    if wire.is_given_up() {
        return Err(Failure::Broken(format!("it still ran after {:?}", begun.elapsed())));
    }
    if wire.is_open() {
        let steps = [Step::bare("ROLLBACK")];
        let rolled_back = timeout(WAIT, wire.batch(&steps)).await;
        rolled_back.map_err(|_| Failure::Broken("no rollback in time".into()))??;
    }
    Ok(())
}

/// What a connection's statements are cancelled with.
pub struct CancelHandle {
    server: Server,
    token: CancelToken,
}

impl std::fmt::Debug for CancelHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CancelHandle").field("server", &self.server).finish_non_exhaustive()
    }
}

impl CancelHandle {
    pub(super) fn new(server: Server, token: CancelToken) -> Self {
        Self { server, token }
    }

    /// Cancels what the connection's backend is doing. Returns when the backend has been
    /// signalled.
    ///
    /// # Errors
    /// When that is not certain; the signal may then still come.
    pub async fn cancel(&self, address: &Address) -> Result<(), Failure> {
        timeout(WAIT, self.send(address))
            .await
            .map_err(|_| Failure::Broken("the server did not take the cancellation".into()))?
    }

    async fn send(&self, address: &Address) -> Result<(), Failure> {
        let secured = self.server.open(address).await?;
        let (lent, loan) = Lent::new(secured.stream);
        match secured.tls {
            None => self.token.cancel_query_raw(loan, NoTls).await,
            Some(tls) => self.token.cancel_query_raw(loan, tls).await,
        }
        .map_err(|e| Failure::from(&e))?;
        let mut stream = lent.back()?;
        let mut nothing = [0];
        match stream.read(&mut nothing).await {
            Ok(0) => Ok(()),
            Ok(_) => Err(Failure::Broken("the server answered a cancellation".into())),
            // The server hangs up without the farewell of TLS, and with our own unread.
            Err(e) if is_hang_up(e.kind()) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}

fn is_hang_up(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(kind, UnexpectedEof | ConnectionReset | BrokenPipe)
}
