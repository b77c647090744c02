//! How does a connection to PostgreSQL come about?
//!
//! `tokio-postgres` reads the address, negotiates and authenticates, over a stream that is only
//! lent to it; when the server is ready for queries the stream is taken back and spoken on by
//! [`Wire`]. The server says nothing between its first "ready" and the first query, so nothing
//! is lost in the buffers of the lent half.

use super::address::Address;
use super::failure::Failure;
use super::secure::{Secured, secure};
use super::wire::{Step, Stream, Wire};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::NoTls;
use tokio_postgres::config::{Host, SslMode, SslNegotiation, TargetSessionAttrs};

/// A connection to the first of the address's servers that accepts one.
///
/// # Errors
/// The last server's.
pub async fn connect(address: &Address) -> Result<Wire, Failure> {
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
            Ok(wire) => return Ok(wire),
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
) -> Result<Wire, Failure> {
    let secured = match host {
        Host::Tcp(place) => {
            let stream = TcpStream::connect((place.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            secure(address, stream, name.unwrap_or(place)).await?
        }
        Host::Unix(folder) => {
            let stream = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?;
            Secured { stream: Box::new(stream), tls: None }
        }
    };
    let mut wire = Wire::new(handshake(address, secured).await?);
    let wanted = match address.config.get_target_session_attrs() {
        TargetSessionAttrs::ReadWrite => "off",
        TargetSessionAttrs::ReadOnly => "on",
        _ => return Ok(wire),
    };
    let replies = wire.batch(&[Step::text("SHOW transaction_read_only")]).await?;
    let is_wanted = replies
        .iter()
        .flat_map(|r| &r.rows)
        .any(|row| row.try_get::<&str>(0).is_ok_and(|state| state == wanted));
    if is_wanted {
        Ok(wire)
    } else {
        Err(Failure::Broken(format!("the server's transaction_read_only is not '{wanted}'")))
    }
}

async fn handshake(address: &Address, secured: Secured) -> Result<Box<dyn Stream>, Failure> {
    let lent = Arc::new(Mutex::new(Some(secured.stream)));
    let loan = Loan(Arc::clone(&lent));
    let mut config = address.config.clone();
    // Neither client nor connection is used: they are dropped without a word to the server.
    let done = match secured.tls {
        None => config.ssl_mode(SslMode::Disable).connect_raw(loan, NoTls).await.map(drop),
        Some(tls) => {
            config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
            config.connect_raw(loan, tls).await.map(drop)
        }
    };
    done.map_err(|e| Failure::from(&e))?;
    let stream = lent.lock().unwrap_or_else(PoisonError::into_inner).take();
    stream.ok_or_else(|| Failure::Broken("the connection's stream is gone".into()))
}

/// A stream that is lent for the handshake.
struct Loan<S>(Arc<Mutex<Option<S>>>);

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
