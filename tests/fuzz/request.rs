//! How does a request go over the wire, and what comes back?
//!
//! Bytes of HTTP/1.1 over a connection that is kept, written here because no client library sends
//! what a fuzz has to: paths that are no URLs, bodies that are no text.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

/// No answer is waited for longer.
const PATIENCE: Duration = Duration::from_secs(90);

/// A request as it is sent.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    pub target: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Option<Vec<u8>>,
}

/// An answer.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    /// The bytes of it.
    pub fn bytes(&self, host: &str) -> Vec<u8> {
        let mut bytes = [self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1\r\n"].concat();
        bytes.extend_from_slice(format!("host: {host}\r\n").as_bytes());
        for (name, value) in &self.headers {
            bytes.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// A connection to the server, made again when it is closed.
#[derive(Debug)]
pub struct Connection {
    address: String,
    stream: Option<(BufReader<OwnedReadHalf>, OwnedWriteHalf)>,
}

impl Connection {
    /// To `http://host:port`.
    pub fn new(url: &str) -> Self {
        Self { address: url.trim_start_matches("http://").to_owned(), stream: None }
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// When the server takes no connection, or hangs up twice without an answer.
    pub async fn send(&mut self, request: &Request) -> Result<Answer> {
        let bytes = request.bytes(&self.address);
        let was_kept = self.stream.is_some();
        match self.attempt(&bytes, &request.method).await {
            Err(error) if was_kept && error.kind() != ErrorKind::TimedOut => {
                // The server may have closed it while it was idle.
                self.attempt(&bytes, &request.method).await
            }
            outcome => outcome,
        }
    }

    async fn attempt(&mut self, bytes: &[u8], method: &str) -> Result<Answer> {
        let (mut reader, mut writer) = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let (reader, writer) = TcpStream::connect(&self.address).await?.into_split();
                (BufReader::new(reader), writer)
            }
        };
        let mut is_written = false;
        let answer = {
            let mut reading = std::pin::pin!(timeout(PATIENCE, answer(&mut reader, method)));
            let writing = std::pin::pin!(writer.write_all(bytes));
            tokio::select! {
                answer = &mut reading => answer,
                written = writing => {
                    is_written = written.is_ok();
                    reading.await
                }
            }
        };
        let (answer, is_kept) = answer.map_err(|_| Error::from(ErrorKind::TimedOut))??;
        if is_kept && is_written {
            self.stream = Some((reader, writer));
        }
        Ok(answer)
    }
}

/// The answer, and whether another may follow.
async fn answer(reader: &mut BufReader<OwnedReadHalf>, method: &str) -> Result<(Answer, bool)> {
    let mut answer = head(reader).await?;
    while (100..200).contains(&answer.status) {
        answer = head(reader).await?;
    }
    let header = |name: &str| answer.headers.get(name).map(String::as_str);
    let is_kept = header("connection") != Some("close");
    let has_body = method != "HEAD" && ![204, 304].contains(&answer.status);
    let length = header("content-length").and_then(|n| n.parse::<usize>().ok());
    let is_chunked = header("transfer-encoding") == Some("chunked");
    match length {
        _ if !has_body => {}
        _ if is_chunked => loop {
            let size = usize::from_str_radix(line(reader).await?.trim(), 16);
            let size = size.map_err(|_| Error::other("a chunk has no size"))?;
            let start = answer.body.len();
            answer.body.resize(start + size, 0);
            reader.read_exact(&mut answer.body[start..]).await?;
            line(reader).await?;
            if size == 0 {
                break;
            }
        },
        Some(length) => {
            answer.body.resize(length, 0);
            reader.read_exact(&mut answer.body).await?;
        }
        None => drop(reader.read_to_end(&mut answer.body).await?),
    }
    let is_bounded = !has_body || is_chunked || length.is_some();
    Ok((answer, is_kept && is_bounded))
}

async fn head(reader: &mut BufReader<OwnedReadHalf>) -> Result<Answer> {
    let status = line(reader).await?;
    let status = status.split(' ').nth(1).and_then(|s| s.parse().ok());
    let status = status.ok_or_else(|| Error::other("an answer has no status"))?;
    let mut answer = Answer { status, ..Answer::default() };
    loop {
        let line = line(reader).await?;
        let Some((name, value)) = line.split_once(':') else { return Ok(answer) };
        answer.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}

async fn line(reader: &mut BufReader<OwnedReadHalf>) -> Result<String> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line).await? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}
