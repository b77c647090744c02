//! What does `edgebase dev` say to a config that does not fit the data, and does a reset help?

use edgebase_tests::{Product, binary, fixture};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A cluster of one's own, started and stopped several times.
struct Dev {
    folder: PathBuf,
    child: Option<Child>,
}

impl Dev {
    fn new() -> Self {
        let name = edgebase_tests::unique(&format!("edgebase-reset-{}", std::process::id()));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&folder, open).unwrap();
        Self { folder, child: None }
    }

    /// Starts with this schema of `app.posts`; what it printed when ready, or said instead.
    fn start(&mut self, schema: &str, more: &[&str]) -> Result<Value, String> {
        self.stop();
        let config = self.folder.join("config.ts");
        let text = format!(
            "export default {{ databases: {{ app: {{ tables: {{ posts: {{ schema: {schema} }} }} }},
              room: {{ instance: true, access: {{ canCreate: () => true }}, tables: {{ notes: {{ schema: {schema} }} }} }} }} }};"
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new(binary())
            .args(["dev", "--json", "--listen", "127.0.0.1:0", "--config"])
            .arg(&config)
            .arg("--data-dir")
            .arg(self.folder.join("data"))
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut err = child.stderr.take().unwrap();
        match lines.next() {
            Some(line) => {
                std::thread::spawn(move || std::io::copy(&mut err, &mut std::io::sink()));
                self.child = Some(child);
                Ok(serde_json::from_str(&line.unwrap()).unwrap())
            }
            None => {
                let said = std::io::read_to_string(err).unwrap();
                assert_eq!(child.wait().unwrap().code(), Some(1));
                Err(said)
            }
        }
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn client(ready: &Value) -> edgebase_tests::Client {
    let text = |key: &str| ready[key].as_str().unwrap();
    edgebase_tests::Client::anonymous(text("url"))
        .with("x-edgebase-service-key", text("serviceKey"))
}

#[tokio::test]
async fn a_config_that_would_lose_data_is_guided_and_starts_with_what_may_be_reset_empty() {
    const POSTS: &str = "/api/db/app/tables/posts";
    const NOTES: &str = "/api/db/room/r/tables/notes";
    let mut dev = Dev::new();
    let ready = dev.start("{ title: 'string', n: 'number' }", &[]).unwrap();
    for path in [POSTS, NOTES] {
        client(&ready).post(path, &json!({"title": "x", "n": 1})).await.expect(201);
    }
    let said = dev.start("{ n: 'number' }", &[]).unwrap_err();
    let entry = r#"{ version: 1, description: "drop title", up: "ALTER TABLE \"posts\" DROP COLUMN \"title\"" }"#;
    assert!(said.contains(entry) && said.contains("edgebase dev --reset\n"), "{said}");

    // One block's data is given up: that of the other is still in the way.
    let said = dev.start("{ n: 'number' }", &["--reset", "app"]).unwrap_err();
    assert!(said.contains("edgebase dev --reset room") && !said.contains("posts"), "{said}");
    let ready = dev.start("{ title: 'string', n: 'number' }", &[]).unwrap();
    assert_eq!(client(&ready).get(NOTES).await.items().len(), 1, "nothing was lost by that");

    let ready = dev.start("{ n: 'number' }", &["--reset"]).unwrap();
    for path in [POSTS, NOTES] {
        assert_eq!(client(&ready).get(path).await.items().len(), 0);
        let made = client(&ready).post(path, &json!({"title": "x", "n": 1})).await.expect(201);
        assert!(made.get("title").is_none());
    }
}

#[tokio::test]
async fn a_reload_that_would_lose_data_is_guided_and_the_old_config_stays() {
    let product = Product::start(&fixture("reload.ts"));
    let author = product.user("author");
    let posts = "/api/db/app/tables/posts";
    author.post(posts, &json!({"title": "kept"})).await.expect(201);
    let text = std::fs::read_to_string(&product.config).unwrap();
    assert!(text.contains("title: 'string'"));
    std::fs::write(&product.config, text.replace("title: 'string'", "name: 'string'")).unwrap();
    product.until_logged("--reset app").await;
    product.until_logged("RENAME COLUMN").await;
    assert_eq!(author.get(posts).await.items()[0]["title"], "kept");
}
