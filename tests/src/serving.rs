//! How does a test run the server as production does, on a database that is there already?

use crate::binary;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// A running `edgebase serve`, which ends with this value.
#[derive(Debug)]
pub struct Serving {
    /// `http://127.0.0.1:<port>`.
    pub url: String,
    process: Process,
    log: Arc<Mutex<String>>,
}

#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Serving {
    /// Starts one with no secrets but those of `environment`; `None` when it does not start.
    ///
    /// # Panics
    /// When the binary cannot be run.
    #[must_use]
    pub fn start(config: &Path, database: &str, environment: &[(&str, &str)]) -> Option<Self> {
        let mut variables = vec![("EDGEBASE_DATABASE_URL", database)];
        variables.extend(environment);
        Self::try_start(config, &variables).ok()
    }

    /// Starts one with the variables of `environment`; what it said when it does not start.
    ///
    /// # Errors
    /// When it ends before it serves.
    ///
    /// # Panics
    /// When the binary cannot be run.
    pub fn try_start(config: &Path, environment: &[(&str, &str)]) -> Result<Self, String> {
        let mut child = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(config)
            .env_remove("JWT_USER_SECRET")
            .env_remove("SERVICE_KEY")
            .env_remove("EDGEBASE_LOG")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server can be run");
        let stderr = child.stderr.take().expect("standard error is a pipe");
        let process = Process(child);
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let mut said = String::new();
        for line in lines.by_ref() {
            if let Some((_, url)) = line.split_once(" on http://") {
                // As JSON the line goes on.
                let url = format!("http://{}", url.split('"').next().unwrap_or(url).trim());
                let log = Arc::new(Mutex::new(said));
                // Read on, or the server would find its output closed.
                let rest = Arc::clone(&log);
                std::thread::spawn(move || {
                    for line in lines {
                        let mut log = rest.lock().unwrap_or_else(PoisonError::into_inner);
                        log.push_str(&line);
                        log.push('\n');
                    }
                });
                return Ok(Self { url, process, log });
            }
            said.push_str(&line);
            said.push('\n');
        }
        Err(said)
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has logged these words.
    ///
    /// # Panics
    /// When it has not after 20 seconds.
    pub async fn until_logged(&self, words: &str) {
        crate::until_logged(words, || self.log()).await;
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }
}
