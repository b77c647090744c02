//! How does a connection to PostgreSQL come about?
//!
//! `tokio-postgres` reads the address, negotiates and authenticates, over a stream that is only
//! lent to it; when the server is ready for queries the stream is taken back and spoken on by
//! [`Wire`]. The server says nothing between its first "ready" and the first query, so nothing
//! is lost in the buffers of the lent half.

use super::address::Address;
use super::cancel::CancelHandle;
use super::failure::Failure;
use super::secure::{Secured, secure};
use super::wire::{Step, Stream, Wire};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::{Host, SslMode, SslNegotiation, TargetSessionAttrs};
use tokio_postgres::{CancelToken, NoTls};

/// A connection to the first of the address's servers that accepts one, and what its statements
/// are cancelled with.
///
/// # Errors
/// The last server's.
pub async fn connect(address: &Address) -> Result<(Wire, CancelHandle), Failure> {
    let config = &address.config;
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    let mut last = Failure::Broken("the address names no server".into());
    for n in 0..hosts.len().max(addresses.len()) {
        let ports = config.get_ports();
        let port = ports.get(n).or(ports.first()).copied().unwrap_or(5432);
        let host = match (addresses.get(n), hosts.get(n)) {
            (Some(address), _) => &Host::Tcp(address.to_string()),
            (None, Some(host)) => host,
            (None, None) => break,
        };
        // Certificates name hosts, not where they are at the moment.
        let name = match hosts.get(n) {
            Some(Host::Tcp(name)) => Some(name.as_str()),
            _ => None,
        };
        match open(address, host, port, name).await {
            Ok(opened) => return Ok(opened),
            Err(e) => last = e,
        }
    }
    Err(last)
}

async fn open(
    address: &Address,
    host: &Host,
    port: u16,
    name: Option<&str>,
) -> Result<(Wire, CancelHandle), Failure> {
    let (secured, server) = match host {
        Host::Tcp(place) => {
            let stream = TcpStream::connect((place.as_str(), port)).await?;
            let server = Server::Tcp {
                // A name may stand for several servers.
                peer: stream.peer_addr()?,
                name: name.unwrap_or(place).to_owned(),
            };
            (server.secure(address, stream).await?, server)
        }
        Host::Unix(folder) => {
            let server = Server::Unix(folder.join(format!(".s.PGSQL.{port}")));
            (server.open(address).await?, server)
        }
    };
    let (stream, token) = handshake(address, secured).await?;
    let cancel = CancelHandle::new(server, token);
    let mut wire = Wire::new(stream);
    let wanted = match address.config.get_target_session_attrs() {
        TargetSessionAttrs::ReadWrite => "off",
        TargetSessionAttrs::ReadOnly => "on",
        _ => return Ok((wire, cancel)),
    };
    let replies = wire.batch(&[Step::text("SHOW transaction_read_only")]).await?;
    let is_wanted = replies
        .iter()
        .flat_map(|r| &r.rows)
        .any(|row| row.try_get::<&str>(0).is_ok_and(|state| state == wanted));
    if is_wanted {
        Ok((wire, cancel))
    } else {
        Err(Failure::Broken(format!("the server's transaction_read_only is not '{wanted}'")))
    }
}

/// One server of an address, to be connected to again.
#[derive(Debug)]
pub enum Server {
    /// By TCP.
    Tcp {
        /// Where it is.
        peer: SocketAddr,
        /// What its certificate is to name.
        name: String,
    },
    /// By a socket in the file system.
    Unix(PathBuf),
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
        let name = match self {
            Self::Tcp { name, .. } => name,
            Self::Unix(_) => "",
        };
        secure(address, stream, name).await
    }
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
