//! How does a test run further servers over a product's database?

use edgebase_tests::{Client, Product, binary};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `edgebase serve`, killed when dropped.
pub struct Served {
    child: Child,
    url: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(product: &Product, config: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--config", config.to_str().unwrap()])
        .env("EDGEBASE_DATABASE_URL", &product.proxy_url)
        .env("JWT_USER_SECRET", &product.jwt_secret)
        .env("SERVICE_KEY", &product.service_key)
        .env_remove("EDGEBASE_LOG")
        .envs(environment.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Starts it; when it does not start, what it said.
pub fn serve(
    product: &Product,
    config: &Path,
    environment: &[(&str, &str)],
) -> Result<Served, String> {
    let mut child = command(product, config, environment).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut said = String::new();
    for line in lines.by_ref() {
        if let Some((_, url)) = line.split_once(" on http://") {
            let url = format!("http://{}", url.trim());
            // Read to the end, or it would find its log closed.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok(Served { child, url });
        }
        said.push_str(&line);
    }
    let _ = child.wait();
    Err(said)
}

impl Served {
    /// A signed-in user.
    pub fn user(&self, product: &Product) -> Client {
        let token = edgebase_tests::token::user(&product.jwt_secret, "u", &json!({}));
        Client::anonymous(&self.url).bearer(&token)
    }

    /// A caller with the service key.
    pub fn service(&self, product: &Product) -> Client {
        Client::anonymous(&self.url).with("x-edgebase-service-key", &product.service_key)
    }
}
