//! Is a connection to PostgreSQL encrypted?
//!
//! Asks the server for TLS as the address says, and begins it, before the driver sees the
//! stream. The driver then only hears that TLS is there, and what binds a SCRAM password to it.

use super::address::Address;
use super::failure::Failure;
use super::wire::Stream;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

/// A stream, and that it is encrypted.
pub struct Secured {
    /// What PostgreSQL is spoken on.
    pub stream: Box<dyn Stream>,
    /// How the driver learns of it; `None` when it is not encrypted.
    pub tls: Option<Established>,
}

/// Begins TLS with the host `name`, if it is asked for.
///
/// # Errors
/// When it is asked for and the server has none, or is not believed.
pub async fn secure(
    address: &Address,
    mut stream: TcpStream,
    name: &str,
) -> Result<Secured, Failure> {
    let mode = address.config.get_ssl_mode();
    if mode == SslMode::Disable {
        return Ok(Secured { stream: Box::new(stream), tls: None });
    }
    if address.config.get_ssl_negotiation() == SslNegotiation::Postgres {
        stream.write_all(SSL_REQUEST).await?;
        if stream.read_u8().await? != b'S' {
            if mode == SslMode::Require {
                return Err(Failure::Broken("the server does not offer TLS".into()));
            }
            return Ok(Secured { stream: Box::new(stream), tls: None });
        }
    }
    let mut tls = address.tls.clone();
    let connector = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, name);
    let connector = connector.map_err(|e| Failure::Broken(e.to_string()))?;
    let stream = connector.connect(stream).await?;
    let binding = Mutex::new(Some(stream.channel_binding()));
    Ok(Secured { stream: Box::new(stream), tls: Some(Established { binding }) })
}

/// Its length and a version that stands for "TLS, please".
const SSL_REQUEST: &[u8; 8] = b"\0\0\0\x08\x04\xd2\x16\x2f";

/// TLS that has been established already.
pub struct Established {
    binding: Mutex<Option<ChannelBinding>>,
}

/// The stream as it is, for the driver.
pub struct Bound<S> {
    stream: S,
    tls: Established,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsConnect<S> for Established {
    type Stream = Bound<S>;
    type Error = io::Error;
    type Future = Ready<io::Result<Bound<S>>>;

    fn connect(self, stream: S) -> Self::Future {
        ready(Ok(Bound { stream, tls: self }))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Bound<S> {
    fn channel_binding(&self) -> ChannelBinding {
        let mut binding = self.tls.binding.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked for once, when the password is sent.
        binding.take().unwrap_or_else(ChannelBinding::none)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bound<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
