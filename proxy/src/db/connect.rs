//! How does a connection to PostgreSQL come about?
//!
//! `tokio-postgres` reads the address, negotiates and authenticates, over a stream that is only
//! lent to it; when the server is ready for queries the stream is taken back and spoken on by
//! [`Wire`]. The server says nothing between its first "ready" and the first query, so nothing
//! is lost in the buffers of the lent half.

use super::failure::Failure;
use super::wire::{Step, Stream, Wire};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::{Config, NoTls};

/// A connection to the first of the config's servers that accepts one.
///
/// # Errors
/// The last server's.
pub async fn connect(config: &Config) -> Result<Wire, Failure> {
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
        match open(config, host, port).await {
            Ok(wire) => return Ok(wire),
            Err(e) => last = e,
        }
    }
    Err(last)
}

async fn open(config: &Config, host: &Host, port: u16) -> Result<Wire, Failure> {
    let stream: Box<dyn Stream> = match host {
        Host::Tcp(name) => {
            let stream = TcpStream::connect((name.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
        Host::Unix(folder) => {
            Box::new(UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?)
        }
    };
    let mut wire = Wire::new(handshake(config, stream).await?);
    let wanted = match config.get_target_session_attrs() {
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

async fn handshake(config: &Config, stream: Box<dyn Stream>) -> Result<Box<dyn Stream>, Failure> {
    let lent = Arc::new(Mutex::new(Some(stream)));
    // Neither client nor connection is used: they are dropped without a word to the server.
    let pair = config.connect_raw(Loan(Arc::clone(&lent)), NoTls).await;
    drop(pair.map_err(|e| Failure::from(&e))?);
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
