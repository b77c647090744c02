//! How does a connection to PostgreSQL come about?
//!
//! `tokio-postgres` reads the address, negotiates and authenticates, over a stream that is only
//! lent to it; when the server is ready for queries the stream is taken back and spoken on by
//! [`Wire`]. The server says nothing between its first "ready" and the first query, so nothing
//! is lost in the buffers of the lent half.

use super::address::Address;
use super::cancel::CancelHandle;
use super::failure::Failure;
use super::hosts;
use super::secure::{Secured, secure};
use super::wire::{Step, Stream, Wire};
use socket2::{SockRef, TcpKeepalive};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::{SslMode, SslNegotiation, TargetSessionAttrs};
use tokio_postgres::{CancelToken, Client, Config, NoTls};

/// A connection to the first of the address's servers that accepts one, and what its statements
/// are cancelled with.
///
/// # Errors
/// When none does.
pub async fn connect(address: &Address) -> Result<(Wire, CancelHandle), Failure> {
    hosts::first(address, |address, server| Box::pin(open(address, server))).await
}

async fn open(address: &Address, server: &Server) -> Result<(Wire, CancelHandle), Failure> {
    let secured = server.open(address).await?;
    let (stream, token) = handshake(address, secured).await?;
    let mut wire = Wire::new(stream);
    if let Some(wanted) = wanted_of(address) {
        let replies = wire.batch(&[Step::bare(IS_READ_ONLY)]).await?;
        let state = replies.first().and_then(|r| r.rows.first()).map(|row| row.try_get(0));
        is_wanted(wanted, state.and_then(Result::ok))?;
    }
    Ok((wire, CancelHandle::new(server.clone(), token)))
}

/// A connection of the driver's own to the first of the address's servers that accepts one, for
/// administration. It lives as long as the client.
///
/// # Errors
/// When none does.
pub async fn connect_driver(address: &Address) -> Result<Client, Failure> {
    hosts::first(address, |address, server| Box::pin(open_driver(address, server))).await
}

async fn open_driver(address: &Address, server: &Server) -> Result<Client, Failure> {
    let secured = server.open(address).await?;
    let mut config = address.config.clone();
    let client = match secured.tls {
        None => {
            let connected = config.ssl_mode(SslMode::Disable).connect_raw(secured.stream, NoTls);
            let (client, connection) = connected.await.map_err(|e| Failure::from(&e))?;
            tokio::spawn(ended(connection));
            client
        }
        Some(tls) => {
            config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
            let connected = config.connect_raw(secured.stream, tls);
            let (client, connection) = connected.await.map_err(|e| Failure::from(&e))?;
            tokio::spawn(ended(connection));
            client
        }
    };
    if let Some(wanted) = wanted_of(address) {
        let row = client.query_one(IS_READ_ONLY, &[]).await.map_err(|e| Failure::from(&e))?;
        is_wanted(wanted, row.try_get(0).ok())?;
    }
    Ok(client)
}

async fn ended(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(e) = connection.await {
        tracing::debug!("an administrator's connection ended: {e}");
    }
}

const IS_READ_ONLY: &str = "SHOW transaction_read_only";

/// What `transaction_read_only` is to be, where the address asks for something.
fn wanted_of(address: &Address) -> Option<&'static str> {
    match address.config.get_target_session_attrs() {
        TargetSessionAttrs::ReadWrite => Some("off"),
        TargetSessionAttrs::ReadOnly => Some("on"),
        _ => None,
    }
}

fn is_wanted(wanted: &str, state: Option<&str>) -> Result<(), Failure> {
    if state == Some(wanted) {
        return Ok(());
    }
    let state = state.unwrap_or("unknown");
    Err(Failure::Broken(format!(
        "its transaction_read_only is {state}, and target_session_attrs asks for {wanted}"
    )))
}

/// One server of an address, to be connected to again.
#[derive(Clone, Debug)]
pub enum Server {
    /// By TCP.
    Tcp {
        /// Where it is: a name may stand for several servers.
        peer: SocketAddr,
        /// What its certificate is to name.
        name: String,
    },
    /// By a socket in the file system.
    Unix(PathBuf),
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { peer, name } => write!(f, "{name}:{}", peer.port()),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Server {
    /// A connection on which nothing has been said but what TLS asks for.
    ///
    /// # Errors
    /// When there is none, or the server is not believed.
    pub async fn open(&self, address: &Address) -> Result<Secured, Failure> {
        match self {
            Self::Tcp { peer, .. } => {
                let stream = TcpStream::connect(peer).await?;
                self.secure(address, stream).await
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path).await?;
                Ok(Secured { stream: Box::new(stream), tls: None })
            }
        }
    }

    async fn secure(&self, address: &Address, stream: TcpStream) -> Result<Secured, Failure> {
        stream.set_nodelay(true)?;
        watch_over(&stream, &address.config)?;
        let name = match self {
            Self::Tcp { name, .. } => name,
            Self::Unix(_) => "",
        };
        secure(address, stream, name).await
    }
}

/// How long a machine may leave unanswered what was sent to it, where the address does not say.
const UNANSWERED: Duration = Duration::from_secs(15);
/// How long a connection may be quiet before the other machine is asked whether it is there.
const QUIET: Duration = Duration::from_secs(60);
/// What the driver has where the address does not say.
const QUIET_OF_THE_DRIVER: Duration = Duration::from_secs(2 * 60 * 60);

/// A machine that is gone without a word says nothing to those who are connected to it. Its
/// connections break after a bounded time, so that the next ones go to another server.
fn watch_over(stream: &TcpStream, config: &Config) -> io::Result<()> {
    let socket = SockRef::from(stream);
    let unanswered = config.get_tcp_user_timeout().copied().unwrap_or(UNANSWERED);
    socket.set_tcp_user_timeout(Some(unanswered))?;
    if config.get_keepalives() {
        let idle = config.get_keepalives_idle();
        let quiet = if idle == QUIET_OF_THE_DRIVER { QUIET } else { idle };
        let mut keepalive = TcpKeepalive::new().with_time(quiet);
        if let Some(interval) = config.get_keepalives_interval() {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(retries) = config.get_keepalives_retries() {
            keepalive = keepalive.with_retries(retries);
        }
        socket.set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}

async fn handshake(
    address: &Address,
    secured: Secured,
) -> Result<(Box<dyn Stream>, CancelToken), Failure> {
    let (lent, loan) = Lent::new(secured.stream);
    let mut config = address.config.clone();
    // Neither client nor connection is used: they are dropped without a word to the server.
    let done = match secured.tls {
        None => config
            .ssl_mode(SslMode::Disable)
            .connect_raw(loan, NoTls)
            .await
            .map(|(client, _)| client.cancel_token()),
        Some(tls) => {
            config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
            config.connect_raw(loan, tls).await.map(|(client, _)| client.cancel_token())
        }
    };
    let token = done.map_err(|e| Failure::from(&e))?;
    Ok((lent.back()?, token))
}

/// A stream that is lent to the driver, as its owner has it.
pub struct Lent(Shared<Box<dyn Stream>>);

type Shared<S> = Arc<Mutex<Option<S>>>;

impl Lent {
    /// The owner's end and the borrower's.
    pub fn new(stream: Box<dyn Stream>) -> (Self, Loan<Box<dyn Stream>>) {
        let lent = Arc::new(Mutex::new(Some(stream)));
        (Self(Arc::clone(&lent)), Loan(lent))
    }

    /// Takes it back, whether the borrower is done or not.
    ///
    /// # Errors
    /// Never; it is taken back once.
    pub fn back(self) -> Result<Box<dyn Stream>, Failure> {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        stream.ok_or_else(|| Failure::Broken("the connection's stream is gone".into()))
    }
}

/// The same as the borrower has it.
pub struct Loan<S>(Shared<S>);

impl<S: Unpin> Loan<S> {
    fn with<T>(
        &self,
        work: impl FnOnce(Pin<&mut S>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(stream) => work(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Loan<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_read(cx, buf))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Loan<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_connection_breaks_when_the_other_machine_is_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (query, unanswered, keepalive, quiet) in [
            ("", 15, true, 60),
            ("tcp_user_timeout=7&keepalives_idle=9", 7, true, 9),
            ("keepalives=0", 15, false, 0),
        ] {
            let address: Address = format!("postgres://u@h/d?{query}").parse().unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            watch_over(&stream, &address.config).unwrap();
            let socket = SockRef::from(&stream);
            let seconds = socket.tcp_user_timeout().unwrap().map(|time| time.as_secs());
            assert_eq!(seconds, Some(unanswered), "{query}");
            assert_eq!(socket.keepalive().unwrap(), keepalive, "{query}");
            if keepalive {
                assert_eq!(socket.tcp_keepalive_time().unwrap().as_secs(), quiet, "{query}");
            }
        }
    }
}
