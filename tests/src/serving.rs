//! How does a test run the server as production does, on a database that is there already?

use crate::binary;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `edgebase serve`, which ends with this value.
#[derive(Debug)]
pub struct Serving {
    /// `http://127.0.0.1:<port>`.
    pub url: String,
    _process: Process,
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
        let mut child = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(config)
            .env_remove("JWT_USER_SECRET")
            .env_remove("SERVICE_KEY")
            .env("EDGEBASE_DATABASE_URL", database)
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server can be run");
        let stderr = child.stderr.take().expect("standard error is a pipe");
        let process = Process(child);
        let lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let mut lines = lines.skip_while(|line| !line.contains(" on http://"));
        let url = lines.next()?.split(" on ").last()?.trim().to_owned();
        // Read on, or the server would find its output closed.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { url, _process: process })
    }
}
