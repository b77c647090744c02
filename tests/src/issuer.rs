//! What does an issuer of tokens look like from outside?
//!
//! A server on a free port of this machine with one key set per path. A test says what a path
//! answers and may change its mind, and sees how often it was asked. It runs on threads of its
//! own, because it outlives the runtime of the test that starts it.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a path answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A key set of these keys.
    Keys(Vec<Value>),
    /// 200 and this text.
    Text(String),
    /// This status, with a key set of these keys as body all the same.
    Status(u16, Vec<Value>),
    /// 302 to another path.
    Redirect(&'static str),
    /// Nothing, and the connection stays open.
    Silence,
    /// 200 and a body without an end.
    Endless,
}

#[derive(Default)]
struct Path {
    reply: Option<Reply>,
    asked: usize,
}

/// A running issuer.
pub struct Issuer {
    /// `http://127.0.0.1:<port>`.
    pub url: String,
    paths: Arc<Mutex<HashMap<String, Path>>>,
}

impl Issuer {
    /// Starts one; paths that nothing was said about are 404.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let paths: Arc<Mutex<HashMap<String, Path>>> = Arc::default();
        let served = Arc::clone(&paths);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let paths = Arc::clone(&served);
                std::thread::spawn(move || serve(stream, &paths));
            }
        });
        Self { url, paths }
    }

    /// From now on `path` answers this.
    pub fn says(&self, path: &str, reply: Reply) {
        self.with(path, |path| path.reply = Some(reply));
    }

    /// How often `path` was asked.
    #[must_use]
    pub fn asked(&self, path: &str) -> usize {
        self.with(path, |path| path.asked)
    }

    fn with<T>(&self, path: &str, act: impl FnOnce(&mut Path) -> T) -> T {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        act(paths.entry(path.to_owned()).or_default())
    }
}

fn serve(mut stream: TcpStream, paths: &Mutex<HashMap<String, Path>>) {
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let line = lines.next().unwrap_or_default();
    // The rest of the head, or closing would reset the connection.
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let name = line.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let reply = {
        let mut paths = paths.lock().unwrap_or_else(PoisonError::into_inner);
        let path = paths.entry(name).or_default();
        path.asked += 1;
        path.reply.clone()
    };
    let (head, body) = match reply {
        None => ("404 Not Found".into(), String::new()),
        Some(Reply::Keys(keys)) => ("200 OK".into(), json!({"keys": keys}).to_string()),
        Some(Reply::Text(text)) => ("200 OK".into(), text),
        Some(Reply::Status(status, keys)) => {
            (format!("{status} Status"), json!({"keys": keys}).to_string())
        }
        Some(Reply::Redirect(to)) => (format!("302 Found\r\nlocation: {to}"), String::new()),
        Some(Reply::Silence) => {
            std::thread::sleep(Duration::from_secs(60));
            return;
        }
        Some(Reply::Endless) => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"keys\":[");
            while stream.write_all(&[b' '; 4096]).is_ok() {}
            return;
        }
    };
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
}
